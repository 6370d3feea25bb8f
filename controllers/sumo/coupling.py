"""One SUMO run under one controller: observe each second, decide, pass the monitor, set the signals."""

from __future__ import annotations

import csv
import importlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sumolib

from controllers.contract import (
    FallingBackController,
    MappingController,
    NetworkedController,
    PlannedController,
    ProgramController,
    ReplacingController,
    RetimingController,
)
from controllers.registry import ControllerError
from controllers.sumo.additional_files import FOLDER as COPIES
from controllers.sumo.additional_files import as_run, check_released
from controllers.sumo.designed_programs import designed_plan_programs, designed_stage_programs
from controllers.sumo.detectors import DetectorLayout, LoopReader, place_detectors, user_loops, write_virtual_loops
from controllers.sumo.fallback import fallback_plan
from controllers.sumo.network import read_network
from controllers.sumo.options import OUTPUTS, OutputNames, arguments, from_arguments, overriding
from controllers.sumo.positions import position_m
from controllers.sumo.programs import read_programs, write_programs
from controllers.sumo.queues import QueueSampler
from controllers.sumo.signals import JunctionSignals, SignalChange
from controllers.sumo.waiting import WaitingAtRed
from controllers.sumo.zone import ZoneReader
from optimizer.decision import Decision
from optimizer.intersection import ACCEPTED_REDS
from optimizer.monitor import Monitor
from optimizer.observation import InformationClass, JunctionObservation, Observation
from optimizer.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controllers.contract import Controller
    from controllers.designed_signals import DesignedSignals
    from controllers.sumo.loop_faults import LoopFaults
    from controllers.sumo.network import NetworkReading
    from controllers.sumo.programs import ShippedProgram
    from controllers.sumo.waiting import LongestRed
    from optimizer.intersection import AcceptedReds, Intersection

_log = logging.getLogger(__name__)

BACKENDS = ("libsumo", "traci")

WARNINGS_OF_A_KIND = 1000
"""So many warnings of SUMO's with the same words go to the log; of more, only the number."""


class SimulationError(RuntimeError):
    """SUMO could not run; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """One run of one scenario.

    Attributes
    ----------
    configuration, network, additional
        The user's ``.sumocfg``, its network and its additional files.
    output
        Existing folder that takes everything the run writes.
    begin_s, end_s
        The window; as in the configuration where None.
    seed, step_length_s, demand_scale
        Given to SUMO.
    backend
        ``"libsumo"`` (in this process) or ``"traci"`` (a SUMO process behind a socket; the graphical one with `gui`).
    layout, faults
        Where virtual loops lie, and which loops are broken on purpose.
    accepted
        The longest reds, which the monitor holds every controller to.
    signals
        Designed signals that take the place of the network's; None: as shipped.
    output_options, output_files
        Further options and additional files that only ask SUMO for output; what is simulated does not change by them.
    on_time
        Told begin, now and end of the simulated time each second (the end is negative where the traffic decides it).
    """

    configuration: Path
    network: Path
    output: Path
    additional: tuple[Path, ...] = ()
    begin_s: float | None = None
    end_s: float | None = None
    seed: int = 0
    step_length_s: float = 1.0
    demand_scale: float = 1.0
    backend: str = "libsumo"
    gui: bool = False
    layout: DetectorLayout = field(default_factory=DetectorLayout)
    faults: LoopFaults | None = None
    accepted: AcceptedReds = ACCEPTED_REDS
    signals: DesignedSignals | None = None
    output_options: tuple[str, ...] = ()
    output_files: tuple[Path, ...] = ()
    on_time: Callable[[float, float, float], None] | None = None


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What a run was and did, beside the files it wrote.

    Attributes
    ----------
    begin_s, end_s
        The window that was simulated.
    controlled, left_alone
        Junctions under the controller, and those on their own program with the reason.
    broken_loops
        Loops that were broken on purpose (see `LoopFaults`): their ids, and how each of them failed.
    commands, refused, violations
        Changes of stage carried out, decisions that the monitor refused, states that it kept from the signals.
    queue_95_veh
        95th percentile over incoming lanes and times of the halting vehicles.
    longest_red
        The longest red with somebody waiting; None where nobody waited.
    loop_cpu_s, decide_cpu_s
        CPU time of the whole step loop, and of the controller in it.
    sumo_version, sumo_options
        As run.
    """

    begin_s: float
    end_s: float
    controlled: tuple[str, ...]
    left_alone: dict[str, str]
    broken_loops: dict[str, str]
    commands: int
    refused: int
    violations: int
    queue_95_veh: float
    longest_red: LongestRed | None
    loop_cpu_s: float
    decide_cpu_s: float
    sumo_version: str
    sumo_options: tuple[str, ...]


