from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import demand, four_arms, junction
from optimizer.design import delay
from optimizer.design.demand import JunctionDemand
from optimizer.design.discharge import discharge_veh, queues_veh
from optimizer.design.errors import DesignError
from optimizer.design.performance import capacity_factor, performance
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.problem import saturation_flow_h
from optimizer.intersection import Direction, GroupKind, SignalGroup, Turn
from tests.design.hcm import HCM, design_problem
from tests.design.junctions import crossing


def plan_of(cycle_s: float, *greens: tuple[float, float] | None) -> SignalPlan:
    return SignalPlan("junction", cycle_s, 0.0, tuple(() if g is None else (GreenWindow(*g),) for g in greens))


@given(green_s=st.integers(5, 45), flow_h=st.floats(1, 2500), start_s=st.integers(0, 59))
def test_one_protected_green_has_the_delay_of_the_closed_form(green_s: int, flow_h: float, start_s: int) -> None:
    place = crossing()
    problem = design_problem(place, demand(place, (flow_h, 0)))
    row = performance(plan_of(60, (start_s, green_s), ((start_s + green_s + 5) % 60, 5)), problem)[0]
    assert row.capacity_h == pytest.approx(1900 * green_s / 60)
    assert row.delay_s == pytest.approx(delay.control_delay_s(60, green_s, flow_h, 1900), rel=1e-6)
    assert row.queue95_veh == pytest.approx(delay.queue95_veh(delay.back_of_queue_veh(60, green_s, flow_h, 1900)))
    assert row.longest_wait_s == 60 - green_s


def test_an_even_queue_is_a_triangle() -> None:
    # 1 veh per cell arrives for 10 cells, 3 leave per cell in the last 6: it grows to 4, then shrinks by 2 per cell and is gone after two.
    arrivals = np.ones((1, 10))
    discharge = np.array([[0.0] * 4 + [3.0] * 6])
    queue, waited = queues_veh(arrivals, discharge)
    assert queue[0].tolist() == [0, 1, 2, 3, 4, 2, 0, 0, 0, 0]
    assert waited.sum() == pytest.approx(4 * 4 / 2 + 4 * 2 / 2)


def test_two_greens_in_a_cycle_halve_the_wait() -> None:
    place = crossing()
    problem = design_problem(place, demand(place, (100, 100)))
    once = plan_of(80, (0, 20), (30, 40))
    greens = ((GreenWindow(0, 10), GreenWindow(40, 10)), (GreenWindow(15, 20), GreenWindow(55, 20)))
    twice = SignalPlan("junction", 80, 0.0, greens)
    # Half the red, (30/60)² of its area twice, with the same share of green.
    uniform = [0.5 * c * (1 - 0.25) ** 2 / (1 - 100 / 1900) for c in (80, 40)]
    random_s = delay.incremental_delay_s(100 / 475, 475.0, 0.25)
    assert [performance(p, problem)[0].delay_s for p in (once, twice)] == pytest.approx([u + random_s for u in uniform])


def test_persons_wait_half_of_the_reds_they_meet() -> None:
    groups = [SignalGroup("road", GroupKind.VEHICLE, (0,)), SignalGroup("walk", GroupKind.PEDESTRIAN, (1,), 5, 0)]
    place = junction(groups, [(0, 1)], [("road_0", {0: Direction.STRAIGHT})])
    problem = design_problem(place, JunctionDemand((500.0,), (0.0, 60.0)))
    walk = performance(plan_of(60, (0, 35), (40, 12)), problem)[1]
    assert walk.delay_s == pytest.approx(48**2 / 120)
    assert (walk.saturation_degree, walk.capacity_h, walk.longest_wait_s) == (0, math.inf, 48)
    assert (walk.level_hcm, walk.level_hbs) == ("B", "C")


