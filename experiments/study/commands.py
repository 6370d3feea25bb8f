"""The commands ``ampelwerk study run | resume | report | list``."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from experiments.exits import INTERRUPTED_CODE, USER_CODE, complain
from experiments.study.choosing import StudyChoice, study_of
from experiments.study.keys import deciding_versions
from experiments.study.planning import plan_study
from experiments.study.progress import StudyDisplay, means_table
from experiments.study.reading import find_study, read_study, ready_made
from experiments.study.running import LocalProcesses, do_runs
from experiments.study.store import StudyIdentity, StudyStore, read_identity
from experiments.study.tables import write_tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.study.definition import Study
    from experiments.study.planning import StudyPlan
    from experiments.study.running import Executor, Progress

PLAIN_WIDTH = 400

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="Run a study of many runs, and read it.")

Workers = Annotated[int, typer.Option("--workers", help="Runs at a time.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="ADDRESS", help="Run on a Ray cluster, such as ray://head:10001.", show_default=False)
]
Extend = Annotated[bool, typer.Option("--extend", help="Go on in the folder of another form of the study; runs that fit are kept.")]
Results = Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of a study.")]


@app.command("run")
def run_command(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study file (.toml), or a name from `ampelwerk study list`.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Results folder [results/<name>].", show_default=False)] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first answer within minutes: fewer and shorter runs.")] = False,  # noqa: FBT002
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="CONTROLLER", help="A further controller.", show_default=False)
    ] = None,
    scenarios: Annotated[str, typer.Option("--scenarios", metavar="A,B", help="Only these of the study's.", show_default=False)] = "",
    workers: Workers = 2,
    cluster: Cluster = None,
    extend: Extend = False,  # noqa: FBT002
) -> None:
    """Do all runs of a study. Repeated, it goes on where it stopped."""
    file = find_study(study)
    definition = read_study(file)
    choice = StudyChoice(quick, tuple(also or ()), tuple(name.strip() for name in scenarios.split(",") if name.strip()))
    identity = StudyIdentity(
        definition.name, file.read_text(encoding="utf-8"), file.name, str(file.resolve().parent), choice.as_dict(), deciding_versions()
    )
    folder = out or Path("results") / f"{definition.name}{'-quick' if quick else ''}"
    _do(choice.applied(definition), identity, _Manner(folder, workers, cluster, extend=extend))


@app.command("resume")
def resume_command(
    results: Results,
    workers: Workers = 2,
    cluster: Cluster = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Make failed runs again.")] = False,  # noqa: FBT002
    extend: Extend = False,  # noqa: FBT002
) -> None:
    """Go on with a study that was interrupted."""
    begun = read_identity(results)
    identity = StudyIdentity(begun.name, begun.text, begun.file, begun.folder, begun.choice, deciding_versions())
    _do(study_of(begun), identity, _Manner(results, workers, cluster, retry_failed=retry_failed, extend=extend))


@app.command("report")
def report_command(
    results: Results,
    corridor: Annotated[
        str, typer.Option("--corridor", metavar="EDGE,EDGE,...", help="Edges of the time-space diagram [chosen].", show_default=False)
    ] = "",
) -> None:
    """Write the report of a study: one HTML file, figures and tables."""
    # these take seconds to load, and only this command needs them
    from experiments.report.report import write_report  # noqa: PLC0415
    from experiments.study.results import read_results  # noqa: PLC0415

    found = read_results(results)
    path = write_report(found, results, tuple(edge.strip() for edge in corridor.split(",") if edge.strip()), _stdout().print)
    _stdout().print(f"The report is {path}", soft_wrap=True)


@app.command("list")
def list_command() -> None:
    """List the studies that come with Ampelwerk."""
    table = Table(title="Studies")
    for column in ("name", "runs", "quick", "title"):
        table.add_column(column, justify="right" if column in {"runs", "quick"} else "left", overflow="fold")
    for name, path in ready_made().items():
        study = read_study(path)
        counts = (len(list(one.cases())) * len(one.seeds) for one in (study, study.in_quick_form()))
        table.add_row(name, *map(str, counts), study.title)
    _stdout().print(table)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a study is to be run."""

    folder: Path
    workers: int
    cluster: str | None
    retry_failed: bool = False
    extend: bool = False

    def executor(self) -> Executor:
        if self.cluster is None:
            return LocalProcesses(self.workers)
        from experiments.study.cluster import RayCluster  # noqa: PLC0415 - Ray is an extra

        return RayCluster(self.cluster)


def _do(study: Study, identity: StudyIdentity, manner: _Manner) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop the runs as Ctrl-C does
    executor = manner.executor()
    plan = plan_study(study)
    store = StudyStore(manner.folder)
    console = _stdout()
    started_s = time.monotonic()
    with store.opened(identity, extend=manner.extend):
        if study.quick_note:
            console.print(study.quick_note, soft_wrap=True)
        records: dict[str, Any] = {}
        made: list[Mapping[str, Any]] = []
        interrupted = False
        with StudyDisplay(plan, Console(stderr=True)) as display:

            def on_progress(progress: Progress) -> None:
                made.extend([] if progress.record is None else [progress.record])
                display.update(progress)

            try:
                records = do_runs(plan, store, executor, on_progress, retry_failed=manner.retry_failed)
            except KeyboardInterrupt:
                interrupted = True
                records = store.finished_of(plan.runs())
        write_tables(plan, records, store.folder, store.runs)
    _tell(plan, records, manner.folder)
    _stdout().print(_effort(made, time.monotonic() - started_s), soft_wrap=True)
    if interrupted:
        complain(
            f"Interrupted: {len(records)} of {len(plan.runs())} runs are finished and kept; "
            f"go on with: ampelwerk study resume {manner.folder}."
        )
        raise typer.Exit(INTERRUPTED_CODE)
    if any("error" in record for record in records.values()):
        raise typer.Exit(USER_CODE)


def _tell(plan: StudyPlan, records: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Print the table, what failed, and where the results are."""
    console = _stdout()
    console.print(means_table(plan, records))
    if plan.study.quick_note:
        console.print(plan.study.quick_note, soft_wrap=True)
    labels = {place.name: place.label for place in plan.places.values() if place.label}
    for name, label in labels.items():
        console.print(f"{name}: {label}", soft_wrap=True)
    failed = [record for record in records.values() if "error" in record]
    for record in failed:
        request = record["request"]
        complain(f"{request['scenario']}, {request['controller']}, seed {request['seed']}: {record['error']}")
    console.print(
        f"{len(records) - len(failed)} of {len(plan.runs())} runs finished, {len(failed)} failed. The results are in {folder}",
        soft_wrap=True,
    )


def _effort(made: Sequence[Mapping[str, Any]], wall_s: float) -> str:
    """Return how long it took, and how much of that SUMO and the controllers themselves."""
    timings = [record["timing"] for record in made if "timing" in record]
    simulated_s, cpu_s = (sum(timing[name] for timing in timings) for name in ("wall_s", "process_s"))
    return (
        f"{len(made)} runs made now, in {wall_s:.0f} s; their simulations alone lasted {simulated_s:.0f} s, "
        f"their processes {cpu_s:.0f} s of CPU."
    )


def _stdout() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
