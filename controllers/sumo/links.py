"""The links that a traffic light controls, who uses them, and the right of way among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from optimizer.intersection import Direction, GroupKind, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

# sumolib ships no type hints: its nets, lanes, nodes and connections are `Any` here.

_GENERAL: Final = frozenset(
    ["private", "passenger", "hov", "evehicle", "truck", "trailer", "delivery", "motorcycle", "vip", "army", "custom1", "custom2"]
)
_RAILS: Final = frozenset(["tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway", "cable_car"])
_BUSES: Final = frozenset(["bus", "coach", "taxi"])
_CYCLES: Final = frozenset(["bicycle", "moped", "scooter"])
_FEET: Final = frozenset(["pedestrian", "wheelchair"])

VEHICLE_ROOM_M: Final = 7.5
"""Room of one standing car with its gap."""

_DIRECTION: Final = {
    "s": Direction.STRAIGHT,
    "l": Direction.LEFT,
    "L": Direction.LEFT,
    "r": Direction.RIGHT,
    "R": Direction.RIGHT,
    "t": Direction.TURN,
    "T": Direction.TURN,
}


@dataclass(frozen=True, slots=True)
class ControlledLink:
    """One position of the state string, with all connections that obey it.

    Attributes
    ----------
    index
        Position in the state string.
    connections
        sumolib connections; more than one where lanes share the position.
    kind
        Who uses it.
    origins
        Ids of the edges it comes from (of the crossing, for pedestrians).
    is_usable
        Whether the lanes let anybody use it.
    """

    index: int
    connections: tuple[Any, ...]
    kind: GroupKind
    origins: tuple[str, ...]
    is_usable: bool = True


@dataclass(frozen=True, slots=True)
class RightOfWay:
    """Right of way among the links of one traffic light, by link index.

    Attributes
    ----------
    foes
        Whether two links cross or merge, shape ``(links, links)``, symmetric.
    yields
        Whether the link of the row must give way to the link of the column when no signal helps.
    """

    foes: NDArray[np.bool_]
    yields: NDArray[np.bool_]


def controlled_links(light: Any) -> dict[int, ControlledLink]:  # noqa: ANN401
    """Return the links of a sumolib traffic light by their index; positions that nothing obeys are missing."""
    found: dict[int, list[Any]] = {}
    lanes = {lane.getID(): lane for lane, _, _ in light.getConnections()}
    for lane in lanes.values():
        for connection in lane.getOutgoing():
            if connection.getTLSID() == light.getID() and connection.getTLLinkIndex() >= 0:
                found.setdefault(connection.getTLLinkIndex(), []).append(connection)
    # The second half of an indirect turn waits inside the junction. Where it shares a signal with a stream that enters the
    # junction, that stream says what the signal is for.
    entering = {index: [c for c in row if enters(c)] or row for index, row in found.items()}
    return {index: _link(index, entering[index]) for index in sorted(entering)}


def enters(connection: Any) -> bool:  # noqa: ANN401
    """Whether a connection leads into the junction (not onwards from a waiting position inside it)."""
    return bool(connection.getFrom().getFunction() != "internal")


def _link(index: int, connections: list[Any]) -> ControlledLink:
    crossings = {c.getID() for c in map(crossing_of, connections) if c is not None}
    users = frozenset(
        user
        for c in connections
        if crossing_of(c) is None
        for user in c.getFromLane().getPermissions()
        if user in c.getToLane().getPermissions() and c.allows(user)
    )
    kind = _kind(users)
    if crossings and (not users or kind is GroupKind.BICYCLE):
        kind = GroupKind.PEDESTRIAN  # bicycles that ride with the pedestrians' signal: who is slower counts
    origins = crossings or {c.getFrom().getID() for c in connections}
    return ControlledLink(index, tuple(connections), kind, tuple(sorted(origins)), bool(users or crossings))


def _kind(users: frozenset[str]) -> GroupKind:
    for kind, classes in (
        (GroupKind.VEHICLE, _GENERAL),
        (GroupKind.TRAM, _RAILS),
        (GroupKind.BUS, _BUSES),
        (GroupKind.BICYCLE, _CYCLES),
        (GroupKind.PEDESTRIAN, _FEET),
    ):
        if users & classes:
            return kind
    return GroupKind.VEHICLE


def crossing_of(connection: Any) -> Any | None:  # noqa: ANN401
    """Return the pedestrian crossing that a connection enters or leaves, None for other connections."""
    for edge in (connection.getTo(), connection.getFrom()):
        if edge.getFunction() == "crossing":
            return edge
    return None


def direction_of(connection: Any) -> Direction:  # noqa: ANN401
    """Return where a connection turns."""
    return _DIRECTION.get(connection.getDirection(), Direction.STRAIGHT)


def is_turn_back(connection: Any) -> bool:  # noqa: ANN401
    """Whether a connection leads back the way it comes from."""
    return direction_of(connection) is Direction.TURN


def path_lanes(net: Any, connection: Any) -> list[Any]:  # noqa: ANN401
    """Return the lanes inside the junction that a connection uses, in order (none in a net without internal lanes)."""
    crossing = crossing_of(connection)
    if crossing is not None:
        return [crossing.getLane(0)]
    lanes: list[Any] = []
    via = connection.getViaLaneID()
    while via:
        lane = net.getLane(via)
        lanes.append(lane)
        via = next((c.getViaLaneID() for c in lane.getOutgoing()), "")
    return lanes


def crossing_m(net: Any, connection: Any) -> float:  # noqa: ANN401
    """Return the length of a connection's path inside the junction."""
    return float(sum(lane.getLength() for lane in path_lanes(net, connection)))


