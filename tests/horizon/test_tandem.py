"""Several stop lines in a row: closed-form cases, and the search against enumeration and the independent simulator."""

from __future__ import annotations

from itertools import islice

import numpy as np

from optimizer.horizon import cp_sat, search
from optimizer.horizon.problem import PROTECTED, RED, HorizonProblem
from optimizer.horizon.simulation import evaluate
from optimizer.horizon.solution import PlannedStage, SolutionStatus
from tests.horizon.problems import all_plans, make_problem, make_signals, random_tandem_problem, with_inner_lanes
from tests.horizon.test_engines_agree import ENUMERABLE, assert_simulates, small_signals

OUTER, INNER = 0, 1
TRAVEL_S = 4.0
STAY = (PlannedStage(0, -200, -200),)


def in_a_row(outer: list[float], inner: list[float], room: int, service: list[list[int]]) -> HorizonProblem:
    """Return a junction of two stop lines in a row; vehicles by their arrival."""
    problem = make_problem(make_signals(service, horizon_s=40.0), [[(a, OUTER) for a in outer], [(a, INNER) for a in inner]])
    return with_inner_lanes(problem, {(0, OUTER): (1, TRAVEL_S)}, {1: (room, INNER)})


def test_where_both_are_green_a_queue_passes_both_stop_lines_without_stopping_again() -> None:
    # They leave at 0, 1.9 and 3.8 s, arrive at the second stop line 4 s later and are still a headway apart.
    problem = in_a_row([0.0] * 3, [], 5, [[PROTECTED, PROTECTED]])
    seen = evaluate(problem, STAY)
    assert seen.departure_ds.tolist() == [0, 19, 38]
    assert seen.onward_ds.tolist() == [[40, 1], [59, 1], [78, 1]]
    assert seen.cost == 10 * (0 + 19 + 38)


def test_a_full_inner_lane_holds_up_the_stop_line_before_it() -> None:
    # Room for two, and nobody leaves: the third stays. At the horizon of 40 s the two have waited 36 and 34.1 s, and each pays for its stop
    # (6 s) and for being left at red (16 s).
    problem = in_a_row([0.0] * 3, [], 2, [[PROTECTED, RED]])
    seen = evaluate(problem, STAY)
    assert seen.departure_ds.tolist() == [0, 19, -1]
    assert seen.onward_ds[:, 0].tolist() == [-1, -1, -1]
    left_ds = (400 - 40 + 60 + 160) + (400 - 59 + 60 + 160)
    assert seen.cost == 10 * (0 + 19 + left_ds) + int(problem.unserved_cost[2, 1])


def test_a_place_is_free_a_headway_after_somebody_has_left_it() -> None:
    # One place, taken by a vehicle that leaves at 0: the next may drive onto the lane at 1.9 s, and is at the stop line 4 s later.
    problem = in_a_row([0.0, 0.0], [0.0], 1, [[PROTECTED, PROTECTED]])
    seen = evaluate(problem, STAY)
    assert seen.departure_ds.tolist() == [19, 78, 0]
    assert seen.onward_ds[0].tolist() == [59, 1]


def test_those_who_drove_on_queue_behind_those_who_stood_there() -> None:
    problem = in_a_row([0.0], [20.0], 5, [[PROTECTED, PROTECTED]])
    assert evaluate(problem, STAY).onward_ds[0].tolist() == [219, 1]


def test_a_plan_clears_the_inner_lane_for_those_behind_it() -> None:
    # The first stage fills the inner lane, only the second one empties it: with room for one vehicle the plan must go there and back.
    problem = in_a_row([0.0] * 4, [-30.0], 1, [[PROTECTED, RED], [RED, PROTECTED]])
    solution = search.solve(problem)
    assert_simulates(problem, solution)
    assert solution.plan[1].stage == 1
    assert solution.departure_ds[4] >= 0


def tandem_problem(seed: int, longest_s: int) -> HorizonProblem:
    rng = np.random.default_rng(seed)
    signals = small_signals(rng, longest_s)
    return random_tandem_problem(rng, signals, lanes=int(rng.integers(3, 6)), vehicles=int(rng.integers(1, 13)))


def test_the_search_finds_the_best_of_all_plans_over_inner_lanes() -> None:
    compared = drove_on = 0
    for seed in range(300):
        problem = tandem_problem(seed, 15)
        plans = list(islice(all_plans(problem), ENUMERABLE))
        if len(plans) == ENUMERABLE:
            continue
        solution = search.solve(problem)
        assert_simulates(problem, solution)
        assert solution.status is SolutionStatus.OPTIMAL
        assert solution.cost == min(evaluate(problem, plan).cost for plan in plans), seed
        compared += 1
        drove_on += bool((solution.onward_ds[:, 0] >= 0).any())
    assert compared >= 200
    assert drove_on >= 50


def test_beam_and_replay_simulate_over_inner_lanes() -> None:
    for seed in range(1000, 1200):
        problem = tandem_problem(seed, 40)
        beam = search.solve(problem, node_limit=0)
        assert_simulates(problem, beam)
        assert search.replay(problem, beam.plan).cost == beam.cost
        assert cp_sat.free_flow_cost(problem) <= beam.cost
        assert cp_sat.solve(problem).cost <= beam.cost


def test_no_vehicle_is_lost_or_doubled_on_inner_lanes_and_none_holds_more_than_its_room() -> None:
    for seed in range(2000, 2100):
        problem = tandem_problem(seed, 40)
        solution = search.solve(problem, node_limit=0)
        tandem = problem.tandem
        lane_of = np.repeat(np.arange(len(problem.lane_free_ds)), np.diff(problem.lane_start))
        for inner in np.flatnonzero(tandem.room_veh):
            came = [
                d
                for d, lane, g in zip(solution.departure_ds, lane_of, problem.group, strict=True)
                if d >= 0 and tandem.onward[lane, g] == inner
            ]
            left = solution.onward_ds[solution.onward_ds[:, 1] == inner, 0]
            stood = int((lane_of == inner).sum())
            gone = [int(d) for d in solution.departure_ds[lane_of == inner] if d >= 0]
            if (tandem.onward[np.flatnonzero(tandem.room_veh)] >= 0).any():
                continue  # there, who is counted at its last stop line has left others before
            assert len(left) <= len(came)
            for d in came:
                on = stood + sum(c <= d for c in came) - sum(g < d for g in gone) - sum(g < d for g in left)
                assert on <= max(int(tandem.room_veh[inner]), stood), (seed, inner, d)
