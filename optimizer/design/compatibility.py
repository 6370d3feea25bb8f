"""Which signal groups exclude each other all together, and which may be green all together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimizer.intersection import Intersection


def maximal_cliques(neighbours: Sequence[frozenset[int]], members: frozenset[int]) -> list[tuple[int, ...]]:
    """Return the maximal sets of members that are all neighbours of each other, sorted.

    References
    ----------
    C. Bron and J. Kerbosch, "Algorithm 457: finding all cliques of an undirected graph", CACM 16 (1973), with pivoting.
    """

    def expand(chosen: tuple[int, ...], open_: frozenset[int], closed: frozenset[int]) -> Iterator[tuple[int, ...]]:
        if not open_ and not closed:
            yield tuple(sorted(chosen))
            return
        pivot = max(open_ | closed, key=lambda v: (len(neighbours[v] & open_), -v))
        for v in sorted(open_ - neighbours[pivot]):
            yield from expand((*chosen, v), open_ & neighbours[v], closed & neighbours[v])
            open_, closed = open_ - {v}, closed | {v}

    return sorted(expand((), members, frozenset())) if members else []


def compatible_sets(junction: Intersection, members: frozenset[int]) -> list[tuple[int, ...]]:
    """Return the maximal sets of groups that may all be green together: the stages that can be generated."""
    compatible = [members - junction.conflicts[g] - {g} if g in members else frozenset[int]() for g in range(len(junction.groups))]
    return maximal_cliques(compatible, members)


def least_lost_s(intergreen_s: Sequence[Sequence[int]], clique: Sequence[int]) -> int:
    """Return the least sum of intergreens in a cycle in which the groups of a clique follow one another, over all their orders, s.

    References
    ----------
    M. Held and R. Karp, "A dynamic programming approach to sequencing problems", J. SIAM 10 (1962).
    """
    first, *others = clique
    if not others:
        return 0
    best = {(1 << i, i): intergreen_s[first][g] for i, g in enumerate(others)}
    for _ in range(len(others) - 1):
        longer: dict[tuple[int, int], int] = {}
        for (visited, last), lost in best.items():
            for i, g in enumerate(others):
                if not visited >> i & 1:
                    key = (visited | 1 << i, i)
                    longer[key] = min(longer.get(key, 1 << 30), lost + intergreen_s[others[last]][g])
        best = longer
    return min(lost + intergreen_s[others[last]][first] for (_, last), lost in best.items())
