from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.design.day import DayLimits, _sequence, mean_flows, plan_day
from optimizer.design.demand import JunctionDemand
from optimizer.design.designing import design
from optimizer.design.errors import DesignError
from optimizer.design.performance import performance, weighted_delay_veh
from optimizer.design.problem import design_problem
from tests.design.junctions import crossing

if TYPE_CHECKING:
    from optimizer.design.plan import SignalPlan

QUARTER_S = 900.0


def level(flows_h: np.ndarray, intervals: tuple[int, ...]) -> float:
    """A plan that is nothing but the flow it is made for."""
    return mean_flows(flows_h[list(intervals)].tolist(), [1.0] * len(intervals))[0]


def test_a_day_of_three_steps_has_three_periods() -> None:
    flows_h = np.array([[200.0]] * 8 + [[800.0]] * 6 + [[400.0]] * 10)
    edges_s = [QUARTER_S * i for i in range(25)]
    day = plan_day(edges_s, flows_h, lambda part: level(flows_h, part), lambda plan, i: abs(plan - flows_h[i, 0]), DayLimits())
    assert [(period.begin_s, period.end_s) for period in day.periods] == [(0, 7200), (7200, 12600), (12600, 21600)]
    assert day.plans == pytest.approx((200, 800, 400))
    assert day.delay_veh_h == pytest.approx(0)


def test_a_plan_comes_back_where_the_traffic_does() -> None:
    flows_h = np.array([[200.0]] * 8 + [[800.0]] * 8 + [[200.0]] * 8)
    edges_s = [QUARTER_S * i for i in range(25)]
    day = plan_day(edges_s, flows_h, lambda part: level(flows_h, part), lambda plan, i: abs(plan - flows_h[i, 0]), DayLimits())
    assert [period.plan for period in day.periods] == [0, 1, 0]
    assert day.plans == pytest.approx((200, 800))


def test_dear_changes_and_short_peaks_leave_one_plan() -> None:
    flows_h = np.array([[200.0]] * 8 + [[210.0]] * 8)
    edges_s = [QUARTER_S * i for i in range(17)]
    for limits in (DayLimits(change_veh_h=1000), DayLimits(shortest_period_s=9000), DayLimits(most_periods=1)):
        day = plan_day(edges_s, flows_h, lambda part: level(flows_h, part), lambda plan, i: abs(plan - flows_h[i, 0]), limits)
        assert len(day.periods) == len(day.plans) == 1


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_sequence_of_plans_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs, lengths_s = rng.uniform(0, 1, (3, 6)), rng.choice([900.0, 1800.0], 6)
    limits = DayLimits(most_periods=3, shortest_period_s=1800, change_veh_h=0.3)
    best = math.inf
    for used in itertools.product(range(3), repeat=6):
        runs = [list(group) for _, group in itertools.groupby(range(6), key=lambda i: used[i])]
        if len(runs) <= 3 and all(lengths_s[run].sum() >= 1800 for run in runs):
            best = min(best, sum(costs[plan, i] for i, plan in enumerate(used)) + 0.3 * (len(runs) - 1))
    assert _sequence(costs, lengths_s, limits)[0] == pytest.approx(best)


def test_a_junction_gets_plans_for_its_morning_and_its_evening() -> None:
    place = crossing()
    flows_h = np.array([[250.0, 150.0]] * 4 + [[1000.0, 300.0]] * 4 + [[300.0, 900.0]] * 4)

    def demand_of(intervals: tuple[int, ...]) -> JunctionDemand:
        return JunctionDemand(mean_flows(flows_h[list(intervals)].tolist(), [1.0] * len(intervals)), (0.0, 0.0))

    def delayed_veh(plan: SignalPlan, interval: int) -> float:
        return weighted_delay_veh(performance(plan, design_problem(place, demand_of((interval,)))))

    edges_s = [6 * 3600 + 1800.0 * i for i in range(13)]
    day = plan_day(
        edges_s, flows_h, lambda part: design(design_problem(place, demand_of(part))).plan, delayed_veh, DayLimits(change_veh_h=0.5)
    )
    assert [period.begin_s for period in day.periods] == [6 * 3600, 8 * 3600, 10 * 3600]
    morning, evening = day.plans[1:]
    assert morning.green_s(0) > morning.green_s(1)
    assert evening.green_s(0) < evening.green_s(1)


def test_counts_that_are_missing_or_out_of_order_are_named() -> None:
    flows_h = np.array([[200.0, 100.0], [200.0, math.nan]])

    def attempt(edges_s: list[float], flows: np.ndarray, limits: DayLimits) -> None:
        plan_day(edges_s, flows, lambda part: float(len(part)), lambda plan, _: plan, limits)

    with pytest.raises(DesignError, match="interval 2 has no count of movement 2"):
        attempt([0, 1800, 3600], flows_h, DayLimits())
    with pytest.raises(DesignError, match="interval 2 does not end after its begin"):
        attempt([0, 1800, 1800], flows_h[:, :1], DayLimits())
    with pytest.raises(DesignError, match="1 intervals but 2 rows"):
        attempt([0, 1800], flows_h, DayLimits())
    with pytest.raises(DesignError, match="less than the shortest period"):
        attempt([0, 900, 1800], flows_h[:, :1], DayLimits())
    with pytest.raises(DesignError, match="at most 0 periods"):
        attempt([0, 1800, 3600], flows_h[:, :1], DayLimits(most_periods=0))
