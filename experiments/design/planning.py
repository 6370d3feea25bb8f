"""Fixed-time plans for all junctions of a scenario: demand, greens, common cycles, offsets."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from controllers.sumo.neighbours import links_between
from experiments.design.flows import busiest, from_counts, from_routes, junction_demand
from experiments.design.junctions import design_site
from experiments.errors import ExperimentError
from optimizer.design.common_cycle import design_together
from optimizer.design.coordination import CoordinatedJunction, Coordination, coordinate, coordinated_groups
from optimizer.design.designing import design
from optimizer.design.errors import DesignError
from optimizer.design.extension import extended
from optimizer.design.performance import capacity_factor, performance, weighted_delay_veh
from optimizer.design.problem import design_problem
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from experiments.design.flows import TurnCounts
    from experiments.design.junctions import DesignSite
    from optimizer.design.demand import JunctionDemand
    from optimizer.design.designing import Way
    from optimizer.design.problem import DesignProblem
    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from sumo_networks import Scenario

CYCLES: Final = ("common", "own")
WAYS: Final = ("groups", "stages")
CYCLES_TRIED: Final = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15)
"""Common cycles beside the one that is best without regard to platoons, in its multiples."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked of ``ampelwerk design plan``.

    Attributes
    ----------
    demand
        A table of counts; the scenario's routes where None.
    objective
        ``delay`` or ``reserve``.
    way
        ``groups`` or ``stages``.
    cycle
        ``common`` for one cycle per set of linked junctions, with offsets; ``own`` for each junction's best; or seconds for all.
    intergreens
        Folder with the office's own matrices; the computed ones where None.
    period_s
        Mean flows are raised to those of the busiest period of this length (HCM 2016: a quarter of an hour); not where infinite.
    gap, time_limit_s
        When a junction's plan is good enough.

    Raises
    ------
    ExperimentError
        If an option makes no sense.
    """

    demand: Path | None = None
    objective: Objective = Objective.DELAY
    way: Way = "groups"
    cycle: str = "common"
    intergreens: Path | None = None
    period_s: float = 900.0
    gap: float = 0.01
    time_limit_s: float = 20.0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ExperimentError(f"--way {self.way!r} is unknown; choose {' or '.join(WAYS)}.")
        if self.cycle not in CYCLES and not (self.cycle.isdigit() and 10 <= int(self.cycle) <= 300):
            raise ExperimentError(f"--cycle {self.cycle!r} is none; give {', '.join(CYCLES)} or whole seconds from 10 to 300.")
        if not self.period_s >= 60:
            raise ExperimentError(f"--period {self.period_s:g} is too short to count in; give 60 s or more.")
        if not self.gap >= 0:
            raise ExperimentError(f"--gap {self.gap:g} is no gap; give 0 or more, such as 0.01 for 1 %.")
        if not self.time_limit_s > 0:
            raise ExperimentError(f"--time-limit {self.time_limit_s:g} leaves no time; give seconds above 0.")


@dataclass(frozen=True, slots=True)
class ScenarioPlan:
    """Plans for a scenario.

    Attributes
    ----------
    place, site
        The scenario and its junctions.
    counts
        The flows by turn.
    demands
        The flows by junction.
    results
        The designs by junction, with the offsets set in their plans.
    links
        The ways between the junctions.
    coordination
        For each set of linked junctions what its offsets achieve.
    coordinated
        The groups that carry the coordination, by junction; none where a junction has a cycle of its own.
    left_out
        Why some lights keep their programs, by junction.
    """

    place: Scenario
    site: DesignSite
    counts: TurnCounts
    demands: dict[str, JunctionDemand]
    results: dict[str, DesignResult]
    links: tuple[Link, ...]
    coordination: tuple[Coordination, ...]
    coordinated: dict[str, tuple[int, ...]]
    left_out: dict[str, str]


def plan_scenario(
    place: Scenario,
    request: PlanRequest,
    on_step: Callable[[str], None] = lambda _: None,
    choose: Callable[[tuple[DesignSite, Mapping[str, JunctionDemand], Sequence[Link]]], list[str]] | None = None,
) -> ScenarioPlan:
    """Design plans for all junctions of a scenario.

    Parameters
    ----------
    place
        The scenario.
    request
        How.
    on_step
        Told what is being done.
    choose
        Returns, from the junctions, their demands and the ways between them, the names of those that are to have plans with one common
        cycle, in the order in which the results are to come; all junctions where None.

    Raises
    ------
    ExperimentError, DesignError, ScenarioError, NetworkError
        If the scenario, the demand or the bounds cannot be used.
    """
    on_step("reading the network")
    site = design_site(place, request.intergreens)
    left_out = dict(site.reading.left_alone)
    junctions = dict(site.junctions)
    for name, junction in site.junctions.items():
        if not any(junction.conflicts):
            left_out[name] = "it has no conflicting traffic, so there is nothing to time"
            del junctions[name]
    if not junctions:
        raise ExperimentError(f"{place.name}: no traffic light can be timed ({'; '.join(sorted(set(left_out.values())))}).")
    on_step("counting the traffic")
    counts = busiest(from_routes(place, request.period_s)) if request.demand is None else from_counts(request.demand, junctions)
    demands = {name: junction_demand(junction, counts) for name, junction in junctions.items()}
    links = links_between(site.reading.net, junctions)
    sets = linked_sets(junctions, links) if choose is None else [choose((site, demands, links))]
    results, achieved = plan_junctions(junctions, demands, links, sets, request, on_step)
    coordinated = {
        name: coordinated_groups(
            junctions[name],
            demands[name],
            (lane for link in links if link.target == name and link.source in c.offset_s for lane in link.lanes),
        )
        for c in achieved
        for name in c.offset_s
    }
    return ScenarioPlan(place, site, counts, demands, results, links, achieved, coordinated, left_out)


def plan_junctions(
    junctions: Mapping[str, Intersection],
    demands: Mapping[str, JunctionDemand],
    links: Sequence[Link],
    sets: Sequence[Sequence[str]],
    request: PlanRequest,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, DesignResult], tuple[Coordination, ...]]:
    """Design plans for sets of junctions, each set on its own.

    Returns
    -------
    tuple
        The designs by junction, with the offsets set in their plans, and what the offsets of each coordinated set achieve.
    """
    results: dict[str, DesignResult] = {}
    achieved = []
    for together in sets:
        designed, coordination = _plan_together(together, junctions, demands, links, request, on_step)
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


def _plan_together(
    names: Sequence[str],
    junctions: Mapping[str, Intersection],
    demands: Mapping[str, JunctionDemand],
    links: Sequence[Link],
    request: PlanRequest,
    on_step: Callable[[str], None],
) -> tuple[dict[str, DesignResult], Coordination | None]:
    def at(bounds_s: tuple[int, int] | None) -> tuple[dict[str, DesignResult], Coordination | None]:
        return _coordinated(names, junctions, demands, links, request, bounds_s, on_step)

    if request.cycle.isdigit():
        return at((int(request.cycle), int(request.cycle)))
    best = at(None)
    if best[1] is None:
        return best
    # The cycle that is best for each junction alone need not be so for the platoons between them: others around it are tried.
    middle_s = best[0][names[0]].plan.cycle_s
    shortest_s = max(result.problem.shortest_cycle_s for result in best[0].values())
    longest_s = min(result.problem.longest_cycle_s for result in best[0].values())
    for cycle_s in sorted({round(share * middle_s) for share in CYCLES_TRIED} - {round(middle_s)}):
        if shortest_s <= cycle_s <= longest_s:
            with contextlib.suppress(DesignError):  # too short for the minimum greens, or for the time there is
                best = min(best, at((cycle_s, cycle_s)), key=_delayed_veh)
    return best


def _delayed_veh(plans: tuple[dict[str, DesignResult], Coordination | None]) -> float:
    """Return the vehicles that wait at all junctions, on the ways between them as their offsets let platoons arrive."""
    results, coordination = plans
    alone = sum(weighted_delay_veh(result.performance) for result in results.values())
    return alone + (0.0 if coordination is None else coordination.delay_veh - coordination.uncoordinated_veh)


def _coordinated(
    names: Sequence[str],
    junctions: Mapping[str, Intersection],
    demands: Mapping[str, JunctionDemand],
    links: Sequence[Link],
    request: PlanRequest,
    bounds_s: tuple[int, int] | None,
    on_step: Callable[[str], None],
) -> tuple[dict[str, DesignResult], Coordination | None]:
    """Return the plans of linked junctions with a cycle within bounds, and what their offsets achieve."""
    problems = [design_problem(junctions[name], demands[name], cycle_s=bounds_s) for name in names]
    if request.cycle == "common" and len(names) > 1:
        on_step(f"finding the common cycle of {len(names)} junctions")
        together = design_together(problems, request.way, relative_gap=request.gap, time_limit_s=request.time_limit_s * len(names))
        designed = together.results
        if request.objective is Objective.RESERVE:
            cycle_s = round(together.cycle_s)
            problems = [design_problem(junctions[name], demands[name], cycle_s=(cycle_s, cycle_s)) for name in names]
            designed = tuple(_alone(problem, request, on_step) for problem in problems)
    else:
        designed = tuple(_alone(problem, request, on_step) for problem in problems)
    results = {name: _extended(result) for name, result in zip(names, designed, strict=True)}
    if len(names) < 2 or len({result.plan.cycle_s for result in designed}) > 1:
        return results, None
    on_step(f"setting the offsets of {len(names)} junctions")
    members = {name: CoordinatedJunction(result.problem, result.plan, demands[name]) for name, result in results.items()}
    coordination = coordinate(members, links)
    return {n: replace(r, plan=r.plan.with_offset(coordination.offset_s[n])) for n, r in results.items()}, coordination


def _alone(problem: DesignProblem, request: PlanRequest, on_step: Callable[[str], None]) -> DesignResult:
    on_step(f"designing {problem.junction.id}")
    return design(problem, request.objective, request.way, relative_gap=request.gap, time_limit_s=request.time_limit_s)


def _extended(result: DesignResult) -> DesignResult:
    plan = extended(result.plan, result.problem.junction, result.problem.maximum_green_s)
    rows = performance(plan, result.problem)
    return replace(result, plan=plan, performance=rows, capacity_factor=capacity_factor(rows))
