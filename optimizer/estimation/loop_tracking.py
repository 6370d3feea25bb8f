"""One second of loop readings: particles move from loop to loop, and turning and lane shares are learnt."""

# ruff: noqa: C901, PLR0912  # kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import travel_time_s
from optimizer.estimation.loop_mending import OVERDUE_NEAR_S, fill_lane, mend_far, mend_near, near_tells
from optimizer.estimation.loop_state import OPEN_CROSSINGS
from optimizer.estimation.particles import add_far, choose_lane, insert, remove, remove_far, take_far

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.loop_state import Geometry, State

CRUISES_FROM_AT_FAR = 0.9
"""At a far loop a vehicle keeps its speed only from this share of the allowed one on: the loop may lie so close behind the junction before
that slower ones still accelerate."""

STUCK_AFTER_S = 2.0
"""Who covers the stop-line loop for longer than this, s, at a green that is older than this could have left: time to react and to roll."""

WRONG_AFTER_S = 2.0
"""After so many such seconds the front vehicle is held to want another movement than those that are green."""

BLOCKED_AFTER_S = 5.0
"""Where all movements of the lane are green it is blocked after so many seconds: a lorry needs more than 4 to leave a loop from rest."""

STUCK_FOR_S = 12.0
"""A blocked lane is left out of the plan for so long, s: a short green for others, before it is tried again; then for twice as long, ..."""

STUCK_AT_MOST_S = 120.0
"""... and so on until here: a broken-down vehicle, or a loop that is stuck, does not take the others' green again and again."""

CREDIT_KEPT = 0.97
"""Share of a movement's credit that is kept at each vehicle of its lane: turning shares are those of the last 30 or so vehicles."""

RATE_KEPT = 0.998
"""Share of the counted rates that is kept each second: they span the last 500 s or so, some cycles."""

LEAST_RATE = 1e-6
"""Rates do not fall below this: shares are taken of them, also on a street that is closed for weeks."""

LEAST_KEPT_CREDIT = 1e-30
"""A movement that nobody made for months can still be learnt again."""


@compiled
def advance(
    g: Geometry,
    s: State,
    time_s: float,
    count: NDArray[np.int64],
    occupied_s: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    green_for_s: NDArray[np.float64],
) -> None:
    """Take in the readings of one second."""
    lanes = len(g.lane_speed)
    for lane in range(lanes):
        s.lane_rate[lane] = max(s.lane_rate[lane] * RATE_KEPT, LEAST_RATE)
    for loop in range(len(count)):
        s.loop_rate[loop] = max(s.loop_rate[loop] * RATE_KEPT, LEAST_RATE) + max(count[loop], 0)
    # departures first: a vehicle that crosses the near loop in this second cannot also have left
    for lane in range(lanes):
        stop = g.stop[lane]
        if stop < 0:
            continue
        was_covered = s.empty_s[lane] == 0.0
        covered = occupied_s[stop] > 0
        s.empty_s[lane] = 0.0 if covered else s.empty_s[lane] + 1.0
        for _ in range(count[stop]):
            _reach(g, s, lane, time_s)
        # Vehicles that stop for a red stand on the loop: only those whose rear has left it are gone.
        for _ in range(count[stop] + int(was_covered) - int(covered)):
            _depart(g, s, lane, time_s)
    _match_exits(g, s, time_s, count)
    for lane in range(lanes):
        far = g.far[lane]
        if far < 0 or count[far] <= 0:
            continue
        first = True
        for other in range(lane):
            if g.far[other] == far:
                first = False
        if not first:
            continue
        s.far_near_crossings[lane] = 0
        for _ in range(count[far]):
            to = choose_lane(g, s, far, g.far)
            speed = speed_m_s[far] if speed_m_s[far] >= 0 else g.lane_speed[to]
            near_s = time_s + travel_time_s(g.far_m[to] - g.near_m[to], speed, g.lane_speed[to], CRUISES_FROM_AT_FAR)
            due_s = time_s + travel_time_s(g.far_m[to], speed, g.lane_speed[to], CRUISES_FROM_AT_FAR)
            add_far(s, to, near_s + s.far_late_s[to], due_s + s.far_late_s[to])
    for lane in range(lanes):
        near = g.near[lane]
        if near < 0:
            continue
        first = True
        for other in range(lane):
            if g.near[other] == near:
                first = False
        s.near_free_s[lane] = 0.0 if occupied_s[near] > 0 or count[near] > 0 else s.near_free_s[lane] + 1.0
        if count[near] > 0:
            s.near_stop_crossings[lane] = 0
            s.far_near_crossings[lane] += count[near]
        if first:
            for _ in range(count[near]):
                take_far(g, s, near, time_s)
                to = choose_lane(g, s, near, g.near)
                speed = speed_m_s[near] if speed_m_s[near] >= 0 else g.lane_speed[to]
                insert(s.near_due_s, s.near_count, to, time_s + travel_time_s(g.near_m[to], speed, g.lane_speed[to]))
    for lane in range(lanes):
        _watch_front(g, s, lane, time_s, occupied_s, green_for_s)
        mend_near(g, s, lane, time_s, occupied_s)
        mend_far(g, s, lane, time_s)
        fill_lane(g, s, lane, time_s, occupied_s)


