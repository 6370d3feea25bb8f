"""Trams on request: what a plan without them is worth, and where their greens are inserted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from controllers.designed_plans import read_designed_plans
from experiments.benchmarks.design_instances import demand, junction
from optimizer.design import delay
from optimizer.design.designing import design
from optimizer.design.linked import DesignOrder, design_linked
from optimizer.design.performance import performance, weighted_delay_veh
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.plan_check import plan_violations
from optimizer.design.plan_text import plan_content
from optimizer.design.problem import DesignTask
from optimizer.design.requests import groups_on_request, inserted, request_windows, with_requests
from optimizer.intersection import Direction, GroupKind, SignalGroup
from tests.design.hcm import design_problem

if TYPE_CHECKING:
    from pathlib import Path

    from optimizer.design.result import DesignResult
    from optimizer.intersection import Intersection

FLOWS_H = (700.0, 500.0, 8.0)
TRAM = 2


def crossing_with_tram(conflicts: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (1, 2)), minimum_green_s: float = 5) -> Intersection:
    """Return two one-way streets that cross and a tram line that crosses both; 5 s between any two."""
    kinds = (GroupKind.VEHICLE, GroupKind.VEHICLE, GroupKind.TRAM)
    names = ("main", "side", "tram")
    groups = [
        SignalGroup(name, kind, (i,), 5 if kind is GroupKind.TRAM else minimum_green_s)
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return junction(groups, conflicts, [(name, {i: Direction.STRAIGHT}) for i, name in enumerate(names)], 5)


def designed(place: Intersection, left_out: frozenset[int], cycle_s: tuple[int, int] | None = None) -> DesignResult:
    task = DesignTask(place, demand(place, FLOWS_H), left_out=left_out)
    results, _ = design_linked({"j": task}, [], [["j"]], DesignOrder(cycle="own", cycle_s=cycle_s, gap=0.0))
    return results["j"]


def test_a_tram_on_request_leaves_the_others_the_best_plan_without_it() -> None:
    place = crossing_with_tram()
    asked, constant = designed(place, frozenset({TRAM}), (30, 90)), designed(place, frozenset(), (30, 90))

    def delayed_veh(cycle_s: int, green_s: int) -> float:
        pairs = zip((green_s, cycle_s - 10 - green_s), FLOWS_H, strict=False)
        return sum(flow * delay.control_delay_s(cycle_s, green - 1, flow, 1800.0) for green, flow in pairs) / 3600

    # Two streams, 2 · 5 s lost, the rest shared out: the tram takes nothing. Of each green one second is lost to the start.
    best = min(delayed_veh(cycle_s, green_s) for cycle_s in range(30, 91) for green_s in range(5, cycle_s - 14))
    assert asked.cost == pytest.approx(best, abs=1e-4)
    others = tuple(row for row in constant.performance if row.stream.id != "tram")
    assert len(others) == 2
    assert weighted_delay_veh(asked.performance) < 0.8 * weighted_delay_veh(others)
    assert asked.plan.greens[TRAM] == ()
    assert constant.plan.green_s(TRAM) >= 5


def test_a_cycle_with_a_tram_is_as_long_and_may_be_shown() -> None:
    place = crossing_with_tram()
    result = designed(place, frozenset({TRAM}))
    (window,) = result.requests
    shown = with_requests(result.plan, place, result.requests)
    assert shown.cycle_s == result.plan.cycle_s
    assert plan_violations(shown, place) == ()
    # 5 s of green, and one intergreen more than without: 10 s are taken from the two streams.
    assert sum(lost_s for _, lost_s in window.taken_s) == 10
    # No other place costs the two less.
    costs = []
    for second in range(int(shown.cycle_s)):
        tried = inserted(result.plan, place, TRAM, GreenWindow(second, 5))
        if tried is not None:
            assert plan_violations(tried, place) == ()
            costs.append(weighted_delay_veh(performance(tried, result.problem)))
    assert weighted_delay_veh(performance(shown, result.problem)) == pytest.approx(min(costs), abs=1e-5)


def test_a_tram_that_may_go_beside_a_green_is_shown_in_each_cycle() -> None:
    place = crossing_with_tram(((0, 1), (1, 2)))  # it conflicts with the side road only
    result = designed(place, frozenset({TRAM}))
    assert result.requests == ()
    assert result.plan.green_s(TRAM) >= result.plan.green_s(0)
    assert plan_violations(result.plan, place) == ()


def test_a_tram_for_which_the_minimum_greens_leave_no_place_keeps_its_green_in_each_cycle() -> None:
    place = crossing_with_tram(minimum_green_s=12)
    problem = design_problem(place, demand(place, (100, 100, 8)), cycle_s=(34, 34), left_out=frozenset({TRAM}))
    assert request_windows(design(problem).plan, problem) == ((), (TRAM,))  # 2 · (12 + 5) s fill the cycle
    task = DesignTask(place, demand(place, (100, 100, 8)), left_out=frozenset({TRAM}))
    results, _ = design_linked({"j": task}, [], [["j"]], DesignOrder(cycle="own"))
    assert results["j"].plan.green_s(TRAM) >= 5
    assert results["j"].plan.cycle_s >= 44


def test_a_cut_green_keeps_its_minimum_or_nothing_is_inserted() -> None:
    place = crossing_with_tram()
    plan = SignalPlan("junction", 60, 0, ((GreenWindow(0, 30),), (GreenWindow(35, 20),), ()))
    # At second 20: main must end at 15 and can begin again at 30, where its green would end: 15 s are left, the side road keeps all.
    assert inserted(plan, place, TRAM, GreenWindow(20, 5)) == SignalPlan(
        "junction", 60, 0, ((GreenWindow(0, 15),), (GreenWindow(35, 20),), (GreenWindow(20, 5),))
    )
    # At second 12: main keeps 0 to 7 and 22 to 30.
    split = inserted(plan, place, TRAM, GreenWindow(12, 5))
    assert split is not None
    assert split.greens[0] == (GreenWindow(0, 7), GreenWindow(22, 8))
    # A green of the length of both others leaves neither its minimum.
    assert inserted(plan, place, TRAM, GreenWindow(5, 50)) is None
    # Round the end of the cycle: the side road ends at 53 instead of 55, main begins at 8.
    around = inserted(plan, place, TRAM, GreenWindow(58, 5))
    assert around is not None
    assert around.greens == ((GreenWindow(8, 22),), (GreenWindow(35, 18),), (GreenWindow(58, 5),))


def test_a_tram_before_whom_cars_wait_is_not_left_out() -> None:
    place = crossing_with_tram()
    assert groups_on_request(place) == {TRAM}
    names = ("main", "side", "tram")
    lanes = [("main", {0: Direction.STRAIGHT, 2: Direction.LEFT}), ("side", {1: Direction.STRAIGHT})]
    groups = [SignalGroup(name, GroupKind.TRAM if name == "tram" else GroupKind.VEHICLE, (i,)) for i, name in enumerate(names)]
    assert groups_on_request(junction(groups, [(0, 1), (1, 2)], lanes)) == frozenset()
    # Where nobody else conflicts, there would be nothing to time without the tram.
    alone = [("side", {1: Direction.STRAIGHT}), ("tram", {2: Direction.STRAIGHT}), ("main", {0: Direction.STRAIGHT})]
    assert groups_on_request(junction(groups, [(1, 2)], alone)) == frozenset()


def test_a_design_with_requests_is_read_back(tmp_path: Path) -> None:
    place = crossing_with_tram()
    result = designed(place, frozenset({TRAM}))
    content = plan_content(result)
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"junction": content}}))
    read = read_designed_plans(str(tmp_path))["junction"]
    assert read.plan(place) == result.plan
    assert read.plan_with_requests(place) == with_requests(result.plan, place, result.requests)
    assert content["requests"]["tram"]["taken_s"].keys() <= {"main", "side"}
    del content["requests"]  # as written before there were any
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"junction": content}}))
    assert read_designed_plans(str(tmp_path))["junction"].plan_with_requests(place) == result.plan
    content["requests"] = {"ghost": {"start_s": 0, "green_s": 5}}
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"junction": content}}))
    with pytest.raises(ValueError, match="requests of a group 'ghost'"):
        read_designed_plans(str(tmp_path))["junction"].plan_with_requests(place)