def simulate(settings: SimulationSettings, controller: Controller | ProgramController) -> SimulationSummary:
    """Run one simulation to its end and write its records into `settings.output`.

    Libsumo holds one simulation per process: call this once per process.

    Raises
    ------
    SimulationError
        If SUMO cannot load or stops in mid-run.
    NetworkError
        If the network cannot be read or has no traffic light.
    SignalsError
        If designed signals are those of another network.
    ControllerError
        If the controller decides anything but decisions.
    """
    own = (controller.programs,) if isinstance(controller, ReplacingController) and controller.programs is not None else ()
    reading = read_network(settings.network, (*settings.additional, *own), settings.accepted, begin_s=settings.begin_s or 0.0)
    return _Run(settings, controller, reading).run()


class _Run:
    """The state of one run while it lasts."""

    def __init__(self, settings: SimulationSettings, controller: Controller | ProgramController, reading: NetworkReading) -> None:
        self.settings = settings
        self.controller = controller
        self.reading = reading
        self.native = isinstance(controller, ProgramController)
        self.junctions: dict[str, Intersection] = dict(reading.junctions)
        self.programs: dict[str, ShippedProgram] = dict(reading.shipped)
        if settings.signals is not None:
            self.junctions = settings.signals.applied(self.junctions)
            self.programs |= designed_stage_programs(settings.signals, self.junctions)
            if isinstance(controller, PlannedController):
                controller.follow(settings.signals.plans)
        if isinstance(controller, RetimingController):
            self.junctions = controller.retimed(self.junctions)
        self.loops = controller.information is InformationClass.LOOPS and not self.native
        self.placed = place_detectors(reading.net, self.junctions, settings.layout, user_loops(settings.additional)) if self.loops else None
        if self.placed is not None:
            self.junctions = self.placed.junctions
        self.backend: Any = importlib.import_module(settings.backend)
        self.options = tuple(self._options())

    def run(self) -> SimulationSummary:
        backend = self.backend
        try:
            backend.start(list(self.options))
        except Exception as error:  # libsumo and traci raise their own types, the socket's errors come through too
            raise SimulationError(f"SUMO could not load {self.settings.configuration}: {_first_line(error)}") from error
        try:
            return self._loop()
        except (backend.TraCIException, backend.FatalTraCIError) as error:  # the two have no common class of their own
            raise SimulationError(f"SUMO stopped in mid-run of {self.settings.configuration}: {_first_line(error)}") from error
        finally:
            backend.close()

    def _options(self) -> list[str]:
        settings, out = self.settings, self.settings.output
        program = sumolib.checkBinary("sumo-gui" if settings.gui else "sumo")  # of the same wheel, wherever the path leads
        names = OutputNames(out / OUTPUTS)
        given = {
            "seed": str(settings.seed),
            "step-length": f"{settings.step_length_s:g}",
            "scale": f"{settings.demand_scale:g}",
            "time-to-teleport": "-1",
            "no-step-log": "true",
            "no-warnings": "false",
            "aggregate-warnings": str(WARNINGS_OF_A_KIND),
            "duration-log.disable": "true",
            "tripinfo-output": str(out / "tripinfo.xml"),
            "tripinfo-output.write-unfinished": "true",
            "tripinfo-output.write-undeparted": "true",
            "statistic-output": str(out / "statistics.xml"),
            # Every vehicle due counts, so none may be given up for having waited too long; each carries the device that measures its CO2.
            "max-depart-delay": "-1",
            "device.emissions.probability": "1",
            **from_arguments(settings.output_options),
        }
        if settings.gui:
            given |= {"start": "true", "quit-on-end": "true"}
        if settings.begin_s is not None:
            given["begin"] = f"{settings.begin_s:g}"
        if settings.end_s is not None:
            given["end"] = f"{settings.end_s:g}"
        additional = self._additional_files(names)
        if additional != settings.additional:
            given["additional-files"] = ",".join(map(str, additional))  # replaces the configuration's own list
        own = {**overriding(settings.configuration, names, backend=settings.backend, gui=settings.gui), **given}
        return [program, "-c", str(settings.configuration), *arguments(own)]

    def _additional_files(self, names: OutputNames) -> tuple[Path, ...]:
        """Return the user's additional files as the run loads them, and ours behind them."""
        settings, out = self.settings, self.settings.output
        extra = list(settings.output_files)
        if self.placed is not None:
            loops = out / "detectors.add.xml"
            write_virtual_loops(self.placed, loops)
            extra.append(loops)
        own_programs: list[Path] = []
        if isinstance(self.controller, ProgramController):
            if settings.signals is not None:
                plans = out / "designed_programs.add.xml"
                write_programs(designed_plan_programs(settings.signals, self.junctions), plans)
                own_programs.append(plans)
            programs = self.controller.write_programs(self.programs, out / "programs.add.xml")
            own_programs += [] if programs is None else [programs]
        released = set(read_programs(own_programs)) if self.native else set(self.junctions)
        check_released(self.reading.switchings, settings.network, released)
        self._tell_owners(released)
        return (*as_run(settings.additional, out / COPIES, names, released), *extra, *own_programs)

    def _tell_owners(self, released: set[str]) -> None:
        """Say of lights that SUMO would switch off, or to other programs, who has them in this run."""
        off, files = self.reading.switched_off, {self.settings.network, *self.settings.additional}
        switched = {switching.light for switching in self.reading.switchings if switching.file in files}
        for names, said in (
            (off - released, "switched off in the shipped program, and left so"),
            (off & released, "switched off in the shipped program; the controller takes over"),
            (switched & released, "switched by the time of day (WAUT) as shipped; the controller takes over"),
        ):
            if names:
                _log.warning("%s: %s", said, ", ".join(sorted(names)))

    def _loop(self) -> SimulationSummary:
        backend, settings = self.backend, self.settings
        begin_s = float(backend.simulation.getTime())
        end_s = settings.end_s if settings.end_s is not None else float(backend.simulation.getEndTime())
        sampler = QueueSampler(backend, self.junctions)
        waiting = WaitingAtRed(backend, self.reading.net, self.junctions)
        measures = (sampler.sample, *_told(settings.on_time, begin_s, end_s))
        signals = {} if self.native else self._take_over(begin_s)
        presence = {name: Presence(self.junctions[name]) for name in signals}
        loop_reader = LoopReader(backend, self.placed, settings.faults) if self.placed is not None else None
        in_zone = self.controller.information is InformationClass.ZONE and not self.native
        zone_reader = ZoneReader(backend, self.reading.net, self.junctions) if in_zone else None
        watched = _WatchedPrograms(backend, self.junctions) if self.native else None
        if not self.native:
            self._start_controller()
        step, clock, show = backend.simulationStep, backend.simulation.getTime, backend.trafficlight.setRedYellowGreenState
        now_s, decide_cpu_s, cpu_start_s = begin_s, 0.0, time.process_time()
        with (settings.output / "signals.csv").open("w", newline="", encoding="utf-8") as stream:
            log = csv.writer(stream, lineterminator="\n")
            log.writerow(["time_s", "junction", "event", "stage", "state", "reason"])
            while (end_s < 0 and backend.simulation.getMinExpectedNumber() > 0) or now_s < end_s - 1e-9:
                step()
                previous_s, now_s = now_s, float(clock())
                if loop_reader is not None:
                    loop_reader.watch(now_s, settings.step_length_s)
                if int(now_s) == int(previous_s):
                    continue  # decisions and samples come on full seconds, whatever the step length
                for measure in measures:
                    measure(now_s)
                if watched is not None:
                    _write(log, watched.changes(now_s))
                    waiting.sample(now_s)
                    continue
                seen = _observe(now_s, signals, loop_reader, zone_reader)
                started_s = time.process_time()
                decisions = _checked(self.controller.decide(seen))
                decide_cpu_s += time.process_time() - started_s
                for name, junction_signals in signals.items():
                    junction_signals.monitor.see(now_s, presence[name].waited_s(seen.junctions[name]))
                    decision = decisions.get(name)
                    if decision is None:
                        junction_signals.stay(now_s)
                    else:
                        junction_signals.command(now_s, decision)
                    if junction_signals.next_event_s <= now_s:
                        state = junction_signals.advance(now_s)
                        if state is not None:
                            show(name, state)
                    if junction_signals.log:
                        _write(log, junction_signals.drain_log())
                waiting.sample(now_s)  # of what is shown from now on
        loop_cpu_s = time.process_time() - cpu_start_s
        waiting.finish(now_s)
        return SimulationSummary(
            begin_s=begin_s,
            end_s=now_s,
            controlled=tuple(self.junctions),
            left_alone=dict(self.reading.left_alone),
            broken_loops=loop_reader.broken if loop_reader is not None else {},
            commands=sum(s.commands for s in signals.values()),
            refused=sum(s.refused for s in signals.values()),
            violations=watched.violations if watched is not None else sum(s.violations for s in signals.values()),
            queue_95_veh=sampler.percentile_95_veh(),
            longest_red=waiting.longest,
            loop_cpu_s=loop_cpu_s,
            decide_cpu_s=decide_cpu_s,
            sumo_version=str(backend.getVersion()[1] if isinstance(backend.getVersion(), tuple) else backend.getVersion()),
            sumo_options=self.options,
        )

    def _start_controller(self) -> None:
        if isinstance(self.controller, NetworkedController):
            # numba comes with it, which takes longer to load than many a run of the others lasts
            from controllers.sumo.neighbours import links_between  # noqa: PLC0415

            self.controller.connect(links_between(self.reading.net, self.junctions))
        if isinstance(self.controller, FallingBackController):
            self.controller.fall_back_on({name: fallback_plan(junction, self.programs[name]) for name, junction in self.junctions.items()})
        if isinstance(self.controller, MappingController):
            self.controller.locate({name: position_m(self.reading.net, name) for name in self.junctions})
        self.controller.start(self.junctions)

    def _take_over(self, now_s: float) -> dict[str, JunctionSignals]:
        signals = {}
        for name, junction in self.junctions.items():
            shown = self.backend.trafficlight.getRedYellowGreenState(name)
            stage = next((i for i in range(len(junction.stages)) if junction.state(i) == shown), 0)
            signals[name] = JunctionSignals(junction, Monitor(junction), stage, now_s)
            self.backend.trafficlight.setRedYellowGreenState(name, signals[name].state)
        return signals


