"""Loops that are broken on purpose, to see what a controller makes of it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FAULTS = ("silent", "off", "on", "noisy")
"""Ways in which a loop can be broken; see `LoopFaults`."""

NOISE_LOST, NOISE_GHOST = 0.1, 0.01
"""A noisy loop loses a vehicle with the first probability, and in each second reports one that is not there with the second."""


@dataclass(frozen=True, slots=True)
class LoopFaults:
    """Which loops are broken in an experiment, and how.

    Attributes
    ----------
    share
        Share of the loops that are broken.
    kind
        ``"off"`` (reads nothing), ``"on"`` (covered for ever), ``"silent"`` (sends nothing) or ``"noisy"`` (loses vehicles and reports some
        that are not there, see `NOISE_LOST`).
    seed
        Chooses the loops, and draws the noise.
    """

    share: float
    kind: str = "off"
    seed: int = 0


class BrokenLoops:
    """Breaks readings.

    Parameters
    ----------
    ids
        All loops, in the order of the readings.
    faults
        Which are broken, and how.

    Attributes
    ----------
    broken
        Indices of the broken ones.
    """

    def __init__(self, ids: Sequence[str], faults: LoopFaults) -> None:
        names = sorted(ids)
        chosen = set(random.Random(faults.seed).sample(names, round(faults.share * len(names))))  # noqa: S311 - an experiment
        self.broken = np.array([index for index, name in enumerate(ids) if name in chosen], dtype=np.int64)
        self._kind = faults.kind
        self._noise = np.random.default_rng(faults.seed)

    def apply(
        self,
        time_s: float,
        count: NDArray[np.int64],
        occupancy: NDArray[np.float64],
        occupied_s: NDArray[np.float64],
        speed_m_s: NDArray[np.float64],
    ) -> None:
        """Change the readings of one second in place; each has the shape ``(loops,)``, see `optimizer.observation.LoopReadings`."""
        if self._kind == "noisy":
            self._disturb(count, occupancy, speed_m_s)
            return
        speed_m_s[self.broken] = math.nan
        count[self.broken] = -1 if self._kind == "silent" else 0
        stuck_on = self._kind == "on"
        occupancy[self.broken] = 1.0 if stuck_on else 0.0
        occupied_s[self.broken] = time_s if stuck_on else 0.0

    def _disturb(self, count: NDArray[np.int64], occupancy: NDArray[np.float64], speed_m_s: NDArray[np.float64]) -> None:
        # three draws for each broken loop and second, whatever it reads, so that runs stay comparable
        lost, ghost, covered = self._noise.random((3, self.broken.size))
        read = count[self.broken]
        kept = np.where(lost < NOISE_LOST, np.maximum(read - 1, 0), read)
        invented = ghost < NOISE_GHOST
        speed_m_s[self.broken[(read > 0) & (kept == 0)]] = math.nan
        count[self.broken] = kept + invented
        occupancy[self.broken] = np.where(invented, np.maximum(occupancy[self.broken], covered), occupancy[self.broken])
