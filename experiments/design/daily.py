"""Plans by time of day for a scenario: the periods found from its counts, each with its plans, and the safe changes between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from controllers.sumo.audit import audit
from controllers.sumo.neighbours import links_between
from controllers.sumo.plan_programs import plan_program
from controllers.sumo.programs import write_programs
from controllers.sumo.switching import append_wauts, switching_moments, with_moment
from experiments.checking import finding_values
from experiments.design.flows import junction_demand
from experiments.design.junctions import design_site
from experiments.design.outputs import PROGRAMS, RECORD, write_tables
from experiments.design.planning import count, plan_junctions
from experiments.errors import ExperimentError
from experiments.folders import claim, publish
from experiments.provenance import command_line, scenario_hash, versions
from optimizer.design.day import mean_flows, plan_day
from optimizer.design.demand import JunctionDemand
from optimizer.design.linked import linked_sets
from optimizer.design.performance import performance, weighted_delay_veh
from optimizer.design.problem import design_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controllers.sumo.findings import Finding
    from experiments.design.planning import PlanRequest
    from optimizer.design.day import DayLimits, DayPlan
    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection
    from sumo_networks import Scenario

NAME: Final = "ampelwerk_day"


@dataclass(frozen=True, slots=True)
class ScenarioDay:
    """The day of a scenario.

    Attributes
    ----------
    place
        The scenario.
    junctions
        Its junctions with plans.
    day
        The periods, and for each plan of the day the designs by junction.
    moments
        For each junction the second of each plan at which it may be left and entered.
    """

    place: Scenario
    junctions: dict[str, Intersection]
    day: DayPlan[dict[str, DesignResult]]
    moments: dict[str, tuple[int, ...]]


def plan_scenario_day(
    place: Scenario, request: PlanRequest, limits: DayLimits, on_step: Callable[[str], None] = lambda _: None
) -> ScenarioDay:
    """Find the periods of a scenario's window and their plans from its routes, or from a table of counts.

    Parameters
    ----------
    place
        The scenario.
    request
        How plans are designed; its period is the interval of the counts.
    limits
        How many periods, how short.
    on_step
        Told what is being done.

    Raises
    ------
    ExperimentError, DesignError, ScenarioError, NetworkError
        If the scenario cannot be used, or the plans have no safe moments to change.
    """
    on_step("reading the network")
    site = design_site(place, request.intergreens)
    junctions = {name: junction for name, junction in site.junctions.items() if any(junction.conflicts)}
    if not junctions:
        raise ExperimentError(f"{place.name}: no traffic light can be timed.")
    on_step("counting the traffic")
    if not math.isfinite(request.period_s):
        raise ExperimentError("--period must be finite: the day's periods are found from counts in such intervals.")
    counts = count(place, site, junctions, request)
    for before, after in pairwise(counts):
        if after.begin_s > before.end_s:
            raise ExperimentError(f"{after.table}: nothing is counted from {before.end_s:g} to {after.begin_s:g} s; fill the gap.")
    demands = [{name: junction_demand(junction, counted) for name, junction in junctions.items()} for counted in counts]
    lengths_s = [counted.end_s - counted.begin_s for counted in counts]
    links = links_between(site.reading.net, junctions)
    sets = linked_sets(junctions, links)

    def mean_demands(part: tuple[int, ...]) -> dict[str, JunctionDemand]:
        weights = [lengths_s[i] for i in part]
        return {
            name: JunctionDemand(
                mean_flows([demands[i][name].movement_veh_h for i in part], weights),
                mean_flows([demands[i][name].crossing_h for i in part], weights),
            )
            for name in junctions
        }

    def designed(part: tuple[int, ...]) -> dict[str, DesignResult]:
        on_step(f"designing for {counts[part[0]].begin_s:g} to {counts[part[-1]].end_s:g} s")
        return plan_junctions(junctions, mean_demands(part), links, sets, request)[0]

    def delayed_veh(plans: dict[str, DesignResult], interval: int) -> float:
        problems = {name: design_problem(junctions[name], demands[interval][name]) for name in junctions}
        return sum(weighted_delay_veh(performance(plans[name].plan, problem)) for name, problem in problems.items())

    flows_h = np.array([[flow for name in junctions for flow in demand[name].movement_veh_h] for demand in demands])
    edges_s = [counts[0].begin_s, *(counted.end_s for counted in counts)]
    day = plan_day(edges_s, flows_h, designed, delayed_veh, limits)
    changes = [(a.plan, b.plan) for a, b in pairwise(day.periods)]
    moments = {
        name: switching_moments([plans[name].plan for plans in day.plans], changes, junction) for name, junction in junctions.items()
    }
    return ScenarioDay(place, junctions, day, moments)


def write_day(found: ScenarioDay, out: Path) -> list[Finding]:
    """Write the programs of the day with their WAUTs, tables and drawings of each plan, and the record; return what the check finds."""
    claim(out)
    programs = [
        with_moment(plan_program(plans[name].plan, junction, f"{NAME}_{number}"), found.moments[name][number])
        for name, junction in found.junctions.items()
        for number, plans in enumerate(found.day.plans)
    ]
    write_programs(programs, out / PROGRAMS)
    rows = [(period.begin_s, f"{NAME}_{period.plan}") for period in found.day.periods]
    append_wauts(out / PROGRAMS, dict.fromkeys(found.junctions, rows), found.day.periods[0].begin_s)
    place = found.place
    checked = audit(place.network, (*place.additional_files, out / PROGRAMS))
    findings = [finding for finding in checked.findings if finding.program.startswith(NAME)]
    content = {
        "format": 1,
        "scenario": {"name": place.name, "sha256": scenario_hash(place), "label": place.label},
        "periods": [{"begin_s": p.begin_s, "end_s": p.end_s, "program": f"{NAME}_{p.plan}"} for p in found.day.periods],
        "plans": [_plan_records(found, number) for number in range(len(found.day.plans))],
        "delay_veh_h": found.day.delay_veh_h,
        "findings": [finding_values(finding) for finding in findings],
        "provenance": {"versions": versions(), "command_line": command_line()},
    }
    for number, plans in enumerate(found.day.plans):
        (out / f"plan_{number}").mkdir(exist_ok=True)
        write_tables(plans, place.name, out / f"plan_{number}")
    publish(out, content, RECORD)
    return findings


def _plan_records(found: ScenarioDay, number: int) -> dict[str, dict[str, float]]:
    return {
        name: {"cycle_s": result.plan.cycle_s, "offset_s": result.plan.offset_s, "moment_s": found.moments[name][number]}
        for name, result in found.day.plans[number].items()
    }
