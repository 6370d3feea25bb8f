"""What an estimator tells the planner: the vehicles that are expected at the stop lines, and the room behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ExpectedTraffic:
    """Vehicles by incoming lane, in the order in which they will reach the stop line.

    Attributes
    ----------
    lane_start
        Vehicles ``lane_start[l]`` to ``lane_start[l + 1]`` are on incoming lane l, shape ``(lanes + 1,)``.
    arrival_s
        When each would cross the stop line if nothing held it up, seconds from now, shape ``(vehicles,)``.
    movement
        Index of its movement.
    moving
        Whether it is under way (and a red would force it to stop).
    weight
        Its weight in vehicles (persons, or less than one where it is doubtful).
    lane_free_s
        When a first vehicle may cross the stop line of each lane, seconds from now, shape ``(lanes,)``.
    room_veh
        Vehicles that each outgoing lane still takes, shape ``(outgoing,)``.
    inside
        Whether vehicles of a group stand inside the junction and must leave it before the next green, shape ``(groups,)``.
    """

    lane_start: NDArray[np.int64]
    arrival_s: NDArray[np.float64]
    movement: NDArray[np.int64]
    moving: NDArray[np.bool_]
    weight: NDArray[np.float64]
    lane_free_s: NDArray[np.float64]
    room_veh: NDArray[np.float64]
    inside: NDArray[np.bool_]
