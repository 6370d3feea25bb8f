"""Corridors: which signals follow each other along a road, by which groups the through traffic passes them, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from experiments.errors import ExperimentError
from optimizer.intersection import Direction, GroupKind, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optimizer.design.demand import JunctionDemand
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link

AUTO: Final = "auto"

LEAST_FLOW_VEH_H: Final = 1e-6
"""Sums of flows that differ by less are equal; of equal corridors the first one is taken, and both directions before one."""


@dataclass(frozen=True, slots=True)
class CorridorSignal:
    """A signal of a corridor.

    Attributes
    ----------
    junction
        Its id.
    out, back
        Groups of the through traffic, outbound and inbound; None where the corridor is a one-way street.
    """

    junction: str
    out: int
    back: int | None


@dataclass(frozen=True, slots=True)
class CorridorLink:
    """The road between two signals of a corridor.

    Attributes
    ----------
    out_m, back_m
        Stop line to stop line; inbound as outbound in a one-way street.
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

    @property
    def is_one_way(self) -> bool:
        """Whether only the outbound direction can be coordinated."""
        return any(signal.back is None for signal in self.signals)


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
        """Return the corridor through these junctions; outbound only where no through traffic comes all the way back.

        Raises
        ------
        ExperimentError
            If two of them are not linked, or no through traffic passes one of them.
        """
        for a, b in pairwise(names):
            if (a, b) not in self._ways:
                raise ExperimentError(
                    f"the corridor is not connected: no road leads from the signal {a!r} straight to {b!r}; "
                    "name the edges of one road in the order of driving."
                )
        out = self._groups(names)
        for name, before, group in zip(names, [None, *names], out, strict=False):
            if group is None:
                way = f"from {before!r} " if before else ""
                raise ExperimentError(
                    f"the corridor is not connected: no movement leads {way}through {name!r}; end the corridor before it."
                )
        back = self._groups(names[::-1])[::-1] if self._leads_back(names) else [None]
        is_one_way = None in back
        signals = tuple(
            CorridorSignal(name, int(group or 0), None if is_one_way else inbound)
            for name, group, inbound in zip(names, out, [None] * len(names) if is_one_way else back, strict=True)
        )
        return Corridor(signals, tuple(self._link(a, b, is_one_way=is_one_way) for a, b in pairwise(names)))

    def longest(self) -> list[str]:
        """Return the junctions of the corridor with most traffic between its signals, both directions together.

        From each way on, the corridor follows the junction's heaviest movement straight on, as long as a road leads back as well. One
        direction alone is taken where it has more traffic than any road has in both.

        Raises
        ------
        ExperimentError
            If no traffic goes from one signal to another.
        """
        best: tuple[float, list[str]] = (0.0, [])
        for one_way in (False, True):
            for a, b in sorted(self._ways):
                chain = self._chain(a, b, one_way=one_way)
                flow = sum(self._flow(x, y) + (0.0 if one_way else self._flow(y, x)) for x, y in pairwise(chain))
                if flow > best[0] + LEAST_FLOW_VEH_H:
                    best = flow, chain
        if not best[1]:
            sentence = "no traffic goes straight from one signal that can be timed to another; a green wave needs two along a road."
            raise ExperimentError(sentence)
        return best[1]

    def _chain(self, a: str, b: str, *, one_way: bool) -> list[str]:
        """Return the signals from a over b straight on, as far as a corridor leads through all of them; empty where none does."""
        chain = [a, b]
        while (following := self._straight_on(chain[-2], chain[-1], one_way=one_way)) is not None and following not in chain:
            chain.append(following)
        while len(chain) > 1 and not self._can_be_timed(chain, one_way=one_way):
            chain.pop()
        return chain if len(chain) > 1 else []

    def _can_be_timed(self, names: Sequence[str], *, one_way: bool) -> bool:
        ways = [names] if one_way else [names, names[::-1]]
        return (one_way or self._leads_back(names)) and all(None not in self._groups(way) for way in ways)

    def _leads_back(self, names: Sequence[str]) -> bool:
        return all((b, a) in self._ways for a, b in pairwise(names))

    def _groups(self, names: Sequence[str]) -> list[int | None]:
        """Return the group of the through traffic at each junction of a row, in the order of driving; None where there is none."""
        ends = [None, *names, None]
        return [self._group(before, str(name), after) for before, name, after in zip(ends, names, ends[2:], strict=False)]

    def _through(self, before: str | None, name: str, after: str | None) -> list[tuple[int, float]]:
        """Return (movement, flow) of the vehicles that come from `before` and go on to `after`.

        Where one is open, those that go straight on; where nobody can (the road ends at a T-junction), those that turn.
        """
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
            if junction.turn(m) is not Turn.BACK:
                found.append((index, flow))
        straight = [(index, flow) for index, flow in found if junction.movements[index].direction is Direction.STRAIGHT]
        return straight if straight and (before is None or after is None) else found

    def _group(self, before: str | None, name: str, after: str | None) -> int | None:
        flows: dict[int, float] = {}
        for movement, flow in self._through(before, name, after):
            group = self._junctions[name].movements[movement].group
            flows[group] = flows.get(group, 0.0) + flow
        return max(flows, key=lambda group: flows[group], default=None)

    def _straight_on(self, before: str, name: str, *, one_way: bool) -> str | None:
        flows = {
            after: sum(
                flow
                for movement, flow in self._through(before, name, after)
                if self._junctions[name].movements[movement].direction is Direction.STRAIGHT
            )
            for source, after in self._ways
            if source == name and after != before and (one_way or (after, name) in self._ways)
        }
        followed = max(flows, key=lambda after: flows[after], default=None)
        if followed is None or not flows[followed] > 0:
            return None
        return followed if one_way or self._through(followed, name, before) else None

    def _flow(self, a: str, b: str) -> float:
        outgoing = {link.outgoing for link in self._ways.get((a, b), ())}
        demand = self._demands[a].movement_veh_h
        return sum(flow for m, flow in zip(self._junctions[a].movements, demand, strict=True) if m.outgoing in outgoing)

    def _link(self, a: str, b: str, *, is_one_way: bool) -> CorridorLink:
        out = self._ways[a, b]
        back = out if is_one_way else self._ways[b, a]
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
