"""What every way of timing one junction at a given cycle shares: the whole-second data, and what a solved cycle looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optimizer.design.compatibility import least_lost_s, maximal_cliques
from optimizer.design.costs import Service, services
from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from optimizer.design.problem import DesignProblem


@dataclass(frozen=True, slots=True)
class Frame:
    """A design problem in whole seconds.

    Attributes
    ----------
    problem
        The problem.
    timed
        Groups with conflicts, which share the cycle; the other groups are always green or left out.
    services
        What the lengths of green are worth something to.
    intergreen_s
        Intergreens rounded up, ``[ending][starting]``.
    shortest_s, longest_s
        Bounds of each group's green.
    cliques
        Maximal sets of services whose greens follow one another, with the least time lost between them. A service of several groups
        conflicts with whatever conflicts with any of them, which ties the cycle tighter than the groups alone do.
    """

    problem: DesignProblem
    timed: frozenset[int]
    services: tuple[Service, ...]
    intergreen_s: tuple[tuple[int, ...], ...]
    shortest_s: tuple[int, ...]
    longest_s: tuple[int, ...]
    cliques: tuple[tuple[tuple[int, ...], int], ...]

    @property
    def gain_s(self) -> float:
        """Effective green less shown green."""
        return self.problem.parameters.yellow_used_s - self.problem.parameters.startup_loss_s

    @property
    def least_cycle_s(self) -> int:
        """Least cycle that any clique leaves room for."""
        return max(sum(self.shortest_service_s(i) for i in clique) + lost for clique, lost in self.cliques)

    def shortest_service_s(self, index: int) -> int:
        """Return the least green of a service: that of its group, nothing for one of several groups."""
        groups = self.services[index].groups
        return self.shortest_s[groups[0]] if len(groups) == 1 else 0

    def longest_green_s(self, group: int, cycle_s: int) -> int:
        """Return the longest green that a group can have beside its conflicting groups in a cycle."""
        taken = max(
            self.intergreen_s[group][other] + self.shortest_s[other] + self.intergreen_s[other][group]
            for other in self.problem.junction.conflicts[group] & self.timed
        )
        return min(self.longest_s[group], cycle_s - taken)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Greens at one cycle.

    Attributes
    ----------
    cycle_s
        The cycle.
    starts_s, lengths_s
        Green of each timed group by its index.
    served_s
        Green of each service.
    cost, bound
        In the units of the cost table (or, for reserve, `capacity_factor` and its upper bound).
    stages
        Groups of each stage in their order, for a stage-based schedule.
    """

    cycle_s: int
    starts_s: dict[int, int]
    lengths_s: dict[int, int]
    served_s: tuple[int, ...]
    cost: float
    bound: float
    stages: tuple[tuple[int, ...], ...] = ()


class Timing(Protocol):
    """A way of timing a junction at a given cycle: group-based or stage-based."""

    def least_delay(
        self, cycle_s: int, costs: NDArray[np.float64], at_least_s: Sequence[int], below: float, deadline_s: float
    ) -> Schedule | None:
        """Return the schedule of least cost where it costs less than `below`, or None where there is none.

        Parameters
        ----------
        cycle_s
            The cycle.
        costs
            Cost of each service for each length of green, shape ``(services, cycle + 1)``.
        at_least_s
            Least green of each service.
        below
            Cost that the schedule must stay below.
        deadline_s
            Reading of ``time.perf_counter`` at which to come back with the best so far.
        """

    def greatest_reserve(self, cycle_s: int, reserve_per_s: Sequence[float], above: float, deadline_s: float) -> Schedule | None:
        """Return the schedule whose flows can grow by the greatest factor where it is above `above`, or None where there is none.

        Parameters
        ----------
        cycle_s
            The cycle.
        reserve_per_s
            Factor that each second of effective green of a service carries; infinite where it carries no vehicles.
        above
            Factor that the schedule must exceed.
        deadline_s
            Reading of ``time.perf_counter`` at which to come back with the best so far.
        """


def frame(problem: DesignProblem) -> Frame:
    """Bring a problem to whole seconds.

    Raises
    ------
    DesignError
        If the junction has no conflicts, or if minimum greens and intergreens do not fit into the longest cycle.
    """
    junction = problem.junction
    groups = range(len(junction.groups))
    timed = frozenset(g for g in groups if g not in problem.left_out and junction.conflicts[g] - problem.left_out)
    if not timed:
        raise DesignError(f"junction {junction.id!r} has no conflicting signal groups; it needs no signal plan, leave it out.")
    intergreen_s = tuple(tuple(math.ceil(value - 1e-9) for value in row) for row in junction.intergreen_s)
    shortest_s = tuple(max(1, math.ceil(group.minimum_green_s - 1e-9)) for group in junction.groups)
    longest_s = tuple(
        min(problem.longest_cycle_s, math.floor(most)) if math.isfinite(most) else problem.longest_cycle_s
        for most in problem.maximum_green_s
    )
    found = services(problem, timed)
    data = Frame(problem, timed, found, intergreen_s, shortest_s, longest_s, _cliques(problem, found, intergreen_s))
    clique, lost = max(data.cliques, key=lambda item: sum(data.shortest_service_s(i) for i in item[0]) + item[1])
    if data.least_cycle_s > problem.longest_cycle_s:
        names = ", ".join(repr(junction.groups[g].id) for i in clique for g in found[i].groups)
        raise DesignError(
            f"junction {junction.id!r}: the minimum greens ({data.least_cycle_s - lost} s) and intergreens ({lost} s) of the groups "
            f"{names} need {data.least_cycle_s} s, but the cycle may last {problem.longest_cycle_s} s at most; "
            "allow a longer cycle or shorten them."
        )
    return data


def _cliques(
    problem: DesignProblem, found: Sequence[Service], intergreen_s: Sequence[Sequence[int]]
) -> tuple[tuple[tuple[int, ...], int], ...]:
    conflicts = problem.junction.conflicts
    every = range(len(found))
    excluded = [frozenset(h for g in service.groups for h in conflicts[g]) for service in found]
    neighbours = [frozenset(j for j in every if j != i and excluded[i] & set(found[j].groups)) for i in every]
    # A service lies in the greens of all its groups: it keeps the intergreens of each of them.
    lost_s = [[max(intergreen_s[g][h] for g in found[i].groups for h in found[j].groups) for j in every] for i in every]
    return tuple((clique, least_lost_s(lost_s, clique)) for clique in maximal_cliques(neighbours, frozenset(every)))
