"""How the lanes of a search node move on: the compiled traffic model.

A lane's state is one number, `pack`ed from the lane's next vehicle and the time its line is free: the greater, the further the lane has
come. Behind the lanes' numbers stand those who drove onto inner lanes: for each inner lane a head (see `QUEUE`) and a place for each
vehicle that it holds, packed from the vehicle and the time at which it comes to the stop line. The functions take plain arrays, because the
search calls them a million times a second, and taking arrays out of a tuple would last longer than some of the calls.
"""

# ruff: noqa: C901, PLR0912, PLR0913, PLR0915  # kernels: one loop with all its cases, and arrays as arguments

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.compiling import compiled
from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO
from optimizer.horizon.search_tables import CLEAR, FAR, GAP, STARTUP, STOP_THEN_GO, STOP_TOLERANCE, YELLOW, H, group_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 16
MASK = (1 << BITS) - 1

(
    BEGIN,
    END,
    HEADWAY,
    FREE,
    UNIFORM,
    COUPLED,
    ROOM,
    QUEUE,
    INNER_GROUP,
    INNER_ONWARD,
    INNER_TRAVEL,
    TERMINAL_RED,
    TERMINAL_GREEN,
    GROUPS_AHEAD,
    PLACE,
) = range(15)
"""Columns of the lanes' table: first vehicle, the one after the last, time between departures, when the line is free at first, and whether
all are of one group; whether it is an inner lane or feeds one; of an inner lane its room, where its head stands in a node's state (twice
the number of those who drove onto it, and one more once one of them has left; 0 for other lanes), and the group, the next lane, the way to
it, the terminal costs and the groups at all stop lines to come, as bits, of those who drove onto it; and its place in the problem."""

(
    ARRIVAL,
    RELEASE,
    GROUP,
    WEIGHT,
    STOP_FROM,
    STOP_COST,
    UNSERVED_RED,
    UNSERVED_GREEN,
    UNSERVED_LEAST,
    UNHINDERED,
    LEAST_RELEASE,
    GROUPS_BEHIND,
    DEPARTURE,
    ONWARD,
    TRAVEL,
    ONWARD_DEPARTURE,
    ONWARD_FROM,
) = range(17)
"""Columns of the vehicles' table; a departure later than STOP_FROM costs STOP_COST more, UNHINDERED is the least cost of the vehicle and
those behind it where it leaves when it is released, LEAST_RELEASE their least release, GROUPS_BEHIND their groups as bits, and DEPARTURE is
the scratch of the interval that is being computed; ONWARD is the inner lane onto which it drives (-1: none), TRAVEL its way there, and
ONWARD_DEPARTURE and ONWARD_FROM tell when it last left an inner lane, and which."""

RED_LANE, SERVED_LANE, YIELDING_LANE = range(3)
"""What a stage means for a lane: no vehicle is served, all that are served are protected, or some give way."""


@compiled
def pack(index: int, free: int) -> int:
    """Pack a lane's next vehicle and the time its line is free."""
    return (index << BITS) | (MASK - max(free, 0))


@compiled
def _gap_search(
    service: NDArray[np.int64],
    priority: NDArray[np.int64],
    numbers: NDArray[np.int64],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    lane: int,
    g: int,
    release: int,
    stage: int,
    earliest: int,
    limit: int,
) -> int:
    """Return the least time in [earliest, limit) at which a vehicle may leave, as far as priority departures are known; FAR if none."""
    aspect = service[stage, g]
    d = earliest
    if aspect == PROTECTED:
        return d if d < limit else FAR
    if aspect == RED_THEN_GO:
        d = max(d, release + numbers[STOP_THEN_GO])
    gap, clear = numbers[GAP], numbers[CLEAR]
    over = priority[stage, g]
    settled = False
    while not settled:
        settled = True
        if d >= limit:
            return FAR
        for other in range(lanes.shape[0]):
            if other == lane:
                continue
            head = lanes[other, QUEUE]
            if head > 0 and group_bit(lanes[other, INNER_GROUP]) & over:
                for k in range(head + 1, head + 1 + (now[head] >> 1)):
                    if (now[k] & MASK) < d + gap:
                        return FAR
                if now[head] & 1:
                    left = MASK - (now[other] & MASK) - lanes[other, HEADWAY]
                    if left + clear > d:
                        d = left + clear
                        settled = False
            first = before[other] >> BITS
            following = now[other] >> BITS
            end = lanes[other, END]
            # The last vehicle that left before this interval may still be near; those before it are not, since clear <= headway.
            nearest = max(lanes[other, BEGIN], first - 1)
            if head > 0 and before[head] & 1:
                nearest = first  # the last one was one of those who drove onto the lane
            if nearest >= end or not vehicles[nearest, GROUPS_BEHIND] & over:
                continue
            for v in range(nearest, end):
                if vehicles[v, LEAST_RELEASE] >= d + gap:
                    break
                if not group_bit(vehicles[v, GROUP]) & over or vehicles[v, RELEASE] >= d + gap:
                    continue
                if v >= following:
                    return FAR
                left = vehicles[v, DEPARTURE] if v >= first else MASK - (before[other] & MASK) - lanes[other, HEADWAY]
                if left + clear > d:
                    d = left + clear
                    settled = False
    return d