def test_a_left_turn_goes_through_the_gaps_of_a_stream_without_a_queue() -> None:
    place = four_arms(permissive_left=True)
    # The opposing straight stream (south) has 360 veh/h; its queue of 50 s of red, 5 veh, is gone 5/(1900/3600 - 0.1) = 11.7 s after its
    # green begins to be used. From then on HCM's permitted flow; two sneakers leave at the end.
    problem = design_problem(place, demand(place, (0, 0, 360, 0, 200, 0, 0, 0)), cycle_s=(90, 90))
    plan = plan_of(90, (0, 40), (50, 30), (0, 40), (50, 30), (0, 40), (50, 30), (0, 40), (50, 30))
    left = next(i for i, stream in enumerate(problem.streams) if stream.id == "north_1")
    v = 360 / 3600
    through_h = 3600 * v * math.exp(-v * 4.5) / (1 - math.exp(-v * 2.5))
    capacity_veh = discharge_veh(plan, problem)[left].sum()
    # Cells are whole seconds: 40 of green less the 12 in which the queue is there.
    assert capacity_veh == pytest.approx(through_h / 3600 * 28 + 2)
    assert performance(plan, problem)[left].capacity_h == pytest.approx(capacity_veh * 40)


def test_a_left_turn_without_opposition_loses_nothing_but_a_left_turn_against_a_full_stream_has_its_sneakers_only() -> None:
    place = four_arms(permissive_left=True)
    plan = plan_of(90, (0, 40), (50, 30), (0, 40), (50, 30), (0, 40), (50, 30), (0, 40), (50, 30))
    free = design_problem(place, demand(place, (0, 0, 0, 0, 200, 0, 0, 0)))
    full = design_problem(place, demand(place, (0, 0, 1500, 0, 200, 0, 0, 0)))
    left = 4
    assert free.streams[left].id == "north_1"
    assert discharge_veh(plan, free)[left].sum() == pytest.approx(free.streams[left].saturation_h * 40 / 3600 + 2)
    assert discharge_veh(plan, full)[left].sum() == pytest.approx(2)


def test_a_shared_lane_goes_on_until_the_first_vehicle_that_may_not() -> None:
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate(("straight", "left", "side"))]
    lanes = [("shared", {0: Direction.STRAIGHT, 1: Direction.LEFT}), ("side_0", {2: Direction.STRAIGHT})]
    place = junction(groups, [(0, 2), (1, 2)], lanes)
    problem = design_problem(place, demand(place, (270, 30, 100)), saturation_h={"shared": 1800})
    passed = discharge_veh(plan_of(60, (0, 40), None, (45, 10)), problem)[0].sum()
    # A tenth turns left and never may: of 20 the first k go with the chance 0.9^k, at most 9 on average.
    assert passed == pytest.approx(sum(0.9**k * 0.5 for k in np.arange(0.5, 20.5, 0.5)))
    assert passed < 9


def test_a_short_lane_lets_go_what_it_holds_and_then_its_share_of_what_follows() -> None:
    # Two lanes at the stop line and one farther up; 60 m hold 8 vehicles. Each lane has half of the traffic, so half of 1900 an hour
    # follows. Of a green of 40 s (1900 / 3600 = 0.528 a second) the first second finds 8; from then on 0.528 go and 0.264 come each second,
    # until after t seconds 8 - 0.528 t + 0.264 (t - 1) is less than the next 0.528 - 0.264: from there on 0.264 go each second.
    # In all 8 + 39 * 0.264 = 18.3 leave, where a long lane would let go 40 * 0.528 = 21.1.
    place = crossing()
    lane = place.incoming[0]
    lanes = (replace(lane, length_m=60, storage_m=200), replace(lane, id="main_1", length_m=60, storage_m=60), place.incoming[1])
    ways = (*place.movements[:1], replace(place.movements[0], incoming=1), replace(place.movements[1], incoming=2))
    lanes = (*(replace(one, approach="main") for one in lanes[:2]), replace(lanes[2], approach="side"))
    place = replace(place, incoming=lanes, movements=ways)
    problem = design_problem(place, JunctionDemand((300.0, 300.0, 100.0), (0.0, 0.0)))
    assert [stream.pocket_veh for stream in problem.streams] == [8, 8, math.inf]
    assert problem.streams[0].fed_h == pytest.approx(950)
    passing = discharge_veh(plan_of(100, (0, 40), (45, 50)), problem).sum(axis=1)
    assert passing[:2] == pytest.approx(8 + 39 * 950 / 3600)
    assert passing[2] == pytest.approx(50 * 1900 / 3600)
    # A green that is over before the lane is empty loses nothing.
    assert discharge_veh(plan_of(100, (0, 20), (45, 50)), problem).sum(axis=1)[0] == pytest.approx(20 * 1900 / 3600)


