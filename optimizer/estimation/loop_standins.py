"""What a failed loop would read: its stand-in, made of the other loops, the signals and the usual flow.

A stand-in writes readings of the same kind as the loop's own, so everything behind it works on as before: a stop-line loop lets its
queue go at saturation headway when its signal is green, a near loop counts what the far loop let in when it is due there, a far loop
counts the lane's usual flow, an exit loop counts who must have come out of the junction and is never covered.
"""

# ruff: noqa: C901, PLR0912  # kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import HEADWAY_S
from optimizer.estimation.loop_faults import HEALTHY
from optimizer.estimation.loop_mending import OVERDUE_FAR_S
from optimizer.estimation.loop_state import OPEN_CROSSINGS
from optimizer.estimation.loop_tracking import CROSSING_SPREAD_S, LATE_S, LEAST_CROSSING_S, LEAST_RATE, RATE_KEPT
from optimizer.estimation.particles import insert, remove, remove_far

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.loop_faults import FaultState
    from optimizer.estimation.loop_state import Geometry, State

STARTUP_S = 1.0
YIELDING_HEADWAY_S = 4.0
"""Headway of a queue that must yield: about 900 vehicles an hour."""
FULL_EXIT_S = 2.0
LEAST_CREDIT = 0.1
NOT_GONE_AFTER_S = 5.0
TRY_AGAIN_S = 5.0
"""A vehicle that does not come out of the junction so much later than usual has not left; it may try again after a while."""
RATE_PER_S = 1.0 - RATE_KEPT
"""The learnt rates are sums that forget: in a steady flow of q vehicles a second they are q / (1 - RATE_KEPT)."""


@compiled
def stand_in(g: Geometry, s: State, f: FaultState, time_s: float, green_for_s: NDArray[np.float64], permissive: NDArray[np.bool_]) -> None:
    """Replace the readings of the failed loops in `FaultState.counts`, `occupied_s` and `speed_m_s`."""
    for loop in range(len(f.kind)):
        if f.kind[loop] != HEALTHY:
            f.counts[loop], f.occupied_s[loop], f.speed_m_s[loop] = 0, 0.0, -1.0
    for out in range(len(g.exit)):
        if g.exit[out] >= 0 and f.kind[g.exit[out]] != HEALTHY:
            f.counts[g.exit[out]] = _came_out(g, s, f, out, time_s)
        elif g.exit[out] >= 0 and f.counts[g.exit[out]] > 0:
            _came_unseen(g, s, f, out, time_s)
    for lane in range(len(g.lane_speed)):
        stop, near, far = g.stop[lane], g.near[lane], g.far[lane]
        if far >= 0 and f.kind[far] != HEALTHY:
            _count_flow(g, s, f, lane, far)
        if near >= 0 and f.kind[near] != HEALTHY:
            if far >= 0:
                while s.far_count[lane] > 0 and time_s - s.far_near_s[lane, 0] > OVERDUE_FAR_S:
                    remove_far(s, lane, 0)  # from before the fault was found
                for place in range(s.far_count[lane]):
                    if s.far_near_s[lane, place] <= time_s:
                        f.counts[near] += 1
            else:
                _count_flow(g, s, f, lane, near)
        if stop >= 0 and f.kind[stop] != HEALTHY:
            _take_back(g, s, f, lane, time_s, green_for_s)
            _cross(g, s, f, lane, time_s, green_for_s, permissive)


@compiled
def _count_flow(g: Geometry, s: State, f: FaultState, lane: int, loop: int) -> None:
    """Count the usual flow of a lane, evenly spread."""
    f.owed_veh[loop] += RATE_PER_S * _usual_rate(g, s, f, lane)
    if f.owed_veh[loop] >= 1.0:
        f.owed_veh[loop] -= 1.0
        f.counts[loop] += 1


@compiled
def _usual_rate(g: Geometry, s: State, f: FaultState, lane: int) -> float:
    """Return the rate of a lane from a loop that works, else its fair share: the mean of the junction's lanes."""
    stop, near = g.stop[lane], g.near[lane]
    usual: float = s.lane_rate[lane]
    if (stop < 0 or f.kind[stop] != HEALTHY) and near >= 0 and f.kind[near] == HEALTHY and g.near_alone[lane]:
        usual = s.loop_rate[near]
    elif stop >= 0 and f.kind[stop] != HEALTHY:
        usual = _mean_rate(g, s, f, usual)
    return usual


@compiled
def _mean_rate(g: Geometry, s: State, f: FaultState, otherwise: float) -> float:
    """Return the mean rate of the lanes whose stop-line loop works."""
    total, lanes = 0.0, 0
    for other in range(len(g.stop)):
        if g.stop[other] >= 0 and f.kind[g.stop[other]] == HEALTHY:
            total += s.lane_rate[other]
            lanes += 1
    return total / lanes if lanes > 0 else otherwise


@compiled
def _came_out(g: Geometry, s: State, f: FaultState, out: int, time_s: float) -> int:
    """Return how many vehicles must have come out by now where nothing sees them.

    On a lane that also leads to loops that work, only when a vehicle should have been seen there: so turning shares are still learnt.
    """
    found = 0
    for lane in range(len(g.near)):
        to_here_s, to_seen_s = -1.0, 0.0
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            movement = g.movement_order[k]
            loop = g.exit[g.movement_outgoing[movement]]
            if g.movement_outgoing[movement] == out:
                to_here_s = g.crossing_s[movement]
            elif loop >= 0 and f.kind[loop] == HEALTHY:
                to_seen_s = max(to_seen_s, g.crossing_s[movement] + 2.0 * CROSSING_SPREAD_S)
        if to_here_s >= 0.0:
            for place in range(s.open_count[lane]):
                found += time_s - s.open_s[lane, place] >= max(to_here_s, to_seen_s)
    return found


