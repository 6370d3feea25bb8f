"""Cases of the traffic model that can be computed by hand, for the simulator and both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.horizon import cp_sat, search
from optimizer.horizon.parameters import HorizonParameters
from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO, HorizonProblem, SignalModel
from optimizer.horizon.simulation import IllegalPlanError, evaluate
from optimizer.horizon.solution import HorizonSolution, PlannedStage
from optimizer.intersection import Aspect, GroupKind, Intersection, SignalGroup, Stage
from tests.horizon.problems import make_problem, make_signals

STAY = (PlannedStage(0, -200, -200),)


def solve_by_all(problem: HorizonProblem) -> HorizonSolution:
    """Solve by both engines, which must agree with the simulator and prove their answer."""
    searched = search.solve(problem)
    proven = cp_sat.solve(problem, time_limit_s=60.0, slots=cp_sat.most_slots(problem))
    assert searched.cost == searched.bound == proven.cost == proven.bound == evaluate(problem, searched.plan).cost
    return searched


def test_one_queue_at_green_leaves_one_headway_apart() -> None:
    # five vehicles wait since 0 s at a green: departures 0, 1.9, 3.8, 5.7, 7.6 s; cost 10 (weight) * 190 ds
    problem = make_problem(make_signals([[PROTECTED]]), [[(0.0, 0)] * 5])
    solution = solve_by_all(problem)
    assert solution.departure_ds.tolist() == [0, 19, 38, 57, 76]
    assert solution.cost == 10 * (19 + 38 + 57 + 76)
    assert solution.plan[1:] == ()


def test_one_queue_at_red_waits_for_interstage_and_startup() -> None:
    # commanded at once, green after 3 s, first departure 1 s later; one change costs 10 * 1
    problem = make_problem(make_signals([[RED], [PROTECTED]]), [[(0.0, 0)] * 3])
    solution = solve_by_all(problem)
    assert solution.plan[1] == PlannedStage(1, 0, 30)
    assert solution.departure_ds.tolist() == [40, 59, 78]
    assert solution.cost == 10 * (40 + 59 + 78) + 10


def test_two_equal_queues_serve_the_green_one_first_and_change_with_its_last_vehicle() -> None:
    # Three vehicles each. The green queue leaves at 0, 1.9, 3.8 s. One second of yellow is used, so the change is commanded at 3 s
    # (3.8 < 3 + 1); green at 6 s, and the other queue leaves at 7, 8.9, 10.8 s.
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    solution = solve_by_all(make_problem(signals, [[(0.0, 0)] * 3, [(0.0, 1)] * 3]))
    assert solution.plan[1] == PlannedStage(1, 30, 60)
    assert solution.departure_ds.tolist() == [0, 19, 38, 70, 89, 108]


def test_symmetric_two_stage_problems_cost_the_same() -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    lanes = [[(-3.0, 0), (1.0, 0), (12.0, 0)], [(0.0, 1), (4.0, 1)]]
    mirrored = [[(a, 1 - g) for a, g in lane] for lane in lanes]
    assert solve_by_all(make_problem(signals, lanes)).cost == solve_by_all(make_problem(signals, mirrored, stage=1)).cost


def test_a_stop_costs_a_moving_vehicle_its_penalty_beyond_the_tolerance() -> None:
    # The red vehicle arrives at t and leaves at 4 s at the earliest: delay 4 - t; the penalty of 6 s is due where that is more than 2 s.
    signals = make_signals([[RED], [PROTECTED]])
    assert solve_by_all(make_problem(signals, [[(2.0, 0)]])).cost == 10 * 20 + 10
    assert solve_by_all(make_problem(signals, [[(1.9, 0)]])).cost == 10 * (21 + 60) + 10


def test_a_permissive_vehicle_waits_for_a_gap_of_four_seconds() -> None:
    # Priority vehicles at 1, 4 and 9 s. The left-turner (arrival 0) may go at d where every priority vehicle has left by d - 0.5 s or comes
    # no earlier than d + 4 s: after the one at 4 s, i.e. at 4.5 s, since 9 >= 4.5 + 4.
    signals = make_signals([[PROTECTED, PERMISSIVE]], yields=[(1, 0)])
    problem = make_problem(signals, [[(1.0, 0), (4.0, 0), (9.0, 0)], [(0.0, 1)]])
    assert solve_by_all(problem).departure_ds.tolist() == [10, 40, 90, 45]
    # with the third at 8.4 s the gap is too short: 8.4 + 0.5
    problem = make_problem(signals, [[(1.0, 0), (4.0, 0), (8.4, 0)], [(0.0, 1)]])
    assert solve_by_all(problem).departure_ds.tolist() == [10, 40, 84, 89]


def test_a_red_then_go_vehicle_stops_two_seconds_first() -> None:
    signals = make_signals([[RED_THEN_GO]])
    assert solve_by_all(make_problem(signals, [[(3.0, 0)]])).departure_ds.tolist() == [50]


def test_one_sneaker_per_lane_leaves_at_the_end_of_the_permissive_green() -> None:
    # Oncoming vehicles every 2 s leave no gap; two left-turners wait. The change at 5 s lets the first sneak at 6 s, the second not.
    signals = make_signals([[PROTECTED, PERMISSIVE, RED], [RED, RED, PROTECTED]], yields=[(1, 0)])
    oncoming = [(float(k), 0) for k in range(0, 60, 2)]
    problem = make_problem(signals, [oncoming, [(0.0, 1), (0.0, 1)], [(0.0, 2)]])
    departure = evaluate(problem, (*STAY, PlannedStage(1, 50, 80))).departure_ds
    assert departure[30:].tolist() == [60, -1, 90]
    replayed = search.replay(problem, (*STAY, PlannedStage(1, 50, 80)))
    np.testing.assert_array_equal(replayed.departure_ds, departure)


def test_a_group_that_may_close_late_goes_on_after_the_command() -> None:
    # Commanded at 0 s, green of the side road at 10 s. The main road's green ends at 6 s and one second of yellow is used: departures at
    # 0, 1.9, 3.8, 5.7 s, and not at 7.6 s. The walk beside it ends with the command: who arrives at 0.5 s still goes, at 1.5 s not.
    signals = make_signals([[PROTECTED, RED, PROTECTED], [RED, PROTECTED, RED]], interstage_s=10.0, leads_s={(0, 1, 0): 6.0})
    problem = make_problem(signals, [[(0.0, 0)] * 6, [(0.0, 1)], [(0.5, 2), (2.5, 2)]])
    plan = (*STAY, PlannedStage(1, 0, 100))
    departure = evaluate(problem, plan).departure_ds
    assert departure.tolist() == [0, 19, 38, 57, -1, -1, 110, 5, -1]
    np.testing.assert_array_equal(search.replay(problem, plan).departure_ds, departure)
    solve_by_all(problem)


def test_a_sneaker_leaves_at_the_late_end_of_its_green() -> None:
    # As above without a gap, but the left-turner's green ends 2 s after the command at 5 s, so it sneaks at 8 s.
    signals = make_signals([[PROTECTED, PERMISSIVE, RED], [RED, RED, PROTECTED]], yields=[(1, 0)], leads_s={(0, 1, 1): 2.0})
    problem = make_problem(signals, [[(float(k), 0) for k in range(0, 60, 2)], [(0.0, 1), (0.0, 1)], [(0.0, 2)]])
    plan = (*STAY, PlannedStage(1, 50, 80))
    departure = evaluate(problem, plan).departure_ds
    assert departure[30:].tolist() == [80, -1, 90]
    np.testing.assert_array_equal(search.replay(problem, plan).departure_ds, departure)


def test_a_green_that_ends_after_its_interstage_is_refused() -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]], leads_s={(0, 1, 0): 4.0})
    with pytest.raises(ValueError, match="closing_lead_ds"):
        search.solve(make_problem(signals, [[(0.0, 0)]]))


def test_each_group_closes_as_late_as_its_yellow_and_its_intergreens_allow() -> None:
    # The side road's green follows the main road's by 4 s, that of the walk by 11.5 s, so the interstage lasts 12 full seconds: the main
    # road goes on for 8 s, the walk until the command (12 - 11.5 s is no full second). The tram, in nobody's way, has 3 s of yellow.
    groups = (
        SignalGroup("main", GroupKind.VEHICLE, (0,)),
        SignalGroup("walk", GroupKind.PEDESTRIAN, (1,), yellow_s=0),
        SignalGroup("tram", GroupKind.TRAM, (2,)),
        SignalGroup("side", GroupKind.VEHICLE, (3,)),
    )
    red, green = Aspect.RED, Aspect.PROTECTED
    junction = Intersection(
        id="crossing",
        incoming=(),
        outgoing=(),
        groups=groups,
        movements=(),
        stages=(Stage("along", (green, green, green, red)), Stage("across", (red, red, red, green))),
        conflicts=(frozenset({3}), frozenset({3}), frozenset(), frozenset({0, 1})),
        yields_to=(frozenset(),) * 4,
        intergreen_s=((0, 0, 0, 4), (0, 0, 0, 11.5), (0, 0, 0, 0), (5, 5, 0, 0)),
        signal_count=4,
    )
    signals = SignalModel.from_intersection(junction, HorizonParameters())
    assert signals.interstage_ds.tolist() == [[-1, 120], [50, -1]]
    assert signals.closing_lead_ds[0, 1].tolist() == [80, 0, 90, 0]
    assert not signals.closing_lead_ds[1].any()


def test_nothing_to_do_is_to_stay() -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    solution = solve_by_all(make_problem(signals, [[], []]))
    assert (len(solution.plan), solution.cost) == (1, 0)


def test_a_maximum_green_forces_a_change() -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    problem = make_problem(signals, [[(0.0, 0)], []], latest_change_s=12.0)
    solution = solve_by_all(problem)
    assert solution.plan[1].command_ds <= 120
    with pytest.raises(IllegalPlanError, match="maximum green"):
        evaluate(problem, STAY)


def test_a_running_interstage_keeps_its_first_command_until_the_startup_is_over() -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED]])
    problem = make_problem(signals, [[], [(0.0, 1)]], green_start_s=2.0)
    solution = solve_by_all(problem)
    assert solution.plan[1] == PlannedStage(1, 30, 60)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ((PlannedStage(1, 0, 0),), "current stage"),
        ((*STAY, PlannedStage(1, 5, 35)), "may not be commanded"),
        ((*STAY, PlannedStage(1, 0, 20)), "must start at 30"),
        ((*STAY, PlannedStage(1, 0, 30), PlannedStage(0, 70, 100)), "may not be commanded"),
        ((*STAY, PlannedStage(2, 0, 30)), "may not follow"),
    ],
)
def test_the_simulator_refuses_plans_that_break_the_rules(plan: tuple[PlannedStage, ...], message: str) -> None:
    signals = make_signals([[PROTECTED, RED], [RED, PROTECTED], [RED, PROTECTED]])
    signals.interstage_ds[0, 2] = -1
    with pytest.raises(IllegalPlanError, match=message):
        evaluate(make_problem(signals, [[(0.0, 0)], [(0.0, 1)]]), plan)


def test_a_headway_below_the_clearance_is_refused() -> None:
    problem = make_problem(make_signals([[PROTECTED]]), [[(0.0, 0)]], headway_s=0.3)
    with pytest.raises(ValueError, match="longer headway"):
        search.solve(problem)


def test_a_gap_of_nothing_is_refused() -> None:
    signals = replace(make_signals([[PROTECTED]]), gap_ds=0)
    with pytest.raises(ValueError, match="must be positive"):
        search.solve(make_problem(signals, [[(0.0, 0)]]))
