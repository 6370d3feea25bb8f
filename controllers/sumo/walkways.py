"""Which signal-controlled crossings persons use who walk along given edges."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from controllers.sumo.links import controlled_links
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optimizer.intersection import Intersection

Crossing = tuple[str, str]
"""A crossing by its junction and its signal group."""

DETOUR_M: Final = 28.0
"""SUMO's walkers look at the signals: a red crossing counts 20 s more (`PedestrianEdge`, TL_RED_PENALTY), at 1.39 m/s this many metres."""

_INSIDE: Final = frozenset({"crossing", "walkingarea"})


class Walkways:
    """The ways on foot through the junctions of a network.

    Parameters
    ----------
    net
        sumolib net, read with its internal edges and its connections for pedestrians.
    junctions
        Junctions by the name of their traffic light.
    """

    def __init__(self, net: Any, junctions: Mapping[str, Intersection]) -> None:  # noqa: ANN401 - sumolib ships no type hints
        self._net = net
        lights = {light.getID(): light for light in net.getTrafficLights()}
        self._crossings: dict[str, Crossing] = {}
        for name, junction in junctions.items():
            links = controlled_links(lights[name])
            for group in junction.groups:
                if group.kind is GroupKind.PEDESTRIAN:
                    edges = [edge for index in group.links if index in links for edge in links[index].origins]
                    self._crossings |= dict.fromkeys(edges, (name, group.id))
        self._between = cache(self._shares)

    def crossed(self, edges: Sequence[str]) -> dict[Crossing, float]:
        """Return how often a person crosses where, who walks along edges.

        From one edge to the next the shortest way counts. Those who may also go round the other way by no more than `DETOUR_M` choose by
        the signals: each such way gets its equal share.
        """
        found: dict[Crossing, float] = {}
        for pair in itertools.pairwise(edges):
            for crossing, share in self._between(*pair).items():
                found[crossing] = found.get(crossing, 0.0) + share
        return found

    def _shares(self, before: str, after: str) -> dict[Crossing, float]:
        if not (self._net.hasEdge(before) and self._net.hasEdge(after)):
            return {}
        ways = list(_ways((self._net.getEdge(before),), self._net.getEdge(after)))
        lengths_m = [sum(edge.getLength() for edge in way[1:-1]) for way in ways]
        chosen = [way for way, length_m in zip(ways, lengths_m, strict=True) if length_m <= min(lengths_m, default=0.0) + DETOUR_M]
        shares: dict[Crossing, float] = {}
        for crossing in (self._crossings.get(edge.getID()) for way in chosen for edge in way):
            if crossing is not None:
                shares[crossing] = shares.get(crossing, 0.0) + 1 / len(chosen)
        return shares


def _ways(way: tuple[Any, ...], target: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield all ways on foot that go on to an edge by the walking areas and crossings of the junctions between."""
    here = way[-1]
    for edge in dict.fromkeys((*here.getOutgoing(), *here.getIncoming())):
        if edge is target and len(way) > 1:  # not as vehicles go, from edge to edge
            yield (*way, edge)
        elif edge.getFunction() in _INSIDE and edge not in way:
            yield from _ways((*way, edge), target)
