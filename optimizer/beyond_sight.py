"""Traffic beyond sight that no neighbour tells of: its mean flow is what is expected.

A plan that knows nobody beyond the vehicles in sight takes every road to be empty some ten seconds from now. Where a change costs much time
it waits for that emptiness, which never comes, while others queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import FOLLOWING_S, HEADWAY_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from optimizer.estimation.traffic import TrafficArrays

EXPECTED_UNTIL_S: Final = 40.0
"""So far ahead the mean flow is added, s: what comes later changes nothing that is decided now."""

REACH_KEPT: Final = 0.9998
"""How far vehicles are seen is the farthest of late; it shrinks by half in an hour."""

LEAST_FLOW_VEH_S: Final = 0.005
"""Less than one vehicle in 200 s is nothing to expect."""

MOST_EXPECTED: Final = int(EXPECTED_UNTIL_S / HEADWAY_S) + 1
"""Vehicles that are expected on one lane at the most."""


class BeyondSight(NamedTuple):
    """Where the mean flow is expected, and from when on; changed in place.

    Attributes
    ----------
    lanes
        Whether it is expected on an incoming lane, shape ``(lanes,)``.
    reach_s
        How many seconds before its arrival the first vehicle is seen, shape ``(lanes,)``.
    known
        How many vehicles of each lane are seen or told of, shape ``(lanes,)``; those behind them are a mean flow, and nobody in particular.
    """

    lanes: NDArray[np.bool_]
    reach_s: NDArray[np.float64]
    known: NDArray[np.int64]


def nothing_seen(lanes: int, unsent: Iterable[int]) -> BeyondSight:
    """Return what is known at first; flows are to be expected on the `unsent` ones of the lanes, to which no neighbour sends."""
    expected = np.zeros(lanes, dtype=np.bool_)
    expected[list(unsent)] = True
    return BeyondSight(expected, np.zeros(lanes), np.zeros(lanes, dtype=np.int64))


@compiled
def watch_reach(beyond: BeyondSight, lane_start: NDArray[np.int64], arrival_s: NDArray[np.float64], moving: NDArray[np.bool_]) -> None:
    """Learn from one second how far vehicles are seen."""
    for lane in range(len(lane_start) - 1):
        last = lane_start[lane + 1] - 1
        beyond.reach_s[lane] *= REACH_KEPT
        if last >= lane_start[lane] and moving[last]:
            beyond.reach_s[lane] = max(beyond.reach_s[lane], arrival_s[last])


@compiled
def add_flow(
    beyond: BeyondSight,
    incoming: NDArray[np.int64],
    flow_veh_s: NDArray[np.float64],
    lane: int,
    traffic: TrafficArrays,
    count: int,
    until_s: float,
) -> int:
    """Write the vehicles that are expected beyond sight behind the `count` that are there, and return how many there are now.

    They come at equal distances in time. What they do not cost is a stop: nobody knows when each of them comes, and a flow does not brake.

    Parameters
    ----------
    beyond
        Where, and from when on.
    incoming, flow_veh_s
        Lane and mean flow of each movement.
    lane
        Whose vehicles the last of the traffic are.
    traffic
        Written.
    count
        Vehicles so far.
    until_s
        Nobody is expected later.
    """
    beyond.known[lane] = count - traffic.lane_start[lane]
    if not beyond.lanes[lane]:
        return count
    flows = np.where(incoming == lane, flow_veh_s, 0.0)
    flow = min(flows.sum(), 1.0 / HEADWAY_S)
    if flow < LEAST_FLOW_VEH_S:
        return count
    shares = flows / flows.sum()
    owed = np.zeros(len(flows))
    arrives_s = beyond.reach_s[lane] + 0.5 / flow
    if count > traffic.lane_start[lane]:
        arrives_s = max(arrives_s, traffic.arrival_s[count - 1] + FOLLOWING_S)
    until_s = min(until_s, EXPECTED_UNTIL_S)
    while arrives_s < until_s:
        owed += shares
        most = owed.argmax()
        owed[most] -= 1.0
        traffic.arrival_s[count] = arrives_s
        traffic.movement[count] = most
        traffic.moving[count] = False
        traffic.weight[count] = 1.0
        arrives_s += 1.0 / flow
        count += 1
    return count