@compiled
def _cross(
    g: Geometry, s: State, f: FaultState, lane: int, time_s: float, green_for_s: NDArray[np.float64], permissive: NDArray[np.bool_]
) -> None:
    """Let the lane's vehicles reach the stop line when they are due and leave it at green, one headway apart."""
    stop, near, far = g.stop[lane], g.near[lane], g.far[lane]
    headway_s = 0.0
    most = 0.0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        most = max(most, s.movement_credit[g.movement_order[k]])
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        way = g.movement_order[k]
        exit_loop = g.exit[g.movement_outgoing[way]]
        full = exit_loop >= 0 and f.occupied_s[exit_loop] >= FULL_EXIT_S
        if full or s.movement_credit[way] < LEAST_CREDIT * most:
            continue
        if green_for_s[g.movement_group[way]] >= STARTUP_S:
            headway_s = HEADWAY_S
        elif permissive[g.movement_group[way]] and headway_s == 0.0:
            headway_s = YIELDING_HEADWAY_S
    if f.stands_since_s[lane] >= 0.0 and headway_s > 0.0 and time_s >= f.line_free_s[lane]:
        f.stands_since_s[lane] = -1.0
        f.line_free_s[lane] = max(f.line_free_s[lane], time_s - 1.0) + headway_s
    if f.stands_since_s[lane] < 0.0:
        if s.near_count[lane] > 0:
            comes = s.near_due_s[lane, 0] <= time_s
        elif near < 0 and s.far_count[lane] > 0:
            comes = s.far_due_s[lane, 0] <= time_s
        else:
            comes = False
            if near < 0 and far < 0:
                f.owed_veh[stop] += RATE_PER_S * _usual_rate(g, s, f, lane)
                comes = f.owed_veh[stop] >= 1.0
                f.owed_veh[stop] -= comes
        if comes:
            f.counts[stop] += 1
            if headway_s > 0.0 and time_s >= f.line_free_s[lane]:
                f.line_free_s[lane] = max(f.line_free_s[lane], time_s - 1.0) + headway_s
            else:
                f.stands_since_s[lane] = time_s
    f.occupied_s[stop] = time_s - f.stands_since_s[lane] + 0.5 if f.stands_since_s[lane] >= 0.0 else 0.0


@compiled
def _came_unseen(g: Geometry, s: State, f: FaultState, out: int, time_s: float) -> None:
    """Let a vehicle that is seen behind the junction, and at no stop line, have left a lane whose stop-line loop has failed."""
    best, best_movement = -1, -1
    for lane in range(len(g.near)):
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            movement = g.movement_order[k]
            if g.movement_outgoing[movement] != out:
                continue
            for place in range(s.open_count[lane]):
                if time_s - s.open_s[lane, place] >= LEAST_CROSSING_S:
                    return
            stop = g.stop[lane]
            if stop < 0 or f.kind[stop] == HEALTHY or time_s - f.open_s[lane] > g.crossing_s[movement] + LATE_S:
                continue
            if best < 0 or s.movement_credit[movement] > s.movement_credit[best_movement]:
                best, best_movement = lane, movement
    if best < 0:
        return
    if f.stands_since_s[best] >= 0.0:
        f.stands_since_s[best] = -1.0
        s.empty_s[best] = 1.0  # it has left, but not now
    elif s.near_count[best] > 0:
        remove(s.near_due_s, s.near_count, best, 0)
    elif g.near[best] < 0 and s.far_count[best] > 0:
        remove_far(s, best, 0)
    s.lane_rate[best] += 1.0
    s.near_stop_crossings[best] += 1
    left_s = time_s - g.crossing_s[best_movement]
    insert(s.inside_s, s.inside_count, 0, left_s)
    if s.open_count[best] < OPEN_CROSSINGS:
        insert(s.open_s, s.open_count, best, left_s)


@compiled
def _take_back(g: Geometry, s: State, f: FaultState, lane: int, time_s: float, green_for_s: NDArray[np.float64]) -> None:
    """Put a vehicle that was taken to have left back into its lane where it has not come out of the junction.

    Where all of the lane's movements have green, it would have left: it was never there. Elsewhere every other one is put back, so that
    nobody is looked for without end.
    """
    if g.near[lane] < 0 and g.far[lane] < 0:
        return
    longest_s = 0.0
    all_green = True
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        exit_loop = g.exit[g.movement_outgoing[movement]]
        if exit_loop < 0 or f.kind[exit_loop] != HEALTHY:
            return
        longest_s = max(longest_s, g.crossing_s[movement])
        all_green = all_green and green_for_s[g.movement_group[movement]] > g.crossing_s[movement] + NOT_GONE_AFTER_S
    while s.open_count[lane] > 0 and s.inside_count[0] > 0:
        if time_s - max(s.open_s[lane, 0], s.inside_s[0, 0]) < longest_s + NOT_GONE_AFTER_S:
            return
        remove(s.open_s, s.open_count, lane, 0)
        remove(s.inside_s, s.inside_count, 0, 0)
        s.lane_rate[lane] = max(s.lane_rate[lane] - 1.0, LEAST_RATE)
        f.owed_veh[g.stop[lane]] = 1.0 - f.owed_veh[g.stop[lane]]
        if all_green or f.owed_veh[g.stop[lane]] > 0.0:
            continue
        insert(s.near_due_s, s.near_count, lane, time_s)
        f.line_free_s[lane] = time_s + TRY_AGAIN_S
