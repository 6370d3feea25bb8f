"""One run: a request goes in, a result folder comes out."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import shutil
import sys
import time
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from controllers.contract import ReplacingController
from controllers.designed_signals import SIGNALS
from controllers.registry import ControllerError, controller, is_own
from controllers.sumo.coupling import SimulationError, SimulationSettings, simulate
from controllers.sumo.detectors import VIRTUAL_PREFIX
from controllers.sumo.options import check_options
from experiments.compiling import told_of_compiling
from experiments.dropped import dropped_in
from experiments.errors import ExperimentError, ResultError
from experiments.folders import claim, publish
from experiments.kpis import read_kpis, vehicle_classes
from experiments.provenance import command_line, parameter_files, scenario_hash, sumo_options, versions
from experiments.requests import SHIPPED, check_step_length, check_window
from experiments.simulations import settings_of
from sumo_networks import Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from controllers.contract import Controller
    from controllers.designed_signals import DesignedSignals
    from controllers.sumo.coupling import SimulationSummary
    from experiments.minutes import MinuteOutput
    from experiments.requests import RunRequest
    from experiments.watching import Watching

LOG = "run.log"
NO_SCREEN = "FXApp::openDisplay"  # how the toolkit of SUMO's window begins its complaint
FORMAT = 1
"""Version of the record's form; it grows when the meaning of a field changes."""


def run(
    request: RunRequest,
    out: Path,
    watching: Watching | None = None,
    minutes: MinuteOutput | None = None,
    on_time: Callable[[float, float, float], None] | None = None,
) -> dict[str, Any]:
    """Do one run in this process and return its record, which is the folder's ``run.json``.

    The folder then also holds SUMO's ``tripinfo.xml`` and ``statistics.xml``, the ``signals.csv`` of the coupling, and ``run.log``
    with what SUMO and the coupling had to say, and what `watching` and `minutes` ask for; `on_time` is told how far it is. Libsumo
    holds one simulation per process: call this once per process.

    Raises
    ------
    ExperimentError
        If the request makes no sense or the folder cannot be used.
    ScenarioError, SignalsError, NetworkError
        If the scenario, the designed signals or the network cannot be used.
    ControllerError
        If the controller cannot be used, or a controller of the user's own fails.
    SimulationError
        If SUMO cannot load or stops in mid-run.
    """
    place = scenario(request.scenario)
    if request.seed is None:
        request = replace(request, seed=place.seed)
    check_scenario(request, place)
    check_screen(request)
    chosen = controller(request.controller.name, **request.controller.arguments())
    classes = vehicle_classes((*place.route_files, *place.additional_files))
    content = scenario_hash(place)
    files = parameter_files(request.controller.named())
    out = out.absolute()
    claim(out)
    signals = _signals(request, chosen, place, out)
    settings = settings_of(
        place,
        out,
        begin_s=request.begin_s,
        end_s=request.end_s,
        seed=request.seed,
        step_length_s=request.step_length_s,
        demand_scale=request.demand_scale,
        backend=request.backend,
        gui=request.gui,
        layout=request.layout,
        faults=request.loop_faults,
        accepted=request.accepted,
        signals=signals,
        output_options=tuple(option for one in (watching, minutes) if one is not None for option in one.output_options(out)),
        output_files=minutes.output_files(out) if minutes is not None else (),
        on_time=on_time,
    )
    started = datetime.now(UTC)
    clock_s = time.perf_counter()
    with told_of_compiling(), _messages_in(out / LOG), _watched(chosen, settings, watching) as subject:
        try:
            with _told_of_users_own(chosen, request.controller.name, out / LOG):
                summary = simulate(settings, subject)
        except SimulationError as error:
            raise refusal(str(error), out / LOG) from error
        except OSError as error:
            name = error.filename or f"A file in {out}"
            raise ResultError(
                f"{name} cannot be written ({error.strerror or error}); free some room on the disk and run it again."
            ) from error
    wall_s = time.perf_counter() - clock_s
    kpis = read_kpis(
        out / "tripinfo.xml",
        out / "statistics.xml",
        classes,
        queue_95_veh=summary.queue_95_veh,
        longest_red_s=0.0 if summary.longest_red is None else summary.longest_red.waited_s,
        refused_commands=summary.refused,
        violations=summary.violations,
    )
    simulated = replace(place, begin_s=summary.begin_s, end_s=summary.end_s, scale=settings.demand_scale)
    dropped = dropped_in(out / LOG, simulated)
    record = {
        "format": FORMAT,
        "label": place.label,
        "request": request.as_dict(),
        "scenario": {"name": place.name, "sha256": content, "licence": place.licence, "source": place.source},
        "simulated": {**_simulated(summary), **_asked(settings), "dropped": asdict(dropped)},
        "information": str(chosen.information),
        "kpis": kpis.as_dict(),
        "provenance": {
            "versions": versions(),
            "parameter_files": files,
            **({} if signals is None else {"signals_sha256": hashlib.sha256((out / SIGNALS).read_bytes()).hexdigest()}),
            "sumo_version": summary.sumo_version,
            "sumo_options": sumo_options(out / "tripinfo.xml"),
            "command_line": command_line(),
        },
        "timing": {
            "started": started.isoformat(timespec="seconds"),
            "wall_s": wall_s,
            "loop_cpu_s": summary.loop_cpu_s,
            "decide_cpu_s": summary.decide_cpu_s,
        },
    }
    publish(out, record)
    return record


