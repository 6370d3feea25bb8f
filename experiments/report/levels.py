"""Levels of service of an approach, from what was measured on it."""

from __future__ import annotations

import math

from optimizer.design.levels import level_hbs, level_hcm
from optimizer.intersection import GroupKind


def approach_levels(delay_s: float, saturation: float) -> tuple[str, str]:
    """Return the levels of motor traffic by the HCM and by the HBS; dashes where nothing was measured.

    Parameters
    ----------
    delay_s
        Mean delay per vehicle that crossed the stop line; NaN where nobody did.
    saturation
        Degree of saturation of the most loaded lane: above 1 the level is F, also where nobody came through.
    """
    if math.isnan(delay_s) and saturation <= 1:
        return "-", "-"
    # the longest wait grades pedestrians and cyclists only
    return level_hcm(GroupKind.VEHICLE, delay_s, saturation), level_hbs(GroupKind.VEHICLE, delay_s, math.nan, saturation)
