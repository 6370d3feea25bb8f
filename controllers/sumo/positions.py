"""Where traffic lights lie."""

from __future__ import annotations

from typing import Any


def position_m(net: Any, light: str) -> tuple[float, float]:  # noqa: ANN401 - sumolib's net
    """Return the middle of the nodes that a traffic light governs, m."""
    nodes = {connection[0].getEdge().getToNode() for connection in net.getTLS(light).getConnections()}
    places = [node.getCoord() for node in nodes]
    return sum(place[0] for place in places) / len(places), sum(place[1] for place in places) / len(places)
