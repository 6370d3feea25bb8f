"""The command line: ``ampelwerk networks``, ``run``, ``compare``, ``check``, ``design``, ``study``, ``new-controller``, and the service's.

`experiments.exits` says how it ends.
"""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import typer.core
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from controllers.registry import registered
from experiments import checking, comparison, runs
from experiments.dropped import Dropped
from experiments.errors import ExperimentError
from experiments.exits import INTERRUPTED_CODE, OUR_CODE, USER_CODE, complain, ended_with_code
from experiments.folders import write_whole
from experiments.new_controller.writing import write_controller
from experiments.provenance import versions
from experiments.requests import (
    ControllerChoice,
    RunRequest,
    controller_choice,
    read_accepted_reds,
    read_loop_faults,
    read_parameters,
    seed_list,
    with_background,
    with_signals,
)
from experiments.service_commands import add_service_commands
from experiments.tables import rich_table, run_table
from experiments.timekeeping import shown_progress
from experiments.verdicts import Word, comparison_verdict, run_verdict
from sumo_networks import catalogue
from sumo_networks.cache import cache_folder

UNSAFE_CODE = 1
"""Exit code of a check that found errors."""

MOST_WARNINGS = 5
PLAIN_WIDTH = 400  # a file or a pipe has no width: nothing is to be folded or cut there

# Every complaint about the command line itself; the class is reached this way because its module differs between versions of typer.
_UsageError: Any = typer.BadParameter.__mro__[2]

_NO_NUMBER = re.compile(r"Input should be a valid (?P<kind>integer|number).*")
"""What newer versions of typer say of a text that is no number."""

_LOADED_WHEN_CALLED = {"design": "experiments.design.commands", "study": "experiments.study.commands"}
"""Groups of commands whose libraries take a second to load, which the other commands need not wait for."""


