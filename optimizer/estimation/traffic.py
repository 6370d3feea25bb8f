"""What an estimator tells the planner: the vehicles that are expected at the stop lines, and the room behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFILL_AFTER_S = 3.0
REFILL_VEH_S = 0.25
"""Where nobody tells, a full outgoing lane takes the next vehicle after this time and at this rate."""

_NOTHING_TOLD = np.zeros((0, 0))


@dataclass(frozen=True, slots=True)
class ExpectedTraffic:
    """Vehicles by incoming lane, in the order in which they will reach the stop line.

    Whoever made it may write the next second's traffic into the same arrays: copy what is to be kept for longer.

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
    queued_s
        For how long the queue of each incoming lane has not cleared, shape ``(lanes,)``.
    flow_veh_s
        Mean flow of each movement in the last minutes, vehicles per second, shape ``(movements,)``; 0 while it is not known.
    freed_s
        When the first, second, ... further place on each outgoing lane becomes free, seconds from now, shape ``(outgoing, places)``; empty
        where nobody tells.
    """

    lane_start: NDArray[np.int64]
    arrival_s: NDArray[np.float64]
    movement: NDArray[np.int64]
    moving: NDArray[np.bool_]
    weight: NDArray[np.float64]
    lane_free_s: NDArray[np.float64]
    room_veh: NDArray[np.float64]
    inside: NDArray[np.bool_]
    queued_s: NDArray[np.float64]
    flow_veh_s: NDArray[np.float64]
    freed_s: NDArray[np.float64] = field(default_factory=lambda: _NOTHING_TOLD)


class TrafficArrays(NamedTuple):
    """The fields of `ExpectedTraffic` with room for more vehicles, written in place by compiled code.

    To hand them over once saves making arrays anew in every second, which would take longer than to fill them.
    """

    lane_start: NDArray[np.int64]
    arrival_s: NDArray[np.float64]
    movement: NDArray[np.int64]
    moving: NDArray[np.bool_]
    weight: NDArray[np.float64]
    lane_free_s: NDArray[np.float64]
    room_veh: NDArray[np.float64]
    inside: NDArray[np.bool_]
    queued_s: NDArray[np.float64]
    flow_veh_s: NDArray[np.float64]

    def first(self, vehicles: int) -> ExpectedTraffic:
        """Return the traffic of so many vehicles, without copying it."""
        return ExpectedTraffic(
            self.lane_start,
            self.arrival_s[:vehicles],
            self.movement[:vehicles],
            self.moving[:vehicles],
            self.weight[:vehicles],
            self.lane_free_s,
            self.room_veh,
            self.inside,
            self.queued_s,
            self.flow_veh_s,
        )


def room_for_traffic(vehicles: int, lanes: int, outgoing: int, groups: int, movements: int) -> TrafficArrays:
    """Return arrays for so many vehicles of weight 1."""
    return TrafficArrays(
        lane_start=np.zeros(lanes + 1, dtype=np.int64),
        arrival_s=np.zeros(vehicles),
        movement=np.zeros(vehicles, dtype=np.int64),
        moving=np.zeros(vehicles, dtype=np.bool_),
        weight=np.ones(vehicles),
        lane_free_s=np.zeros(lanes),
        room_veh=np.zeros(outgoing),
        inside=np.zeros(groups, dtype=np.bool_),
        queued_s=np.zeros(lanes),
        flow_veh_s=np.zeros(movements),
    )
