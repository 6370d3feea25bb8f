"""Approaches of signalised junctions: what they are made of, and how traffic fared on each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from experiments.report.levels import approach_levels
from experiments.report.signal_times import green_shares, signal_spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sumolib.net import Net
    from sumolib.net.edge import Edge

    from optimizer.intersection import Intersection

SATURATION_FLOW_VEH_H = 1900.0
"""Of one lane: the base value of HCM (2016), chapter 19; vehicles in SUMO leave a queue every 1.9 s, which is the same."""

REACH_M = 500.0
"""Delay farther back than this is not the junction's."""

COLUMNS = (
    *("junction", "approach", "arm", "vehicles", "flow_veh_h", "delay_s", "halting_s", "queue_mean_veh", "queue_most_veh"),
    *("critical_lane", "green_share", "saturation", "hcm", "hbs"),
)

_POINTS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")


@dataclass(frozen=True, slots=True)
class Approach:
    """One street into a signalised junction.

    Attributes
    ----------
    junction, edge
        Ids of the junction and of the edge that ends at its stop line.
    edges
        That edge and the edges behind it whose traffic can go nowhere else.
    arm
        Side of the junction that the street lies on, such as ``NW``.
    """

    junction: str
    edge: str
    edges: tuple[str, ...]
    arm: str


def approaches_of(net: Net, junction: Intersection) -> tuple[Approach, ...]:
    """Return the approaches of a junction, in the order of its lanes."""
    edges = dict.fromkeys(lane.approach for lane in junction.incoming)
    return tuple(Approach(junction.id, edge, _feeders(net.getEdge(edge)), _arm(net.getEdge(edge))) for edge in edges)


def approach_table(
    lanes: pd.DataFrame,
    changes: pd.DataFrame,
    junctions: Mapping[str, Intersection],
    approaches: Mapping[str, tuple[Approach, ...]],
    window_s: tuple[float, float],
) -> pd.DataFrame:
    """Return how traffic fared on each approach in one run.

    Parameters
    ----------
    lanes
        The run's ``lanes.parquet``: per minute and lane ``vehicles``, ``queue_veh``, ``time_loss_s``, ``entered``, ``left``.
    changes
        The run's signal changes.
    junctions, approaches
        Descriptions and approaches by junction.
    window_s
        Begin and end of the simulated time.

    Returns
    -------
    pd.DataFrame
        Columns `COLUMNS`. ``vehicles``: how many crossed the stop line. ``delay_s``: time loss on the approach's edges per such vehicle.
        ``halting_s``: likewise, time below 0.1 m/s. ``queue_mean_veh`` and ``queue_most_veh``: halting vehicles, mean and greatest minute.
        ``saturation``: of the lane with the greatest: vehicles that came (crossed, or were there in the end) per hour over capacity,
        `SATURATION_FLOW_VEH_H` times the share of time in which one of its groups had green. Permissive green counts in full, so that
        of opposed left turns is a lower bound, as it is where the queue reaches back beyond the approach. ``hcm``, ``hbs``: levels.
    """
    begin_s, end_s = window_s
    by_lane = _sums_by_lane(lanes)
    by_edge = lanes.assign(halting_s=60.0 * lanes["queue_veh"]).groupby("edge")[["time_loss_s", "halting_s"]].sum()
    minutes = max(math.ceil((end_s - begin_s) / 60.0), 1)
    rows = []
    for name, junction in junctions.items():
        spans = signal_spans(changes[changes["junction"] == name], junction, begin_s, end_s)
        shares = _lane_green_shares(junction, green_shares(spans, begin_s, end_s))
        for approach in approaches[name]:
            own = [lane.id for lane in junction.incoming if lane.approach == approach.edge]
            vehicles = float(by_lane["left"].reindex(own).fillna(0.0).sum())
            sums = by_edge.reindex(list(approach.edges)).fillna(0.0).sum()
            queue = lanes[lanes["edge"].isin(approach.edges)].groupby("minute")["queue_veh"].sum()
            x = {lane: _saturation(by_lane, lane, shares[lane], end_s - begin_s) for lane in own}
            critical = max(own, key=lambda lane: (x[lane], lane))
            delay_s = sums["time_loss_s"] / vehicles if vehicles else math.nan
            rows.append(
                (
                    *(name, approach.edge, approach.arm, int(vehicles), vehicles * 3600.0 / (end_s - begin_s), delay_s),
                    sums["halting_s"] / vehicles if vehicles else math.nan,
                    *(queue.sum() / minutes, queue.max() if len(queue) else 0.0, critical, shares[critical], x[critical]),
                    *approach_levels(delay_s, x[critical]),
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _sums_by_lane(lanes: pd.DataFrame) -> pd.DataFrame:
    """Return for each lane the vehicles that left it and those that were on it in the last minute."""
    left = lanes.groupby("lane")["left"].sum()
    last = lanes[lanes["minute"] == lanes["minute"].max()].set_index("lane")["vehicles"]
    return pd.DataFrame({"left": left, "at_end": last}).fillna(0.0)


def _saturation(by_lane: pd.DataFrame, lane: str, green_share: float, length_s: float) -> float:
    if lane not in by_lane.index:
        return 0.0
    came = float(by_lane.loc[lane].sum())
    capacity = SATURATION_FLOW_VEH_H / 3600.0 * length_s * green_share
    return came / capacity if capacity > 0 else math.inf if came >= 1 else 0.0


def _lane_green_shares(junction: Intersection, by_group: Mapping[str, float]) -> dict[str, float]:
    """Return for each incoming lane the greatest green share among the groups that serve it."""
    shares: dict[str, float] = {}
    for index, lane in enumerate(junction.incoming):
        groups = {junction.groups[m.group].id for m in junction.movements if m.incoming == index}
        shares[lane.id] = max((by_group.get(group, 0.0) for group in groups), default=0.0)
    return shares


def _feeders(edge: Edge) -> tuple[str, ...]:
    """Return an edge and those behind it, as far as their traffic must come to it without passing a signal."""
    found = {edge.getID(): edge.getLength()}
    waiting = [edge]
    while waiting:
        one = waiting.pop()
        for before in one.getIncoming():
            if before.getID() in found or before.isSpecial() or found[one.getID()] >= REACH_M:
                continue
            after = [way for way in before.getOutgoing() if not way.isSpecial() and not _turns_back(before, way)]
            if after == [one] and not any(c.getTLSID() for c in before.getConnections(one)):
                found[before.getID()] = found[one.getID()] + before.getLength()
                waiting.append(before)
    return tuple(found)


def _turns_back(before: Edge, after: Edge) -> bool:
    return before.getFromNode().getID() == after.getToNode().getID()


def _arm(edge: Edge) -> str:
    """Return the side of the junction that an edge comes from."""
    shape = edge.getShape()
    (x, y), (far_x, far_y) = (
        shape[-1][:2],
        next((p[:2] for p in reversed(shape[:-1]) if math.dist(p[:2], shape[-1][:2]) > 15.0), shape[0][:2]),
    )
    angle = math.degrees(math.atan2(far_y - y, far_x - x)) % 360.0
    return _POINTS[round(angle / 45.0) % 8]