def right_of_way(net: Any, links: Mapping[int, ControlledLink], size: int) -> RightOfWay:  # noqa: ANN401
    """Return the right of way that the net's junctions define among the links.

    A traffic light may span several junctions. A link that leads onto an inner lane goes on at the next of these junctions; where no
    signal stops it there, its onward path counts as part of it.
    """
    places: dict[str, tuple[Any, list[tuple[int, int]]]] = {}
    own = {_node(connection).getID() for link in links.values() for connection in link.connections}
    for link in links.values():
        onward = [
            after
            for connection in link.connections
            if not connection.getTo().getFunction()
            for after in connection.getToLane().getOutgoing()
            if not after.getTLSID() and not after.getTo().getFunction() and _node(after).getID() in own
        ]
        for connection in [*link.connections, *onward]:
            node = _node(connection)
            request = _request(net, node, connection)
            if request >= 0:
                places.setdefault(node.getID(), (node, []))[1].append((link.index, request))
    foes, yields = np.zeros((size, size), dtype=np.bool_), np.zeros((size, size), dtype=np.bool_)
    for node, seats in places.values():
        rows = {request for _, request in seats if request in node._foes}  # noqa: SLF001 - sumolib has no public list of requests
        for link, request in seats:
            for other, seat in seats:
                if link != other and request in rows and seat in rows:
                    foes[link, other] |= node.areFoes(request, seat) or node.areFoes(seat, request)
                    # sumolib's public `forbids` searches the junction twice per pair; the response row says the same at once.
                    yields[link, other] |= node._prohibits[request][-(seat + 1)] == "1"  # noqa: SLF001
    return RightOfWay(foes, yields)


def _node(connection: Any) -> Any:  # noqa: ANN401
    crossing = crossing_of(connection)
    return connection.getFrom().getToNode() if crossing is None else crossing.getFromNode()


def _request(net: Any, node: Any, connection: Any) -> int:  # noqa: ANN401
    # The junction lists one internal lane per link in the order of its requests (where a path is split by a
    # waiting position the second part); nets without internal lanes leave only the order of connections.
    internal = node.getInternal() or []
    for lane in path_lanes(net, connection):
        if lane.getID() in internal:
            return int(internal.index(lane.getID()))
    return int(node.getLinkIndex(connection))


def incoming_lane(net: Any, lane: Any) -> Lane:  # noqa: ANN401
    """Describe a lane before the stop line with its unbranched continuation upstream.

    A lane too short for one vehicle is followed upstream even where the lane before it feeds others as well.
    """
    storage_m, seen, here = lane.getLength(), {lane.getID()}, lane
    while (before := _feeder(here, stub=storage_m < VEHICLE_ROOM_M)) is not None and before.getFromLane().getID() not in seen:
        here = before.getFromLane()
        seen.add(here.getID())
        storage_m += crossing_m(net, before) + here.getLength()
    return Lane(lane.getID(), lane.getLength(), lane.getSpeed(), storage_m, lane.getEdge().getID())


def outgoing_lane(net: Any, lane: Any) -> Lane:  # noqa: ANN401
    """Describe a lane behind the junction with its continuation downstream, up to the next stop line or fork.

    Imported roads are cut into short edges wherever a lane begins or ends or another road joins; a queue stands across such cuts.
    """
    storage_m, seen, here = lane.getLength(), {lane.getID()}, lane
    while (after := _continuation(here)) is not None and after.getToLane().getID() not in seen:
        here = after.getToLane()
        seen.add(here.getID())
        storage_m += crossing_m(net, after) + here.getLength()
    return Lane(lane.getID(), lane.getLength(), lane.getSpeed(), storage_m, lane.getEdge().getID())


def _feeder(lane: Any, *, stub: bool) -> Any | None:  # noqa: ANN401
    feeders = [c for c in _arriving(lane.getEdge()) if c.getToLane() is lane]
    if len(feeders) != 1 or feeders[0].getTLSID():
        return None
    return feeders[0] if stub or len(_road(feeders[0].getFromLane().getOutgoing())) == 1 else None


def _continuation(lane: Any) -> Any | None:  # noqa: ANN401
    exits = _road(lane.getOutgoing())
    if len({c.getTo().getID() for c in exits}) != 1 or any(c.getTLSID() for c in exits):
        return None
    return max(exits, key=lambda c: (c.getDirection() == "s", c.getToLane().getLength()))


def _arriving(edge: Any) -> list[Any]:  # noqa: ANN401
    return _road(c for connections in edge.getIncoming().values() for c in connections)


def _road(connections: Iterable[Any]) -> list[Any]:
    """Return the connections that lead on along roads: no crossings, no inner lanes, no turning back."""
    return [c for c in connections if not c.getFrom().getFunction() and not c.getTo().getFunction() and not is_turn_back(c)]
