"""People on foot in the problem: nobody counts them, so the signal itself says when they wait and when they must be served."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.horizon.assembly import DEADLINE_MARGIN_S, DEADLINE_WEIGHT_VEH, ProblemAssembler
from optimizer.horizon.parameters import HorizonParameters
from optimizer.horizon.problem import WEIGHT_UNIT, HorizonProblem
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from optimizer.observation import SignalStatus
from optimizer.red_limits import RED_MARGIN_S

LANE = Lane("road", 200.0, 13.9, 200.0)
CROSSING = Intersection(
    id="crossing",
    incoming=(LANE,),
    outgoing=(Lane("on", 200.0, 13.9, 200.0),),
    groups=(
        SignalGroup("cars", GroupKind.VEHICLE, (0,), minimum_green_s=5.0),
        SignalGroup("walkers", GroupKind.PEDESTRIAN, (1,), minimum_green_s=7.0, yellow_s=0.0, maximum_red_s=100.0),
    ),
    movements=(Movement(0, 0, 0, Direction.STRAIGHT, 10.0),),
    stages=(Stage("cars", (Aspect.PROTECTED, Aspect.RED)), Stage("walkers", (Aspect.RED, Aspect.PROTECTED))),
    conflicts=(frozenset({1}), frozenset({0})),
    yields_to=(frozenset(), frozenset()),
    intergreen_s=((0.0, 4.0), (9.0, 0.0)),
    signal_count=2,
)


def problem_with_walkers_red_for(red_s: float) -> HorizonProblem:
    nobody = np.empty(0)
    traffic = ExpectedTraffic(
        np.zeros(2, dtype=np.int64),
        nobody,
        np.empty(0, dtype=np.int64),
        np.empty(0, dtype=np.bool_),
        nobody,
        np.zeros(1),
        np.full(1, 10.0),
        np.zeros(2, dtype=np.bool_),
        np.zeros(1),
        np.zeros(1),
    )
    now_s = 1000.0
    status = SignalStatus(stage=0, previous=1, green_start_s=now_s - red_s + 9.0, commanded_s=now_s - red_s)
    red_since_s = np.array([np.inf, now_s - red_s])
    return ProblemAssembler(CROSSING, HorizonParameters()).assemble(now_s, status, np.full(2, status.green_start_s), red_since_s, traffic)


def test_walkers_wait_from_the_recall_on() -> None:
    parameters = HorizonParameters()
    problem = problem_with_walkers_red_for(10.0)
    assert problem.group.tolist() == [1]
    assert problem.arrival_ds[0] / 10.0 == pytest.approx(parameters.pedestrian_recall_s - 10.0)
    assert problem.weight[0] == round(parameters.pedestrian_weight_veh * WEIGHT_UNIT)


def cars_that_have_queued_for(queued_s: float) -> HorizonProblem:
    many = 3
    traffic = ExpectedTraffic(
        np.array([0, many]),
        1.3 * np.arange(many),
        np.zeros(many, dtype=np.int64),
        np.array([False, True, True]),
        np.ones(many),
        np.zeros(1),
        np.full(1, 100.0),
        np.zeros(2, dtype=np.bool_),
        np.full(1, queued_s),
        np.zeros(1),
    )
    status = SignalStatus(stage=1, previous=0, green_start_s=990.0, commanded_s=980.0)
    walkers = np.array([980.0, np.inf])
    return ProblemAssembler(CROSSING, HorizonParameters()).assemble(1000.0, status, np.full(2, status.green_start_s), walkers, traffic)


@pytest.mark.parametrize(("queued_s", "more_s"), [(60.0, 0.0), (61.0, 1.0), (130.0, 70.0), (160.0, 100.0), (5000.0, 100.0)])
def test_who_is_left_in_a_queue_that_lasts_costs_more_whatever_is_green_at_the_horizon(queued_s: float, more_s: float) -> None:
    usual, lasting = cars_that_have_queued_for(0.0), cars_that_have_queued_for(queued_s)
    assert (lasting.unserved_cost[:3] - usual.unserved_cost[:3]).tolist() == [[round(10 * more_s) * WEIGHT_UNIT] * 2] * 3


def test_a_maximum_red_within_the_horizon_weighs_on_the_plan() -> None:
    problem = problem_with_walkers_red_for(50.0)
    assert problem.group.tolist() == [1, 1]
    assert problem.arrival_ds[1] / 10.0 == pytest.approx(100.0 - RED_MARGIN_S - DEADLINE_MARGIN_S - 50.0)
    assert problem.weight.tolist() == [
        round(HorizonParameters().pedestrian_weight_veh * WEIGHT_UNIT),
        round(DEADLINE_WEIGHT_VEH * WEIGHT_UNIT),
    ]


def test_both_of_the_walkers_claims_stand_in_one_lane_behind_those_of_the_junction() -> None:
    assert problem_with_walkers_red_for(50.0).lane_start.tolist() == [0, 0, 2]


def test_a_bus_lane_has_no_trams_weight() -> None:
    parameters = HorizonParameters()
    weights = []
    for kind in (GroupKind.VEHICLE, GroupKind.BUS, GroupKind.TRAM):
        groups = (replace(CROSSING.groups[0], kind=kind), CROSSING.groups[1])
        weights.append(ProblemAssembler(replace(CROSSING, groups=groups), parameters).model.group_weight[0])
    assert weights == [1.0, 1.0, parameters.tram_weight_veh]