def _told(on_time: Callable[[float, float, float], None] | None, begin_s: float, end_s: float) -> tuple[Callable[[float], None], ...]:
    return () if on_time is None else (lambda now_s: on_time(begin_s, now_s, end_s),)


class _WatchedPrograms:
    """Logs (and lets the monitor watch) what SUMO's own programs show; they cannot be refused."""

    def __init__(self, backend: Any, junctions: dict[str, Intersection]) -> None:  # noqa: ANN401 - the module libsumo or traci
        self._state = backend.trafficlight.getRedYellowGreenState
        self._shown = dict.fromkeys(junctions, "")
        self._monitors = {name: Monitor(junction) for name, junction in junctions.items()}
        self.violations = 0

    def changes(self, time_s: float) -> list[SignalChange]:
        found = []
        for name, monitor in self._monitors.items():
            state = self._state(name)
            if state != self._shown[name]:
                self._shown[name] = state
                self.violations += any(v.is_safety for v in monitor.witness(time_s, state))
                found.append(SignalChange(time_s, name, "program", "", state, ""))
        return found


def _checked(decisions: Any) -> Mapping[str, Decision | None]:  # noqa: ANN401 - a user's own controller may return anything
    if not isinstance(decisions, Mapping):
        raise ControllerError(f"The controller's method 'decide' returned {decisions!r}; return a Decision for each junction that changes.")
    for junction, decision in decisions.items():
        if not isinstance(decision, Decision | None):
            raise ControllerError(f"The controller's decision for {junction!r} is {decision!r}; make it an optimizer.decision.Decision.")
    return decisions


def _observe(time_s: float, signals: dict[str, JunctionSignals], loops: LoopReader | None, zone: ZoneReader | None) -> Observation:
    if loops is not None:
        loops.read(time_s)
    if zone is not None:
        zone.read()
    views = {}
    for name, junction_signals in signals.items():
        status = junction_signals.status
        views[name] = JunctionObservation(
            signal=status,
            loops=loops.readings(name) if loops is not None else None,
            vehicles=zone.views(name, status, time_s) if zone is not None else None,
            state=junction_signals.state,
            state_since_s=junction_signals.state_since_s,
        )
    return Observation(time_s, views)


def _write(log: Any, changes: list[SignalChange]) -> None:  # noqa: ANN401 - csv does not name the type of its writers
    for change in changes:
        log.writerow([f"{change.time_s:g}", change.junction, change.event, change.stage, change.state, change.reason])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
