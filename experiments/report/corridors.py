"""Corridors: a chain of streets through several signals, to draw vehicles' ways along it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controllers.sumo.xml_reading import top_level_elements
from experiments.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sumolib.net import Net
    from sumolib.net.edge import Edge

LEAST_SHARE = 0.3
"""A chain goes on while at least this share of its heaviest link's traffic goes straight on with it."""

LEAST_VEHICLES = 5
MOST_LEAD = 4  # edges before the first stop line's own


@dataclass(frozen=True, slots=True)
class StopLine:
    """A signal on the way: its junction, the edge that ends there, the edge that follows, and the distance along the corridor, m."""

    junction: str
    edge: str
    next_edge: str
    at_m: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """A chain of edges with distances along it.

    Attributes
    ----------
    edges
        Ids in the direction of travel.
    starts_m
        Distance at which each edge begins, and each edge inside a junction on the way, by id.
    stop_lines
        Signals on the way.
    length_m
        Of the whole.
    """

    edges: tuple[str, ...]
    starts_m: Mapping[str, float]
    stop_lines: tuple[StopLine, ...]
    length_m: float


def read_routes(path: Path) -> list[tuple[str, ...]]:
    """Return the edges that each vehicle drove, from SUMO's ``--vehroute-output``."""
    found = []
    for element in top_level_elements(path):
        if element.tag == "vehicle":
            routes = list(element.iter("route"))
            if routes:
                found.append(tuple(routes[-1].get("edges", "").split()))
    return found


def heaviest_chain(routes: Sequence[Sequence[str]], signalled: Mapping[str, str]) -> tuple[str, ...]:
    """Return the edges of the longest chain of signals along the heaviest through flow; empty where no route passes a signal.

    The link between two signals that most vehicles drive is the start. At either end the chain goes on with the link that most of
    those take who drive its last link, as long as they are at least `LEAST_SHARE` of the first link's.

    Parameters
    ----------
    routes
        Edges of each vehicle.
    signalled
        Junction of each edge that ends at a signal.
    """
    links: Counter[tuple[str, ...]] = Counter()  # the edges from one stop line to the next one, both approach edges included
    pairs: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    single: Counter[tuple[str, ...]] = Counter()
    for route in routes:
        at = [index for index, edge in enumerate(route[:-1]) if edge in signalled]
        single.update((route[index], route[index + 1]) for index in at)
        found = [tuple(route[a : b + 1]) for a, b in itertools.pairwise(at) if signalled[route[a]] != signalled[route[b]]]
        links.update(found)
        pairs.update((first, second) for first, second in itertools.pairwise(found) if first[-1] == second[0])
    if not links:
        busiest = max(single, key=lambda way: (single[way], way)) if single else ()
        return (*_lead(routes, busiest, signalled), *busiest) if busiest else ()
    start = max(links, key=lambda link: (links[link], link))
    least = max(LEAST_SHARE * links[start], LEAST_VEHICLES)
    chain = [start]
    seen = {signalled[start[0]], signalled[start[-1]]}
    for forward in (True, False):
        while True:
            end = chain[-1] if forward else chain[0]
            options = {
                (second if forward else first): count
                for (first, second), count in pairs.items()
                if (first if forward else second) == end and signalled[second[-1] if forward else first[0]] not in seen and count >= least
            }
            if not options:
                break
            following = max(options, key=lambda link: (options[link], link))
            seen.add(signalled[following[-1] if forward else following[0]])
            chain.insert(len(chain) if forward else 0, following)
    edges = list(chain[0])
    for link in chain[1:]:
        edges += link[1:]
    after = Counter(route[i + 1] for route in routes for i, edge in enumerate(route[:-1]) if edge == edges[-1])
    edges += [edge for edge, _ in after.most_common(1)]
    return (*_lead(routes, edges, signalled), *edges)


def _lead(routes: Sequence[Sequence[str]], edges: Sequence[str], signalled: Mapping[str, str]) -> list[str]:
    """Return the edges that lead to a chain, as far as a good part of its traffic comes over them and no signal lies behind."""
    lead: list[str] = []
    while len(lead) < MOST_LEAD:
        first = (lead or edges)[0]
        before = Counter(route[i - 1] if i else "" for route in routes for i, edge in enumerate(route) if edge == first)
        edge, count = before.most_common(1)[0]
        if not edge or edge in {*lead, *edges} or edge in signalled or count < LEAST_SHARE * before.total():
            break
        lead.insert(0, edge)
    return lead


def corridor(net: Net, edges: Sequence[str], signalled: Mapping[str, str]) -> Corridor:
    """Measure a chain of edges.

    Raises
    ------
    ExperimentError
        If there is no such edge, or two of them do not follow each other.
    """
    for edge in edges:
        if not net.hasEdge(edge):
            raise ExperimentError(f"corridor: the network has no edge {edge!r}; name edges of it, in the direction of travel.")
    starts_m: dict[str, float] = {}
    stop_lines = []
    at_m = 0.0
    for index, edge in enumerate(edges):
        one = net.getEdge(edge)
        starts_m[edge] = at_m
        at_m += one.getLength()
        if index + 1 == len(edges):
            break
        following = edges[index + 1]
        inside = _inside(net, one, net.getEdge(following))
        if edge in signalled:
            stop_lines.append(StopLine(signalled[edge], edge, following, at_m))
        longest_m = 0.0
        for parts in inside:
            walked_m = 0.0
            for name, length_m in parts:
                starts_m[name] = at_m + walked_m
                walked_m += length_m
            longest_m = max(longest_m, walked_m)
        at_m += longest_m
    return Corridor(tuple(edges), starts_m, tuple(stop_lines), at_m)


def _inside(net: Net, edge: Edge, following: Edge) -> list[list[tuple[str, float]]]:
    """Return the edges inside the junction between two edges, way by way, with their lengths."""
    connections = edge.getConnections(following)
    if not connections:
        raise ExperimentError(
            f"corridor: no way leads from edge {edge.getID()!r} to {following.getID()!r}; name edges that follow each other."
        )
    ways = []
    for connection in connections:
        via, parts = connection.getViaLaneID(), []
        while via:
            lane = net.getLane(via)
            parts.append((lane.getEdge().getID(), lane.getLength()))
            further = [c.getViaLaneID() for c in lane.getOutgoing() if c.getViaLaneID()]
            via = further[0] if further and further[0] not in {name for name, _ in parts} else ""
        ways.append(parts)
    return ways
