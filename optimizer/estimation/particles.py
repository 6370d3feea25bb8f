"""The lists of particles: one particle per vehicle on its way to a stop line."""

# kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.loop_state import PARTICLES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.loop_state import Geometry, State


@compiled
def remove(values: NDArray[np.float64], count: NDArray[np.int64], lane: int, place: int) -> None:
    """Remove a particle from the list of a lane."""
    for k in range(place, count[lane] - 1):
        values[lane, k] = values[lane, k + 1]
    count[lane] -= 1


@compiled
def insert(values: NDArray[np.float64], count: NDArray[np.int64], lane: int, value: float) -> int:
    """Insert a particle into the sorted list of a lane; a full list drops its last one."""
    if count[lane] == PARTICLES:
        count[lane] -= 1
    k: int = count[lane]
    while k > 0 and values[lane, k - 1] > value:
        values[lane, k] = values[lane, k - 1]
        k -= 1
    values[lane, k] = value
    count[lane] += 1
    return k


@compiled
def choose_lane(g: Geometry, s: State, loop: int, loops_of_lane: NDArray[np.int64]) -> int:
    """Return the lane on which a vehicle over an upstream loop will reach the stop line, and book it there.

    The learnt rates decide: a loop sends to the lanes it leads to what these let go, and the rest to the lanes of the approach that let
    more go than their own loops count. The lane that is owed most by these shares gets the vehicle.
    """
    lanes = len(loops_of_lane)
    approach = -1
    own = 0.0
    for lane in range(lanes):
        if loops_of_lane[lane] == loop:
            approach = g.approach[lane]
            own += s.lane_rate[lane]
    stay = min(1.0, own / s.loop_rate[loop])
    lack = 0.0
    for lane in range(lanes):
        if g.approach[lane] == approach:
            lack += _lack(s, lane, loops_of_lane)
    best = -1
    for lane in range(lanes):
        if g.approach[lane] != approach:
            continue
        share = 0.0
        if loops_of_lane[lane] == loop:
            share += (stay if lack > 0.0 else 1.0) * s.lane_rate[lane] / own
        if lack > 0.0:
            share += (1.0 - stay) * _lack(s, lane, loops_of_lane) / lack
        if share > 0.0:
            s.lane_balance[lane] += share
            if best < 0 or s.lane_balance[lane] > s.lane_balance[best]:
                best = lane
    s.lane_balance[best] -= 1.0
    return best


@compiled
def _lack(s: State, lane: int, loops_of_lane: NDArray[np.int64]) -> float:
    """Return how much more a lane lets go than its upstream loop counts for it."""
    loop = loops_of_lane[lane]
    if loop < 0:
        whole: float = s.lane_rate[lane]
        return whole
    fed = 0.0
    for other in range(len(loops_of_lane)):
        if loops_of_lane[other] == loop:
            fed += s.lane_rate[other]
    lack: float = max(0.0, s.lane_rate[lane] * (1.0 - s.loop_rate[loop] / fed))
    return lack


@compiled
def add_far(s: State, lane: int, near_s: float, due_s: float) -> None:
    """Put a vehicle behind the others between a lane's far and near loop; a full list takes no more."""
    if s.far_count[lane] == PARTICLES:
        return
    k = s.far_count[lane]
    s.far_near_s[lane, k] = near_s
    s.far_due_s[lane, k] = due_s
    s.far_count[lane] += 1


@compiled
def remove_far(s: State, lane: int, place: int) -> None:
    """Take a vehicle from between a lane's far and near loop."""
    for k in range(place, s.far_count[lane] - 1):
        s.far_near_s[lane, k] = s.far_near_s[lane, k + 1]
        s.far_due_s[lane, k] = s.far_due_s[lane, k + 1]
    s.far_count[lane] -= 1


SAME_LANE_EARLY_S = 12.0
LATENESS_MOST_S = 8.0
LATENESS_KEPT = 0.95
APPROACH_EARLY_S = 6.0


@compiled
def take_far(g: Geometry, s: State, loop: int, time_s: float) -> None:
    """Take the far particle that a crossing of the near loop most likely is, if there is one.

    The earliest of the loop's own lanes that is due within 12 s, else of the approach within 6 s.
    """
    best = -1
    for lane in range(len(g.near)):
        if (
            g.near[lane] == loop
            and s.far_count[lane] > 0
            and s.far_near_s[lane, 0] < time_s + SAME_LANE_EARLY_S
            and (best < 0 or s.far_near_s[lane, 0] < s.far_near_s[best, 0])
        ):
            best = lane
    if best < 0:
        approach = -1
        for lane in range(len(g.near)):
            if g.near[lane] == loop:
                approach = g.approach[lane]
                break
        for lane in range(len(g.near)):
            if (
                g.approach[lane] == approach
                and s.far_count[lane] > 0
                and s.far_near_s[lane, 0] < time_s + APPROACH_EARLY_S
                and (best < 0 or s.far_near_s[lane, 0] < s.far_near_s[best, 0])
            ):
                best = lane
    if best < 0:
        return
    late_s = time_s - s.far_near_s[best, 0]
    if abs(late_s) < LATENESS_MOST_S:
        for lane in range(len(g.near)):
            if g.approach[lane] == g.approach[best]:
                s.far_late_s[lane] += (1.0 - LATENESS_KEPT) * late_s
    remove_far(s, best, 0)
