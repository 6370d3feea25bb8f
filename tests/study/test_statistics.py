"""Closed-form cases of the statistics, derived by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.statistics import Verdict, far_apart, mean_interval, paired_difference, seeds_needed, two_groups

# Student's distribution with two degrees of freedom has the closed form F(t) = 1/2 + t / (2 sqrt(2 + t^2)), so the quantile of p is
# t = a sqrt(2 / (1 - a^2)) with a = 2p - 1; here p = 0.975
T_2_975 = 0.95 * math.sqrt(2 / (1 - 0.95**2))


def test_three_values_have_the_interval_of_the_closed_form() -> None:
    # 1, 2, 6: mean 3, squared deviations 4 + 1 + 9 = 14, s = sqrt(14 / 2) = sqrt(7), half width t s / sqrt(3)
    found = mean_interval([1.0, 2.0, 6.0])
    half = T_2_975 * math.sqrt(7) / math.sqrt(3)
    assert (found.count, found.mean) == (3, 3.0)
    assert found.deviation == pytest.approx(math.sqrt(7))
    assert found.low == pytest.approx(3 - half)
    assert found.high == pytest.approx(3 + half)


def test_two_values_have_an_interval_of_the_cauchy_distribution() -> None:
    # one degree of freedom: t = tan(pi (p - 1/2)) = tan(0.475 pi); s = |a - b| / sqrt(2), half width t |a - b| / 2
    found = mean_interval([0.0, 1.0])
    assert found.high - found.mean == pytest.approx(math.tan(0.475 * math.pi) / 2)


def test_a_single_value_has_no_interval() -> None:
    found = mean_interval([5.0])
    assert (found.mean, found.deviation, found.low, found.high) == (5.0, None, None, None)


def test_pairing_by_seed_decides_what_the_means_alone_could_not() -> None:
    # the traffic moves both by hundreds, the controller by 1, 2 and 3: differences -1, -2, -3, mean -2, s = 1
    baseline = {0: 100.0, 1: 200.0, 2: 150.0}
    values = {0: 99.0, 1: 198.0, 2: 147.0}
    found = paired_difference(values, baseline)
    assert found is not None
    assert found.difference.mean == pytest.approx(-2)
    assert found.difference.low == pytest.approx(-2 - T_2_975 / math.sqrt(3))
    assert found.difference.high == pytest.approx(-2 + T_2_975 / math.sqrt(3))
    assert found.relative == pytest.approx(-2 / 150)
    assert found.better_seeds == 3
    assert found.verdict is Verdict.UNDECIDED  # 2 < 4.3 / sqrt(3) = 2.48
    assert found.seeds_to_decide == 4  # t(3) / sqrt(4) = 1.59 <= 2 < 2.48
    four = paired_difference({**values, 3: 118.0}, {**baseline, 3: 120.0})  # s falls to sqrt(2 / 3), 3.18 sqrt(2 / 3) / 2 = 1.3 < 2
    assert four is not None
    assert four.verdict is Verdict.BETTER


def test_only_common_seeds_count_and_none_gives_nothing() -> None:
    found = paired_difference({0: 1.0, 1: 5.0, 7: 100.0}, {0: 2.0, 1: 4.0, 9: 0.0})
    assert found is not None
    assert found.difference.count == 2
    assert found.difference.mean == 0
    assert paired_difference({0: 1.0}, {1: 1.0}) is None


def test_one_seed_decides_nothing_and_equal_runs_are_the_same() -> None:
    one, same = paired_difference({0: 1.0}, {0: 9.0}), paired_difference({0: 3.0, 1: 4.0}, {0: 3.0, 1: 4.0})
    assert one is not None
    assert same is not None
    assert (one.verdict, same.verdict) == (Verdict.TOO_FEW, Verdict.SAME)


def test_runs_far_apart_are_those_of_a_factor_of_two_that_make_no_two_groups() -> None:
    assert far_apart([61.3, 55.3, 79.4, 323.8, 152.4]) == (55.3, 323.8)
    assert far_apart([20.0, 21.0, 300.0]) is None  # two groups
    assert far_apart([20.0, 30.0, 39.9]) is None
    assert far_apart([20.0, 30.0, 40.0]) == (20.0, 40.0)
    assert far_apart([0.0, 0.0]) is None
    assert far_apart([5.0]) is None


def test_a_network_that_locks_with_two_of_five_seeds_is_two_groups_and_has_no_mean() -> None:
    values = [15.3, 454.3, 16.4, 67.6, 15.9]
    groups = two_groups(values)
    assert groups is not None
    assert (groups.lower, groups.upper) == ((15.3, 15.9, 16.4), (67.6, 454.3))
    found = paired_difference(dict(enumerate(values)), dict.fromkeys(range(5), 36.0))
    assert found is not None
    assert found.verdict is Verdict.TWO_GROUPS
    assert found.better_seeds == 3


@pytest.mark.parametrize("values", [[20.0, 21.0, 39.0], [5.0], [], [0.0, 0.0], [1.0, 1.9, 3.5, 6.8], [1.0, 1.6, 9.0]])
def test_runs_that_spread_without_a_gap_are_one_group(values: list[float]) -> None:
    assert two_groups(values) is None


@given(st.lists(st.floats(0.1, 1000), min_size=2, max_size=8), st.floats(0.1, 10))
def test_groups_depend_neither_on_the_order_nor_on_the_unit(values: list[float], unit: float) -> None:
    found, scaled = two_groups(values), two_groups([unit * value for value in reversed(values)])
    if found is None or scaled is None:
        # a ratio that lies on the limit may fall either way by rounding
        ordered = sorted(values)
        on_limit = any(math.isclose(b / a, limit, rel_tol=1e-9) for a in ordered for b in ordered for limit in (1.5, 2.0))
        assert found is scaled or on_limit
        return
    assert [unit * value for value in found.upper] == pytest.approx(scaled.upper)


def test_the_seeds_needed_are_the_least_that_reach_the_precision() -> None:
    # s = 1, wanted 0.5: t(17) / sqrt(18) = 2.110 / 4.243 = 0.4973; t(16) / sqrt(17) = 2.120 / 4.123 = 0.5142
    assert seeds_needed(1.0, 0.5) == 18
    assert seeds_needed(0.0, 0.5) == 2
    assert seeds_needed(1.0, 1e-9) is None


@given(st.floats(0.01, 20), st.floats(0.1, 10))
def test_so_many_seeds_suffice_and_fewer_do_not(deviation: float, half_width: float) -> None:
    def reached(count: int) -> float:  # half at +d and half at -d have the deviation d sqrt(n / (n - 1))
        step = deviation * math.sqrt((count - 1) / count)
        high = mean_interval([step, -step] * (count // 2)).high
        assert high is not None
        return high

    needed = seeds_needed(deviation, half_width)
    assert needed is not None
    assert reached(needed + needed % 2) <= half_width * (1 + 1e-9)
    fewer = needed - 1 - (needed - 1) % 2
    assert fewer < 2 or reached(fewer) > half_width * (1 - 1e-9)