@compiled
def set_limits(
    service: NDArray[np.int64],
    lead: NDArray[np.int64],
    numbers: NDArray[np.int64],
    old: int,
    new: int,
    command: int,
    start: int,
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
) -> None:
    """Note when vehicles of each group may leave in the stage that follows: from `opens` on, or (closing groups) before `closes`."""
    if old == new:
        opens[:] = command
        return
    opening = start + numbers[STARTUP]
    for g in range(opens.size):
        if service[old, g] != RED:
            opens[g] = command
            closes[g] = command + lead[old, new, g] + numbers[YELLOW]
        else:
            opens[g] = opening


@compiled
def advance(
    service: NDArray[np.int64],
    lane_kind: NDArray[np.int8],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    old: int,
    new: int,
    command: int,
    until: int,
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
) -> tuple[int, bool]:
    """Move the lanes in which nobody gives way on from the command of a stage up to the time at which it may be left.

    Parameters
    ----------
    service
        See `SearchTables`.
    lane_kind, lanes, vehicles
        See `Traffic`.
    before, now
        State of the lanes at `command` and (result) at `until`, shape ``(lanes,)``.
    old, new
        The stage that ends at `command` and the one that follows; the same where the stage stays.
    command, until
        Times. By `until` the used yellow of all closing groups is over.
    opens, closes
        First time at which the vehicles of each group may leave in `new`, and the time before which those of a closing group must, see
        `set_limits`; shape ``(groups,)``.

    Returns
    -------
    cost
        Cost of the departures.
    yielding
        Whether `advance_yielding` must move the other lanes on (it is a separate call, because its mere presence here would cost more than
        this).
    """
    cost = 0
    yielding = before.size > lanes.shape[0]
    for k in range(lanes.shape[0], before.size):
        now[k] = before[k]
    for lane in range(lanes.shape[0]):
        lane_state = before[lane]
        i = lane_state >> BITS
        end = lanes[lane, END]
        free = MASK - (lane_state & MASK)
        kind_old, kind_new = lane_kind[old, lane], lane_kind[new, lane]
        if YIELDING_LANE in (kind_old, kind_new):
            now[lane] = lane_state
            yielding = yielding or i < end
            continue
        # A line that is free by then is as good as one that has long been so.
        now[lane] = lane_state if free > until else lane_state | MASK
        if i >= end or (kind_old == RED_LANE and kind_new == RED_LANE):
            continue
        first = i
        headway = lanes[lane, HEADWAY]
        while i < end:
            d = max(free, vehicles[i, RELEASE])
            if d >= until:
                break
            g = vehicles[i, GROUP]
            if service[new, g] != RED:
                d = max(d, opens[g])
            elif service[old, g] != RED:
                d = max(d, command)
                if d >= closes[g]:
                    break
            else:
                break
            if d >= until:
                break
            cost += vehicles[i, WEIGHT] * (d - vehicles[i, ARRIVAL])
            if d > vehicles[i, STOP_FROM]:
                cost += vehicles[i, STOP_COST]
            vehicles[i, DEPARTURE] = d
            free = d + headway
            i += 1
        if i > first:
            now[lane] = (i << BITS) | (MASK - free if free > until else MASK)
    return cost, yielding


