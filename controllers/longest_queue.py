"""Longest queue first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from controllers.by_score import ServedStreams, StageByScore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.observation import VehicleViews

HALTING_M_S: Final = 0.1
"""Below this speed a vehicle counts as queued (SUMO's own definition of halting)."""


class LongestQueue(StageByScore):
    """Shows the stage whose movements hold the most queued vehicles.

    Queues are counted by movement, not by lane: on a shared lane the stage that serves the vehicles' own turn wins.
    """

    name = "longest_queue"

    def __init__(self, interval_s: float = 5.0, zone_m: float = 200.0) -> None:
        super().__init__(interval_s, zone_m)

    def scores(self, streams: ServedStreams, vehicles: VehicleViews) -> NDArray[np.int64]:
        """Return the queued vehicles that each stage serves."""
        queued = self.in_zone(vehicles) & (vehicles.speed_m_s < HALTING_M_S)
        return streams.movements @ np.bincount(vehicles.movement[queued], minlength=streams.movements.shape[1])
