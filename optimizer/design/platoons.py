"""Platoon dispersion between two stop lines.

D. I. Robertson, "TRANSYT: a traffic network study tool", RRL report LR 253 (1969): q'(t) = F q(t - betaT) + (1 - F) q'(t - 1) with
F = 1 / (1 + alphabetaT), T the travel time in steps; alpha = 0.35 and beta = 0.8 are the usual values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPREAD: Final = 0.35
"""alpha: how fast a platoon spreads."""

HEAD_START: Final = 0.8
"""beta: the head of a platoon arrives after this share of the mean travel time."""

WARM_UP_CYCLES: Final = 8
"""Turns of the recursion after which a periodic profile has settled, whatever it began with."""


def lag_and_smoothing(travel_cells: float, spread: float = SPREAD, head_start: float = HEAD_START) -> tuple[int, float]:
    """Return the lag in whole cells and the smoothing factor F of a travel time."""
    lag = head_start * travel_cells
    return round(lag), 1 / (1 + spread * lag)


def dispersed(
    profile: NDArray[np.float64], travel_cells: float, spread: float = SPREAD, head_start: float = HEAD_START
) -> NDArray[np.float64]:
    """Return what of a periodic departure profile arrives in each cell downstream; the number of vehicles stays the same.

    Parameters
    ----------
    profile
        Vehicles that depart in each cell of a cycle, shape ``(cells,)``.
    travel_cells
        Mean travel time in cells.
    spread, head_start
        alpha and beta.
    """
    lag, smoothing = lag_and_smoothing(travel_cells, spread, head_start)
    shifted = np.roll(profile, lag)
    arriving = np.full(len(profile), profile.mean())
    before = float(arriving[-1])
    for _ in range(WARM_UP_CYCLES):
        for cell, value in enumerate(shifted):
            before = smoothing * float(value) + (1 - smoothing) * before
            arriving[cell] = before
    total = float(arriving.sum())
    return arriving * (float(profile.sum()) / total) if total > 0 else arriving
