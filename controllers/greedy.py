"""Greedy control: the longest wave first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controllers.by_score import ServedStreams, StageByScore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.observation import VehicleViews


class Greedy(StageByScore):
    """Shows the stage whose lanes hold the most vehicles, standing or moving, close to the stop line.

    Source: the greedy baseline of RESCO (J. Ault, G. Sharon, NeurIPS 2021 Datasets and Benchmarks), its interval and zone included.
    """

    name = "greedy"

    def __init__(self, interval_s: float = 10.0, zone_m: float = 50.0) -> None:
        super().__init__(interval_s, zone_m)

    def scores(self, streams: ServedStreams, vehicles: VehicleViews) -> NDArray[np.int64]:
        """Return the vehicles on the lanes that each stage serves."""
        return streams.incoming @ np.bincount(vehicles.lane[self.in_zone(vehicles)], minlength=streams.incoming.shape[1])
