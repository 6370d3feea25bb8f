"""Tables of counts, as offices keep them: read as flows by movement, and written from them."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from experiments.design.flows import TurnCounts, flow_h, turns_of
from experiments.errors import ExperimentError
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from optimizer.intersection import Intersection

COLUMNS: Final = ("junction", "from", "to", "per_hour")
INTERVAL: Final = ("begin", "end")
"""Columns of a table that tells of several intervals, such as the quarters of a day."""

Table = dict[tuple[float, float], tuple[dict[tuple[str, str, bool], float], dict[tuple[str, str], float]]]


def from_counts(path: Path, junctions: Mapping[str, Intersection]) -> list[TurnCounts]:
    """Read a table of counts.

    It has the columns ``junction``, ``from``, ``to`` (edges) and ``per_hour``; for pedestrians ``from`` names the signal group of the
    crossing and ``to`` is empty. With the columns ``begin`` and ``end`` (seconds, or hours and minutes as in ``07:15``) it tells of
    several intervals.

    Parameters
    ----------
    path
        The CSV file.
    junctions
        The junctions that it may name.

    Returns
    -------
    list of TurnCounts
        One for each interval, in their order; one of an hour where the table names none.

    Raises
    ------
    ExperimentError
        If the file, a column, a junction, an edge, an interval or a number is missing or wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in stream if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExperimentError(f"--demand {path} cannot be read ({reason}); check the path.") from error
    reader = csv.DictReader(lines, delimiter=max(";\t,", key=lines[0].count) if lines else ",")
    columns = [*COLUMNS, *(INTERVAL if set(INTERVAL) & set(reader.fieldnames or ()) else ())]
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise ExperimentError(f"--demand {path} has no column {missing[0]!r}; name the columns {', '.join(columns)} in the first row.")
    table: Table = {}
    for number, row in enumerate(reader, start=2):
        _take({column: (row[column] or "").strip() for column in columns}, junctions, f"--demand {path}, row {number}", table)
    if not table:
        raise ExperimentError(f"--demand {path} holds no counts; give a row for each movement.")
    _check_intervals(table, path)
    return [TurnCounts(*interval, *table[interval], f"--demand {path}") for interval in sorted(table)]


def counts_csv(counts: TurnCounts, junctions: Mapping[str, Intersection]) -> str:
    """Return flows as a table of counts that `from_counts` reads.

    Buses or trams on lanes of their own beside others' lanes of the same way have no row: their green needs no count.

    Parameters
    ----------
    counts
        The flows.
    junctions
        Those to write.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, junction in junctions.items():
        turns = turns_of(junction)
        for (a, b), public in _counted_turns(junction).items():
            writer.writerow([name, a, b, f"{flow_h(counts, (a, b, public), turns):.1f}"])
        for group in junction.groups:
            if group.kind is GroupKind.PEDESTRIAN:
                writer.writerow([name, group.id, "", f"{counts.crossing_h.get((name, group.id), 0.0):.1f}"])
    return stream.getvalue()


def _take(values: dict[str, str], junctions: Mapping[str, Intersection], place: str, table: Table) -> None:
    junction = junctions.get(values["junction"])
    if junction is None:
        raise ExperimentError(f"{place}: there is no junction {values['junction']!r} to time; {_nearest(values['junction'], junctions)}.")
    interval = (_second(values["begin"], "begin", place), _second(values["end"], "end", place)) if "begin" in values else (0.0, 3600.0)
    if not interval[0] < interval[1]:
        raise ExperimentError(f"{place}: the interval from {values['begin']} to {values['end']} has no length; give a later end.")
    per_hour, crossing_h = table.setdefault(interval, ({}, {}))
    flow = _number(values["per_hour"], place)
    if not values["to"]:
        feet = [g.id for g in junction.groups if g.kind is GroupKind.PEDESTRIAN]
        if values["from"] not in feet:
            raise ExperimentError(
                f"{place}: junction {junction.id!r} has no crossing {values['from']!r}; {_nearest(values['from'], feet)}, or give 'to'."
            )
        _put(crossing_h, (junction.id, values["from"]), flow, place)
        return
    turns = _counted_turns(junction)
    turn = (values["from"], values["to"])
    if turn not in turns:
        ways = [f"{a} to {b}" for a, b in turns]
        raise ExperimentError(
            f"{place}: no movement at {junction.id!r} leads from {turn[0]!r} to {turn[1]!r}; {_nearest(' to '.join(turn), ways)}."
        )
    _put(per_hour, (*turn, turns[turn]), flow, place)


def _check_intervals(table: Table, path: Path) -> None:
    ordered = sorted(table)
    for (begin_s, end_s), (next_begin_s, _) in pairwise(ordered):
        if next_begin_s < end_s:
            raise ExperimentError(
                f"--demand {path}: the intervals from {begin_s:g} and from {next_begin_s:g} s overlap; give intervals one after another."
            )
    counted = {turn for per_hour, _ in table.values() for turn in per_hour}
    for begin_s, end_s in ordered:
        lacking = sorted(counted - table[begin_s, end_s][0].keys())
        if lacking:
            raise ExperimentError(
                f"--demand {path}: the interval from {begin_s:g} to {end_s:g} s has no count from {lacking[0][0]!r} to {lacking[0][1]!r}, "
                "which others have; add a row."
            )


def _counted_turns(junction: Intersection) -> dict[tuple[str, str], bool]:
    """Return the ways that are counted, and whether on lanes of public transport.

    A way with lanes of its own for public transport is counted on the others; buses there are few, and come by request.
    """
    return {(a, b): public for a, b, public in sorted(turns_of(junction), reverse=True)}


def _put(table: dict[Any, float], key: object, value: float, place: str) -> None:
    if key in table:
        raise ExperimentError(f"{place} counts a movement that an earlier row has counted; give one row for each.")
    table[key] = value


def _number(text: str, place: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ExperimentError(f"{place}: per_hour is {text!r}; give a number of 0 or more.")
    return value


def _second(text: str, column: str, place: str) -> float:
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", text)
    if clock is not None:
        return 3600.0 * int(clock[1]) + 60.0 * int(clock[2]) + float(clock[3] or 0)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ExperimentError(f"{place}: {column} is {text!r}; give seconds, or hours and minutes as in 07:15.")
    return value


def _nearest(wrong: str, valid: Iterable[str]) -> str:
    names = sorted(valid)
    near = difflib.get_close_matches(wrong, names, n=3, cutoff=0.4) or names[:5]
    return f"choose from {', '.join(near)}" if near else "there is none"
