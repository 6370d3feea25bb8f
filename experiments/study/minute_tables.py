"""Tables per minute from what SUMO wrote: without the columns that nobody needs, and with units in the names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.minutes import LANES, MINUTE_S, REQUEST, SUMMARY

if TYPE_CHECKING:
    from pathlib import Path

LANE_MINUTES = pa.schema(
    [
        ("minute", pa.int32()),
        ("edge", pa.string()),
        ("lane", pa.string()),
        *((name, pa.float32()) for name in ("vehicles", "queue_veh", "time_loss_s", "speed_m_s")),
        *((name, pa.int32()) for name in ("entered", "left", "departed", "arrived")),
    ]
)
MINUTES = pa.schema(
    [
        ("minute", pa.int32()),
        ("vehicles", pa.float64()),
        ("queue_veh", pa.float64()),
        ("backlog_veh", pa.int32()),
        ("delay_s", pa.float64()),
        ("arrived", pa.int32()),
    ]
)
_SUMS = ("vehicles", "queue_veh", "time_loss_s", "arrived")


def condense_lanes(folder: Path, begin_s: float, end_s: float) -> pa.Table:
    """Return a run's traffic per lane and minute, and remove SUMO's files that it was made from.

    Parameters
    ----------
    folder
        Of a run that was made with `MinuteOutput`.
    begin_s, end_s
        The window that was simulated.

    Returns
    -------
    Table
        Columns ``minute``, ``edge``, ``lane``, ``vehicles``, ``queue_veh``, ``time_loss_s``, ``speed_m_s``, ``entered``, ``left``,
        ``departed``, ``arrived``; sorted by minute and lane.
    """
    raw = pq.ParquetFile(folder / LANES).read()
    (folder / LANES).unlink()
    (folder / REQUEST).unlink()
    if "lane_id" not in raw.column_names:  # not one vehicle in the whole window
        return LANE_MINUTES.empty_table()
    raw = raw.filter(pc.is_valid(raw["lane_id"]))  # SUMO writes a row without a lane for a minute without a vehicle
    starts_s, ends_s = (pc.cast(raw[f"interval_{name}"], pa.float64()) for name in ("begin", "end"))
    # a window need not be whole minutes: the last one counts with the seconds it has
    spans_s = pc.subtract(pc.min_element_wise(ends_s, end_s), starts_s)
    columns = {
        "minute": pc.round(pc.divide(pc.subtract(starts_s, begin_s), float(MINUTE_S))),
        "edge": raw["edge_id"],
        "lane": raw["lane_id"],
        "vehicles": pc.divide(_or_0(raw["lane_sampledSeconds"]), spans_s),
        "queue_veh": pc.divide(_or_0(raw["lane_waitingTime"]), spans_s),
        "time_loss_s": _or_0(raw["lane_timeLoss"]),
        "speed_m_s": raw["lane_speed"],
        **{name: _or_0(raw[f"lane_{name}"]) for name in ("entered", "left", "departed", "arrived")},
    }
    table = pa.table({field.name: pc.cast(columns[field.name], field.type) for field in LANE_MINUTES}, LANE_MINUTES)
    return table.sort_by([("minute", "ascending"), ("lane", "ascending")])


def condense_minutes(folder: Path, lanes: pa.Table, begin_s: float, end_s: float, never_inserted: int) -> pa.Table:
    """Return a run's traffic per minute in the whole network, and remove SUMO's file that the backlog is taken from.

    Parameters
    ----------
    folder, begin_s, end_s
        As for `condense_lanes`.
    lanes
        What that returned.
    never_inserted
        Vehicles that still waited outside at the end, of which SUMO's summary need not tell.

    Returns
    -------
    Table
        Columns ``minute``, ``vehicles``, ``queue_veh``, ``backlog_veh``, ``delay_s``, ``arrived``; one row per minute of the window.
    """
    summary = pq.ParquetFile(folder / SUMMARY).read(["step_time", "step_waiting"])
    (folder / SUMMARY).unlink()
    waiting = dict(zip(pc.cast(summary["step_time"], pa.float64()).to_pylist(), summary["step_waiting"].to_pylist(), strict=True))
    sums = {row["minute"]: row for row in lanes.group_by("minute").aggregate([(name, "sum") for name in _SUMS]).to_pylist()}
    rows = []
    for minute in range(max(1, math.ceil((end_s - begin_s) / MINUTE_S))):
        until_s = min(begin_s + (minute + 1) * MINUTE_S, end_s)
        traffic = {name: sums[minute][f"{name}_sum"] if minute in sums else 0 for name in _SUMS}
        backlog = waiting.get(until_s, 0) if until_s < end_s else never_inserted
        delay_s = traffic["time_loss_s"] + backlog * (until_s - begin_s - minute * MINUTE_S)
        rows.append((minute, traffic["vehicles"], traffic["queue_veh"], backlog, delay_s, traffic["arrived"]))
    columns = zip(zip(*rows, strict=True), MINUTES.types, strict=True)
    return pa.Table.from_arrays([pa.array(column, kind) for column, kind in columns], MINUTES.names)


def _or_0(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with 0 where SUMO leaves a figure out: a lane on which a vehicle appeared in the minute's last step, for instance."""
    return pc.fill_null(pc.cast(column, pa.float64()), 0.0)
