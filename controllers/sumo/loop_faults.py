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

FAULT_KINDS = ("off", "on", "silent")
"""Ways in which a loop can fail for good; see `LoopFaults`."""

MIXED, NOISY = "mixed", "noisy"

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
        ``"off"`` (reads nothing), ``"on"`` (covered for ever), ``"silent"`` (sends nothing), ``"mixed"`` (each of them in turn) or
        ``"noisy"`` (loses vehicles and reports some that are not there, see `NOISE_LOST`).
    seed
        Chooses the loops, and draws the noise.

    Raises
    ------
    ValueError
        If there is no such kind, or the share is not within 0 and 1.
    """

    share: float
    kind: str = "off"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in (*FAULT_KINDS, NOISY, MIXED):
            raise ValueError(f"loops do not fail by {self.kind!r}; choose from {', '.join(FAULT_KINDS)}, {NOISY} and {MIXED}.")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"a share of {self.share:g} of the loops cannot fail; choose one from 0 to 1.")


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
        Indices of the broken ones, ascending.
    kind_of
        How each of them fails, by loop.
    """

    def __init__(self, ids: Sequence[str], faults: LoopFaults) -> None:
        names = sorted(ids)
        chosen = random.Random(faults.seed).sample(names, round(faults.share * len(names)))  # noqa: S311 - an experiment
        kinds = FAULT_KINDS if faults.kind == MIXED else (faults.kind,)
        self.kind_of = {name: kinds[k % len(kinds)] for k, name in enumerate(chosen)}
        self.broken = np.array([index for index, name in enumerate(ids) if name in self.kind_of], dtype=np.int64)
        self._places = {kind: np.array([i for i in self.broken.tolist() if self.kind_of[ids[i]] == kind], dtype=np.int64) for kind in kinds}
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
        for kind, places in self._places.items():
            if kind == NOISY:
                self._disturb(places, count, occupancy, speed_m_s)
                continue
            speed_m_s[places] = math.nan
            count[places] = -1 if kind == "silent" else 0
            occupancy[places] = 1.0 if kind == "on" else 0.0
            occupied_s[places] = time_s if kind == "on" else 0.0

    def _disturb(
        self, places: NDArray[np.int64], count: NDArray[np.int64], occupancy: NDArray[np.float64], speed_m_s: NDArray[np.float64]
    ) -> None:
        # three draws for each broken loop and second, whatever it reads, so that runs stay comparable
        lost, ghost, covered = self._noise.random((3, places.size))
        read = count[places]
        kept = np.where(lost < NOISE_LOST, np.maximum(read - 1, 0), read)
        invented = ghost < NOISE_GHOST
        speed_m_s[places[(read > 0) & (kept == 0)]] = math.nan
        count[places] = kept + invented
        occupancy[places] = np.where(invented, np.maximum(occupancy[places], covered), occupancy[places])