def test_the_capacity_factor_is_that_of_the_busiest_stream() -> None:
    place = crossing()
    rows = performance(plan_of(60, (0, 30), (35, 20)), design_problem(place, demand(place, (475, 475))))
    assert capacity_factor(rows) == pytest.approx(1900 / 3 / 475)
    nobody = performance(plan_of(60, (0, 30), (35, 20)), design_problem(place, demand(place, (0, 0))))
    assert capacity_factor(nobody) == math.inf


def test_flow_at_a_red_light_waits_forever() -> None:
    place = crossing()
    row = performance(plan_of(60, (0, 30), None), design_problem(place, demand(place, (100, 100))))[1]
    assert (row.delay_s, row.saturation_degree, row.level_hcm, row.level_hbs) == (math.inf, math.inf, "F", "F")


def test_a_shared_lane_has_the_saturation_flow_of_its_mixed_headways() -> None:
    flow_h = saturation_flow_h({Turn.STRAIGHT: 300, Turn.ACROSS: 100}, HCM)
    assert 3600 / flow_h == pytest.approx(0.75 * 3600 / 1900 + 0.25 * 3600 / (1900 / 1.05))
    assert saturation_flow_h({Turn.NEAR: 0.0}, HCM) == pytest.approx(1900 / 1.18)


def test_a_plan_knows_its_second_and_its_greens_over_the_end_of_the_cycle() -> None:
    plan = plan_of(60, (50, 20), (20, 20)).with_offset(75)
    assert plan.offset_s == 15
    assert plan.second(15) == 0
    assert [plan.is_green(0, plan.second(time_s)) for time_s in (64, 65, 84, 85)] == [False, True, True, False]


def test_windows_outside_the_cycle_or_on_each_other_are_refused() -> None:
    with pytest.raises(DesignError, match="from second 60 for 5 s"):
        plan_of(60, (60, 5))
    with pytest.raises(DesignError, match="touch"):
        SignalPlan("junction", 60, 0, ((GreenWindow(0, 20), GreenWindow(20, 5)),))
    with pytest.raises(DesignError, match="offset of 60 s"):
        SignalPlan("junction", 60, 60, ())
    with pytest.raises(DesignError, match="no length"):
        SignalPlan("junction", 0, 0, ())


def test_who_turns_waits_for_persons_on_the_crossing_also_after_their_green() -> None:
    groups = [SignalGroup("turn", GroupKind.VEHICLE, (0,)), SignalGroup("walk", GroupKind.PEDESTRIAN, (1,), 5, 0)]
    groups.append(SignalGroup("side", GroupKind.VEHICLE, (2,)))
    lanes = [("turn_0", {0: Direction.STRAIGHT}), ("side_0", {2: Direction.STRAIGHT})]
    # It takes ten seconds to clear the crossing.
    place = junction(groups, [(0, 2), (1, 2)], lanes, {(0, 2): 5, (2, 0): 5, (1, 2): 10, (2, 1): 5}, yields=[(0, 1)])
    problem = design_problem(place, JunctionDemand((200.0, 100.0), (0.0, 360.0, 0.0)))
    passed = discharge_veh(plan_of(60, (50, 40), (55, 10), (35, 10)), problem)[0] / (1900 / 3600)
    # A person comes every ten seconds. Those of 50 s of red set out in second 55 with the one tenth of that second; then 0.1 each second.
    # Half are in the way for five seconds, half for ten.
    assert passed[52:55] == pytest.approx(1.0)  # nobody any more
    assert passed[55] == pytest.approx(math.exp(-5.1))
    assert passed[59] == pytest.approx(math.exp(-5.5))
    assert passed[0] == pytest.approx(math.exp(-(5.6 + 0.5) / 2))
    assert passed[5] == pytest.approx(math.exp(-(0.9 + 0.4) / 2))
    assert passed[9] == pytest.approx(math.exp(-0.5 / 2))  # those of the last five seconds of green from the far side
    assert passed[14:25] == pytest.approx(1.0)