@compiled
def _reach(g: Geometry, s: State, lane: int, time_s: float) -> None:
    """Note that a vehicle has reached the stop-line loop of a lane: its particle is the lane's first, else the first of the approach."""
    source = lane
    if s.near_count[lane] == 0:
        source = -1
        for other in range(len(g.near)):
            if (
                g.approach[other] == g.approach[lane]
                and s.near_count[other] > 0
                and s.near_due_s[other, 0] < time_s + 2.0
                # who is long overdue behind one who stands, and came over a loop of that lane's own, stands in its queue
                and not (g.near_alone[other] and s.empty_s[other] == 0.0 and time_s - s.near_due_s[other, 0] > OVERDUE_NEAR_S)
                and (source < 0 or s.near_due_s[other, 0] < s.near_due_s[source, 0])
            ):
                source = other
        if source < 0 and not near_tells(g, s, lane):
            for other in range(len(g.near)):
                if (
                    g.approach[other] == g.approach[lane]
                    and s.far_count[other] > 0
                    and s.far_due_s[other, 0] < time_s + 6.0
                    and (source < 0 or s.far_due_s[other, 0] < s.far_due_s[source, 0])
                ):
                    source = other
            if source >= 0:
                remove_far(s, source, 0)
                source = -1
    if source >= 0:
        remove(s.near_due_s, s.near_count, source, 0)


@compiled
def _depart(g: Geometry, s: State, lane: int, time_s: float) -> None:
    """Note that a vehicle has left the stop line of a lane and enters the junction."""
    s.last_departure_s[lane] = time_s
    s.near_stop_crossings[lane] += 1
    s.lane_rate[lane] += 1.0
    # the vehicle that comes to the front may go anywhere
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        s.excluded[g.movement_order[k]] = False
    insert(s.inside_s, s.inside_count, 0, time_s)
    if s.open_count[lane] == OPEN_CROSSINGS:
        remove(s.open_s, s.open_count, lane, 0)
    s.open_s[lane, s.open_count[lane]] = time_s
    s.open_count[lane] += 1


LEAST_CROSSING_S = 1.0
"""Nobody is seen behind the junction sooner than this, s, after the stop line."""

FORGET_CROSSING_S = 25.0
"""Who is not seen behind the junction for this long, s, was missed by its loop and is not inside for ever."""

LATE_S = 5.0
"""On a lane of several movements a vehicle is held to stand inside when it is this late, s: it may have left by another exit."""

LEAST_CREDIT = 0.02
"""A movement with a smaller share of its lane holds nobody inside: nearly nobody makes it."""

CERTAIN_SHARE = 0.9
"""From this share of its lane on it is clear which way a vehicle has gone."""

CERTAIN_LATE_S = 1.0
"""There a vehicle is held to stand inside when it is only this late, s."""

CROSSING_SPREAD_S = 3.0
"""By how many seconds off the usual crossing time a match of stop line and exit becomes e times less likely."""


@compiled
def _match_exits(g: Geometry, s: State, time_s: float, count: NDArray[np.int64]) -> None:
    """Match each vehicle seen behind the junction with the open crossing that fits best: so turning shares are learnt."""
    lanes = len(g.near)
    while s.inside_count[0] > 0 and time_s - s.inside_s[0, 0] > FORGET_CROSSING_S:
        remove(s.inside_s, s.inside_count, 0, 0)
    for lane in range(lanes):
        while s.open_count[lane] > 0 and time_s - s.open_s[lane, 0] > FORGET_CROSSING_S:
            remove(s.open_s, s.open_count, lane, 0)
    for out in range(len(g.exit)):
        loop = g.exit[out]
        if loop < 0:
            continue
        for _ in range(count[loop]):
            if s.inside_count[0] > 0:
                remove(s.inside_s, s.inside_count, 0, 0)
            best, best_movement, best_place = -1, -1, -1
            best_score = 0.0
            for lane in range(lanes):
                for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
                    movement = g.movement_order[k]
                    if g.movement_outgoing[movement] != out:
                        continue
                    for place in range(s.open_count[lane]):
                        age_s = time_s - s.open_s[lane, place]
                        if age_s < LEAST_CROSSING_S:
                            continue
                        score = s.movement_credit[movement] * math.exp(-abs(age_s - g.crossing_s[movement]) / CROSSING_SPREAD_S)
                        if score > best_score:
                            best, best_movement, best_place, best_score = lane, movement, place, score
            if best < 0:
                continue
            for k in range(g.first_movement[best], g.first_movement[best + 1]):
                way = g.movement_order[k]
                s.movement_credit[way] = max(s.movement_credit[way] * CREDIT_KEPT, LEAST_KEPT_CREDIT)
            s.movement_credit[best_movement] += 1.0 - CREDIT_KEPT
            remove(s.open_s, s.open_count, best, best_place)


@compiled
def _watch_front(
    g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64], green_for_s: NDArray[np.float64]
) -> None:
    """Exclude the green movements for a front vehicle that stands at green; where all are green, something blocks the lane."""
    stop = g.stop[lane]
    if stop < 0:
        return
    served = 0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if green_for_s[g.movement_group[movement]] > STUCK_AFTER_S:
            served += 1
    if occupied_s[stop] > STUCK_AFTER_S and served > 0:
        s.stands_at_green_s[lane] += 1.0
    else:
        s.stands_at_green_s[lane] = 0.0
        if occupied_s[stop] == 0.0:
            s.blocked_until_s[lane] = -1e9
            s.blocked_for_s[lane] = 0.0
        return
    if s.stands_at_green_s[lane] < WRONG_AFTER_S:
        return
    left = 0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if green_for_s[g.movement_group[movement]] > STUCK_AFTER_S:
            s.excluded[movement] = True
        if not s.excluded[movement]:
            left += 1
    if left == 0:
        if s.stands_at_green_s[lane] >= BLOCKED_AFTER_S:
            if time_s > s.blocked_until_s[lane]:  # tried again, in vain
                s.blocked_for_s[lane] = min(max(2.0 * s.blocked_for_s[lane], STUCK_FOR_S), STUCK_AT_MOST_S)
            s.blocked_until_s[lane] = time_s + s.blocked_for_s[lane]
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            s.excluded[g.movement_order[k]] = False
