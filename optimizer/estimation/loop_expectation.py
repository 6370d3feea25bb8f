"""From the particles to the traffic that is expected."""

# ruff: noqa: C901, FBT001, PLR0912  # kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import FOLLOWING_S, JAM_SPACING_M
from optimizer.estimation.loop_tracking import CERTAIN_LATE_S, CERTAIN_SHARE, LATE_S, LEAST_CREDIT, LEAST_KEPT_CREDIT, RATE_KEPT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.loop_state import Geometry, State
    from optimizer.estimation.traffic import TrafficArrays


@compiled
def _movement_of(g: Geometry, s: State, lane: int, front: bool) -> int:
    """Return the most likely movement of a vehicle; the front one may have shown what it does not do."""
    best = -1
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if front and s.excluded[movement]:
            continue
        if best < 0 or s.movement_credit[movement] > s.movement_credit[best]:
            best = movement
    return best


@compiled
def _write_flows(g: Geometry, s: State, lane: int, flow_veh_s: NDArray[np.float64]) -> None:
    """Deal what leaves the stop line of a lane to its movements, by the shares in which vehicles have turned."""
    credit = 0.0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        credit += s.movement_credit[g.movement_order[k]]
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        flow_veh_s[movement] = s.lane_rate[lane] * (1.0 - RATE_KEPT) * s.movement_credit[movement] / max(credit, LEAST_KEPT_CREDIT)


PASSING_S = 1.5
"""A vehicle that has covered the stop-line loop for less than this may still be rolling."""


@compiled
def expect(g: Geometry, s: State, time_s: float, occupied_s: NDArray[np.float64], traffic: TrafficArrays) -> int:
    """Write what is expected into `traffic`; return the number of vehicles."""
    lanes = len(g.lane_speed)
    lane_start, arrival_s, movement, moving = traffic.lane_start, traffic.arrival_s, traffic.movement, traffic.moving
    free_s, room_veh, inside = traffic.lane_free_s, traffic.room_veh, traffic.inside
    total = 0
    for lane in range(lanes):
        first = total
        free_s[lane] = 0.0
        stop, near = g.stop[lane], g.near[lane]
        if g.first_movement[lane + 1] > g.first_movement[lane]:
            usual = _movement_of(g, s, lane, False)
            before_s = -1e9
            if stop >= 0 and occupied_s[stop] > 0:
                arrival_s[total] = 0.0
                before_s = 0.0
                total += 1
            for k in range(s.near_count[lane]):
                before_s = max(s.near_due_s[lane, k] - time_s, before_s + FOLLOWING_S, 0.0)
                arrival_s[total] = before_s
                total += 1
            for k in range(s.far_count[lane]):
                due_s = s.far_due_s[lane, k] - time_s
                if s.far_near_s[lane, k] < time_s and near >= 0 and occupied_s[near] == 0:
                    # late, and no queue stands on the near loop: it is still under way to it
                    due_s = max(due_s, g.near_m[lane] / g.lane_speed[lane])
                before_s = max(due_s, before_s + FOLLOWING_S, 0.0)
                arrival_s[total] = before_s
                total += 1
            for k in range(first, total):
                movement[k] = usual
                moving[k] = (
                    arrival_s[k] - (k - first) * JAM_SPACING_M / g.lane_speed[lane] > 0.5 and arrival_s[k] > (k - first) * FOLLOWING_S + 0.1
                )
            if stop >= 0 and occupied_s[stop] > 0:
                moving[first] = occupied_s[stop] < PASSING_S
            if total > first:
                movement[first] = _movement_of(g, s, lane, True)
            free_s[lane] = max(s.blocked_until_s[lane] - time_s, 0.0)
        lane_start[lane + 1] = total
        _write_flows(g, s, lane, traffic.flow_veh_s)
    room_veh[:] = g.storage_veh
    for out in range(len(g.exit)):
        if g.exit[out] >= 0 and occupied_s[g.exit[out]] >= 2.0:
            room_veh[out] = 0.0
    inside[:] = False
    # On a lane of one movement an open crossing is a vehicle inside. On a shared lane it may be a mix-up of exits: there it must be
    # later, and the account of the whole junction must agree.
    junction_agrees = s.inside_count[0] > 0 and time_s - s.inside_s[0, 0] > g.crossing_s.max() + LATE_S
    for lane in range(lanes):
        credit = 0.0
        for m in range(g.first_movement[lane], g.first_movement[lane + 1]):
            credit += s.movement_credit[g.movement_order[m]]
        for k in range(s.open_count[lane]):
            for m in range(g.first_movement[lane], g.first_movement[lane + 1]):
                way = g.movement_order[m]
                share = s.movement_credit[way] / credit
                if share < LEAST_CREDIT or (share < CERTAIN_SHARE and not junction_agrees):
                    continue
                usual_s = g.crossing_s[way] + (LATE_S if share < CERTAIN_SHARE else CERTAIN_LATE_S)
                if time_s - max(s.open_s[lane, k], s.inside_s[0, 0]) > usual_s and s.inside_count[0] > 0:
                    inside[g.movement_group[way]] = True
    return total
