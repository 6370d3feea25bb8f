from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.design import delay, levels
from optimizer.design.errors import DesignError
from optimizer.intersection import GroupKind


def test_websters_cycle_for_ten_lost_seconds_and_three_quarters_of_the_time_is_80_s() -> None:
    assert delay.webster_cycle_s(10, 0.75) == pytest.approx(80)


def test_there_is_no_cycle_for_flows_that_take_all_the_time() -> None:
    with pytest.raises(DesignError, match=r"1\.02 of the time"):
        delay.webster_cycle_s(10, 1.02)


def test_websters_delay_of_the_worked_example_is_11_55_s() -> None:
    # λ = 0.5, x = 450/900 = 0.5: uniform 60·0.25/1.5 = 10; random 0.25/(2·0.125·0.5) = 2;
    # correction 0.65·(60/0.125²)^(1/3)·0.5^4.5 = 0.65·15.66·0.0442 = 0.45.
    assert delay.webster_two_term_delay_s(60, 30, 450, 1800) == pytest.approx(12.0)
    assert delay.webster_delay_s(60, 30, 450, 1800) == pytest.approx(11.55, abs=0.005)


def test_websters_formula_refuses_a_flow_at_capacity() -> None:
    with pytest.raises(DesignError, match=r"1\.11"):
        delay.webster_delay_s(60, 30, 1000, 1800)
    assert delay.webster_two_term_delay_s(60, 30, 1000, 1800) == math.inf


@pytest.mark.parametrize(
    ("saturation_h", "green_s", "flow_h", "uniform_s", "incremental_s"),
    [(6120, 32, 1000, 55.54, 4.42), (1530, 32, 108, 49.94, 2.71), (3060, 46, 850, 50.01, 14.33), (3060, 46, 1000, 52.00, 49.99)],
)
def test_the_worked_rows_of_the_hcm_hold_with_the_degree_of_saturation_rounded_as_in_the_book(
    saturation_h: float, green_s: float, flow_h: float, uniform_s: float, incremental_s: float
) -> None:
    capacity = delay.capacity_h(150, green_s, saturation_h)
    x = round(flow_h / capacity, 2)
    assert delay.uniform_delay_s(150, green_s, x) == pytest.approx(uniform_s, abs=0.05)
    assert delay.incremental_delay_s(x, capacity, 0.25) == pytest.approx(incremental_s, abs=0.05)


def test_the_oversaturated_row_holds_without_rounding() -> None:
    # X = 1000 / 938.4 = 1.0656: d1 = 75 · 0.6933² / (1 - 0.3067) = 52.00, d2 = 48.50.
    assert delay.control_delay_s(150, 46, 1000, 3060) == pytest.approx(52.00 + 48.50, abs=0.05)


def test_a_queue_that_forms_evenly_has_the_length_of_its_triangle() -> None:
    # X small: kB's term vanishes with it. 360 veh/h for 60 s of red meet 3600 veh/h: the queue ends where q t = s (t - 60),
    # t = 60·3600/3240 = 66.7 s, with 6.67 vehicles; Q1 = (360·90/3600)(1-1/3)/(1-0.3·(1/3)) = 6 / 0.9 = 6.67.
    mean = delay.back_of_queue_veh(90, 30, 360, 3600, analysis_h=1e9)
    x = 0.3
    assert mean == pytest.approx(6.667 + 0.12 * 30**0.7 * x / (1 - x), rel=1e-3)  # Q2 → kB X / (1 - X) for a long period
    assert delay.queue95_veh(5.0) == pytest.approx(5 * (1.6 + math.exp(-1)))


@given(cycle_s=st.floats(30, 150), share=st.floats(0.1, 0.9), flow_h=st.floats(1, 1800), saturation_h=st.floats(500, 2000))
def test_delay_falls_with_green_and_rises_with_flow(cycle_s: float, share: float, flow_h: float, saturation_h: float) -> None:
    here = delay.control_delay_s(cycle_s, share * cycle_s, flow_h, saturation_h)
    assert delay.control_delay_s(cycle_s, (share + 0.05) * cycle_s, flow_h, saturation_h) < here
    assert delay.control_delay_s(cycle_s, share * cycle_s, flow_h * 1.1, saturation_h) > here


def test_flow_without_green_waits_forever_and_no_flow_waits_for_no_queue() -> None:
    assert delay.control_delay_s(60, 0, 100, 1800) == math.inf
    assert delay.control_delay_s(60, 20, 0, 1800) == pytest.approx(0.5 * 60 * (2 / 3) ** 2)
    assert delay.crossing_delay_s(60, 20) == pytest.approx(40**2 / 120)


@pytest.mark.parametrize(
    ("delay_s", "hcm", "hbs"), [(10, "A", "A"), (10.1, "B", "A"), (21, "C", "B"), (50, "D", "C"), (70, "E", "D"), (81, "F", "E")]
)
def test_vehicles_get_the_level_of_their_delay(delay_s: float, hcm: str, hbs: str) -> None:
    assert levels.level_hcm(GroupKind.VEHICLE, delay_s, 0.5) == hcm
    assert levels.level_hbs(GroupKind.VEHICLE, delay_s, 100, 0.5) == hbs


def test_an_overloaded_stream_has_level_f_whatever_its_delay() -> None:
    assert levels.level_hcm(GroupKind.VEHICLE, 5, 1.01) == levels.level_hbs(GroupKind.VEHICLE, 5, 5, 1.01) == "F"


def test_pedestrians_are_graded_by_their_longest_wait_in_germany_and_by_the_mean_in_america() -> None:
    assert levels.level_hbs(GroupKind.PEDESTRIAN, 20, 86, 0) == "F"
    assert levels.level_hbs(GroupKind.BICYCLE, 20, 55, 0) == "C"
    assert levels.level_hcm(GroupKind.PEDESTRIAN, 20, 0) == "B"
    assert levels.level_hbs(GroupKind.TRAM, 26, 90, 0.1) == "D"
