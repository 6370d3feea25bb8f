"""Flows by movement: counted in the routes of a scenario, raised to the busiest time, and spread over the lanes of a junction."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from experiments.dropped import dropped_by_order
from experiments.errors import ExperimentError
from optimizer.design.demand import JunctionDemand
from optimizer.design.lanes import spread_over_lanes
from optimizer.intersection import GroupKind
from sumo_networks.demand import vehicles_due
from sumo_networks.routing import ways

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from controllers.sumo.walkways import Crossing, Walkways
    from optimizer.intersection import Intersection
    from sumo_networks import Scenario
    from sumo_networks.routing import Journey, Walk, Ways

_log = logging.getLogger(__name__)

T = TypeVar("T")

HOUR_S: Final = 3600.0
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
    table
        Where the counts stand, which leave unknown what they do not name; None for routes, where that is zero.
    """

    begin_s: float
    end_s: float
    per_hour: Mapping[tuple[str, str, bool], float]
    crossing_h: Mapping[tuple[str, str], float] = field(default_factory=dict)
    table: str | None = None


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
        If nobody drives, or SUMO would leave somebody out.
    """
    _check_order(scenario)
    found = ways(scenario)
    _check_ways(scenario, found)
    driven, walked = found.driven, found.walked
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


def _check_order(scenario: Scenario) -> None:
    told = dropped_by_order(scenario).sentence(vehicles_due(scenario))
    if told:
        raise ExperimentError(f"{scenario.name}: {told}")


def _check_ways(scenario: Scenario, found: Ways) -> None:
    if found.calibrators:
        _log.warning(
            "%s: the calibrators %s make or remove vehicles while a simulation runs; the demand is counted without them.",
            scenario.name,
            ", ".join(found.calibrators),
        )
    if not found.without:
        return
    sentence = f"{scenario.name}: {len(found.without)} vehicles or flows have no way to where they go, {found.without[0]!r} first"
    if not scenario.drops_unroutable:
        raise ExperimentError(f"{sentence}; mend their routes, or set ignore-route-errors to leave them out in runs and designs alike.")
    _log.warning("%s; they are left out, as ignore-route-errors asks.", sentence)


def _counted(driven: Iterable[Journey], walked: Iterable[Walk], walkways: Walkways, begin_s: float, end_s: float) -> TurnCounts:
    turns: defaultdict[tuple[str, str, bool], float] = defaultdict(float)
    for journey in driven:
        public = journey.vehicle_class in PUBLIC
        for a, b in pairwise(journey.edges):
            turns[a, b, public] += journey.vehicles
    crossings: dict[Crossing, float] = {}
    for walk in walked:
        for crossing, share in walkways.crossed(walk.edges).items():
            crossings[crossing] = crossings.get(crossing, 0.0) + share * walk.persons
    hours = (end_s - begin_s) / 3600
    return TurnCounts(
        begin_s,
        end_s,
        {turn: count / hours for turn, count in turns.items()},
        {crossing: count / hours for crossing, count in crossings.items()},
    )


def busiest(counted: Sequence[TurnCounts]) -> TurnCounts:
    """Return each turn's mean flow in the busiest hour, raised by what its busiest period brings more than its mean one.

    All turns are raised by the same factor. A plan for mean flows jams in the peak within the hour; the HCM designs for the busiest quarter
    of the peak hour, V / PHF (2016, section 19-3, peak hour factor). Each turn's own busiest quarter would add up to more than ever comes:
    the counts of small flows scatter. Periods of less than half the first one's length do not count as busiest: few vehicles make wild
    flows. Walkers keep their mean flow.

    Parameters
    ----------
    counted
        Periods in their order; the busiest hour is as many of them in a row as an hour has room for, and at least one.
    """
    periods = _busiest_hour(counted)
    lengths_s = [period.end_s - period.begin_s for period in periods]
    turns_h = _mean([period.per_hour for period in periods], lengths_s)
    most = max(sum(period.per_hour.values()) for period, length_s in zip(periods, lengths_s, strict=True) if length_s >= lengths_s[0] / 2)
    factor = max(1.0, most / sum(turns_h.values()))
    return TurnCounts(
        periods[0].begin_s,
        periods[-1].end_s,
        {turn: factor * flow for turn, flow in turns_h.items()},
        _mean([period.crossing_h for period in periods], lengths_s),
        periods[0].table,
    )


def _busiest_hour(periods: Sequence[TurnCounts]) -> Sequence[TurnCounts]:
    """Return the periods in a row, of an hour at most, in which most vehicles come."""
    best: tuple[float, Sequence[TurnCounts]] = (-1.0, periods)
    for first in range(len(periods)):
        last = first + 1
        while last < len(periods) and periods[last].end_s <= periods[first].begin_s + HOUR_S:
            last += 1
        hour = periods[first:last]
        vehicles = sum(sum(period.per_hour.values()) * (period.end_s - period.begin_s) for period in hour)
        best = max(best, (vehicles, hour), key=lambda pair: pair[0])
    return best[1]


def _mean(tables: Sequence[Mapping[T, float]], weights: Sequence[float]) -> dict[T, float]:
    names = {name for table in tables for name in table}
    return {
        name: sum(table.get(name, 0.0) * weight for table, weight in zip(tables, weights, strict=True)) / sum(weights) for name in names
    }


def junction_demand(junction: Intersection, counts: TurnCounts) -> JunctionDemand:
    """Return the demand of one junction, each turn's flow spread over the lanes that it may use.

    Raises
    ------
    ExperimentError
        If the counts lack a movement of the junction.
    """
    turns = turns_of(junction)
    flows: dict[tuple[int, ...], float] = {}
    for (a, b, public), movements in turns.items():
        mixed = (a, b, not public) not in turns  # buses and cars use the same lanes
        beside = public and not mixed  # a count of such a way is that of the lanes beside those of public transport
        if counts.table is not None and not beside and (a, b, public) not in counts.per_hour:
            raise ExperimentError(
                f"{counts.table}: junction {junction.id!r} has no count for the movement from {a!r} to {b!r}; "
                "add a row, with 0 where nobody goes that way."
            )
        flows[movements] = flow_h(counts, (a, b, public), turns)
    crossing_h = tuple(counts.crossing_h.get((junction.id, group.id), 0.0) for group in junction.groups)
    return JunctionDemand(spread_over_lanes(junction, flows), crossing_h)


def flow_h(counts: TurnCounts, turn: tuple[str, str, bool], turns: Container[tuple[str, str, bool]]) -> float:
    """Return the vehicles per hour of one of a junction's turns; where buses and cars use the same lanes, of both."""
    a, b, public = turn
    other = (a, b, not public)
    return counts.per_hour.get(turn, 0.0) + (0.0 if other in turns else counts.per_hour.get(other, 0.0))


def turns_of(junction: Intersection) -> dict[tuple[str, str, bool], tuple[int, ...]]:
    """Return the movements of each way through a junction: from edge, to edge, and whether on lanes of public transport."""
    found: dict[tuple[str, str, bool], tuple[int, ...]] = {}
    for index, m in enumerate(junction.movements):
        public = junction.groups[m.group].kind in {GroupKind.BUS, GroupKind.TRAM}
        way = (junction.incoming[m.incoming].approach, junction.outgoing[m.outgoing].approach, public)
        found[way] = (*found.get(way, ()), index)
    return found
