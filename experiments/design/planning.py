"""Fixed-time plans for all junctions of a scenario: demand, greens, common cycles, offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controllers.sumo.neighbours import links_between
from controllers.sumo.walkways import Walkways
from experiments.design.counts import from_counts
from experiments.design.flows import busiest, from_routes, junction_demand
from experiments.design.junctions import design_site
from experiments.errors import ExperimentError
from optimizer.design.linked import DesignOrder, carrying_groups, design_linked, linked_sets
from optimizer.design.problem import DesignTask
from optimizer.design.requests import groups_on_request
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from experiments.design.flows import TurnCounts
    from experiments.design.junctions import DesignSite
    from optimizer.design.coordination import Coordination
    from optimizer.design.demand import JunctionDemand
    from optimizer.design.designing import Way
    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from sumo_networks import Scenario

CYCLES: Final = ("common", "own")
WAYS: Final = ("groups", "stages")
TRAMS: Final = ("cycle", "request")


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
    trams
        ``cycle`` for a green in each cycle; ``request`` for one when a tram has reported, where it cannot be shown beside others for free.

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
    trams: str = "cycle"

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ExperimentError(f"--way {self.way!r} is unknown; choose {' or '.join(WAYS)}.")
        if self.cycle not in CYCLES and not (self.cycle.isdigit() and 10 <= int(self.cycle) <= 300):
            raise ExperimentError(f"--cycle {self.cycle!r} is none; give {', '.join(CYCLES)} or whole seconds from 10 to 300.")
        if self.trams not in TRAMS:
            raise ExperimentError(f"--trams {self.trams!r} is unknown; choose {' or '.join(TRAMS)}.")
        if not self.period_s >= 60:
            raise ExperimentError(f"--period {self.period_s:g} is too short to count in; give 60 s or more.")
        if not self.gap >= 0:
            raise ExperimentError(f"--gap {self.gap:g} is no gap; give 0 or more, such as 0.01 for 1 %.")
        if not self.time_limit_s > 0:
            raise ExperimentError(f"--time-limit {self.time_limit_s:g} leaves no time; give seconds above 0.")

    @property
    def order(self) -> DesignOrder:
        """The same for `design_linked`."""
        given = int(self.cycle) if self.cycle.isdigit() else None
        cycle_s = None if given is None else (given, given)
        return DesignOrder(self.objective, self.way, "common" if self.cycle == "common" else "own", cycle_s, self.gap, self.time_limit_s)


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
    links = links_between(site.reading.net, junctions)
    if choose is not None and not links:
        raise ExperimentError(
            f"{place.name}: no road leads from one signal that can be timed to another; a green wave needs two along a road."
        )
    on_step("counting the traffic")
    counts = busiest(count(place, site, junctions, request))
    demands = {name: junction_demand(junction, counts) for name, junction in junctions.items()}
    sets = linked_sets(junctions, links) if choose is None else [choose((site, demands, links))]
    results, achieved = plan_junctions(junctions, demands, links, sets, request, on_step)
    tasks = {name: DesignTask(junction, demands[name]) for name, junction in junctions.items()}
    coordinated = carrying_groups(tasks, links, achieved)
    return ScenarioPlan(place, site, counts, demands, results, links, achieved, coordinated, left_out)


def count(place: Scenario, site: DesignSite, junctions: Mapping[str, Intersection], request: PlanRequest) -> list[TurnCounts]:
    """Return the flows of each period in their order, from the routes or from the table of counts that is given.

    Raises
    ------
    ExperimentError, ScenarioError
        If they cannot be used.
    """
    if request.demand is not None:
        return from_counts(request.demand, junctions)
    return from_routes(place, Walkways(site.reading.net, junctions), request.period_s)


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
    tasks = {
        name: DesignTask(junction, demands[name], left_out=groups_on_request(junction) if request.trams == "request" else frozenset())
        for name, junction in junctions.items()
    }
    return design_linked(tasks, links, sets, request.order, on_step)
