"""Flows by movement: from the routes of a scenario, or from a table of counts."""

from __future__ import annotations

import csv
import difflib
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from experiments.errors import ExperimentError
from optimizer.design.demand import JunctionDemand
from optimizer.design.lanes import spread_over_lanes
from optimizer.intersection import GroupKind
from sumo_networks.routing import ways

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from controllers.sumo.walkways import Crossing, Walkways
    from optimizer.intersection import Intersection
    from sumo_networks import Scenario
    from sumo_networks.routing import Journey, Walk

T = TypeVar("T")

COLUMNS: Final = ("junction", "from", "to", "per_hour")
PUBLIC: Final = frozenset({"tram", "bus", "coach", "rail_urban", "subway"})


@dataclass(frozen=True, slots=True)
class TurnCounts:
    """What passes each junction in one period.

    Attributes
    ----------
    begin_s, end_s
        The period.
    per_hour
        Vehicles per hour by ``(from edge, to edge, public transport)``.
    crossing_h
        Persons per hour by ``(junction, signal group)``.
    complete
        Whether what is not named is zero (routes) or unknown (counts).
    """

    begin_s: float
    end_s: float
    per_hour: Mapping[tuple[str, str, bool], float]
    crossing_h: Mapping[tuple[str, str], float] = field(default_factory=dict)
    complete: bool = True


def from_routes(scenario: Scenario, walkways: Walkways, period_s: float = math.inf) -> list[TurnCounts]:
    """Count the scenario's vehicles by turn and its walkers by crossing.

    Parameters
    ----------
    scenario
        Its routes, trips and flows.
    walkways
        The crossings of the junctions that plans are designed for.
    period_s
        Length of the periods to count in; one period from the scenario's begin to the last departure where infinite.

    Raises
    ------
    ScenarioError
        If its routes cannot be read.
    ExperimentError
        If nobody drives.
    """
    driven, walked = ways(scenario)
    if not driven:
        raise ExperimentError(f"{scenario.name}: no vehicle departs in its window, so there is no demand; give counts with --demand.")
    last_s = max(journey.depart_s for journey in driven)
    # Vehicles depart up to the end of the demand: rounding its last departure up to a minute gives the length of the period.
    end_s = min(scenario.end_s, max(60.0 * math.ceil((last_s - scenario.begin_s) / 60), 60.0) + scenario.begin_s)
    if not math.isfinite(period_s):
        return [_counted(driven, walked, walkways, scenario.begin_s, end_s)]
    starts = [scenario.begin_s + k * period_s for k in range(math.ceil((end_s - scenario.begin_s) / period_s))]
    return [
        _counted(
            [journey for journey in driven if start <= journey.depart_s < start + period_s],
            [walk for walk in walked if start <= walk.depart_s < start + period_s],
            walkways,
            start,
            min(start + period_s, end_s),
        )
        for start in starts
    ]


def _counted(driven: Iterable[Journey], walked: Iterable[Walk], walkways: Walkways, begin_s: float, end_s: float) -> TurnCounts:
    turns: Counter[tuple[str, str, bool]] = Counter()
    for journey in driven:
        public = journey.vehicle_class in PUBLIC
        turns.update((a, b, public) for a, b in zip(journey.edges, journey.edges[1:], strict=False))
    crossings: dict[Crossing, float] = {}
    for walk in walked:
        for crossing, share in walkways.crossed(walk.edges).items():
            crossings[crossing] = crossings.get(crossing, 0.0) + share
    hours = (end_s - begin_s) / 3600
    return TurnCounts(
        begin_s,
        end_s,
        {turn: count / hours for turn, count in turns.items()},
        {crossing: count / hours for crossing, count in crossings.items()},
    )


def busiest(periods: Sequence[TurnCounts]) -> TurnCounts:
    """Return each turn's mean flow, raised by what the busiest period brings more than the mean one: all turns by the same factor.

    A plan for mean flows jams in the peak within the hour; the HCM designs for the busiest quarter, V / PHF (2016, section 19-3, peak hour
    factor). Each turn's own busiest quarter would add up to more than ever comes: the counts of small flows scatter.
    Periods of less than half the first one's length do not count as busiest: few vehicles make wild flows. Walkers keep their mean flow.
    """
    lengths_s = [period.end_s - period.begin_s for period in periods]
    turns_h = _mean([period.per_hour for period in periods], lengths_s)
    most = max(sum(period.per_hour.values()) for period, length_s in zip(periods, lengths_s, strict=True) if length_s >= lengths_s[0] / 2)
    factor = max(1.0, most / sum(turns_h.values()))
    return TurnCounts(
        periods[0].begin_s,
        periods[-1].end_s,
        {turn: factor * flow for turn, flow in turns_h.items()},
        _mean([period.crossing_h for period in periods], lengths_s),
    )


