"""Plans for junctions that feed each other: one common cycle or each its own, and offsets where the cycles agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from optimizer.design.common_cycle import design_together
from optimizer.design.coordination import CoordinatedJunction, Coordination, coordinate
from optimizer.design.designing import design
from optimizer.design.extension import extended
from optimizer.design.performance import capacity_factor, performance
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from optimizer.design.designing import Way
    from optimizer.design.problem import DesignProblem, DesignTask
    from optimizer.design.result import DesignResult
    from optimizer.neighbours import Link


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
        designed, coordination = _design_set({name: tasks[name] for name in names}, links, order, on_step)
        results |= designed
        if coordination is not None:
            achieved.append(coordination)
    return results, tuple(achieved)


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


def _design_set(
    tasks: Mapping[str, DesignTask], links: Sequence[Link], order: DesignOrder, on_step: Callable[[str], None]
) -> tuple[dict[str, DesignResult], Coordination | None]:
    problems = [task.problem(order.cycle_s) for task in tasks.values()]
    if order.cycle == "common" and len(tasks) > 1:
        on_step(f"finding the common cycle of {len(tasks)} junctions")
        together = design_together(problems, order.way, relative_gap=order.gap, time_limit_s=order.time_limit_s * len(tasks))
        designed = together.results
        if order.objective is Objective.RESERVE:
            cycle_s = round(together.cycle_s)
            designed = tuple(_alone(task.problem((cycle_s, cycle_s)), order, on_step) for task in tasks.values())
    else:
        designed = tuple(_alone(problem, order, on_step) for problem in problems)
    results = {name: _extended(result) for name, result in zip(tasks, designed, strict=True)}
    if len(tasks) < 2 or len({result.plan.cycle_s for result in designed}) > 1:
        return results, None
    on_step(f"setting the offsets of {len(tasks)} junctions")
    members = {name: CoordinatedJunction(result.problem, result.plan, tasks[name].demand) for name, result in results.items()}
    coordination = coordinate(members, links)
    return {n: replace(r, plan=r.plan.with_offset(coordination.offset_s[n])) for n, r in results.items()}, coordination


def _alone(problem: DesignProblem, order: DesignOrder, on_step: Callable[[str], None]) -> DesignResult:
    on_step(f"designing {problem.junction.id}")
    return design(problem, order.objective, order.way, relative_gap=order.gap, time_limit_s=order.time_limit_s)


def _extended(result: DesignResult) -> DesignResult:
    plan = extended(result.plan, result.problem.junction, result.problem.maximum_green_s)
    rows = performance(plan, result.problem)
    return replace(result, plan=plan, performance=rows, capacity_factor=capacity_factor(rows))
