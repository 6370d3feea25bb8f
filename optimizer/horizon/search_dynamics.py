"""How the lanes of a search node move on: the compiled traffic model.

A lane's state is one number, `pack`ed from the lane's next vehicle and the time its line is free: the greater, the further the lane has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.horizon.compiling import compiled
from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO
from optimizer.horizon.search_tables import (
    CLEAR,
    FAR,
    GAP,
    STARTUP,
    STOP_PENALTY,
    STOP_THEN_GO,
    STOP_TOLERANCE,
    YELLOW,
    H,
    SearchTables,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = 16
_MASK = (1 << _BITS) - 1


class Traffic(NamedTuple):
    """The vehicles of one problem, lanes without vehicles left out.

    Attributes
    ----------
    begin, end
        First vehicle of each lane and the one after its last, shape ``(lanes,)``.
    free
        When the line is free at first.
    headway
        Time between departures of each lane.
    arrival, release, group, weight, moving, unserved
        Per vehicle.
    latest_release
        Least release of a vehicle and those behind it.
    gives_way
        Whether a lane has a vehicle that is served in a stage, but not protected; shape ``(stages, lanes)``.
    served
        Whether a lane has a vehicle that is served in a stage, shape ``(stages, lanes)``.
    departure
        Scratch: departures in the interval that is being computed.
    monotone
        Whether it is never dearer to serve a vehicle than not to, so that a node whose lanes have come further dominates.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    free: NDArray[np.int64]
    headway: NDArray[np.int64]
    arrival: NDArray[np.int64]
    release: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.int64]
    moving: NDArray[np.bool_]
    unserved: NDArray[np.int64]
    latest_release: NDArray[np.int64]
    gives_way: NDArray[np.bool_]
    served: NDArray[np.bool_]
    departure: NDArray[np.int64]
    monotone: bool


@compiled
def pack(index: int, free: int) -> int:
    """Pack a lane's next vehicle and the time its line is free."""
    return (index << _BITS) | (_MASK - max(free, 0))


@compiled
def next_vehicle(lane_state: int) -> int:
    """Return the lane's next vehicle."""
    return lane_state >> _BITS


@compiled
def line_free(lane_state: int) -> int:
    """Return when the lane's line is free."""
    return _MASK - (lane_state & _MASK)


@compiled
def departure_cost(tables: SearchTables, traffic: Traffic, i: int, d: int) -> int:
    """Return the cost of vehicle i when it departs at d."""
    delay = d - traffic.arrival[i]
    if traffic.moving[i] and delay > tables.numbers[STOP_TOLERANCE]:
        delay += tables.numbers[STOP_PENALTY]
    return traffic.weight[i] * delay


@compiled
def _gap_search(
    tables: SearchTables, traffic: Traffic, before: NDArray[np.int32], now: NDArray[np.int32], lane: int, i: int, stage: int, earliest: int, limit: int
) -> int:
    """Return the least time in [earliest, limit) at which vehicle i may leave in a stage, as far as priority departures are known; FAR if none."""
    g = traffic.group[i]
    aspect = tables.service[stage, g]
    d = earliest
    if aspect == PROTECTED:
        return d if d < limit else FAR
    numbers = tables.numbers
    if aspect == RED_THEN_GO:
        d = max(d, traffic.release[i] + numbers[STOP_THEN_GO])
    gap, clear = numbers[GAP], numbers[CLEAR]
    settled = False
    while not settled:
        settled = True
        if d >= limit:
            return FAR
        for other in range(traffic.begin.size):
            if other == lane:
                continue
            first = next_vehicle(before[other])
            following = next_vehicle(now[other])
            # The last vehicle that left before this interval may still be near; those before it are not, since clear <= headway.
            for v in range(max(traffic.begin[other], first - 1), traffic.end[other]):
                if traffic.latest_release[v] >= d + gap:
                    break
                h = traffic.group[v]
                if not tables.yields[g, h] or tables.service[stage, h] == RED or traffic.release[v] >= d + gap:
                    continue
                if v >= following:
                    return FAR
                left = traffic.departure[v] if v >= first else line_free(before[other]) - traffic.headway[other]
                if left + clear > d:
                    d = left + clear
                    settled = False
    return d