def _mean(tables: Sequence[Mapping[T, float]], weights: Sequence[float]) -> dict[T, float]:
    names = {name for table in tables for name in table}
    return {
        name: sum(table.get(name, 0.0) * weight for table, weight in zip(tables, weights, strict=True)) / sum(weights) for name in names
    }


def from_counts(path: Path, junctions: Mapping[str, Intersection]) -> TurnCounts:
    """Read a table of counts.

    It has the columns ``junction``, ``from``, ``to`` (edges) and ``per_hour``; for pedestrians ``from`` names the signal group of the
    crossing and ``to`` is empty.

    Parameters
    ----------
    path
        The CSV file.
    junctions
        The junctions that it may name.

    Raises
    ------
    ExperimentError
        If the file, a column, a junction, an edge or a number is missing or wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in stream if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"--demand {path} cannot be read ({error}); check the path.") from error
    reader = csv.DictReader(lines, delimiter=max(";\t,", key=lines[0].count) if lines else ",")
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ExperimentError(f"--demand {path} has no column {missing[0]!r}; name the columns {', '.join(COLUMNS)} in the first row.")
    per_hour: dict[tuple[str, str, bool], float] = {}
    crossing_h: dict[tuple[str, str], float] = {}
    for number, row in enumerate(reader, start=2):
        place = f"--demand {path}, row {number}"
        values = {column: (row[column] or "").strip() for column in COLUMNS}
        junction = junctions.get(values["junction"])
        if junction is None:
            raise ExperimentError(
                f"{place}: there is no junction {values['junction']!r} to time; {_nearest(values['junction'], junctions)}."
            )
        flow = _number(values["per_hour"], place)
        if not values["to"]:
            feet = [g.id for g in junction.groups if g.kind is GroupKind.PEDESTRIAN]
            if values["from"] not in feet:
                raise ExperimentError(
                    f"{place}: junction {junction.id!r} has no crossing {values['from']!r}; {_nearest(values['from'], feet)}, or give 'to'."
                )
            _put(crossing_h, (junction.id, values["from"]), flow, place)
            continue
        # A way with lanes of its own for public transport is counted on the others; buses there are few, and come by request.
        turns = {(a, b): public for a, b, public in sorted(_turns(junction), reverse=True)}
        turn = (values["from"], values["to"])
        if turn not in turns:
            ways = [f"{a} to {b}" for a, b in turns]
            raise ExperimentError(
                f"{place}: no movement at {junction.id!r} leads from {turn[0]!r} to {turn[1]!r}; {_nearest(' to '.join(turn), ways)}."
            )
        _put(per_hour, (*turn, turns[turn]), flow, place)
    return TurnCounts(0.0, 3600.0, per_hour, crossing_h, complete=False)


def junction_demand(junction: Intersection, counts: TurnCounts) -> JunctionDemand:
    """Return the demand of one junction, each turn's flow spread over the lanes that it may use.

    Raises
    ------
    ExperimentError
        If the counts lack a movement of the junction.
    """
    turns = _turns(junction)
    flows: dict[tuple[int, ...], float] = {}
    for (a, b, public), movements in turns.items():
        mixed = (a, b, not public) not in turns  # buses and cars use the same lanes
        beside = public and not mixed  # a count of such a way is that of the lanes beside those of public transport
        if not counts.complete and not beside and (a, b, public) not in counts.per_hour:
            raise ExperimentError(
                f"junction {junction.id!r}: there is no count for the movement from {a!r} to {b!r}; "
                "add a row to the demand file, with 0 where nobody goes that way."
            )
        flows[movements] = counts.per_hour.get((a, b, public), 0.0) + (counts.per_hour.get((a, b, not public), 0.0) if mixed else 0.0)
    crossing_h = tuple(counts.crossing_h.get((junction.id, group.id), 0.0) for group in junction.groups)
    return JunctionDemand(spread_over_lanes(junction, flows), crossing_h)


def _turns(junction: Intersection) -> dict[tuple[str, str, bool], tuple[int, ...]]:
    """Return the movements of each way through a junction: from edge, to edge, and whether on lanes of public transport."""
    found: dict[tuple[str, str, bool], tuple[int, ...]] = {}
    for index, m in enumerate(junction.movements):
        public = junction.groups[m.group].kind is GroupKind.TRAM
        way = (junction.incoming[m.incoming].approach, junction.outgoing[m.outgoing].approach, public)
        found[way] = (*found.get(way, ()), index)
    return found


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


def _nearest(wrong: str, valid: Iterable[str]) -> str:
    names = sorted(valid)
    near = difflib.get_close_matches(wrong, names, n=3, cutoff=0.4) or names[:5]
    return f"choose from {', '.join(near)}" if near else "there is none"
