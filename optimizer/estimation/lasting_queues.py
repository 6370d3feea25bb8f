"""For how long the queue of a lane has not cleared: a green that leaves vehicles behind does not end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import HEADWAY_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_THE_LINE_S = 2.0
"""Who stands at the stop line needs this long to cross it."""

HELD_UP_WITHIN_S = 1.0
"""Who would reach the stop line at most so long after its leader has freed it belongs to the queue."""

CLEARED_VEH = 2
"""A lane with so few vehicles in its queue has cleared: one may have come to rest that very moment."""


@compiled
def watch_queues(
    time_s: float,
    lane_start: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    queued_since_s: NDArray[np.float64],
    queued_s: NDArray[np.float64],
) -> None:
    """Note for how long each lane's queue has lasted.

    Parameters
    ----------
    time_s
        Now.
    lane_start, arrival_s
        As in `ExpectedTraffic`.
    queued_since_s
        When each lane's queue was last seen cleared, shape ``(lanes,)``, infinite at first; changed in place.
    queued_s
        For how long it has lasted, shape ``(lanes,)``; written.
    """
    for lane in range(len(lane_start) - 1):
        free_s = AT_THE_LINE_S
        queue = 0
        for i in range(lane_start[lane], lane_start[lane + 1]):
            if arrival_s[i] <= free_s + HELD_UP_WITHIN_S:
                queue += 1
            free_s = max(free_s, arrival_s[i]) + HEADWAY_S
        queued_since_s[lane] = time_s if queue <= CLEARED_VEH else min(queued_since_s[lane], time_s)
        queued_s[lane] = time_s - queued_since_s[lane]
