"""Levels of service A to F, of the Highway Capacity Manual and of the German HBS."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from optimizer.intersection import GroupKind

LEVELS: Final = "ABCDEF"

HCM_VEHICLE_S: Final = (10.0, 20.0, 35.0, 55.0, 80.0)
"""Control delay up to which a level holds; F beyond, and wherever the flow exceeds the capacity (HCM 2016, exhibit 19-8)."""

HCM_PERSON_S: Final = (10.0, 20.0, 30.0, 40.0, 60.0)
"""Mean wait of pedestrians (HCM 2000, exhibit 18-9; the HCM 2016 grades them by a score that needs the walkways' geometry)."""

HBS_VEHICLE_S: Final = (20.0, 35.0, 50.0, 70.0)
"""Mean wait of motor traffic; E beyond, F where the flow exceeds the capacity (HBS 2015, S4; from secondary sources)."""

HBS_WAIT_S: Final = (30.0, 40.0, 55.0, 70.0, 85.0)
"""Longest wait of pedestrians and cyclists (HBS 2015, S4; from secondary sources)."""

HBS_PUBLIC_S: Final = (5.0, 15.0, 25.0, 40.0, 60.0)
"""Mean wait of public transport on its own lanes (HBS 2015, S4; from secondary sources)."""


def level_hcm(kind: GroupKind, delay_s: float, saturation_degree: float) -> str:
    """Return the level of service after the HCM.

    Parameters
    ----------
    kind
        Who travels; cyclists, buses and trams are graded like vehicles.
    delay_s
        Mean control delay.
    saturation_degree
        Flow over capacity.
    """
    if saturation_degree > 1:
        return "F"
    return _level(delay_s, HCM_PERSON_S if kind is GroupKind.PEDESTRIAN else HCM_VEHICLE_S)


def level_hbs(kind: GroupKind, delay_s: float, longest_wait_s: float, saturation_degree: float) -> str:
    """Return the level of service after the HBS.

    Parameters
    ----------
    kind
        Who travels: motor traffic, buses and trams are graded by their mean wait, pedestrians and cyclists by the longest one.
    delay_s
        Mean wait.
    longest_wait_s
        Longest red.
    saturation_degree
        Flow over capacity.
    """
    if saturation_degree > 1:
        return "F"
    if kind in {GroupKind.PEDESTRIAN, GroupKind.BICYCLE}:
        return _level(longest_wait_s, HBS_WAIT_S)
    return _level(delay_s, HBS_PUBLIC_S if kind in {GroupKind.BUS, GroupKind.TRAM} else HBS_VEHICLE_S)


def _level(value_s: float, limits_s: tuple[float, ...]) -> str:
    return LEVELS[bisect_left(limits_s, value_s)]
