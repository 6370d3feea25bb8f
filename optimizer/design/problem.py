"""What is asked of a plan design: a junction, its streams and its bounds, as an immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimizer.design.demand import JunctionDemand, check_demand
from optimizer.design.errors import DesignError
from optimizer.design.parameters import DEFAULTS, DesignParameters
from optimizer.intersection import GroupKind, Intersection, Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Stream:
    """Traffic that queues together: the vehicles of one incoming lane, or the persons of one crossing.

    Attributes
    ----------
    id
        `Lane.id` of the incoming lane, or `SignalGroup.id` of the crossing.
    kind
        Who travels.
    groups
        Signal groups that govern it. A lane with movements of several groups is served only while all of them are green, because whoever
        waits in front holds up the others.
    shares
        Share of its flow that each of `groups` governs.
    flow_h
        Vehicles or persons per hour.
    saturation_h
        Vehicles per hour that leave the queue during green; infinite for persons, who all go at once.
    weight
        Weight of its delay in the objective.
    storage_m
        Room for its queue.
    pocket_veh, fed_h
        Where an approach has more lanes at the stop line than farther up: the queued vehicles that the lane itself holds, and the vehicles
        per hour that come after them from the lanes farther up, which all lanes of the approach share. Infinite elsewhere.
    """

    id: str
    kind: GroupKind
    groups: tuple[int, ...]
    shares: tuple[float, ...]
    flow_h: float
    saturation_h: float
    weight: float = 1.0
    storage_m: float = float("inf")
    pocket_veh: float = float("inf")
    fed_h: float = float("inf")


@dataclass(frozen=True, slots=True)
class DesignProblem:
    """One junction's plan design.

    Attributes
    ----------
    junction
        Groups, conflicts, intergreens, minimum greens and stages.
    streams
        Traffic to be served; groups without traffic still get their minimum green.
    shortest_cycle_s, longest_cycle_s
        Bounds of the cycle, whole seconds; equal for a given cycle (a corridor's).
    maximum_green_s
        Longest green of each group; infinite where there is none.
    left_out
        Groups that have no green of their own in each cycle because they come on request only (trams): see `optimizer.design.requests`.
    parameters
        The traffic model.

    Raises
    ------
    DesignError
        If bounds contradict each other.
    """

    junction: Intersection
    streams: tuple[Stream, ...]
    shortest_cycle_s: int
    longest_cycle_s: int
    maximum_green_s: tuple[float, ...]
    left_out: frozenset[int] = frozenset()
    parameters: DesignParameters = DEFAULTS

    def __post_init__(self) -> None:
        place = f"junction {self.junction.id!r}"
        if not 0 < self.shortest_cycle_s <= self.longest_cycle_s:
            raise DesignError(
                f"{place}: the cycle is to lie between {self.shortest_cycle_s} and {self.longest_cycle_s} s; give 0 < shortest <= longest."
            )
        for group, most_s in zip(self.junction.groups, self.maximum_green_s, strict=True):
            if most_s < group.minimum_green_s:
                raise DesignError(
                    f"{place}: the maximum green of group {group.id!r}, {most_s:g} s, is below its minimum of {group.minimum_green_s:g} s; "
                    "raise the one or lower the other."
                )
        for stream in self.streams:
            idle = [self.junction.groups[g].id for g in stream.groups if g in self.left_out]
            if idle and stream.flow_h > 0:
                raise DesignError(f"{place}: the group {idle[0]!r} is left out of the plan but has traffic on {stream.id!r}; take it in.")


@dataclass(frozen=True, slots=True)
class DesignTask:
    """One of several junctions that plans are designed for, whatever the cycle will be; the fields are those of `design_problem`."""

    junction: Intersection
    demand: JunctionDemand
    saturation_h: Mapping[str, float] | None = None
    maximum_green_s: Sequence[float] | None = None
    left_out: frozenset[int] = frozenset()

    def problem(self, cycle_s: tuple[int, int] | None) -> DesignProblem:
        """Return the design problem for a range of cycles.

        Raises
        ------
        DesignError
            See `design_problem`.
        """
        return design_problem(
            self.junction,
            self.demand,
            cycle_s=cycle_s,
            saturation_h=self.saturation_h,
            maximum_green_s=self.maximum_green_s,
            left_out=self.left_out,
        )


def design_problem(
    junction: Intersection,
    demand: JunctionDemand,
    parameters: DesignParameters = DEFAULTS,
    *,
    cycle_s: tuple[int, int] | None = None,
    saturation_h: Mapping[str, float] | None = None,
    maximum_green_s: Sequence[float] | None = None,
    left_out: frozenset[int] = frozenset(),
) -> DesignProblem:
    """Make the design problem of a junction from its flows.

    Parameters
    ----------
    junction
        The junction.
    demand
        Its flows.
    parameters
        The traffic model.
    cycle_s
        Shortest and longest cycle; those of the parameters where None.
    saturation_h
        Measured saturation flows by lane, vehicles per hour; lanes that are not named get that of the parameters (`saturation_flow_h`).
    maximum_green_s
        Longest green of each group; none where None.
    left_out
        Groups that come on request only. The trams among them are no streams of the problem, however many are counted: each is served
        when it has reported.

    Raises
    ------
    DesignError
        If a count is missing or makes no sense, or if bounds contradict each other.
    """
    check_demand(demand, junction)
    given = saturation_h or {}
    for name, value in given.items():
        if not value > 0:
            raise DesignError(
                f"junction {junction.id!r}: {value:g} is no saturation flow of lane {name!r}; give vehicles per hour above 0."
            )
    shortest_s, longest_s = cycle_s or (parameters.shortest_cycle_s, parameters.longest_cycle_s)
    return DesignProblem(
        junction=junction,
        streams=(*_lane_streams(junction, demand, parameters, given, left_out), *_crossing_streams(junction, demand, parameters)),
        shortest_cycle_s=shortest_s,
        longest_cycle_s=longest_s,
        maximum_green_s=tuple(maximum_green_s) if maximum_green_s is not None else (float("inf"),) * len(junction.groups),
        left_out=left_out,
        parameters=parameters,
    )


def saturation_flow_h(turns: Mapping[Turn, float], parameters: DesignParameters) -> float:
    """Return the saturation flow of a lane by where its vehicles go, vehicles per hour.

    The harmonic mean of the movements' saturation flows, weighted by their flows: each vehicle takes the headway of its own movement
    (HCM 2016, section 19-3, shared lanes).

    Parameters
    ----------
    turns
        Flow of each turn on the lane (all equal where there is none).
    parameters
        Base saturation flow and turning factors.
    """
    factor = {Turn.ACROSS: parameters.left_factor, Turn.BACK: parameters.left_factor, Turn.NEAR: parameters.right_factor}
    total = sum(turns.values())
    shares = {d: (flow / total if total > 0 else 1 / len(turns)) for d, flow in turns.items()}
    return parameters.saturation_veh_h / sum(share / factor.get(d, 1.0) for d, share in shares.items())


def _lane_streams(
    junction: Intersection, demand: JunctionDemand, parameters: DesignParameters, given: Mapping[str, float], left_out: frozenset[int]
) -> list[Stream]:
    streams = []
    reporting = {g for g in left_out if junction.groups[g].kind is GroupKind.TRAM}
    for index, lane in enumerate(junction.incoming):
        own = [(m, flow) for m, flow in zip(junction.movements, demand.movement_veh_h, strict=True) if m.incoming == index]
        if all(m.group in reporting for m, _ in own):
            continue
        turns: dict[Turn, float] = {}
        for movement, flow in own:
            turn = junction.turn(movement)
            turns[turn] = turns.get(turn, 0.0) + flow
        total = sum(flow for _, flow in own)
        # A movement that nobody makes holds nobody up.
        groups = sorted({m.group for m, flow in own if flow > 0 or total == 0})
        pocket_veh, fed_h = _short_lane(junction, demand, parameters, index)
        streams.append(
            Stream(
                id=lane.id,
                kind=junction.groups[groups[0]].kind,
                groups=tuple(groups),
                shares=tuple(sum(flow for m, flow in own if m.group == g) / total if total > 0 else 1 / len(groups) for g in groups),
                flow_h=total,
                saturation_h=given.get(lane.id, saturation_flow_h(turns, parameters)),
                storage_m=lane.storage_m,
                pocket_veh=pocket_veh,
                fed_h=fed_h,
            )
        )
    return streams


def _short_lane(junction: Intersection, demand: JunctionDemand, parameters: DesignParameters, index: int) -> tuple[float, float]:
    """Return how many queued vehicles a lane holds, and how many an hour follow from farther up, where the approach has fewer lanes there.

    The lanes of an approach that go on beyond their own length feed all of its lanes, each in proportion to its flow.
    """
    flow_h = [0.0] * len(junction.incoming)
    for movement, flow in zip(junction.movements, demand.movement_veh_h, strict=True):
        if junction.groups[movement.group].kind is GroupKind.VEHICLE:
            flow_h[movement.incoming] += flow
    beside = [k for k, lane in enumerate(junction.incoming) if lane.approach == junction.incoming[index].approach and flow_h[k] > 0]
    feeding = [k for k in beside if junction.incoming[k].storage_m > junction.incoming[k].length_m + 1]
    if index not in beside or not 0 < len(feeding) < len(beside):
        return float("inf"), float("inf")
    share = flow_h[index] / sum(flow_h[k] for k in beside)
    return junction.incoming[index].length_m / parameters.spacing_m, share * len(feeding) * parameters.saturation_veh_h


def _crossing_streams(junction: Intersection, demand: JunctionDemand, parameters: DesignParameters) -> list[Stream]:
    return [
        Stream(group.id, group.kind, (index,), (1.0,), flow, float("inf"), weight=parameters.person_weight)
        for index, (group, flow) in enumerate(zip(junction.groups, demand.crossing_h, strict=True))
        if group.kind is GroupKind.PEDESTRIAN or flow > 0
    ]
