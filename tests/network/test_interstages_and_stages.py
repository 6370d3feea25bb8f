"""Interstages from hand-made programs, and generated stages against plain enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.sumo.groups import LinkGroup, conflicts, yields_to
from controllers.sumo.interstages import guideline_yellow_s, intergreens_s, minimum_green_s, red_yellow_s, yellow_s
from controllers.sumo.links import RightOfWay
from controllers.sumo.programs import ShippedPhase, ShippedProgram
from controllers.sumo.stages import maximal_stages, shipped_stages
from optimizer.intersection import GroupKind


def program(*phases: tuple[float, str]) -> ShippedProgram:
    return ShippedProgram("light", "0", "static", 0.0, tuple(ShippedPhase(state, duration_s) for duration_s, state in phases))


def groups(plan: ShippedProgram, *kinds: GroupKind) -> list[LinkGroup]:
    return [LinkGroup(f"g{link}", kind, (link,), plan.column(link)) for link, kind in enumerate(kinds)]


CAR, FOOT = GroupKind.VEHICLE, GroupKind.PEDESTRIAN


@pytest.mark.parametrize(("speed_km_h", "expected_s"), [(30, 3.0), (50, 3.0), (60, 4.0), (70, 5.0), (100, 5.0)])
def test_the_guideline_yellow_grows_with_the_speed(speed_km_h: float, expected_s: float) -> None:
    assert guideline_yellow_s(CAR, speed_km_h / 3.6) == expected_s
    assert guideline_yellow_s(FOOT, speed_km_h / 3.6) == 0.0


def test_pedestrians_keep_their_green_until_they_are_half_across() -> None:
    assert minimum_green_s(FOOT, 18.0) == pytest.approx(7.5)  # 9 m at 1.2 m/s
    assert minimum_green_s(FOOT, 6.0) == minimum_green_s(CAR, 60.0) == 5.0


def test_yellow_red_yellow_and_all_red_are_read_from_the_sequence() -> None:
    # First ends: yellow 3 s, all-red 2 s, red-yellow of the second 1 s: 6 s. Back: yellow 3 + all-red 1: 4 s.
    plan = program((20, "Gr"), (3, "yr"), (2, "rr"), (1, "ru"), (20, "rG"), (3, "ry"), (1, "rr"))
    first, second = groups(plan, CAR, CAR)
    assert (yellow_s(first, plan, 13.9), red_yellow_s(first, plan), red_yellow_s(second, plan)) == (3.0, 0.0, 1.0)
    meeting = [frozenset({1}), frozenset({0})]
    assert intergreens_s([first, second], plan, meeting, [3.0, 3.0], [15.0, 15.0]) == ((0.0, 6.0), (4.0, 0.0))


def test_a_yellow_of_several_phases_is_one_yellow() -> None:
    plan = program((20, "Gr"), (2, "yr"), (1, "yr"), (20, "rG"), (4, "ry"))
    first, second = groups(plan, CAR, CAR)
    assert (yellow_s(first, plan, 13.9), yellow_s(second, plan, 13.9)) == (3.0, 4.0)


def test_a_yellow_before_green_is_none_after_it() -> None:
    plan = program((2, "y"), (30, "G"), (30, "r"))
    (only,) = groups(plan, CAR)
    assert yellow_s(only, plan, 70 / 3.6) == 5.0


def test_pairs_that_never_follow_each_other_get_the_typical_all_red() -> None:
    # A -> B -> C with yellow 3 s and all-red 2 s; A never meets C's start directly: 3 + 2.
    plan = program((9, "Grr"), (3, "yrr"), (2, "rrr"), (9, "rGr"), (3, "ryr"), (2, "rrr"), (9, "rrG"), (3, "rry"), (2, "rrr"))
    meeting = [frozenset({1, 2}), frozenset({0, 2}), frozenset({0, 1})]
    assert intergreens_s(groups(plan, CAR, CAR, CAR), plan, meeting, [3.0] * 3, [10.0] * 3)[0] == (0.0, 5.0, 5.0)


def test_a_phase_green_only_for_signals_outside_the_net_is_no_interstage() -> None:
    # The third signal leads nowhere: its 24 s are not an all-red of 27 s between the first and the second.
    plan = program((20, "Grr"), (3, "yrr"), (24, "rrG"), (3, "rry"), (20, "rGr"), (3, "ryr"))
    pair = groups(plan, CAR, CAR)
    assert intergreens_s(pair, plan, [frozenset({1}), frozenset({0})], [3.0, 3.0], [9.0, 9.0]) == ((0.0, 3.0), (3.0, 0.0))


def test_pedestrians_who_end_early_have_their_clearance_from_the_program_or_the_guideline() -> None:
    # Pedestrians beside the first group end 4 s before it: 4 + 3 s until the second starts. A crossing of 6 m needs 5 s only.
    plan = program((20, "GrG"), (4, "Grr"), (3, "yrr"), (20, "rGr"), (3, "ryr"))
    kinds = groups(plan, CAR, CAR, FOOT)
    meeting = [frozenset({1}), frozenset({0, 2}), frozenset({1})]
    assert intergreens_s(kinds, plan, meeting, [3.0, 3.0, 0.0], [15.0, 15.0, 12.0])[2][1] == 7.0
    assert intergreens_s(kinds, plan, meeting, [3.0, 3.0, 0.0], [15.0, 15.0, 6.0])[2][1] == pytest.approx(5.0)


def test_a_group_green_only_beside_somebodys_yellow_still_gets_a_stage() -> None:
    plan = program((20, "Grr"), (3, "yGr"), (3, "ryr"), (20, "rrG"), (3, "rry"))
    states = {tuple(aspect.value for aspect in stage.aspects) for stage in shipped_stages(plan, groups(plan, CAR, CAR, CAR))}
    assert states == {("G", "r", "r"), ("r", "G", "r"), ("r", "r", "G")}


def test_foes_never_green_together_conflict_and_foes_green_together_yield() -> None:
    # 0 crosses 1 and 2; the program shows 0 "g" with 1 "G", and 2 on its own.
    plan = program((20, "gGr"), (3, "yyr"), (20, "rrG"), (3, "rry"))
    foes = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=np.bool_)
    yields = np.array([[0, 1, 1], [0, 0, 0], [0, 1, 0]], dtype=np.bool_)
    rows = groups(plan, CAR, CAR, CAR)
    assert conflicts(rows, RightOfWay(foes, yields)) == (frozenset({2}), frozenset({2}), frozenset({0, 1}))
    assert yields_to("light", rows, RightOfWay(foes, yields)) == (frozenset({1}), frozenset(), frozenset())


def test_full_green_for_two_foes_is_reported_and_the_right_of_way_decides(caplog: pytest.LogCaptureFixture) -> None:
    plan = program((20, "GG"), (3, "yy"))
    foes = np.array([[0, 1], [1, 0]], dtype=np.bool_)
    yields = np.array([[0, 0], [1, 0]], dtype=np.bool_)
    rows = groups(plan, CAR, CAR)
    assert yields_to("light", rows, RightOfWay(foes, yields)) == (frozenset(), frozenset({0}))
    assert conflicts(rows, RightOfWay(foes, yields)) == (frozenset(), frozenset())
    assert "full green" in caplog.text


@given(st.integers(2, 6), st.data())
def test_nobody_waits_in_a_circle_whatever_the_right_of_way_says(count: int, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=count * count, max_size=count * count))
    letters = data.draw(st.lists(st.sampled_from("Gg"), min_size=count, max_size=count))
    plan = program((20, "".join(letters)), (3, "y" * count))
    yields = np.array(bits).reshape(count, count) & ~np.eye(count, dtype=np.bool_)
    rows = yields_to("light", groups(plan, *[CAR] * count), RightOfWay(yields | yields.T, yields))
    left = set(range(count))
    while left:
        free = {g for g in left if not rows[g] & left}
        assert free
        left -= free


@given(st.integers(1, 7), st.data())
def test_maximal_stages_are_all_maximal_compatible_sets(count: int, data: st.DataObject) -> None:
    pairs = data.draw(st.sets(st.sampled_from([*itertools.combinations(range(count), 2)] or [(0, 0)])))
    matrix = [frozenset(h for h in range(count) if h != g and ((g, h) in pairs or (h, g) in pairs)) for g in range(count)]
    subsets = [frozenset(s) for size in range(1, count + 1) for s in itertools.combinations(range(count), size)]
    compatible = [s for s in subsets if not any(matrix[g] & s for g in s)]
    maximal = {s for s in compatible if not any(s < other for other in compatible)}
    stages = maximal_stages([CAR] * count, matrix, [frozenset()] * count)
    found = [frozenset(g for g in range(count) if stage.serves(g)) for stage in stages]
    assert len(found) == len(set(found))
    assert set(found) == maximal


def test_generated_stages_serve_pedestrians_that_fit_nowhere_else() -> None:
    # The crossing (2) conflicts with both vehicle groups, which fit together.
    matrix = [frozenset({2}), frozenset({2}), frozenset({0, 1})]
    stages = maximal_stages([CAR, CAR, FOOT], matrix, [frozenset({1}), frozenset(), frozenset()])
    assert [tuple(aspect.value for aspect in stage.aspects) for stage in stages] == [("g", "G", "r"), ("r", "r", "G")]
