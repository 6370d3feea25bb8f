"""Queues as they truly stand in the simulation, sampled for the key figures (never shown to a controller)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.intersection import Intersection

SAMPLE_EVERY_S = 10


class QueueSampler:
    """Counts the halting vehicles (slower than 0.1 m/s) on each incoming lane every ten seconds."""

    def __init__(self, backend: Any, junctions: Mapping[str, Intersection]) -> None:  # noqa: ANN401 - the module libsumo or traci
        self._halting = backend.lane.getLastStepHaltingNumber
        self._lanes = sorted({lane.id for junction in junctions.values() for lane in junction.incoming})
        self._samples: list[int] = []

    def sample(self, time_s: float) -> None:
        """Take a sample where one is due."""
        if int(time_s) % SAMPLE_EVERY_S == 0:
            self._samples.extend(self._halting(lane) for lane in self._lanes)

    def percentile_95_veh(self) -> float:
        """Return the 95th percentile over lanes and times, vehicles (0 where nothing was sampled)."""
        return float(np.percentile(self._samples, 95)) if self._samples else 0.0
