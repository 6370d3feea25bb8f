"""Mending what the particles say where the loops prove them wrong: vehicles that never came, and queues that are longer than counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.estimation.particles import add_far, insert, remove, remove_far

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.loop_state import Geometry, State

OVERDUE_NEAR_S = 5.0
"""A vehicle this late at a free stop-line loop, s, is not on that lane: more than slow driving over the last 50 m explains."""

OVERDUE_FAR_S = 6.0
"""A vehicle this late at a free near loop, s, has gone elsewhere; longer than at the stop line, because the way to it is longer."""

NEAR_FREE_S = 2.0
"""A loop that has been free for this long, s, has no queue on it: the gap between two vehicles that move up is shorter."""

FILL_AFTER_S = 4.0
"""An upstream loop covered for this long, s, carries a standing vehicle: the lane before it is full. Slow ones pass sooner."""

DENSEST_M = 6.0
"""Room of a standing vehicle at the least: how many may stand between two loops."""

MORE_THAN_FIT_VEH = 2.0
"""So many more departures than vehicles fit behind it, and a near loop that counts nobody is not listened to."""

QUEUE_GONE_S = 4.0
"""A near loop that nobody has covered or crossed for this long, s, has no queue behind it that moves up: the next one would have come."""

UNCOUNTED_VEH = 3
"""With so many more than are counted before the near loop the queue may reach it: one stands on the stop-line loop, cars of a metre less
than the usual spacing add another one, and the last may have its tail on the near loop."""


@compiled
def near_tells(g: Geometry, s: State, lane: int) -> bool:
    """Whether a lane has a near loop that can be right: no more vehicles have left since it last counted one than fit between them."""
    tells: bool = g.near[lane] >= 0 and s.near_stop_crossings[lane] <= g.near_m[lane] / DENSEST_M + MORE_THAN_FIT_VEH
    return tells


@compiled
def _silent_s(s: State, lane: int, time_s: float) -> float:
    """Return for how long nobody has stood on a stop-line loop or left it: who is fast leaves it within a second and never covers it."""
    silent_s: float = min(s.empty_s[lane], time_s - s.last_departure_s[lane])
    return silent_s


@compiled
def _is_full(g: Geometry, s: State, lane: int) -> bool:
    """Whether the queue may reach the near loop, also where that is free: it may lie in the gap between two who stand."""
    full: bool = (s.near_count[lane] + UNCOUNTED_VEH) * JAM_SPACING_M >= g.near_m[lane]
    return full


@compiled
def mend_near(g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64]) -> None:
    """Move an overdue particle before a free stop-line loop: it waits on a neighbouring lane, or was never there."""
    stop = g.stop[lane]
    if stop < 0 or s.near_count[lane] == 0:
        return
    if min(_silent_s(s, lane, time_s), time_s - s.near_due_s[lane, 0]) < OVERDUE_NEAR_S:
        return
    due_s = s.near_due_s[lane, 0]
    remove(s.near_due_s, s.near_count, lane, 0)
    best = -1
    for other in range(len(g.near)):
        if (
            other != lane
            and g.approach[other] == g.approach[lane]
            and g.stop[other] >= 0
            and occupied_s[g.stop[other]] > 1.0
            and (g.near[other] == g.near[lane])
            and (best < 0 or s.near_count[other] < s.near_count[best])
        ):
            best = other
    if best >= 0 and (s.near_count[best] + 1.0) * JAM_SPACING_M < g.near_m[best]:
        insert(s.near_due_s, s.near_count, best, due_s)


@compiled
def mend_far(g: Geometry, s: State, lane: int, time_s: float) -> None:
    """Overdue at the near loop: queue beyond it while that is covered or the lane before it full, else gone elsewhere."""
    full = _is_full(g, s, lane)
    tells = near_tells(g, s, lane)
    silent_s = _silent_s(s, lane, time_s)
    while s.far_count[lane] > 0:
        if tells:
            gone = time_s - s.far_near_s[lane, 0] > OVERDUE_FAR_S and s.near_free_s[lane] >= QUEUE_GONE_S and not full
            # no queue before a free stop line, whatever the near loop says
            gone = gone or (g.near_alone[lane] and min(time_s - s.far_due_s[lane, 0], silent_s) > OVERDUE_FAR_S)
        else:
            gone = time_s - s.far_due_s[lane, 0] > OVERDUE_FAR_S and silent_s >= NEAR_FREE_S
        if not gone:
            break
        remove_far(s, lane, 0)


@compiled
def fill_lane(g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64]) -> None:
    """Where a vehicle stands on a loop, the lane was full up to there when it came to rest; what crossed the next loop since has left."""
    near, far = g.near[lane], g.far[lane]
    if near < 0:
        return
    full = _is_full(g, s, lane)  # as counted, before it is filled
    # Before a stop line that has long been free no queue stands, whatever covers the loop.
    if g.near_alone[lane] and occupied_s[near] >= FILL_AFTER_S and s.empty_s[lane] < OVERDUE_NEAR_S:
        holds = int(g.near_m[lane] / JAM_SPACING_M) - s.near_stop_crossings[lane]
        while s.near_count[lane] < holds:
            insert(s.near_due_s, s.near_count, lane, time_s - 1.0)
    # The queue on a far loop stands behind a lane that is full up to the near loop.
    if far >= 0 and g.far_alone[lane] and occupied_s[far] >= FILL_AFTER_S and full:
        holds = int((g.far_m[lane] - g.near_m[lane]) / JAM_SPACING_M) - s.far_near_crossings[lane]
        while s.far_count[lane] < holds:
            add_far(s, lane, time_s - 1.0, time_s - 1.0)
