"""Levels of service of approaches; the scales themselves are tested with the formulas of plan design."""

import math

import pytest

from experiments.report.levels import approach_levels


@pytest.mark.parametrize(
    ("delay_s", "hcm", "hbs"),
    [(10, "A", "A"), (20, "B", "A"), (20.1, "C", "B"), (35, "C", "B"), (50, "D", "C"), (70, "E", "D"), (80, "E", "E"), (80.1, "F", "E")],
)
def test_the_bounds_are_those_of_motor_traffic_and_only_the_american_manual_knows_an_f_by_delay(delay_s: float, hcm: str, hbs: str) -> None:
    # HCM 2016, exhibit 19-8: 10, 20, 35, 55, 80 s; HBS 2015, chapter S4: 20, 35, 50, 70 s and E beyond
    assert approach_levels(delay_s, 1.0) == (hcm, hbs)


def test_demand_above_capacity_is_f_whatever_the_delay_and_also_where_nobody_came_through() -> None:
    assert approach_levels(5.0, 1.01) == ("F", "F")
    assert approach_levels(math.nan, math.inf) == ("F", "F")


def test_nothing_measured_has_no_level() -> None:
    assert approach_levels(math.nan, 0.0) == ("-", "-")
