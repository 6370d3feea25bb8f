"""The ways through a light that has several stop lines in a row, as the horizon problem sees them.

A way leads from an approach over inner lanes to an exit. Where the lane between two stop lines has no room for a queue and some stage lets
vehicles pass both, the two are passed as one: a *path group* is green while all its groups are. Elsewhere the lane is a tandem queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.intersection import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.intersection import Intersection

NO_QUEUE_VEH: Final = 2
"""On an inner lane for no more vehicles than this nobody is to be stopped."""

MOST_ROOM_VEH: Final = 32
"""More vehicles on an inner lane than this are not planned for."""

STARTING_LOSS_S: Final = 2.0
"""Vehicles that start from a queue take this much longer to the next stop line than at the allowed speed."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a movement leads, and what must be green for it.

    Attributes
    ----------
    groups
        Signal groups of the stop lines that are passed as one, in order.
    lags_s
        Time from the first of these stop lines to each, at the allowed speed.
    outgoing
        Index of the outgoing lane behind the last of them.
    onward
        Index of the incoming lane that this one is, where it is an inner lane with a queue; else -1.
    travel_s
        Time from the first stop line to that of `onward`, started from a queue.
    """

    groups: tuple[int, ...]
    lags_s: tuple[float, ...]
    outgoing: int
    onward: int
    travel_s: float

    @property
    def leaves_by(self) -> int:
        """Index of the outgoing lane by which its vehicles leave the junction; -1 where they come to another queue first."""
        return -1 if self.onward >= 0 else self.outgoing


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of all movements of a junction.

    Attributes
    ----------
    by_movement
        Way of each movement.
    path_groups
        Each different pair of `Way.groups` and `Way.lags_s` that needs a group of its own.
    group_of
        Group of each movement in the horizon problem: its own, or ``len(groups)`` plus the index of its path group.
    onward_movement
        Movement of those who drove onto an incoming lane that is an inner one: the straight one, else the first; -1 for other lanes.
    """

    by_movement: tuple[Way, ...]
    path_groups: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
    group_of: tuple[int, ...]
    onward_movement: tuple[int, ...]


def room_veh(storage_m: float) -> int:
    """Return how many vehicles an inner lane holds, one at least."""
    return min(max(int(storage_m // JAM_SPACING_M), 1), MOST_ROOM_VEH)


def ways_of(junction: Intersection) -> Ways:
    """Find the ways of a junction."""
    onward_movement = [-1] * len(junction.incoming)
    for lane in junction.inner_lanes.values():
        onward_movement[lane] = _main_movement(junction, lane)
    ways = tuple(_way(junction, index, onward_movement) for index in range(len(junction.movements)))
    ways = _without_rings(junction, ways, onward_movement)
    # Movements that lead elsewhere than others of their lane and group need a path group even over one stop line.
    own: dict[tuple[int, int], set[int]] = {}
    for movement, way in zip(junction.movements, ways, strict=True):
        own.setdefault((movement.incoming, movement.group), set()).add(way.onward)
    paths: dict[tuple[tuple[int, ...], tuple[float, ...]], int] = {}
    group_of = []
    for movement, way in zip(junction.movements, ways, strict=True):
        mixed = way.onward >= 0 and len(own[movement.incoming, movement.group]) > 1
        if len(way.groups) == 1 and not mixed:
            group_of.append(movement.group)
        else:
            group_of.append(len(junction.groups) + paths.setdefault((way.groups, way.lags_s), len(paths)))
    return Ways(ways, tuple(paths), tuple(group_of), tuple(onward_movement))


def _main_movement(junction: Intersection, lane: int) -> int:
    own = [index for index, movement in enumerate(junction.movements) if movement.incoming == lane]
    return min(own, key=lambda index: (junction.movements[index].direction is not Direction.STRAIGHT, index))


def _way(junction: Intersection, index: int, onward_movement: Sequence[int]) -> Way:
    groups, lags_s, passed_s = [junction.movements[index].group], [0.0], 0.0
    seen = {junction.movements[index].incoming}
    while True:
        movement = junction.movements[index]
        lane = junction.inner_lanes.get(movement.outgoing, -1)
        if lane < 0 or lane in seen:
            return Way(tuple(groups), tuple(lags_s), movement.outgoing, -1, 0.0)
        seen.add(lane)
        inner = junction.incoming[lane]
        passed_s += (movement.crossing_m + inner.length_m) / inner.speed_m_s
        following = junction.movements[onward_movement[lane]].group
        together = any(all(stage.serves(group) for group in (*groups, following)) for stage in junction.stages)
        if room_veh(inner.storage_m) > NO_QUEUE_VEH or not together:
            return Way(tuple(groups), tuple(lags_s), movement.outgoing, lane, passed_s + STARTING_LOSS_S)
        index = onward_movement[lane]
        if following not in groups:
            groups.append(following)
            lags_s.append(passed_s)


def _without_rings(junction: Intersection, ways: Sequence[Way], onward_movement: Sequence[int]) -> tuple[Way, ...]:
    """Let a way end where it would come back to a lane that it has passed (a signalled roundabout)."""
    kept = []
    for index, way in enumerate(ways):
        seen, lane = {junction.movements[index].incoming}, way.onward
        while lane >= 0 and lane not in seen:
            seen.add(lane)
            lane = ways[onward_movement[lane]].onward
        ends = lane >= 0 and lane == junction.movements[index].incoming
        kept.append(Way(way.groups, way.lags_s, way.outgoing, -1, 0.0) if ends else way)
    return tuple(kept)
