"""What is asked of a run, as a small value that can be written down and repeated."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controllers.registry import parameters_of
from controllers.sumo.detectors import DetectorLayout
from controllers.sumo.loop_faults import LoopFaults
from experiments.errors import ExperimentError
from optimizer.intersection import ACCEPTED_REDS, AcceptedReds
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INFORMATION = (InformationClass.LOOPS, InformationClass.ZONE)  # of controllers that leave the choice
ENGINES = ("search", "cp-sat")
BACKENDS = ("libsumo", "traci")
SHIPPED, DESIGNED = SIGNALS = ("shipped", "designed")
"""Stages, intergreens, yellows and minimum greens: those of the network's programs, or designed ones."""


@dataclass(frozen=True, slots=True)
class ControllerChoice:
    """A controller and the variant of it.

    Attributes
    ----------
    name
        Its name in the registry, or ``package.module:Class``.
    information, engine
        Its information class and engine; the controller's own default where None.
    parameters
        Its further parameters by name.
    signals
        ``shipped``, ``designed``, or a file of designed signals.
    """

    name: str
    information: str | None = None
    engine: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    signals: str = SHIPPED

    def __str__(self) -> str:
        signals = None if self.signals == SHIPPED else DESIGNED
        return "@".join(filter(None, (self.name, self.information, self.engine, signals)))

    def named(self) -> dict[str, Any]:
        """Return what may name files whose content decides: the parameters, and the signals where they are a file."""
        return {**self.parameters, **({} if self.signals in SIGNALS else {"signals": self.signals})}

    def arguments(self) -> dict[str, Any]:
        """Return what the controller is built with."""
        chosen = {"information": self.information, "engine": self.engine}
        return {**self.parameters, **{name: value for name, value in chosen.items() if value is not None}}


def controller_choice(text: str) -> ControllerChoice:
    """Read ``name``, ``name@zone``, ``name@cp-sat``, ``name@designed`` or several of these, such as ``name@zone@designed``.

    Raises
    ------
    ExperimentError
        If a variant is neither an information class nor an engine nor says which signals.
    """
    name, *variants = text.strip().split("@")
    if not name:
        raise ExperimentError(f"--controllers has an empty name in {text!r}; write for example: static,rolling_horizon@zone.")
    found: dict[str, str] = {}
    for variant in variants:
        kinds = {"information": INFORMATION, "engine": ENGINES, "signals": SIGNALS}
        kind = next((kind for kind, words in kinds.items() if variant in words), None)
        if kind is None:
            known = (*INFORMATION, *ENGINES, *SIGNALS)
            nearest = difflib.get_close_matches(variant, known, n=1, cutoff=0.0)[0]
            raise ExperimentError(
                f"controller {text!r}: {variant!r} is neither an information class, an engine nor a kind of signals; "
                f"choose one of {', '.join(known)} (nearest: {nearest})."
            )
        if kind in found:
            raise ExperimentError(f"controller {text!r} names two values for its {kind}; give one.")
        found[kind] = variant
    return ControllerChoice(name, found.get("information"), found.get("engine"), signals=found.get("signals", SHIPPED))


def with_signals(choices: Sequence[ControllerChoice], signals: str | None) -> list[ControllerChoice]:
    """Give signals to controllers: to all of them, or a file to those that are to have designed ones if there are any.

    Parameters
    ----------
    choices
        The controllers.
    signals
        ``shipped``, ``designed`` or a file; None: all stay as they are.

    Raises
    ------
    ExperimentError
        If there is no such file.
    """
    if signals is None:
        return list(choices)
    if signals not in SIGNALS:
        signals = str(signals_file(signals, "--signals"))
    wanting = [choice for choice in choices if choice.signals == DESIGNED]
    return [replace(choice, signals=signals) if choice in wanting or not wanting else choice for choice in choices]


def with_background(choices: Sequence[ControllerChoice], plan: Path | None) -> list[ControllerChoice]:
    """Give a background plan to the controllers that take one.

    Parameters
    ----------
    choices
        The controllers.
    plan
        A ``design.json`` or its folder; None: all stay as they are.

    Raises
    ------
    ExperimentError
        If none of them follows a plan.
    """
    if plan is None:
        return list(choices)
    following = {choice for choice in map(str, choices) if "background" in parameters_of(choice.partition("@")[0])}
    if not following:
        raise ExperimentError(f"--background {plan}: {', '.join(map(str, choices))} follows no background plan; choose rolling_horizon.")
    return [
        replace(choice, parameters={**choice.parameters, "background": str(plan)}) if str(choice) in following else choice
        for choice in choices
    ]


