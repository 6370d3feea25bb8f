"""Max-pressure control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controllers.by_score import ServedStreams, StageByScore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.observation import VehicleViews


class MaxPressure(StageByScore):
    """Shows the stage with the greatest pressure: vehicles on the movements it serves minus vehicles on the lanes they lead to.

    Source: P. Varaiya, "Max pressure control of a network of signalized intersections", Transportation Research Part C 36 (2013), 177-195;
    interval and zone as in RESCO (J. Ault, G. Sharon, NeurIPS 2021 Datasets and Benchmarks).
    """

    name = "max_pressure"

    def __init__(self, interval_s: float = 10.0, zone_m: float = 200.0) -> None:
        super().__init__(interval_s, zone_m)

    def scores(self, streams: ServedStreams, vehicles: VehicleViews) -> NDArray[np.int64]:
        """Return the pressure of each stage, vehicles."""
        before = np.bincount(vehicles.movement[self.in_zone(vehicles)], minlength=streams.movements.shape[1])
        return streams.movements @ before - streams.outgoing @ vehicles.outgoing_vehicles
