"""The commands under ``ampelwerk design``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from controllers.designed_signals import SIGNALS
from controllers.sumo.findings import Severity
from controllers.sumo.programs import read_programs, read_signals
from experiments.design import instances
from experiments.design.against_now import comparison_table
from experiments.design.corridor import AUTO
from experiments.design.daily import plan_scenario_day, write_day
from experiments.design.outputs import DEMAND, PROGRAMS, RECORD, request_sentences, streams_table, write_plans
from experiments.design.planning import PlanRequest, plan_scenario
from experiments.design.signals import write_signals
from experiments.design.waves import bands_table, wave_scenario, write_wave
from experiments.errors import ExperimentError
from experiments.folders import UNFINISHED, claimed
from experiments.interrupts import interruptible
from optimizer.design.day import DayLimits
from optimizer.design.result import Objective
from sumo_networks import scenario as find_scenario

if TYPE_CHECKING:
    from controllers.sumo.findings import Finding
    from experiments.design.against_now import AgainstNow
    from experiments.design.planning import ScenarioPlan
    from sumo_networks import Scenario

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Design signal plans and green waves.", no_args_is_help=True)


ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A name from `ampelwerk networks`, or the path of a .sumocfg.")]
Demand = Annotated[
    Path | None,
    typer.Option("--demand", metavar="COUNTS.csv", help="Counts by turn, perhaps by interval [the scenario's routes].", show_default=False),
]
Intergreens = Annotated[
    Path | None,
    typer.Option("--intergreens", metavar="DIR", help="Matrices <junction>.csv in place of the computed ones.", show_default=False),
]
Cycle = Annotated[str, typer.Option("--cycle", help="common: one per set of linked junctions, with offsets; own; or seconds.")]
Way = Annotated[str, typer.Option("--way", help="groups: each green free; stages: a free choice and order of stages.")]
TimeLimit = Annotated[float, typer.Option("--time-limit", help="Take the best plan of a junction after this time, s.")]

WORSE_CODE = 1
"""Exit code of a design that is worse than what runs now: no mistake of whoever asked for it."""

PLAIN_WIDTH = 200  # a file or a pipe has no width: nothing is to be folded there


@app.command("plan")
@interruptible
def plan_command(  # noqa: PLR0913 - each is an option of the command line
    scenario: ScenarioName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for programs, tables and drawings.")],
    demand: Demand = None,
    objective: Annotated[
        str, typer.Option("--objective", help="delay: least delay; capacity: least delay within capacity; reserve: greatest reserve.")
    ] = "delay",
    way: Way = "groups",
    cycle: Cycle = "common",
    intergreens: Intergreens = None,
    trams: Annotated[
        str, typer.Option("--trams", help="cycle: a green in each cycle; request: only when a tram has reported, unless it is free.")
    ] = "cycle",
    period: Annotated[float, typer.Option("--period", help="Flows are raised to the busiest period of this length, s.")] = 900.0,
    gap: Annotated[float, typer.Option("--gap", help="Proven relative gap with which a junction's plan is good enough.")] = 0.01,
    time_limit: TimeLimit = 20.0,
) -> int:
    """Design fixed-time plans for all signals: intergreens, cycles, greens and offsets from the traffic."""
    if objective not in list(Objective):
        raise ExperimentError(f"--objective {objective!r} is unknown; choose {' or '.join(Objective)}.")
    request = PlanRequest(demand, Objective(objective), way, cycle, intergreens, period, gap, time_limit, trams)  # type: ignore[arg-type]
    place = find_scenario(scenario)
    status = Console(stderr=True)
    with claimed(out), status.status("designing", spinner="line") as shown:
        designed = plan_scenario(place, request, lambda step: shown.update(step) if status.is_terminal else None)
    findings, against = write_plans(designed, out)
    console = _stdout()
    for result in designed.results.values():
        console.print(streams_table(result))
        if result.overloaded:
            console.print(result.overload_sentence)
        for sentence in request_sentences(result):
            console.print(sentence)
    for junction, reason in designed.left_out.items():
        console.print(f"{junction} keeps its program, because {reason}.")
    return _finish(console, designed, findings, against, out)


@app.command("signals")
@interruptible
def signals_command(
    scenario: ScenarioName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the signals.")],
    demand: Demand = None,
    cycle: Cycle = "common",
    intergreens: Intergreens = None,
    time_limit: TimeLimit = 20.0,
) -> None:
    """Design the signals for any controller: intergreens, yellows, minimum greens and stages, from conflicts and traffic."""
    request = PlanRequest(demand, cycle=cycle, intergreens=intergreens, time_limit_s=time_limit)
    place = find_scenario(scenario)
    status = Console(stderr=True)
    with claimed(out), status.status("designing", spinner="line") as shown:
        designed = plan_scenario(place, request, lambda step: shown.update(step) if status.is_terminal else None)
        findings = write_signals(designed, out)
    (out / UNFINISHED).unlink(missing_ok=True)
    console = _stdout()
    for junction, reason in designed.left_out.items():
        console.print(f"{junction} keeps its signals, because {reason}.")
    worst = sum(finding.severity is Severity.ERROR for finding in findings)
    console.print(f"Safety check of plans and stages: {worst} errors, {len(findings) - worst} other findings ({out / SIGNALS} holds them).")
    console.print(f"Run them with: ampelwerk run {scenario} --signals {out / SIGNALS} --out results/designed", soft_wrap=True)


@app.command("wave")
@interruptible
def wave_command(  # noqa: PLR0913 - each is an option of the command line
    out: Annotated[Path, typer.Option("--out", metavar="DIR|RESULT.json", help="New folder (for an instance: file) for the result.")],
    scenario: Annotated[str | None, typer.Argument(metavar="[SCENARIO]", help="A scenario's name, or the path of a .sumocfg.")] = None,
    instance: Annotated[
        Path | None,
        typer.Option("--instance", metavar="FILE.json", help="A corridor as plain numbers, without a network.", show_default=False),
    ] = None,
    corridor: Annotated[str, typer.Option("--corridor", metavar="EDGES|auto", help="Edges in the order of driving, with commas.")] = AUTO,
    k: Annotated[float, typer.Option("--k", help="Weight of the inbound band against the outbound one.")] = 1.0,
    demand: Demand = None,
    way: Way = "groups",
    cycle: Annotated[str, typer.Option("--cycle", help="common: the best one for the corridor; or seconds.")] = "common",
    bands: Annotated[str, typer.Option("--bands", help="common: one band each way (MAXBAND); links: one per link (MULTIBAND).")] = "common",
    gap: Annotated[float, typer.Option("--gap", help="Proven relative gap with which the answer is good enough.")] = 1e-6,
    time_limit: Annotated[float, typer.Option("--time-limit", help="Give the best answer so far after this time, s.")] = 300.0,
) -> int:
    """Coordinate the signals of a corridor: common cycle, offsets and speeds with the widest bands."""
    if (scenario is None) == (instance is None):
        both = "both SCENARIO and --instance were" if instance is not None else "neither SCENARIO nor --instance FILE.json was"
        raise ExperimentError(f"{both} given; give one of them.")
    if instance is not None:
        for name, value, unset in (("corridor", corridor, AUTO), ("k", k, 1.0), ("demand", demand, None), ("cycle", cycle, "common")):
            if value != unset:
                raise ExperimentError(f"--{name} belongs to a SCENARIO; an --instance holds it itself, so leave --{name} out.")
        _solve_plain(instance, out, bands, gap, time_limit)
        return 0
    if bands not in instances.BANDS:
        raise ExperimentError(f"--bands {bands!r} is unknown; choose {' or '.join(instances.BANDS)}.")
    request = PlanRequest(demand, Objective.DELAY, way, cycle, gap=max(gap, 0.01), time_limit_s=min(time_limit, 20.0))  # type: ignore[arg-type]
    place = find_scenario(str(scenario))
    status = Console(stderr=True)
    with claimed(out), status.status("designing", spinner="line") as shown:
        found = wave_scenario(place, corridor, request, k, bands, lambda step: shown.update(step) if status.is_terminal else None)
    findings, against = write_wave(found, bands, out)
    console = _stdout()
    console.print(bands_table(found))
    return _finish(console, found.designed, findings, against, out)


@app.command("day")
@interruptible
def day_command(  # noqa: PLR0913 - each is an option of the command line
    scenario: ScenarioName,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the result.")],
    demand: Demand = None,
    intergreens: Intergreens = None,
    cycle: Cycle = "common",
    periods: Annotated[int, typer.Option("--periods", help="Most periods of the day.")] = 6,
    shortest: Annotated[float, typer.Option("--shortest", help="Least length of a period, s.")] = 3600.0,
    interval: Annotated[float, typer.Option("--interval", help="Length of the intervals in which the routes are counted, s.")] = 900.0,
    way: Way = "groups",
    time_limit: TimeLimit = 20.0,
) -> None:
    """Design plans by time of day: periods from the counts, programs, and SUMO's WAUTs with safe changes between them."""
    request = PlanRequest(demand, way=way, cycle=cycle, intergreens=intergreens, period_s=interval, time_limit_s=time_limit)  # type: ignore[arg-type]
    place = find_scenario(scenario)
    status = Console(stderr=True)
    with claimed(out), status.status("designing", spinner="line") as shown:
        limits = DayLimits(periods, shortest)
        found = plan_scenario_day(place, request, limits, lambda step: shown.update(step) if status.is_terminal else None)
    findings = write_day(found, out)
    console = _stdout()
    for period in found.day.periods:
        cycles = sorted({result.plan.cycle_s for result in found.day.plans[period.plan].values()})
        told = f"{_clock(period.begin_s)} to {_clock(period.end_s)} ({period.begin_s:g} to {period.end_s:g} s)"
        console.print(f"{told}: plan {period.plan}, cycle {' and '.join(f'{c:g}' for c in cycles)} s", highlight=False)
    _tell_use(console, place, findings, out)


