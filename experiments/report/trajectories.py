"""Vehicles' ways along a corridor, from SUMO's floating-car output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from controllers.sumo.xml_reading import top_level_elements

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.report.corridors import Corridor

COLUMNS = ("vehicle", "time_s", "distance_m", "speed_m_s")


def read_trajectories(path: Path, way: Corridor, begin_s: float, end_s: float) -> pd.DataFrame:
    """Return where each vehicle was along a corridor, second by second.

    Parameters
    ----------
    path
        SUMO's ``--fcd-output`` with lane, position and speed.
    way
        The corridor.
    begin_s, end_s
        Times before and after are left out.

    Returns
    -------
    pd.DataFrame
        Columns `COLUMNS`, by vehicle and time. ``distance_m``: of its front along the corridor.
    """
    rows = []
    for step in top_level_elements(path):
        time_s = float(step.get("time", "0"))
        if time_s < begin_s:
            continue
        if time_s > end_s:
            break
        for vehicle in step:
            edge = vehicle.get("lane", "").rpartition("_")[0]
            start_m = way.starts_m.get(edge)
            if start_m is not None and vehicle.tag == "vehicle":
                rows.append((vehicle.get("id", ""), time_s, start_m + float(vehicle.get("pos", "0")), float(vehicle.get("speed", "0"))))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["vehicle", "time_s"], ignore_index=True)


def visits(ways: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the stretches in which one vehicle was on the corridor without a break (a vehicle may leave it and come back)."""
    gap = (ways["vehicle"] != ways["vehicle"].shift()) | (ways["time_s"].diff() > 1.5) | (ways["distance_m"].diff() < -1.0)
    return [stretch for _, stretch in ways.groupby(gap.cumsum())]