class _Commands(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's context, wherever this typer keeps click
        return [*super().list_commands(ctx), *_LOADED_WHEN_CALLED]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        if cmd_name in _LOADED_WHEN_CALLED:
            return typer.main.get_command(import_module(_LOADED_WHEN_CALLED[cmd_name]).app)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(cls=_Commands, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
add_service_commands(app)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A name from `ampelwerk networks`, or the path of a .sumocfg.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for the results.")]
Begin = Annotated[float | None, typer.Option("--begin", help="Start of the simulated time, s [the scenario's own].", show_default=False)]
End = Annotated[float | None, typer.Option("--end", help="End of the simulated time, s [the scenario's own].", show_default=False)]
Scale = Annotated[float, typer.Option("--demand-scale", help="Factor on the scenario's own number of vehicles.")]
Step = Annotated[
    float | None, typer.Option("--step-length", help="SUMO's step, s; by default the scenario's own, or 1.", show_default=False)
]
Backend = Annotated[str, typer.Option("--backend", help="libsumo (fast) or traci (a SUMO of its own, by socket).")]
Gui = Annotated[bool, typer.Option("--gui", help="Watch it in sumo-gui (needs --backend traci).")]
Faults = Annotated[
    str | None,
    typer.Option(
        "--loop-faults",
        metavar="SHARE:KIND:SEED",
        help="Break this share of the loops on purpose: off, on, silent or mixed, such as 0.1:mixed:0.",
        show_default=False,
    ),
]
LongestRed = Annotated[
    str | None,
    typer.Option(
        "--longest-red",
        metavar="VEHICLES:PEOPLE",
        help="Longest reds for vehicles, and for people on foot and on bicycles, s, unless the program's own is longer [120:90].",
        show_default=False,
    ),
]
Parameters = Annotated[
    Path | None,
    typer.Option("--parameters", metavar="FILE.toml", help="Controller parameters, a table for each controller.", show_default=False),
]

Background = Annotated[
    Path | None,
    typer.Option(
        "--background",
        metavar="PLAN",
        help="A design.json (or its folder) whose green wave rolling_horizon keeps to within a tolerance.",
        show_default=False,
    ),
]

Signals = Annotated[
    str | None,
    typer.Option(
        "--signals",
        metavar="shipped|designed|FILE",
        help="Stages, intergreens, yellows and minimum greens: the network's, designed ones, or those of `ampelwerk design signals`.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def _about(context: typer.Context, *, version: Annotated[bool, typer.Option("--version", help="Say the version.")] = False) -> None:
    """Time traffic signals from loop-detector data and prove it in SUMO."""
    if version:
        sys.stdout.write(f"ampelwerk {versions()['ampelwerk']}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(f"{context.get_help()}\n")


@app.command("networks")
def networks_command() -> None:
    """List the scenarios that have a name."""
    table = Table(title="Scenarios")
    for column in ("name", "signals", "vehicles", "licence", "source", "label"):
        table.add_column(column, justify="right" if column in {"signals", "vehicles"} else "left", overflow="fold")
    for entry in catalogue():
        counts = ("-", "-") if entry.missing else (str(entry.signals), str(entry.vehicles))
        table.add_row(entry.name, *counts, entry.licence, entry.source, escape(entry.missing or entry.label))
    _stdout().print(table)
    _stdout().print(
        "grid/<n>x<m> takes other sizes, city/<seed> any seed. "
        f"Files that are made for a name lie in {cache_folder()}; those of resco/ in the installed package `sumo-rl`.",
        soft_wrap=True,
    )


@app.command("run")
def run_command(  # noqa: PLR0913 - each is an option of the command line
    scenario: ScenarioName,
    out: Out,
    controller: Annotated[str, typer.Option("--controller", help="A registered controller, or package.module:Class.")] = "rolling_horizon",
    information: Annotated[str | None, typer.Option("--information", help="What the controller may know: loops or zone.")] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="Solver of the rolling horizon: search or cp-sat.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="SUMO's random seed; by default the scenario's own, or 0.", show_default=False)
    ] = None,
    begin: Begin = None,
    end: End = None,
    demand_scale: Scale = 1.0,
    step_length: Step = None,
    backend: Backend = "libsumo",
    gui: Gui = False,  # noqa: FBT002
    loop_faults: Faults = None,
    longest_red: LongestRed = None,
    parameters: Parameters = None,
    background: Background = None,
    signals: Signals = None,
) -> None:
    """Simulate one scenario under one controller."""
    variants = "".join(f"@{variant}" for variant in (information, engine) if variant is not None)
    choices = with_background(_with_parameters([controller_choice(controller + variants)], parameters), background)
    chosen = with_signals(choices, signals)[0]
    request = RunRequest(
        scenario,
        chosen,
        seed,
        begin,
        end,
        demand_scale,
        step_length,
        backend,
        gui,
        loop_faults=read_loop_faults(loop_faults),
        accepted=read_accepted_reds(longest_red),
    )
    try:
        with shown_progress(_short(scenario), sys.stderr) as on_time:
            record = runs.run(request, out, on_time=on_time)
    except KeyboardInterrupt:
        complain(f"Interrupted: {out} holds no result and may be used again.")
        raise typer.Exit(INTERRUPTED_CODE) from None
    console = _stdout()
    console.print(run_table(record))
    left_alone = record["simulated"]["left_alone"]
    if left_alone:
        console.print(f"{len(left_alone)} traffic lights stay on their own programs; {out / 'run.json'} says which and why.")
    if request.loop_faults is not None:
        broken = record["simulated"]["broken_loops"]
        told = (
            f"{len(broken)} loops were broken; {out / 'run.json'} names them."
            if broken
            else f"No loop was broken: {chosen} has none of ours."
        )
        console.print(told, soft_wrap=True)
    _tell_warnings(console, out / runs.LOG)
    _tell_dropped(console, record)
    console.print(f"The results are in {out}", soft_wrap=True)
    _tell(console, run_verdict(record))


@app.command("compare")
def compare_command(  # noqa: PLR0913 - each is an option of the command line
    scenario: ScenarioName,
    out: Out,
    controllers: Annotated[
        str, typer.Option("--controllers", metavar="A,B@zone,...", help="Controllers; @ adds loops, zone, search, cp-sat or designed.")
    ],
    seeds: Annotated[str, typer.Option("--seeds", metavar="0-4", help="Seeds, such as 0-4 or 0,3,7.")] = "0-4",
    workers: Annotated[int, typer.Option("--workers", help="Runs at a time.")] = 2,
    begin: Begin = None,
    end: End = None,
    demand_scale: Scale = 1.0,
    step_length: Step = None,
    backend: Backend = "libsumo",
    gui: Gui = False,  # noqa: FBT002
    loop_faults: Faults = None,
    longest_red: LongestRed = None,
    parameters: Parameters = None,
    background: Background = None,
    signals: Signals = None,
) -> None:
    """Compare controllers on one scenario.

    Each controller runs with each seed; the table shows means and spreads. Repeated, the command goes on where it stopped.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop the runs as Ctrl-C does, instead of leaving them behind
    named = [controller_choice(name) for name in controllers.split(",")]
    choices = with_signals(with_background(_with_parameters(named, parameters), background), signals)
    numbers = seed_list(seeds)
    common = RunRequest(
        scenario,
        choices[0],
        numbers[0],
        begin,
        end,
        demand_scale,
        step_length,
        backend,
        gui,
        loop_faults=read_loop_faults(loop_faults),
        accepted=read_accepted_reds(longest_red),
    )
    request = comparison.ComparisonRequest(common, tuple(choices), numbers, parameters)
    result = _compare_with_progress(request, out, workers)
    console = _stdout()
    if any(result.records.values()):
        console.print(rich_table(result.table()))
        _tell_dropped(console, next(records[0] for records in result.records.values() if records))
    console.print(f"The results are in {out}", soft_wrap=True)
    for sentence, _ in result.failures:
        complain(sentence)
    _tell(console, comparison_verdict(result.records))
    if result.interrupted:
        finished = sum(map(len, result.records.values()))
        complain(
            f"Interrupted: {finished} of {result.planned * len(choices)} runs are finished and kept in {out}; repeat the command to go on."
        )
        raise typer.Exit(INTERRUPTED_CODE)
    if result.failures:
        raise typer.Exit(USER_CODE if all(code == USER_CODE for _, code in result.failures) else OUR_CODE)


@app.command("check")
def check_command(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A name from `ampelwerk networks`, or the path of a .sumocfg or a .net.xml.")
    ],
    additional: Annotated[
        list[Path] | None, typer.Option("--additional", metavar="FILE", help="Further file with programs (repeatable).", show_default=False)
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or sarif.")] = "text",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the report there.", show_default=False)] = None,
) -> None:
    """Check every signal program for safety; the exit code is 1 where there are errors."""
    found = checking.check(scenario, additional or ())
    text = checking.report(found, scenario, form)
    if out is None:
        sys.stdout.write(text)
    else:
        write_whole(out, text)
    if found.errors:
        raise typer.Exit(UNSAFE_CODE)


@app.command("new-controller")
def new_controller_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the controller, its package and its folder.")],
) -> None:
    """Write a small working controller with its test, to begin with."""
    folder = write_controller(name, Path.cwd())
    console = _stdout()
    console.print(f"The controller {name} is in {folder}", soft_wrap=True)
    console.print(
        f'Install it:  pip install --editable "{name}[test]"\nTest it:     python -m pytest {name}\n'
        f"Compare it:  ampelwerk study run resco-2021 --quick --also {name}",
        soft_wrap=True,
        markup=False,
    )


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process."""
    sys.path.append(str(Path.cwd()))  # for --controller package.module:Class of the user's own
    sys.exit(ended_with_code(lambda: _run_command_line(arguments)))


def _run_command_line(arguments: list[str] | None) -> Any:  # noqa: ANN401 - whatever the command returns
    try:
        return typer.main.get_command(app).main(arguments, prog_name="ampelwerk", standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group of commands without any
            error.show()
            return USER_CODE
        complain(_NO_NUMBER.sub(_number_wanted, error.format_message()))
        return USER_CODE
    except typer.Abort:
        return INTERRUPTED_CODE


def _number_wanted(found: re.Match[str]) -> str:
    return "give a whole number." if found["kind"] == "integer" else "give a number."


def _with_parameters(choices: list[ControllerChoice], path: Path | None) -> list[ControllerChoice]:
    if path is None:
        return choices
    tables = read_parameters(path)
    known = {choice.name for choice in choices} | set(registered())
    for name in tables:
        if name not in known:
            raise ExperimentError(
                f"--parameters {path}: there is no controller [{name}]; name the table after one of {', '.join(sorted(known))}."
            )
    return [replace(choice, parameters=tables.get(choice.name, {})) for choice in choices]


def _compare_with_progress(request: comparison.ComparisonRequest, out: Path, workers: int) -> comparison.ComparisonResult:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(_short(request.common.scenario), total=len(request.controllers) * len(request.seeds))

        def on_end(run: RunRequest, outcome: str) -> None:
            progress.advance(task)
            progress.update(task, description=f"{run.controller}, seed {run.seed}: {outcome}"[:60])

        return comparison.compare(request, out, workers, on_end)


def _tell_warnings(console: Console, log: Path) -> None:
    """Show what our packages have warned of (SUMO's own warnings, often thousands, stay in the log)."""
    warnings = [line.partition(": ")[2] for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("WARNING ")]
    for warning in warnings[:MOST_WARNINGS]:
        console.print(f"Warning: {warning}", soft_wrap=True, highlight=False, markup=False)
    if len(warnings) > MOST_WARNINGS:
        console.print(f"{len(warnings) - MOST_WARNINGS} more warnings are in {log}", soft_wrap=True)


def _tell_dropped(console: Console, record: dict[str, Any]) -> None:
    """Say how much of the demand SUMO has left out."""
    # records of earlier versions do not say
    dropped, due = Dropped(**record["simulated"].get("dropped", {})), record["kpis"]["vehicles_due"]
    told = dropped.sentence(due + dropped.out_of_order + dropped.without_way)
    if told:
        console.print(f"Warning: {told}", soft_wrap=True, highlight=False, markup=False)


def _short(scenario: str) -> str:
    """Return what a scenario is called in a line of progress."""
    path = Path(scenario)
    return path.absolute().parent.name if path.suffix == ".sumocfg" else scenario


def _tell(console: Console, words: list[Word]) -> None:
    for word in words:
        console.print(word.sentence, style="bold red" if word.warns else "bold", soft_wrap=True, highlight=False, markup=False)


def _stdout() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