def signals_file(place: str, what: str) -> Path:
    """Return the file of designed signals that a path names, itself or by its folder.

    Raises
    ------
    ExperimentError
        If there is none; `what` is what the user wrote it behind.
    """
    file = Path(place) / "signals.json" if Path(place).is_dir() else Path(place)
    if not file.is_file():
        raise ExperimentError(f"{what} {place!r} is neither {' nor '.join(SIGNALS)} nor a file of `ampelwerk design signals`; name one.")
    return file


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run: a scenario, a controller, a seed and how SUMO is to run.

    Attributes
    ----------
    scenario
        Name in the catalogue or path of a ``.sumocfg``.
    controller
        Who times the signals.
    seed
        SUMO's random seed; the scenario's own where None.
    begin_s, end_s
        Window of simulated time; the scenario's own where None.
    demand_scale
        Factor on the scenario's own number of vehicles.
    step_length_s
        SUMO's step; the scenario's own where None.
    backend
        ``libsumo`` (SUMO in this process) or ``traci`` (in a process of its own, by socket).
    gui
        Whether to watch it in ``sumo-gui`` (by ``traci``).
    layout, loop_faults
        Where virtual loops lie, and which loops are broken on purpose; only controllers that are given our loops meet either.
    accepted
        The longest reds, which the monitor holds every controller to; SUMO's own controllers meet no monitor.

    Raises
    ------
    ExperimentError
        If a value makes no sense.
    """

    scenario: str
    controller: ControllerChoice
    seed: int | None = None
    begin_s: float | None = None
    end_s: float | None = None
    demand_scale: float = 1.0
    step_length_s: float | None = None
    backend: str = "libsumo"
    gui: bool = False
    layout: DetectorLayout = field(default_factory=DetectorLayout)
    loop_faults: LoopFaults | None = None
    accepted: AcceptedReds = ACCEPTED_REDS

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 2**31:
            raise ExperimentError(f"--seed {self.seed} is not one of SUMO's seeds; give a whole number from 0 to {2**31 - 1}.")
        if not (math.isfinite(self.demand_scale) and self.demand_scale > 0):
            raise ExperimentError(
                f"--demand-scale {self.demand_scale:g} makes no traffic; give a number above 0 (1 is the demand as it is)."
            )
        if self.step_length_s is not None:
            check_step_length(self.step_length_s, "--step-length")
        if self.begin_s is not None and not (math.isfinite(self.begin_s) and self.begin_s >= 0):
            raise ExperimentError(f"--begin {self.begin_s:g} is no simulated time; give seconds from 0 on.")
        if self.end_s is not None and not math.isfinite(self.end_s):
            raise ExperimentError(f"--end {self.end_s:g} is no simulated time; give seconds, or leave it out for the scenario's own.")
        if self.begin_s is not None and self.end_s is not None:
            check_window(self.begin_s, self.end_s)
        if self.backend not in BACKENDS:
            raise ExperimentError(f"--backend {self.backend!r} is unknown; choose {' or '.join(BACKENDS)}.")
        if self.gui and self.backend != "traci":
            raise ExperimentError("--gui shows SUMO's own window, which needs --backend traci; add it.")

    def as_dict(self) -> dict[str, Any]:
        """Return the request as plain values for JSON."""
        choice = self.controller
        return {
            "scenario": self.scenario,
            "controller": choice.name,
            "information": choice.information,
            "engine": choice.engine,
            "parameters": dict(choice.parameters),
            "signals": choice.signals,
            "seed": self.seed,
            "begin_s": self.begin_s,
            "end_s": self.end_s,
            "demand_scale": self.demand_scale,
            "step_length_s": self.step_length_s,
            "backend": self.backend,
            "layout": asdict(self.layout),
            "loop_faults": None if self.loop_faults is None else asdict(self.loop_faults),
            "accepted": asdict(self.accepted),
        }


def request_from_dict(told: Mapping[str, Any]) -> RunRequest:
    """Return the request that `RunRequest.as_dict` wrote down."""
    values = dict(told)
    choice = ControllerChoice(*(values.pop(name) for name in ("controller", "information", "engine", "parameters")))
    choice = replace(choice, signals=values.pop("signals", SHIPPED))  # records of earlier versions know no other
    faults = values.pop("loop_faults")
    layout = DetectorLayout(**values.pop("layout"))
    accepted = AcceptedReds(**values.pop("accepted", {}))  # older records do not tell of it
    return RunRequest(
        controller=choice, layout=layout, loop_faults=None if faults is None else LoopFaults(**faults), accepted=accepted, **values
    )


def check_step_length(step_length_s: float, named: str) -> None:
    """Raise `ExperimentError` unless whole seconds are a whole number of steps."""
    if not (0 < step_length_s <= 1 and math.isclose(1 / step_length_s, round(1 / step_length_s))):
        raise ExperimentError(f"{named} {step_length_s:g} does not divide a second; give 1, 0.5, 0.25, 0.2 or 0.1.")


def check_window(begin_s: float, end_s: float) -> None:
    """Raise `ExperimentError` unless the window of simulated time has a length."""
    if end_s <= begin_s:
        raise ExperimentError(f"--end {end_s:g} is not after --begin {begin_s:g}; give a later end (seconds of simulated time).")


def seed_list(text: str) -> tuple[int, ...]:
    """Read seeds such as ``0-4``, ``0,3,7`` or ``0-2,10``.

    Raises
    ------
    ExperimentError
        If the text is anything else, runs backwards or names a seed twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
            raise ExperimentError(f"--seeds {text!r}: {part.strip()!r} is neither a seed nor a range; write for example 0-4 or 0,3,7.")
        low, high = int(first), int(last) if dash else int(first)
        if high < low:
            raise ExperimentError(f"--seeds {text!r}: the range {part.strip()} runs backwards; write {high}-{low}.")
        if high - low >= 10_000:
            raise ExperimentError(f"--seeds {text!r}: the range {part.strip()} has more than 10000 seeds; give fewer.")
        seeds.extend(range(low, high + 1))
    repeated = next((seed for seed in seeds if seeds.count(seed) > 1), None) if len(set(seeds)) < len(seeds) else None
    if repeated is not None:
        raise ExperimentError(f"--seeds {text!r} names the seed {repeated} twice; name each once.")
    return tuple(seeds)


