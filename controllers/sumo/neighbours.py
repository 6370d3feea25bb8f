"""Which junction sends its traffic to which: the links between stop lines, walked through SUMO's network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from controllers.sumo.links import crossing_m, is_turn_back
from optimizer.neighbours import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sumolib.net import Net

    from optimizer.intersection import Intersection

FARTHEST_M = 1000.0
"""Beyond this a platoon has dissolved, and the plan's horizon is over."""


def links_between(net: Net, junctions: Mapping[str, Intersection]) -> tuple[Link, ...]:
    """Return the links between junctions, through unsignalled nodes along the main stream: straight on, fastest, most lanes."""
    approaches: dict[str, tuple[str, list[int]]] = {}
    for junction in junctions.values():
        for index, lane in enumerate(junction.incoming):
            approaches.setdefault(lane.approach, (junction.id, []))[1].append(index)
    found = []
    for junction in junctions.values():
        for index, lane in enumerate(junction.outgoing):
            crossings_m = [m.crossing_m for m in junction.movements if m.outgoing == index]
            before_m = sum(crossings_m) / len(crossings_m)
            walked = _walk(net, net.getLane(lane.id), approaches)
            if walked is None:
                continue
            edge, distance_m, time_s = walked
            target, lanes = approaches[edge]
            if target != junction.id:
                same = next((other for other in lanes if junctions[target].incoming[other].id == lane.id), -1)
                travel_s = before_m / lane.speed_m_s + time_s
                found.append(Link(junction.id, index, target, tuple(lanes), before_m + distance_m, travel_s, same))
    return tuple(found)


def _walk(net: Net, lane: Any, approaches: Mapping[str, object]) -> tuple[str, float, float] | None:  # noqa: ANN401 - sumolib's lanes
    """Return the approach that a lane leads to, with distance and time from the start of the lane to its stop line."""
    distance_m = time_s = 0.0
    seen: set[str] = set()
    while distance_m < FARTHEST_M:
        edge = lane.getEdge()
        distance_m += lane.getLength()
        time_s += lane.getLength() / lane.getSpeed()
        if edge.getID() in approaches:
            return edge.getID(), distance_m, time_s
        seen.add(edge.getID())
        ways = [c for each in (lane, *edge.getLanes()) for c in each.getOutgoing() if not is_turn_back(c) and not c.getTo().isSpecial()]
        ways = [c for c in ways if c.getTo().getID() not in seen and not c.getTLSID() and c.getToLane().allows("passenger")]
        if not ways:
            return None
        step = max(ways, key=partial(_merit, lane))
        inside_m = crossing_m(net, step)
        distance_m += inside_m
        time_s += inside_m / lane.getSpeed()
        lane = step.getToLane()
    return None


def _merit(lane: Any, way: Any) -> tuple[bool, float, int, bool]:  # noqa: ANN401 - sumolib's lanes and connections
    return way.getDirection() == "s", way.getToLane().getSpeed(), way.getTo().getLaneNumber(), way.getFromLane() is lane
