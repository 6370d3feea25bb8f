"""The streets before and behind a junction's stop lines, walked through SUMO's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controllers.sumo.links import is_turn_back

if TYPE_CHECKING:
    from sumolib.net import Net
    from sumolib.net.lane import Lane as SumoLane


@dataclass(frozen=True, slots=True)
class Section:
    """A lane on the way to (or from) a junction.

    Attributes
    ----------
    lane
        SUMO lane id.
    distance_m
        From the junction's stop line to the end of this lane that is nearer to the junction.
    length_m, speed_m_s
        Of this lane.
    """

    lane: str
    distance_m: float
    length_m: float
    speed_m_s: float


def upstream(net: Net, lane_id: str, reach_m: float) -> tuple[Section, ...]:
    """Return the lanes that lead straight to the end of `lane_id`, nearest first, up to `reach_m` or the previous traffic light.

    Where several lanes lead into one, the straight one with the highest speed and most lanes is followed: the main stream.
    """
    lane = net.getLane(lane_id)
    sections = [_section(lane, 0.0)]
    seen = {lane_id}
    while sections[-1].distance_m + sections[-1].length_m < reach_m:
        before = [c for c in lane.getIncomingConnections() if not c.getTLSID() and not is_turn_back(c) and _is_street(c.getFromLane())]
        if not before:
            break
        step = max(
            before,
            key=lambda c: (
                c.getDirection() == "s",
                c.getFromLane().getSpeed(),
                c.getFromLane().getEdge().getLaneNumber(),
                c.getFromLane().getID(),
            ),
        )
        lane = step.getFromLane()
        if lane.getID() in seen:
            break
        seen.add(lane.getID())
        sections.append(_section(lane, sections[-1].distance_m + sections[-1].length_m + _via_length_m(net, step)))
    return tuple(sections)


def downstream(net: Net, lane_id: str, reach_m: float) -> tuple[Section, ...]:
    """Return the lane `lane_id` and its straightest continuation, nearest first, up to `reach_m` or the next traffic light."""
    lane = net.getLane(lane_id)
    sections = [_section(lane, 0.0)]
    seen = {lane_id}
    while sections[-1].distance_m + sections[-1].length_m < reach_m:
        after = [c for c in lane.getOutgoing() if not is_turn_back(c) and _is_street(c.getToLane())]
        if not after or any(c.getTLSID() for c in after):
            break
        step = max(
            after,
            key=lambda c: (
                c.getDirection() == "s",
                c.getToLane().getSpeed(),
                c.getToLane().getEdge().getLaneNumber(),
                c.getToLane().getID(),
            ),
        )
        lane = step.getToLane()
        if lane.getID() in seen:
            break
        seen.add(lane.getID())
        sections.append(_section(lane, sections[-1].distance_m + sections[-1].length_m + _via_length_m(net, step)))
    return tuple(sections)


def _section(lane: SumoLane, distance_m: float) -> Section:
    return Section(lane.getID(), distance_m, lane.getLength(), lane.getSpeed())


def _is_street(lane: SumoLane) -> bool:
    return not lane.getEdge().isSpecial() or lane.getEdge().getFunction() == "connector"


def _via_length_m(net: Net, connection: object) -> float:
    via = connection.getViaLaneID()  # type: ignore[attr-defined]
    if via and net.hasInternal:
        return float(net.getLane(via).getLength())
    return 0.0
