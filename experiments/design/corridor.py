"""Corridors: which signals follow each other along a road, by which groups the through traffic passes them, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from experiments.errors import ExperimentError
from optimizer.intersection import Direction, GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optimizer.design.demand import JunctionDemand
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class CorridorSignal:
    """A signal of a corridor.

    Attributes
    ----------
    junction
        Its id.
    out, back
        Groups of the through traffic, outbound and inbound.
    """

    junction: str
    out: int
    back: int


@dataclass(frozen=True, slots=True)
class CorridorLink:
    """The road between two signals of a corridor.

    Attributes
    ----------
    out_m, back_m
        Stop line to stop line.
    out_s, back_s
        Travel time at the allowed speeds.
    """

    out_m: float
    back_m: float
    out_s: float
    back_s: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """Signals along a road.

    Attributes
    ----------
    signals
        In their order, outbound.
    links
        One less.
    """

    signals: tuple[CorridorSignal, ...]
    links: tuple[CorridorLink, ...]


class Roads:
    """The ways between junctions, direction by direction.

    Parameters
    ----------
    junctions
        The junctions.
    demands
        Their flows.
    links
        The ways between them, lane by lane.
    """

    def __init__(self, junctions: Mapping[str, Intersection], demands: Mapping[str, JunctionDemand], links: Iterable[Link]) -> None:
        self._junctions, self._demands = junctions, demands
        self._ways: dict[tuple[str, str], list[Link]] = {}
        for link in links:
            self._ways.setdefault((link.source, link.target), []).append(link)

    def corridor(self, names: Sequence[str]) -> Corridor:
        """Return the corridor through these junctions.

        Raises
        ------
        ExperimentError
            If two of them are not linked in both directions, or no through traffic passes one of them.
        """
        for a, b in pairwise(names):
            for way in ((a, b), (b, a)):
                if way not in self._ways:
                    raise ExperimentError(
                        f"the corridor is not connected: no road leads from the signal {way[0]!r} straight to {way[1]!r}; "
                        "name edges of one road with signals in both directions."
                    )
        ends = [None, *names, None]
        signals = tuple(
            CorridorSignal(name, self._group(before, name, after), self._group(after, name, before))
            for before, name, after in zip(ends, names, ends[2:], strict=False)
            if name is not None
        )
        return Corridor(signals, tuple(self._link(a, b) for a, b in pairwise(names)))

    def longest(self) -> list[str]:
        """Return the junctions of the corridor with most traffic between its signals, both directions together.

        From each way on, the corridor follows the junction's heaviest movement straight on, as long as a road leads back as well.

        Raises
        ------
        ExperimentError
            If no two signals are linked in both directions.
        """
        best: tuple[float, list[str]] = (0.0, [])
        for a, b in sorted(self._ways):
            if (b, a) not in self._ways:
                continue
            chain = [a, b]
            while (following := self._straight_on(chain[-2], chain[-1])) is not None and following not in chain:
                chain.append(following)
            flow = sum(self._flow(x, y) + self._flow(y, x) for x, y in pairwise(chain))
            if flow > best[0]:
                best = flow, chain
        if not best[1]:
            raise ExperimentError(
                "no two signals are linked by a road in both directions with traffic on it; name the edges with --corridor."
            )
        return best[1]

    def _through(self, before: str | None, name: str, after: str | None) -> list[tuple[int, float]]:
        """Return (movement, flow) of the vehicles that come from `before` and go on to `after`; straight on where one is open."""
        junction = self._junctions[name]
        coming = {lane for link in self._ways.get((before or "", name), ()) for lane in link.lanes}
        going = {link.outgoing for link in self._ways.get((name, after or ""), ())}
        found = []
        for index, (m, flow) in enumerate(zip(junction.movements, self._demands[name].movement_veh_h, strict=True)):
            if junction.groups[m.group].kind is not GroupKind.VEHICLE:
                continue
            if before is not None and m.incoming not in coming:
                continue
            if after is not None and m.outgoing not in going:
                continue
            if (before is None or after is None) and m.direction is not Direction.STRAIGHT:
                continue
            found.append((index, flow))
        return found

    def _group(self, before: str | None, name: str, after: str | None) -> int:
        flows: dict[int, float] = {}
        for movement, flow in self._through(before, name, after):
            group = self._junctions[name].movements[movement].group
            flows[group] = flows.get(group, 0.0) + flow
        if not flows:
            way = f"from {before!r} " if before else ""
            onwards = f"to {after!r} " if after else ""
            raise ExperimentError(
                f"the corridor is not connected: no movement leads {way}{onwards}through {name!r}; end the corridor before it."
            )
        return max(flows, key=lambda group: flows[group])

    def _straight_on(self, before: str, name: str) -> str | None:
        flows = {
            after: sum(
                flow
                for movement, flow in self._through(before, name, after)
                if self._junctions[name].movements[movement].direction is Direction.STRAIGHT
            )
            for source, after in self._ways
            if source == name and after != before and (after, name) in self._ways
        }
        followed = max(flows, key=lambda after: flows[after], default=None)
        return followed if followed is not None and flows[followed] > 0 and self._through(followed, name, before) else None

    def _flow(self, a: str, b: str) -> float:
        outgoing = {link.outgoing for link in self._ways.get((a, b), ())}
        demand = self._demands[a].movement_veh_h
        return sum(flow for m, flow in zip(self._junctions[a].movements, demand, strict=True) if m.outgoing in outgoing)

    def _link(self, a: str, b: str) -> CorridorLink:
        out, back = self._ways[a, b], self._ways[b, a]
        return CorridorLink(
            out_m=sum(link.distance_m for link in out) / len(out),
            back_m=sum(link.distance_m for link in back) / len(back),
            out_s=sum(link.travel_time_s for link in out) / len(out),
            back_s=sum(link.travel_time_s for link in back) / len(back),
        )


def signals_along(net: Any, edges: Sequence[str], junctions: Mapping[str, Intersection]) -> list[str]:  # noqa: ANN401 - sumolib's net
    """Return the junctions that a row of edges passes, in their order.

    Raises
    ------
    ExperimentError
        If an edge is unknown, two edges do not follow each other, or fewer than two signals stand along them.
    """
    for edge in edges:
        if not net.hasEdge(edge):
            raise ExperimentError(f"--corridor: there is no edge {edge!r} in the network; name edges in the order of driving, or auto.")
    for a, b in pairwise(edges):
        if net.getEdge(b) not in net.getEdge(a).getOutgoing():
            raise ExperimentError(
                f"--corridor is not connected: no way leads from edge {a!r} to {b!r}; name each edge between them as well."
            )
    approached = {lane.approach: name for name, junction in junctions.items() for lane in junction.incoming}
    names = list(dict.fromkeys(approached[edge] for edge in edges if edge in approached))
    if len(names) < 2:
        raise ExperimentError(f"--corridor passes {len(names)} signals that can be timed; a green wave needs two at least.")
    return names
