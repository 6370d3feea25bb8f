"""Levels of service by both manuals."""

import math

import pytest

from experiments.report.levels import HBS, HCM


@pytest.mark.parametrize(("delay_s", "letter"), [(0, "A"), (10, "A"), (10.1, "B"), (20, "B"), (35, "C"), (55, "D"), (80, "E"), (80.1, "F")])
def test_the_american_manual_bounds_its_levels_at_10_20_35_55_and_80_s(delay_s: float, letter: str) -> None:
    assert HCM.level(delay_s, 0.5) == letter


@pytest.mark.parametrize(("delay_s", "letter"), [(20, "A"), (20.1, "B"), (35, "B"), (50, "C"), (70, "D"), (70.1, "E"), (500, "E")])
def test_the_german_manual_bounds_its_levels_at_20_35_50_and_70_s_and_knows_no_f_by_waiting(delay_s: float, letter: str) -> None:
    assert HBS.level(delay_s, 0.5) == letter


@pytest.mark.parametrize("scale", [HCM, HBS])
def test_demand_above_capacity_is_f_whatever_the_delay(scale: object) -> None:
    assert scale.level(5.0, 1.01) == "F"
    assert scale.level(5.0, 1.0) == "A"


def test_nothing_measured_has_no_level() -> None:
    assert HCM.level(math.nan, 0.0) == "-"