def read_loop_faults(text: str | None) -> LoopFaults | None:
    """Read which loops are to fail: ``SHARE``, ``SHARE:KIND`` or ``SHARE:KIND:SEED``, such as ``0.1:mixed:0``; none where there is no text.

    Raises
    ------
    ExperimentError
        If the share, the kind or the seed is none.
    """
    if text is None:
        return None
    parts, form = text.split(":"), "write SHARE:KIND:SEED, for example 0.1:mixed:0"
    if len(parts) > 3:
        raise ExperimentError(f"--loop-faults {text!r} has more than three parts; {form}.")
    share, kind, seed = *parts, *("mixed", "0")[len(parts) - 1 :]
    try:
        number = float(share)
    except ValueError:
        raise ExperimentError(f"--loop-faults {text!r}: {share!r} is no share of the loops; {form}.") from None
    if not (seed.isascii() and seed.isdigit()):
        raise ExperimentError(f"--loop-faults {text!r}: {seed!r} is no seed, which is a whole number from 0; {form}.")
    try:
        return LoopFaults(number, kind, int(seed))
    except ValueError as error:
        raise ExperimentError(f"--loop-faults {text!r}: {error}") from None


def loop_faults_text(faults: LoopFaults) -> str:
    """Return what `read_loop_faults` reads as these faults."""
    return f"{faults.share!r}:{faults.kind}:{faults.seed}"


def read_accepted_reds(text: str | None) -> AcceptedReds:
    """Read the longest reds of vehicles and of people on foot and on bicycles: ``VEHICLES:PEOPLE``, such as ``120:90``.

    Raises
    ------
    ExperimentError
        If they are no two numbers of seconds above 0.
    """
    if text is None:
        return ACCEPTED_REDS
    try:
        vehicles_s, people_s = map(float, text.split(":"))
    except ValueError:
        raise ExperimentError(f"--longest-red {text!r} is no two numbers of seconds; write VEHICLES:PEOPLE, for example 120:90.") from None
    if not (0 < vehicles_s < math.inf and 0 < people_s < math.inf):
        raise ExperimentError(f"--longest-red {text!r} must be two numbers of seconds above 0, for example 120:90.")
    return AcceptedReds(vehicles_s, people_s)


def read_parameters(path: Path) -> dict[str, dict[str, Any]]:
    """Read controller parameters from a TOML file with one table per controller, such as ``[rolling_horizon]``.

    Raises
    ------
    ExperimentError
        If the file is missing, no TOML, or holds anything but tables.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"--parameters {path} cannot be read ({error.strerror or error}); check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"--parameters {path} is no TOML ({error}); mend that place.") from error
    for name, value in content.items():
        if not isinstance(value, dict):
            raise ExperimentError(
                f"--parameters {path}: {name!r} stands in no table; put it under the controller's name, such as [rolling_horizon]."
            )
    return content
