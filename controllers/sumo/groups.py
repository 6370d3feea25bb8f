"""Signal groups of a traffic light, and which of them may be green together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controllers.sumo.links import crossing_of, direction_of
from controllers.sumo.programs import GREEN, MAY_GO
from optimizer.intersection import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controllers.sumo.links import ControlledLink, RightOfWay
    from controllers.sumo.programs import ShippedProgram
    from optimizer.intersection import GroupKind

_log = logging.getLogger(__name__)

_MAJOR: Final = frozenset("GO")
_YIELDING: Final = frozenset("gso")


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """Links that always show the same signal, before the timing is known.

    Attributes
    ----------
    id
        Readable name: the edge it comes from and where it turns.
    kind
        Who looks at it.
    links
        Positions in the state string.
    column
        Its letter in each phase of the program.
    """

    id: str
    kind: GroupKind
    links: tuple[int, ...]
    column: str


def link_groups(links: Mapping[int, ControlledLink], program: ShippedProgram) -> list[LinkGroup]:
    """Join links that show the same letters in all phases, come from the same edge and serve the same kind of traffic.

    Links that are ever green permissively are joined only with links that turn the same way: left and right turners give way to
    different streams, and whoever predicts them needs to know which.
    """
    members: dict[tuple[tuple[str, ...], GroupKind, str, frozenset[Direction]], list[ControlledLink]] = {}
    for link in links.values():
        column = program.column(link.index)
        turns = frozenset(map(_side, link.connections)) if _YIELDING.intersection(column) else frozenset()
        members.setdefault((link.origins, link.kind, column, turns), []).append(link)
    names = [_name(group) for group in members.values()]
    groups = []
    for ((_, kind, column, _), group), name in zip(members.items(), names, strict=True):
        indices = tuple(link.index for link in group)
        unique = name if names.count(name) == 1 else "_".join([name, *map(str, indices)])
        groups.append(LinkGroup(unique, kind, indices, column))
    return groups


def _side(connection: Any) -> Direction:  # noqa: ANN401
    # Turning back crosses the same streams as turning across the oncoming traffic.
    direction = direction_of(connection)
    across = Direction.RIGHT if connection.getDirection() == "T" else Direction.LEFT
    return across if direction is Direction.TURN else direction


def _name(group: Sequence[ControlledLink]) -> str:
    origin = group[0].origins[0].removeprefix(":")
    connections = [c for link in group for c in link.connections]
    if any(crossing_of(c) is not None for c in connections):
        return origin
    turns = sorted({direction_of(c).value for c in connections}, key=["left", "straight", "right", "turn"].index)
    return "_".join([origin, *turns])


def green_together(first: LinkGroup, second: LinkGroup) -> bool:
    """Whether the program shows both groups green at the same time in any phase."""
    return any(a in GREEN and b in GREEN for a, b in zip(first.column, second.column, strict=True))


def go_together(first: LinkGroup, second: LinkGroup) -> bool:
    """Whether the program lets both groups go at the same time in any phase, be it by turning on red."""
    return any(a in MAY_GO and b in MAY_GO for a, b in zip(first.column, second.column, strict=True))


def foes(first: LinkGroup, second: LinkGroup, way: RightOfWay) -> bool:
    """Whether any two links of the groups cross or merge."""
    return any(way.foes[i, j] for i in first.links for j in second.links)


def conflicts(groups: Sequence[LinkGroup], way: RightOfWay) -> tuple[frozenset[int], ...]:
    """Return for each group the foes that the program never shows green together with it."""
    return tuple(
        frozenset(h for h, other in enumerate(groups) if h != g and foes(group, other, way) and not green_together(group, other))
        for g, group in enumerate(groups)
    )


def yields_to(light: str, groups: Sequence[LinkGroup], way: RightOfWay) -> tuple[frozenset[int], ...]:
    """Return for each group the foes it must give way to where both may go; free of cycles.

    The net's right of way says who waits. Where it is silent or says both, the weaker letter ("g" against "G") waits.
    Pairs whose foes are both shown "G" are reported: such a program relies on the right of way behind a green that promises none.
    """
    claims: dict[tuple[int, int], int] = {}
    unsafe: list[str] = []
    for g, group in enumerate(groups):
        for h in range(g + 1, len(groups)):
            other = groups[h]
            if not foes(group, other, way) or not go_together(group, other):
                continue
            if any(a in _MAJOR and b in _MAJOR for a, b in zip(group.column, other.column, strict=True)):
                unsafe.append(f"{group.id} / {other.id}")
            weaker = _weaker(group, other)
            for pair in _yielding(g, h, groups, way, weaker):
                # Right of way and letters agreeing is the strongest claim; it is kept where claims would close a circle.
                claims[pair] = 2 if (pair[0] == g) == (weaker < 0) and weaker != 0 else 1
    if unsafe:
        _log.warning("traffic light %s: full green to %d pair(s) that cross or merge, first %s", light, len(unsafe), unsafe[0])
    accepted: list[set[int]] = [set() for _ in groups]
    for (waiting, going), _ in sorted(claims.items(), key=lambda item: (-item[1], item[0])):
        if not _reaches(going, waiting, accepted):
            accepted[waiting].add(going)
    return tuple(frozenset(row) for row in accepted)


def _weaker(first: LinkGroup, second: LinkGroup) -> int:
    """Return -1 where the first group shows the weaker letter while both may go, 1 for the second, 0 where neither does."""
    together = [(a in _MAJOR, b in _MAJOR) for a, b in zip(first.column, second.column, strict=True) if a in MAY_GO and b in MAY_GO]
    balance = sum(int(a) - int(b) for a, b in together)
    return (balance > 0) - (balance < 0)


def _yielding(g: int, h: int, groups: Sequence[LinkGroup], way: RightOfWay, weaker: int) -> list[tuple[int, int]]:
    pairs = [(i, j) for i in groups[g].links for j in groups[h].links if way.foes[i, j]]
    forward, backward = any(way.yields[i, j] for i, j in pairs), any(way.yields[j, i] for i, j in pairs)
    if forward != backward:
        return [(g, h)] if forward else [(h, g)]
    if weaker == 0:
        return [(g, h), (h, g)] if forward else []
    return [(g, h)] if weaker < 0 else [(h, g)]


def _reaches(start: int, goal: int, edges: Sequence[set[int]]) -> bool:
    stack, seen = [start], {start}
    while stack:
        here = stack.pop()
        if here == goal:
            return True
        fresh = edges[here] - seen
        seen |= fresh
        stack.extend(fresh)
    return False
