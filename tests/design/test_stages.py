from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import demand, four_arms, junction, random_flows
from optimizer.design.compatibility import compatible_sets
from optimizer.design.designing import design
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.problem import design_problem
from optimizer.design.stages import designed_stages, needed_sets
from optimizer.intersection import Aspect, Direction, GroupKind, SignalGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.intersection import Intersection


def streets(*kinds: GroupKind, conflicts: Sequence[tuple[int, int]], yields: Sequence[tuple[int, int]] = ()) -> Intersection:
    groups = [SignalGroup(f"group {g}", kind, (g,)) for g, kind in enumerate(kinds)]
    lanes = [(f"lane {g}", {g: Direction.STRAIGHT}) for g, kind in enumerate(kinds) if kind is GroupKind.VEHICLE]
    return junction(groups, conflicts, lanes, yields=yields)


def plan(cycle_s: float, *windows: tuple[float, float]) -> SignalPlan:
    return SignalPlan("junction", cycle_s, 0.0, tuple((GreenWindow(*window),) for window in windows))


def test_a_green_that_opens_early_beside_another_one_asks_for_no_stage_of_its_own() -> None:
    three = streets(*[GroupKind.VEHICLE] * 3, conflicts=[(0, 2), (1, 2)])
    assert needed_sets(plan(60, (0, 25), (10, 20), (35, 20)), three) == [frozenset({0, 1}), frozenset({2})]


def test_of_several_sets_that_hold_a_green_the_one_with_most_of_the_plan_is_taken() -> None:
    # Group 3 may go beside 0 or beside 1, and is shown alone: the plan shows 0 longer than 1.
    four = streets(*[GroupKind.VEHICLE] * 4, conflicts=[(0, 1), (0, 2), (1, 2), (2, 3)])
    found = needed_sets(plan(80, (0, 10), (15, 20), (60, 10), (40, 10)), four)
    assert frozenset({1, 3}) in found
    assert all(len(groups) == 2 or groups == {2} for groups in found)


def test_a_stage_with_people_on_foot_has_a_twin_without_them() -> None:
    crossing = streets(GroupKind.VEHICLE, GroupKind.PEDESTRIAN, GroupKind.VEHICLE, conflicts=[(0, 2), (1, 2)])
    stages = designed_stages(plan(60, (0, 25), (0, 15), (35, 20)), crossing)
    assert [[g for g in range(3) if stage.serves(g)] for stage in stages] == [[0, 1], [2], [0]]


def test_who_gives_way_to_another_one_of_the_stage_has_a_permissive_green() -> None:
    turning = streets(*[GroupKind.VEHICLE] * 3, conflicts=[(0, 2), (1, 2)], yields=[(1, 0)])
    first, second = designed_stages(plan(60, (0, 25), (0, 25), (35, 20)), turning)
    assert first.aspects == (Aspect.PROTECTED, Aspect.PERMISSIVE, Aspect.RED)
    assert second.aspects == (Aspect.RED, Aspect.RED, Aspect.PROTECTED)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), permissive_left=st.booleans())
def test_designed_stages_are_maximal_compatible_sets_and_serve_every_group(seed: int, *, permissive_left: bool) -> None:
    arms = four_arms(permissive_left=permissive_left)
    problem = design_problem(arms, demand(arms, random_flows(seed)), cycle_s=(70, 70))
    stages = designed_stages(design(problem).plan, arms)
    groups = [frozenset(g for g in range(len(arms.groups)) if stage.serves(g)) for stage in stages]
    assert set(groups) <= set(map(frozenset, compatible_sets(arms, frozenset(range(len(arms.groups))))))
    assert frozenset().union(*groups) == set(range(len(arms.groups)))
