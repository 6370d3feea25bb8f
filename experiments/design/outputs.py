"""What ``ampelwerk design plan`` leaves in its folder: programs, tables, intergreens, drawings, and the record."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from controllers.sumo.audit import audit
from controllers.sumo.plan_programs import plan_program
from controllers.sumo.programs import write_programs
from experiments.checking import finding_values
from experiments.design.against_now import against_now, comparison_csv
from experiments.design.counts import counts_csv
from experiments.design.drawings import draw_timing
from experiments.design.junctions import file_name
from experiments.folders import claim, publish, write_whole
from experiments.provenance import command_line, scenario_hash, versions
from optimizer.design.intergreen_files import distances_text, matrix_text
from optimizer.design.plan import GreenWindow
from optimizer.design.plan_text import STREAM_COLUMNS, plan_content, stream_values
from optimizer.design.requests import with_requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from controllers.sumo.findings import Finding
    from experiments.design.against_now import AgainstNow
    from experiments.design.planning import ScenarioPlan
    from optimizer.design.plan import SignalPlan
    from optimizer.design.result import DesignResult

PROGRAMS: Final = "programs.add.xml"
DEMAND: Final = "demand.csv"
RECORD: Final = "design.json"
PROGRAM_ID: Final = "ampelwerk_design"
TABLE: Final = ("junction", *STREAM_COLUMNS)


def write_plans(designed: ScenarioPlan, out: Path) -> tuple[list[Finding], AgainstNow]:
    """Write everything about designed plans into a new folder.

    Parameters
    ----------
    designed
        The plans.
    out
        The folder; it is there as a whole, or marked as unfinished.

    Returns
    -------
    tuple
        What the safety check says about the written programs, and what they are worth against what runs now.

    Raises
    ------
    ExperimentError
        If the folder cannot be used.
    """
    claim(out)
    programs = [plan_program(_shown(result), result.problem.junction, PROGRAM_ID) for result in designed.results.values()]
    write_programs(programs, out / PROGRAMS)
    place = designed.place
    checked = audit(place.network, (*place.additional_files, out / PROGRAMS))
    findings = [f for f in checked.findings if f.program == PROGRAM_ID]
    write_whole(out / DEMAND, counts_csv(designed.counts, {name: r.problem.junction for name, r in designed.results.items()}))
    against = against_now(designed)
    write_whole(out / "comparison.csv", comparison_csv(against))
    write_tables(designed.results, place.name, out)
    for folder in ("intergreens", "distances"):
        (out / folder).mkdir(exist_ok=True)
    for name in designed.results:
        table = designed.site.intergreens[name]
        write_whole(out / "intergreens" / f"{file_name(name)}.csv", matrix_text(table))
        write_whole(out / "distances" / f"{file_name(name)}.csv", distances_text(table))
    publish(out, {**record(designed, findings), "worse_than_now": against.is_worse}, RECORD)
    return findings, against


def write_tables(results: Mapping[str, DesignResult], scenario: str, out: Path) -> None:
    """Write streams and greens as tables, and a signal timing diagram for each junction."""
    write_whole(out / "streams.csv", streams_csv(results))
    write_whole(out / "plans.csv", plans_csv(results))
    (out / "drawings").mkdir(exist_ok=True)
    for name, result in results.items():
        draw_timing(_shown(result), result.problem.junction, scenario, out / "drawings" / f"{file_name(name)}.svg")


def _shown(result: DesignResult) -> SignalPlan:
    """Return what programs and drawings show: plain SUMO hears of no request, so that is the cycle that serves all of them."""
    return with_requests(result.plan, result.problem.junction, result.requests)


def record(designed: ScenarioPlan, findings: list[Finding]) -> dict[str, Any]:
    """Return all that is known of the plans as plain values."""
    return {
        "format": 1,
        "scenario": {"name": designed.place.name, "sha256": scenario_hash(designed.place), "label": designed.place.label},
        "program": PROGRAM_ID,
        "junctions": {name: plan_content(result, designed.coordinated.get(name, ())) for name, result in designed.results.items()},
        "coordination": [
            {"offset_s": c.offset_s, "delay_veh": c.delay_veh, "uncoordinated_veh": c.uncoordinated_veh} for c in designed.coordination
        ],
        "left_out": designed.left_out,
        "findings": [finding_values(finding) for finding in findings],
        "provenance": {"versions": versions(), "command_line": command_line()},
    }


def streams_csv(results: Mapping[str, DesignResult]) -> str:
    """Return one line per stream: flow, saturation flow, green, capacity, degree of saturation, delay, queue, levels of service."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(TABLE)
    writer.writerows([name, *stream_values(result, row)] for name, result in results.items() for row in result.performance)
    return stream.getvalue()


def plans_csv(results: Mapping[str, DesignResult]) -> str:
    """Return one line per green of each group: cycle, offset, start, end, length, and whether it is shown in each cycle or on request."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["junction", "cycle_s", "offset_s", "group", "kind", "green_start_s", "green_end_s", "green_s", "shown"])
    for result in results.values():
        plan = result.plan
        asked = {request.group: (GreenWindow(request.start_s, request.length_s),) for request in result.requests}
        for g, group in enumerate(result.problem.junction.groups):
            shown = "on request" if g in asked else "each cycle"
            for window in asked.get(g, plan.greens[g]):
                end_s = (window.start_s + window.length_s) % plan.cycle_s
                times = [f"{value:g}" for value in (window.start_s, end_s, window.length_s)]
                writer.writerow([plan.junction, f"{plan.cycle_s:g}", f"{plan.offset_s:g}", group.id, group.kind.value, *times, shown])
    return stream.getvalue()


def request_sentences(result: DesignResult) -> list[str]:
    """Say for each group on request where in the cycle its green is inserted, and what that takes from whom."""
    groups, sentences = result.problem.junction.groups, []
    for request in result.requests:
        taken = ", ".join(f"{lost_s:g} s from {groups[h].id!r}" for h, lost_s in request.taken_s) or "nothing from anybody"
        sentences.append(
            f"{result.plan.junction}: {groups[request.group].id!r} comes on request: {request.length_s:g} s of green from second "
            f"{request.start_s:g} of the cycle, which takes {taken}."
        )
    return sentences


def streams_table(result: DesignResult) -> Table:
    """Return one junction's streams as a table for the terminal."""
    plan = result.plan
    reserve = f", capacity for {result.capacity_factor:.2f} times the demand" if math.isfinite(result.capacity_factor) else ""
    table = Table(title=f"{plan.junction}: cycle {plan.cycle_s:g} s, offset {plan.offset_s:g} s{reserve}", title_justify="left")
    heads = ("stream", "q, /h", "s, /h", "green, s", "x", "delay, s", "queue 95 %, m", "HCM", "HBS")
    for head in heads:
        table.add_column(head, justify="left" if head == "stream" else "right")
    for row in result.performance:
        stream = row.stream
        saturation = f"{stream.saturation_h:.0f}" if math.isfinite(stream.saturation_h) else "-"
        numbers = [f"{stream.flow_h:.0f}", saturation, f"{row.green_s:.0f}", f"{row.saturation_degree:.2f}", f"{row.delay_s:.1f}"]
        table.add_row(stream.id, *numbers, f"{row.queue95_m:.0f}", row.level_hcm, row.level_hbs)
    return table