@compiled
def advance_yielding(
    service: NDArray[np.int64],
    priority: NDArray[np.int64],
    numbers: NDArray[np.int64],
    lane_kind: NDArray[np.int8],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    old: int,
    new: int,
    command: int,
    start: int,
    until: int,
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
) -> int:
    """Move on the lanes with vehicles that give way, inner lanes and those that feed them, event by event over all of them.

    After `advance`, with `start` of the new stage.
    """
    horizon = numbers[H]
    cost = 0
    last_lane, last_d = int(np.int64(-1)), int(np.int64(0))  # no literals, see `search_plan`
    while True:
        next_lane, next_d = -1, FAR
        for lane in range(lanes.shape[0]):
            if lane_kind[old, lane] != YIELDING_LANE and lane_kind[new, lane] != YIELDING_LANE:
                continue
            i = now[lane] >> BITS
            if i < lanes[lane, END]:
                release, g, onto = vehicles[i, RELEASE], vehicles[i, GROUP], vehicles[i, ONWARD]
            else:
                head = lanes[lane, QUEUE]
                if head == 0 or now[head] < 2:
                    continue
                release, g, onto = now[head + 1] & MASK, lanes[lane, INNER_GROUP], lanes[lane, INNER_ONWARD]
            free = MASK - (now[lane] & MASK)
            earliest = max(free, release)
            if onto >= 0:
                room = lanes[onto, ROOM] - _number_on(lanes, now, onto)
                if room <= 0:
                    continue
                # Room that there is now may not have been there before; of those who leave at the same time the first lane is first.
                free = max(free, last_d + (lane <= last_lane))
                if room == 1:
                    free = max(free, MASK - (now[onto] & MASK))
                earliest = max(earliest, free)
            d = FAR
            if service[new, g] != RED:
                earliest = max(earliest, opens[g])
                # What leaves later than another lane's vehicle is looked at again after that one has left.
                limit = min(until, next_d)
                if earliest < min(start, limit):
                    d = _gap_search(
                        service, priority, numbers, lanes, vehicles, before, now, lane, g, release, old, earliest, min(start, limit)
                    )
                if d == FAR and max(earliest, start) < limit:
                    d = _gap_search(
                        service, priority, numbers, lanes, vehicles, before, now, lane, g, release, new, max(earliest, start), limit
                    )
            elif service[old, g] != RED:
                earliest = max(earliest, command)
                closed = closes[g]
                limit = min(closed, horizon)
                if earliest < limit:
                    d = _gap_search(service, priority, numbers, lanes, vehicles, before, now, lane, g, release, old, earliest, limit)
                sneaks = service[old, g] == PERMISSIVE and release <= closed - numbers[YELLOW]
                if d == FAR and sneaks and free <= closed < horizon:
                    d = closed
            if d < next_d:
                next_lane, next_d = lane, d
        if next_lane < 0:
            break
        cost += _leave(numbers, lanes, vehicles, now, next_lane, next_d)
        last_lane, last_d = next_lane, next_d
    for lane in range(lanes.shape[0]):
        if MASK - (now[lane] & MASK) <= until:
            now[lane] |= MASK
    return cost


@compiled
def _number_on(lanes: NDArray[np.int64], now: NDArray[np.int32], inner: int) -> int:
    """Return how many vehicles are on an inner lane."""
    number: int = lanes[inner, END] - (now[inner] >> BITS) + (now[lanes[inner, QUEUE]] >> 1)
    return number


@compiled
def _leave(
    numbers: NDArray[np.int64], lanes: NDArray[np.int64], vehicles: NDArray[np.int64], now: NDArray[np.int32], lane: int, d: int
) -> int:
    """Let the first vehicle of a lane leave at d, onto an inner lane where its way leads there; return what it costs."""
    i = now[lane] >> BITS
    head = lanes[lane, QUEUE]
    cost: int
    if i < lanes[lane, END]:
        who = i
        cost = vehicles[i, WEIGHT] * (d - vehicles[i, ARRIVAL])
        if d > vehicles[i, STOP_FROM]:
            cost += vehicles[i, STOP_COST]
        vehicles[i, DEPARTURE] = d
        onto, travel = vehicles[i, ONWARD], vehicles[i, TRAVEL]
        now[lane] = pack(i + 1, d + lanes[lane, HEADWAY])
    else:
        who = (now[head + 1] >> BITS) - 1
        arrival = now[head + 1] & MASK
        cost = vehicles[who, WEIGHT] * (d - arrival)
        if d > arrival + numbers[STOP_TOLERANCE]:
            cost += vehicles[who, STOP_COST]
        vehicles[who, ONWARD_DEPARTURE] = d
        vehicles[who, ONWARD_FROM] = lanes[lane, PLACE]
        onto, travel = lanes[lane, INNER_ONWARD], lanes[lane, INNER_TRAVEL]
        left = (now[head] >> 1) - 1
        for k in range(head + 1, head + 1 + left):
            now[k] = now[k + 1]
        now[head + 1 + left] = 0
        now[head] = 2 * left + 1
        now[lane] = pack(i, d + lanes[lane, HEADWAY])
    if onto >= 0:
        head = lanes[onto, QUEUE]
        now[head + 1 + (now[head] >> 1)] = ((who + 1) << BITS) | (d + travel)
        now[head] += 2
    return cost


@compiled
def final_cost(
    service: NDArray[np.int64],
    numbers: NDArray[np.int64],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    now: NDArray[np.int32],
    stage: int,
) -> int:
    """Return the cost of the vehicles that are left at the horizon in the last stage."""
    cost = 0
    for lane in range(lanes.shape[0]):
        for i in range(now[lane] >> BITS, lanes[lane, END]):
            cost += vehicles[i, UNSERVED_RED if service[stage, vehicles[i, GROUP]] == RED else UNSERVED_GREEN]
        head = lanes[lane, QUEUE]
        if head == 0:
            continue
        terminal = lanes[lane, TERMINAL_RED if service[stage, lanes[lane, INNER_GROUP]] == RED else TERMINAL_GREEN]
        for k in range(head + 1, head + 1 + (now[head] >> 1)):
            who, waited = (now[k] >> BITS) - 1, numbers[H] - (now[k] & MASK)
            cost += vehicles[who, WEIGHT] * (max(waited, 0) + terminal)
            if waited > numbers[STOP_TOLERANCE]:
                cost += vehicles[who, STOP_COST]
    return cost
