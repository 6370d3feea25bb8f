"""Intergreens by hand, their matrix, and the CSV in which offices keep it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.design.errors import DesignError
from optimizer.design.intergreen_files import distances_text, matrix_text, with_overrides
from optimizer.design.intergreens import (
    Clearing,
    ConflictPoint,
    Intergreen,
    IntergreenParameters,
    IntergreenTable,
    intergreen_of,
    intergreen_table,
)
from optimizer.intersection import GroupKind

CAR, TRAM, BICYCLE, FOOT = GroupKind.VEHICLE, GroupKind.TRAM, GroupKind.BICYCLE, GroupKind.PEDESTRIAN
STRAIGHT = math.inf


def point(clearing: GroupKind, entering: GroupKind, clearing_m: float, entering_m: float, radius_m: float = STRAIGHT) -> ConflictPoint:
    return ConflictPoint(0, 1, clearing, entering, radius_m, clearing_m, entering_m)


@pytest.mark.parametrize(
    ("case", "need_s", "value_s"),
    [
        # 3 + (20 + 6) / 10 - 15 / (40 / 3.6) = 3 + 2.6 - 1.35
        (point(CAR, CAR, 20, 15), 4.25, 5),
        # turning: 2 + (20 + 6) / 7 - 1.35; tight: 2 + 26 / 5 - 1.35
        (point(CAR, CAR, 20, 15, radius_m=12), 2 + 26 / 7 - 1.35, 5),
        (point(CAR, CAR, 20, 15, radius_m=9), 5.85, 6),
        # pedestrians: 12 / 1.2, the car enters at once; a bicycle: 1 + 20 / 4 - 10 / 5; a tram: 3 + (20 + 15) / 10 - 1.35
        (point(FOOT, CAR, 12, 0), 10.0, 10),
        (point(BICYCLE, BICYCLE, 20, 10), 4.0, 4),
        (point(TRAM, CAR, 20, 15), 5.15, 6),
        # who has 100 m to come needs no protection
        (point(CAR, CAR, 5, 100), 3 + 1.1 - 9.0, 0),
    ],
)
def test_an_intergreen_is_overrun_and_clearing_time_less_entering_time_rounded_up(
    case: ConflictPoint, need_s: float, value_s: float
) -> None:
    found = intergreen_of(case, IntergreenParameters())
    assert found.need_s == pytest.approx(need_s)
    assert found.value_s == value_s


def test_an_offices_own_speeds_replace_the_guidelines() -> None:
    slow = IntergreenParameters(pedestrian=Clearing(0.0, 1.0, 0.0))
    assert intergreen_of(point(FOOT, CAR, 12, 0), slow).value_s == 12


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 20), st.sampled_from(list(GroupKind)), st.sampled_from(list(GroupKind)))
def test_farther_to_clear_never_shortens_and_farther_to_enter_never_lengthens(
    clearing_m: float, entering_m: float, more_m: float, clearing: GroupKind, entering: GroupKind
) -> None:
    parameters = IntergreenParameters()
    here_s = intergreen_of(point(clearing, entering, clearing_m, entering_m), parameters).value_s
    assert intergreen_of(point(clearing, entering, clearing_m + more_m, entering_m), parameters).value_s >= here_s
    assert intergreen_of(point(clearing, entering, clearing_m, entering_m + more_m), parameters).value_s <= here_s


def table() -> IntergreenTable:
    points = [point(CAR, CAR, 20, 15), point(CAR, CAR, 10, 15), ConflictPoint(1, 0, CAR, CAR, STRAIGHT, 1.0, 90.0)]
    return intergreen_table(["main", "side", "lone"], [3.0, 3.0, 3.0], points)


def test_the_worst_conflict_point_counts_and_no_intergreen_is_shorter_than_the_yellow() -> None:
    assert table().matrix_s() == ((0.0, 5.0, 0.0), (3.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert table().entries[0, 1].point == point(CAR, CAR, 20, 15)


def test_the_matrix_is_written_and_read_back_as_it_is() -> None:
    text = matrix_text(table())
    assert text.splitlines() == ["ending / starting,main,side,lone", "main,,5,", "side,3,,", "lone,,,"]
    assert with_overrides(table(), text, "m.csv").matrix_s() == table().matrix_s()


def test_the_distances_are_listed_with_the_times_that_follow_from_them() -> None:
    assert distances_text(table()).splitlines()[1] == "main,side,20.00,15.00,5.60,1.35,4.25,5"
    given_only = IntergreenTable(("a", "b"), {(0, 1): Intergreen(None, 0, 0, 4.0)})
    assert distances_text(given_only).splitlines()[1] == "a,b,,,,,,4"


def test_an_offices_values_win_also_with_semicolons_and_decimal_commas_and_for_pairs_that_the_net_does_not_see() -> None:
    text = "\ufeffRäumen;side;main;lone\nmain;6,5;;x\nlone;-;7;\n\nside;;4;\n"
    assert with_overrides(table(), text, "m.csv").matrix_s() == ((0.0, 6.5, 0.0), (4.0, 0.0, 0.0), (7.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no matrix"),
        (",main,sid\nmain,,5\n", r"row 1 names 'sid', which is no signal group here; choose from main, side, lone"),
        (",main,main\nmain,,5\n", "row 1 names 'main' twice"),
        (",main,side\nmain,,five\n", r"row 2 \(main\), column 3 \(side\) holds 'five'"),
        (",main,side\nmain,,-2\n", "holds '-2'; give seconds from 0 to 60"),
        (",main,side\nmain,,\n", r"column 3 \(side\) is empty, but these groups conflict"),
        (",main,side\nmain,,5,7\n", "row 2 has 3 values for 2 groups"),
        (",main,side\nmain,2,5\n", "against itself"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(DesignError, match=said) as caught:
        with_overrides(table(), text, "m.csv")
    assert str(caught.value).startswith("m.csv: ")
    assert "\n" not in str(caught.value)


def test_a_bus_clears_like_a_car_of_its_own_length_and_not_like_a_tram() -> None:
    parameters = IntergreenParameters()
    for radius_m in (STRAIGHT, 20.0, 5.0):
        car, bus = (parameters.clearing(kind, radius_m) for kind in (CAR, GroupKind.BUS))
        assert (bus.overrun_s, bus.speed_m_s) == (car.overrun_s, car.speed_m_s)
        assert bus.length_m == parameters.bus_length_m
    assert parameters.clearing(GroupKind.BUS, 5.0) != parameters.clearing(TRAM, 5.0)
