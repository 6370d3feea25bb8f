"""Greens that are lengthened for nothing: what they gain, and what they must not touch."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import demand, four_arms, random_flows
from optimizer.design.designing import design
from optimizer.design.extension import extended
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.plan_check import plan_violations
from optimizer.design.problem import design_problem
from tests.design.junctions import crossing

FREE = (float("inf"),) * 16


def test_a_green_reaches_from_intergreen_to_intergreen() -> None:
    # Intergreens of 5 s: main may run from 5 s after 50 (side's end) to 5 s before 30, that is from 55 for 30 s.
    plan = SignalPlan("junction", 60, 0, ((GreenWindow(0, 10),), (GreenWindow(30, 20),)))
    assert extended(plan, crossing(), FREE).greens == ((GreenWindow(55, 30),), (GreenWindow(30, 20),))


def test_a_green_keeps_its_maximum() -> None:
    plan = SignalPlan("junction", 60, 0, ((GreenWindow(0, 10),), (GreenWindow(30, 20),)))
    assert extended(plan, crossing(), (18.0, 20.0)).green_s(0) == 18


def test_nobody_is_made_to_give_way_who_had_the_road_to_himself() -> None:
    # The left turn 4 gives way to the straight group 2: beside its green from 20 on the latter does not grow.
    place = replace(four_arms(permissive_left=True))
    greens = [()] * 8
    greens[2], greens[4], greens[1] = (GreenWindow(5, 15),), (GreenWindow(20, 10),), (GreenWindow(40, 10),)
    longer = extended(SignalPlan("junction", 60, 0, tuple(greens)), place, FREE)
    assert longer.greens[2][0].start_s + longer.greens[2][0].length_s <= 60 + 20
    assert not longer.is_green(2, 25)
    assert longer.is_green(1, 36)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_a_designed_plan_stays_safe_and_loses_no_green(seed: int) -> None:
    place = four_arms(crossings=True)
    problem = design_problem(place, demand(place, random_flows(seed, total_h=1500)), cycle_s=(90, 90))
    plan = design(problem, relative_gap=0.2, time_limit_s=5).plan
    longer = extended(plan, place, problem.maximum_green_s)
    assert plan_violations(longer, place) == ()
    assert all(longer.green_s(g) >= plan.green_s(g) for g in range(len(place.groups)))
    assert extended(longer, place, problem.maximum_green_s) == longer