@compiled
def advance(
    tables: SearchTables,
    traffic: Traffic,
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    old: int,
    new: int,
    command: int,
    start: int,
    until: int,
    opens: NDArray[np.int64],
) -> int:
    """Move all lanes on from the command of a stage up to `until`.

    Parameters
    ----------
    tables, traffic
        The problem.
    before, now
        State of the lanes at `command` and (result) at `until`, shape ``(lanes,)``.
    old, new
        The stage that ends at `command` and the one that starts at `start`; the same where the stage stays.
    command, start, until
        Times.
    opens
        First time at which the vehicles of each group may leave in `new`, shape ``(groups,)``.

    Returns
    -------
    int
        Cost of the departures.
    """
    service = tables.service
    closed = command + tables.numbers[YELLOW]
    cost = 0
    yielding = False
    for lane in range(traffic.begin.size):
        lane_state = before[lane]
        now[lane] = lane_state
        if traffic.gives_way[old, lane] or traffic.gives_way[new, lane]:
            yielding = True
            continue
        if not (traffic.served[old, lane] or traffic.served[new, lane]):
            continue
        i = next_vehicle(lane_state)
        first = i
        free = line_free(lane_state)
        while i < traffic.end[lane]:
            g = traffic.group[i]
            d = max(free, traffic.release[i])
            if service[new, g] != RED:
                d = max(d, opens[g])
            elif service[old, g] != RED:
                d = max(d, command)
                if d >= closed:
                    break
            else:
                break
            if d >= until:
                break
            cost += departure_cost(tables, traffic, i, d)
            traffic.departure[i] = d
            free = d + traffic.headway[lane]
            i += 1
        if i > first:
            now[lane] = pack(i, free)
    if yielding:
        cost += _advance_yielding(tables, traffic, before, now, old, new, command, start, until, opens)
    for lane in range(traffic.begin.size):
        # A line that is free by now is as good as one that has long been so.
        if line_free(now[lane]) <= until:
            now[lane] |= _MASK
    return cost


@compiled
def _advance_yielding(
    tables: SearchTables,
    traffic: Traffic,
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    old: int,
    new: int,
    command: int,
    start: int,
    until: int,
    opens: NDArray[np.int64],
) -> int:
    """Move the lanes with vehicles that give way on, event by event over all of them."""
    service = tables.service
    closed = command + tables.numbers[YELLOW]
    horizon = tables.numbers[H]
    cost = 0
    while True:
        next_lane, next_d = -1, FAR
        for lane in range(traffic.begin.size):
            if not (traffic.gives_way[old, lane] or traffic.gives_way[new, lane]):
                continue
            i = next_vehicle(now[lane])
            if i >= traffic.end[lane]:
                continue
            g = traffic.group[i]
            earliest = max(line_free(now[lane]), traffic.release[i])
            d = FAR
            if service[new, g] != RED:
                earliest = max(earliest, opens[g])
                if earliest < start:
                    d = _gap_search(tables, traffic, before, now, lane, i, old, earliest, min(start, until))
                if d == FAR:
                    d = _gap_search(tables, traffic, before, now, lane, i, new, max(earliest, start), until)
            elif service[old, g] != RED:
                d = _gap_search(tables, traffic, before, now, lane, i, old, max(earliest, command), min(closed, horizon))
                sneaks = service[old, g] == PERMISSIVE and traffic.release[i] <= command and line_free(now[lane]) <= closed
                if d == FAR and sneaks and closed < horizon:
                    d = closed
            if d < next_d:
                next_lane, next_d = lane, d
        if next_lane < 0:
            return cost
        i = next_vehicle(now[next_lane])
        cost += departure_cost(tables, traffic, i, next_d)
        traffic.departure[i] = next_d
        now[next_lane] = pack(i + 1, next_d + traffic.headway[next_lane])


@compiled
def remaining_bound(tables: SearchTables, traffic: Traffic, now: NDArray[np.int32], stage: int, t: int) -> int:
    """Return a lower bound of the cost of all vehicles left at t in a stage that may be left.

    Each lane is served first in first out, as if the group of each vehicle were green as soon as the signals allow.
    """
    horizon = tables.numbers[H]
    startup = tables.numbers[STARTUP]
    bound = 0
    for lane in range(traffic.begin.size):
        i = next_vehicle(now[lane])
        d = max(line_free(now[lane]), t)
        if line_free(now[lane]) == 0:
            d = t
        while i < traffic.end[lane]:
            wait = tables.reach[stage, traffic.group[i]]
            if wait > 0:
                d = max(d, t + wait + startup)
            d = max(d, traffic.release[i])
            least = min(traffic.unserved[i, 0], traffic.unserved[i, 1])
            if d < horizon:
                least = min(least, departure_cost(tables, traffic, i, d))
            bound += least
            d += traffic.headway[lane]
            i += 1
    return bound


@compiled
def final_cost(tables: SearchTables, traffic: Traffic, now: NDArray[np.int32], stage: int) -> int:
    """Return the cost of the vehicles that are left at the horizon in the last stage."""
    cost = 0
    for lane in range(traffic.begin.size):
        for i in range(next_vehicle(now[lane]), traffic.end[lane]):
            cost += traffic.unserved[i, 0 if tables.service[stage, traffic.group[i]] == RED else 1]
    return cost
