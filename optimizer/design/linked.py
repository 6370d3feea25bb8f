"""Plans for junctions that feed each other: one common cycle or each its own, and offsets where the cycles agree."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

from optimizer.design.common_cycle import design_together
from optimizer.design.coordination import CoordinatedJunction, Coordination, coordinate, coordinated_groups
from optimizer.design.designing import design
from optimizer.design.errors import DesignError
from optimizer.design.extension import with_longer_greens
from optimizer.design.green_orders import reordered
from optimizer.design.performance import weighted_delay_veh
from optimizer.design.requests import request_windows
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from optimizer.design.designing import Way
    from optimizer.design.problem import DesignProblem, DesignTask
    from optimizer.design.result import DesignResult
    from optimizer.neighbours import Link

CYCLES_TRIED: Final = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15)
"""Common cycles beside the one that is best without regard to platoons, in its multiples."""


@dataclass(frozen=True, slots=True)
class DesignOrder:
    """How plans are to be designed.

    Attributes
    ----------
    objective, way
        See `optimizer.design.designing.design`.
    cycle
        ``"common"`` for one cycle per set of linked junctions, ``"own"`` for each junction's best.
    cycle_s
        Shortest and longest cycle; those of the design parameters where None.
    gap, time_limit_s
        When a junction's plan is good enough.
    """

    objective: Objective = Objective.DELAY
    way: Way = "groups"
    cycle: Literal["common", "own"] = "common"
    cycle_s: tuple[int, int] | None = None
    gap: float = 0.01
    time_limit_s: float = 20.0


@dataclass(frozen=True, slots=True)
class LinkedPlans:
    """The plans of one set of linked junctions, and what their offsets achieve; nothing where their cycles do not agree."""

    results: Mapping[str, DesignResult]
    coordination: Coordination | None

    @property
    def delayed_veh(self) -> float:
        """Vehicles that wait at all junctions, on the ways between them as the offsets let platoons arrive."""
        alone = sum(weighted_delay_veh(result.performance) for result in self.results.values())
        return alone + (0.0 if self.coordination is None else self.coordination.delay_veh - self.coordination.uncoordinated_veh)


def design_linked(
    tasks: Mapping[str, DesignTask],
    links: Sequence[Link],
    sets: Sequence[Sequence[str]],
    order: DesignOrder,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, DesignResult], tuple[Coordination, ...]]:
    """Design plans for sets of junctions, each set on its own.

    Parameters
    ----------
    tasks
        The junctions by name.
    links
        The ways between them.
    sets
        Names of those that belong together, such as those of `linked_sets`.
    order
        How.
    on_step
        Told what is being done.

    Returns
    -------
    tuple
        The designs by junction, with the offsets set in their plans, and what the offsets of each coordinated set achieve.

    Raises
    ------
    DesignError
        If the demand or the bounds cannot be used, or no plan is found in time.
    """
    results: dict[str, DesignResult] = {}
    achieved = []
    for names in sets:
        plans = _with_requests({name: tasks[name] for name in names}, links, order, on_step)
        results |= plans.results
        if plans.coordination is not None:
            achieved.append(plans.coordination)
    return results, tuple(achieved)


def carrying_groups(tasks: Mapping[str, DesignTask], links: Sequence[Link], achieved: Iterable[Coordination]) -> dict[str, tuple[int, ...]]:
    """Return the groups that carry the coordination, by junction; see `optimizer.design.coordination.coordinated_groups`.

    Parameters
    ----------
    tasks, links
        As in `design_linked`.
    achieved
        What it has returned of the coordinated sets.
    """
    return {
        name: coordinated_groups(
            tasks[name].junction,
            tasks[name].demand,
            (lane for link in links if link.target == name and link.source in coordination.offset_s for lane in link.lanes),
        )
        for coordination in achieved
        for name in coordination.offset_s
    }


def linked_sets(names: Iterable[str], links: Iterable[Link]) -> list[list[str]]:
    """Return the sets of junctions that are linked with one another, directly or by others."""
    ways = [(link.source, link.target) for link in links]
    rest, found = list(names), []
    while rest:
        together, fresh = {rest[0]}, {rest[0]}
        while fresh:
            fresh = {b for way in ways for a, b in (way, way[::-1]) if a in fresh and b in rest} - together
            together |= fresh
        found.append([name for name in rest if name in together])
        rest = [name for name in rest if name not in together]
    return found


def _with_requests(
    tasks: Mapping[str, DesignTask], links: Sequence[Link], order: DesignOrder, on_step: Callable[[str], None]
) -> LinkedPlans:
    """Return the plans of linked junctions with the places of their requests; whoever finds none gets its green in each cycle."""
    plans = _design_set(tasks, links, order, on_step)
    found = {name: request_windows(result.plan, result.problem) for name, result in plans.results.items()}
    if any(without for _, without in found.values()):
        served = {name: replace(task, left_out=task.left_out - set(found[name][1])) for name, task in tasks.items()}
        return _with_requests(served, links, order, on_step)
    return replace(plans, results={name: replace(result, requests=found[name][0]) for name, result in plans.results.items()})


def _design_set(tasks: Mapping[str, DesignTask], links: Sequence[Link], order: DesignOrder, on_step: Callable[[str], None]) -> LinkedPlans:
    best = _best_cycle(tasks, links, order, on_step)
    if best.coordination is None or order.way != "groups" or order.objective is not Objective.DELAY:
        return best
    on_step(f"trying other orders of the greens of {len(tasks)} junctions")
    turned, coordination = reordered(best.results, tasks, links, best.coordination, relative_gap=order.gap, time_limit_s=order.time_limit_s)
    return min(best, _with_offsets(turned, coordination), key=attrgetter("delayed_veh"))


def _best_cycle(tasks: Mapping[str, DesignTask], links: Sequence[Link], order: DesignOrder, on_step: Callable[[str], None]) -> LinkedPlans:
    best = _coordinated(tasks, links, order, order.cycle_s, on_step)
    if best.coordination is None or (order.cycle_s is not None and order.cycle_s[0] == order.cycle_s[1]):
        return best
    # The cycle that is best for each junction alone need not be so for the platoons between them: others around it are tried.
    designed = best.results.values()
    middle_s = next(iter(designed)).plan.cycle_s
    shortest_s = max(result.problem.shortest_cycle_s for result in designed)
    longest_s = min(result.problem.longest_cycle_s for result in designed)
    for cycle_s in sorted({round(share * middle_s) for share in CYCLES_TRIED} - {round(middle_s)}):
        if shortest_s <= cycle_s <= longest_s:
            with contextlib.suppress(DesignError):  # too short for the minimum greens, or for the time there is
                best = min(best, _coordinated(tasks, links, order, (cycle_s, cycle_s), on_step), key=attrgetter("delayed_veh"))
    return best


def _coordinated(
    tasks: Mapping[str, DesignTask],
    links: Sequence[Link],
    order: DesignOrder,
    cycle_s: tuple[int, int] | None,
    on_step: Callable[[str], None],
) -> LinkedPlans:
    """Return the plans of linked junctions with a cycle within bounds, and what their offsets achieve."""
    problems = [task.problem(cycle_s) for task in tasks.values()]
    if order.cycle == "common" and len(tasks) > 1:
        on_step(f"finding the common cycle of {len(tasks)} junctions")
        together = design_together(problems, order.way, relative_gap=order.gap, time_limit_s=order.time_limit_s * len(tasks))
        designed = together.results
        if order.objective is Objective.RESERVE:
            common_s = round(together.cycle_s)
            designed = tuple(_alone(task.problem((common_s, common_s)), order, on_step) for task in tasks.values())
    else:
        designed = tuple(_alone(problem, order, on_step) for problem in problems)
    results = {name: with_longer_greens(result) for name, result in zip(tasks, designed, strict=True)}
    if len(tasks) < 2 or len({result.plan.cycle_s for result in designed}) > 1:
        return LinkedPlans(results, None)
    on_step(f"setting the offsets of {len(tasks)} junctions")
    members = {name: CoordinatedJunction(result.problem, result.plan, tasks[name].demand) for name, result in results.items()}
    return _with_offsets(results, coordinate(members, links))


def _with_offsets(results: Mapping[str, DesignResult], coordination: Coordination) -> LinkedPlans:
    plans = {name: replace(result, plan=result.plan.with_offset(coordination.offset_s[name])) for name, result in results.items()}
    return LinkedPlans(plans, coordination)


def _alone(problem: DesignProblem, order: DesignOrder, on_step: Callable[[str], None]) -> DesignResult:
    on_step(f"designing {problem.junction.id}")
    return design(problem, order.objective, order.way, relative_gap=order.gap, time_limit_s=order.time_limit_s)