def _solve_plain(instance: Path, out: Path, bands: str, gap: float, time_limit: float) -> None:
    content = instances.solve_instance(instance, out, bands, gap, time_limit)
    widths = [content["band_out"], content["band_in"]]
    text = " and ".join("/".join(f"{width:.3f}" for width in (side if isinstance(side, list) else [side])) for side in widths)
    sys.stdout.write(
        f"Cycle {content['cycle_s']:.1f} s, bands {text} cycles out and in, {content['status']} (gap {content['gap']:.2%}, "
        f"{content['solve_s']:.2f} s)\nThe result is in {out}\n"
    )


def _finish(console: Console, designed: ScenarioPlan, findings: list[Finding], against: AgainstNow, out: Path) -> int:
    counts = designed.counts
    console.print(
        f"Designed for the traffic from {counts.begin_s:g} to {counts.end_s:g} s ({out / DEMAND}).", soft_wrap=True, highlight=False
    )
    console.print(comparison_table(against))
    if against.is_worse:
        console.print(against.sentence(), style="bold red", soft_wrap=True, highlight=False)
        console.print(f"The files in {out} are for inspection only.", soft_wrap=True, highlight=False)
        return WORSE_CODE
    _tell_use(console, designed.place, findings, out)
    console.print(against.sentence(), style="bold", soft_wrap=True, highlight=False)
    return 0


def _tell_use(console: Console, place: Scenario, findings: list[Finding], out: Path) -> None:
    worst = sum(finding.severity is Severity.ERROR for finding in findings)
    console.print(f"Safety check of the plans: {worst} errors, {len(findings) - worst} other findings ({out / RECORD} holds them).")
    files = ",".join(map(str, (*place.additional_files, out / PROGRAMS)))
    console.print(f"Run them with: sumo -c {place.configuration} -a {files}", soft_wrap=True)
    switched = read_signals((place.network, *place.additional_files)).switchings.keys() & read_programs([out / PROGRAMS]).keys()
    if switched:
        console.print(
            f"Plain sumo goes on with the shipped programs of {', '.join(sorted(switched))} at the next switch by the time of day (WAUT); "
            "ampelwerk run --controller static keeps the designed ones.",
            soft_wrap=True,
        )
    console.print(f"The results are in {out}", soft_wrap=True)


def _clock(time_s: float) -> str:
    minutes = round(time_s / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _stdout() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