def _signals(request: RunRequest, chosen: object, place: Scenario, out: Path) -> DesignedSignals | None:
    if request.controller.signals == SHIPPED:
        return None
    if isinstance(chosen, ReplacingController) and chosen.programs is not None:
        raise ExperimentError(
            f"controller {request.controller.name!r} is to run the programs of {chosen.programs}, which leave no place for designed "
            "signals; leave out the one or the other."
        )
    # it brings the solvers of OR-Tools, which take longer to load than many a run lasts
    from experiments.design.signals import signals_for  # noqa: PLC0415

    found = signals_for(place, request.controller.signals)
    if found is not None:
        shutil.copyfile(found.path, out / SIGNALS)
    return found


def _watched(chosen: Controller, settings: SimulationSettings, watching: Watching | None) -> contextlib.AbstractContextManager[Controller]:
    if watching is None:
        return contextlib.nullcontext(chosen)
    # it brings numba, which takes longer to load than many a run lasts
    from experiments.watching import watched  # noqa: PLC0415

    return watched(chosen, settings)


def check_scenario(request: RunRequest, place: Scenario) -> None:
    """Check what a request leaves to the scenario, before anything runs.

    Raises
    ------
    ExperimentError
        If the requested window, filled up by the scenario's own, has no length, or the scenario's own step does not divide a second.
    InputFileError
        If its configuration has an option that no run of ours can follow.
    """
    check_options(place.configuration)
    if request.step_length_s is None:
        check_step_length(place.step_length_s, f"{place.configuration}: <step-length>")
    begin_s = request.begin_s if request.begin_s is not None else place.begin_s
    end_s = request.end_s if request.end_s is not None else place.end_s
    if end_s <= begin_s and (request.begin_s is None or request.end_s is None):
        given, own = ("--end", f"it begins at {begin_s:g}") if request.begin_s is None else ("--begin", f"it ends at {end_s:g}")
        value = end_s if request.begin_s is None else begin_s
        raise ExperimentError(f"{given} {value:g} lies outside the window of {place.name} ({own} s); give seconds of its simulated time.")
    check_window(begin_s, end_s)


def check_screen(request: RunRequest) -> None:
    """Raise `ExperimentError` where SUMO's window is wanted and there is no screen (SUMO itself would only be silent for a minute)."""
    if request.gui and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise ExperimentError(
            "--gui needs a screen, and the variable DISPLAY names none; leave it out, or put xvfb-run before the command."
        )


def _asked(settings: SimulationSettings) -> dict[str, float]:
    return {"step_length_s": settings.step_length_s, "demand_scale": settings.demand_scale}


def _simulated(summary: SimulationSummary) -> dict[str, Any]:
    return {
        "begin_s": summary.begin_s,
        "end_s": summary.end_s,
        "controlled": list(summary.controlled),
        "left_alone": dict(summary.left_alone),
        "broken_loops": dict(summary.broken_loops),
        "changes": summary.commands,
        "longest_red": None if summary.longest_red is None else asdict(summary.longest_red),
    }


@contextlib.contextmanager
def _messages_in(path: Path) -> Iterator[None]:
    """Send what SUMO has to say, and what the packages log, into a file.

    SUMO is C++ in this process (or a child of it) and writes to the file descriptors themselves, so these are what has to be turned.
    """
    try:
        log = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ExperimentError(
            f"{path} cannot be written ({error.strerror or error}); free some room on the disk and run it again."
        ) from error
    with log, contextlib.ExitStack() as undo:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for descriptor in (1, 2):
            kept = os.dup(descriptor)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, descriptor)
            os.dup2(log.fileno(), descriptor)
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)
        undo.callback(logging.getLogger().removeHandler, handler)
        yield
        sys.stdout.flush()


@contextlib.contextmanager
def _told_of_users_own(chosen: object, name: str, log: Path) -> Iterator[None]:
    """Tell what goes wrong inside a controller of the user's own as the user's; the log gets the traceback."""
    try:
        yield
    except Exception as error:
        own_lines = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_globals.get("__name__") == type(chosen).__module__
        ]
        if is_own(chosen) or not own_lines:
            raise
        logging.getLogger(__name__).exception("Controller %s failed", name)
        file, line = own_lines[-1]
        fault = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ControllerError(
            f"Controller {name!r} failed in line {line} of {file} ({fault}); mend it there (the traceback is in {log})."
        ) from error


def refusal(sentence: str, log: Path) -> Exception:
    """Return what to raise where SUMO refuses a run: the user's mistake in SUMO's own words, or a fault of ours.

    Parameters
    ----------
    sentence
        What its exception says, which is little.
    log
        What SUMO said in the run.
    """
    complaints = []
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix("Error:").strip(" .") for line in lines if line.startswith(("Error:", NO_SCREEN))]
        complaints = list(filter(None, said))
    own = rf"{re.escape(str(log.parent))}[\\/][^\\/']+\.add\.xml|'{VIRTUAL_PREFIX}:"  # files that the coupling writes, and what is in them
    if complaints and re.search(own, complaints[0]):
        return RuntimeError(f"SUMO refuses what we wrote ourselves: {complaints[0]}; all its messages are in {log}")
    reason = f"{sentence.removesuffix('Process Error').rstrip(' .:')}: {complaints[0]}" if complaints else sentence.rstrip(" .")
    return SimulationError(f"{reason}; mend that in the scenario's files and run it again (all messages are in {log}).")
