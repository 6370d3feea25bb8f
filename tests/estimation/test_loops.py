"""What the loop estimator makes of vehicles that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.estimation.kinematics import FOLLOWING_S, JAM_SPACING_M
from optimizer.observation import JunctionObservation
from tests.estimation.one_lane import EXIT_LEFT, EXIT_STRAIGHT, FAR, LEFT, NEAR, NEAR_M, SIGNAL, SPEED_M_S, STOP, STRAIGHT, Watch

HOLDS = int(NEAR_M / JAM_SPACING_M)
"""Vehicles that stand between the near loop and the stop line: 50 m / 7.5 m, whole ones: 6."""


def test_a_slow_vehicle_over_the_far_loop_arrives_after_its_run_up_and_the_rest_at_the_allowed_speed() -> None:
    # From 5 to 14 m/s at 2.3 m/s2: 9 / 2.3 s over (14^2 - 5^2) / 4.6 m; the rest of the 150 m at 14 m/s.
    run_up_s, run_up_m = 9.0 / 2.3, (14.0**2 - 5.0**2) / 4.6
    due_s = run_up_s + (150.0 - run_up_m) / 14.0
    watch = Watch()
    assert watch.second(FAR, speed_m_s=5.0).arrival_s == pytest.approx([due_s])
    for passed_s in range(1, 6):
        expected = watch.second()
        assert expected.arrival_s == pytest.approx([due_s - passed_s])
        assert expected.moving.tolist() == [True]


@pytest.mark.parametrize("speed_m_s", [13.0, 14.0, 15.5])
def test_a_vehicle_that_is_as_fast_as_it_likes_at_the_far_loop_keeps_its_speed(speed_m_s: float) -> None:
    assert Watch().second(FAR, speed_m_s=speed_m_s).arrival_s == pytest.approx([150.0 / speed_m_s])


def test_a_vehicle_below_nine_tenths_of_the_allowed_speed_cruises_at_the_near_loop_and_accelerates_at_the_far_one() -> None:
    # 10 of 14 m/s: at the near loop 50 m / (10 m/s); at the far one 4 / 2.3 s over (14^2 - 10^2) / 4.6 m, the rest of 150 m at 14 m/s
    assert Watch().second(NEAR, speed_m_s=10.0).arrival_s == pytest.approx([5.0])
    assert Watch().second(FAR, speed_m_s=10.0).arrival_s == pytest.approx([4.0 / 2.3 + (150.0 - 96.0 / 4.6) / 14.0])


def test_a_vehicle_of_unknown_speed_drives_at_the_allowed_one() -> None:
    assert Watch().second(FAR).arrival_s == pytest.approx([150.0 / 14.0])


def test_a_vehicle_is_one_vehicle_at_the_far_and_the_near_loop_and_gone_behind_the_stop_line() -> None:
    # 100 m at 14 m/s from loop to loop: 7.1 s; then 50 m in 3.6 s.
    watch = Watch()
    watch.second(FAR, speed_m_s=SPEED_M_S)
    for _ in range(6):
        assert len(watch.second().arrival_s) == 1
    assert watch.second(NEAR, speed_m_s=SPEED_M_S).arrival_s == pytest.approx([50.0 / 14.0])
    for _ in range(3):
        assert len(watch.second().arrival_s) == 1
    gone = watch.second(STOP)
    assert gone.arrival_s.tolist() == []
    assert gone.lane_start.tolist() == [0, 0]


def test_vehicles_that_cross_a_loop_together_arrive_one_headway_apart() -> None:
    arrival_s = Watch().second(NEAR, NEAR, NEAR, speed_m_s=SPEED_M_S).arrival_s
    assert arrival_s == pytest.approx(50.0 / 14.0 + FOLLOWING_S * np.arange(3))


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(5, 10), st.integers(4, 8), st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=6
    )
)
@settings(max_examples=60)
def test_as_many_vehicles_are_expected_as_came_in_and_have_not_left(
    vehicles: list[tuple[int, int, int, int, int]],
) -> None:
    # Each vehicle: seconds behind the one before it at the far loop, from far to near, from near to stop, least pause after the one
    # before has left, and how long it stands on the stop-line loop. Nobody overtakes. All are within the 5 and 6 s of lateness after
    # which the estimator thinks a vehicle lost: 100 m and 50 m take 7.1 and 3.6 s at 14 m/s.
    far_s, near_s, reach_s, leave_s = [], [], [], []
    at_far = at_near = left = 0
    for gap, to_near, to_stop, pause, stands in vehicles:
        at_far += gap
        at_near = max(at_far + to_near, at_near + 1)
        reached = max(at_near + to_stop, left + pause)
        left = reached + stands
        far_s.append(at_far)
        near_s.append(at_near)
        reach_s.append(reached)
        leave_s.append(left)
    watch = Watch()
    for now in range(1, left + 1):
        crossed = [loop for loop, times in ((FAR, far_s), (NEAR, near_s), (STOP, reach_s)) for time in times if time == now]
        covered_s = sum(now - r + 0.5 for r, gone in zip(reach_s, leave_s, strict=True) if r <= now < gone)  # by one at most
        expected = watch.second(*crossed, standing_s={STOP: covered_s})
        came_in, went_out = sum(t <= now for t in far_s), sum(t <= now for t in leave_s)
        assert len(expected.arrival_s) == came_in - went_out
        assert np.all(np.diff(expected.arrival_s) >= FOLLOWING_S - 1e-9)
        assert expected.weight.sum() == len(expected.arrival_s) == expected.lane_start[-1]
    assert expected.lane_start.tolist() == [0, 0]


def test_a_vehicle_on_the_stop_line_loop_is_expected_at_once_until_its_rear_has_left() -> None:
    watch = Watch()
    watch.second(NEAR, speed_m_s=SPEED_M_S)
    for _ in range(3):
        watch.second()
    rolling = watch.second(STOP, standing_s={STOP: 0.5})
    assert rolling.arrival_s.tolist() == [0.0]
    assert rolling.moving.tolist() == [True]
    for covered_s in np.arange(1.5, 30.0):
        standing = watch.second(standing_s={STOP: covered_s})
        assert standing.arrival_s.tolist() == [0.0]
        assert standing.moving.tolist() == [False]
    assert watch.second().arrival_s.tolist() == []


def test_the_next_vehicle_takes_the_place_of_the_one_that_left_in_the_same_second() -> None:
    watch = Watch()
    watch.second(NEAR, NEAR)
    watch.second(STOP, standing_s={STOP: 0.5})
    watch.second(standing_s={STOP: 1.5})
    assert len(watch.second(STOP, standing_s={STOP: 0.2}).arrival_s) == 1


def test_a_near_loop_that_stays_covered_means_a_full_lane_before_it() -> None:
    watch = Watch()
    assert len(watch.second(NEAR, standing_s={STOP: 9.0, NEAR: 1.0}).arrival_s) == 2
    for covered_s in (2.0, 3.0):
        assert len(watch.second(standing_s={STOP: 9.0, NEAR: covered_s}).arrival_s) == 2
    assert len(watch.second(standing_s={STOP: 9.0, NEAR: 4.0}).arrival_s) == 1 + HOLDS
    assert len(watch.second(STOP, STOP, standing_s={NEAR: 5.0}).arrival_s) == HOLDS - 2


def test_what_has_left_since_the_near_loop_was_reached_is_not_filled_in_again() -> None:
    watch = Watch()
    watch.second(NEAR, standing_s={NEAR: 1.0})
    watch.second(STOP, STOP, standing_s={STOP: 0.5, NEAR: 2.0})  # one has left, one stands on the loop
    watch.second(standing_s={STOP: 1.5, NEAR: 3.0})
    assert len(watch.second(standing_s={STOP: 2.5, NEAR: 4.0}).arrival_s) == 1 + HOLDS - 1


def test_a_near_loop_that_is_stuck_on_fills_no_lane_whose_stop_line_stays_free() -> None:
    # There is no queue, but who came over the far loop: due after 10.7 s, and given up 6 s later.
    watch = Watch()
    for _ in range(10):
        watch.second()
    assert len(watch.second(FAR, standing_s={NEAR: 100.0}, speed_m_s=SPEED_M_S).arrival_s) == 1
    counts = [len(watch.second(standing_s={NEAR: 101.0 + k}).arrival_s) for k in range(20)]
    assert counts == [1] * 16 + [0] * 4


def test_more_vehicles_than_fit_behind_a_near_loop_that_counts_none_are_taken_from_the_far_loop() -> None:
    # 50 m / 6 m and 2 more: from the 11th departure on the near loop is not listened to; each departure takes a vehicle of the far loop.
    watch = Watch()
    for _ in range(11):
        watch.second(STOP, standing_s={NEAR: 100.0})
    for _ in range(9):
        watch.second(FAR, standing_s={NEAR: 100.0}, speed_m_s=SPEED_M_S)
    expected = [len(watch.second(STOP, standing_s={NEAR: 100.0}).arrival_s) for _ in range(4)]
    assert expected == [8, 7, 6, 5]


def test_a_lane_that_stays_blocked_is_tried_again_after_longer_and_longer_breaks() -> None:
    watch = Watch()
    breaks_s = []
    for _ in range(6):
        for green_s in range(8):  # it stands at green
            expected = watch.second(standing_s={STOP: 1000.0}, green_for_s=(3.0 + green_s, -1.0))
        breaks_s.append(round(float(expected.lane_free_s[0])))
        while watch.second(standing_s={STOP: 1000.0}).lane_free_s[0] > 0:
            pass
    assert breaks_s == [12, 24, 48, 96, 120, 120]
    watch.second()  # at last it leaves
    for green_s in range(8):
        expected = watch.second(standing_s={STOP: 1000.0}, green_for_s=(3.0 + green_s, -1.0))
    assert round(float(expected.lane_free_s[0])) == 12


def test_a_lane_from_which_nobody_has_left_for_ages_still_takes_vehicles() -> None:
    watch = Watch()
    watch.estimator._state.lane_rate[:] = 0.0
    watch.estimator._state.loop_rate[:] = 0.0
    assert len(watch.second(FAR, speed_m_s=SPEED_M_S).arrival_s) == 1


def test_a_vehicle_that_never_comes_is_forgotten_when_it_is_overdue() -> None:
    # Due at the near loop after 100 / 14 = 7.1 s and given up when more than 6 s late: still there after 13 s, gone after 14 s.
    watch = Watch()
    watch.second(FAR, speed_m_s=SPEED_M_S)
    counts = [len(watch.second().arrival_s) for _ in range(14)]
    assert counts == [1] * 13 + [0]


def test_vehicles_seen_behind_the_junction_move_the_credit_to_their_movement() -> None:
    watch = Watch((STRAIGHT, LEFT))
    assert watch.second(FAR, speed_m_s=SPEED_M_S).movement.tolist() == [STRAIGHT]
    for turned_left in range(1, 6):
        watch.second(STOP)
        watch.second()
        watch.second()
        watch.second(EXIT_LEFT)  # 16 m at 8 m/s and 1 s: 3 s after the stop line
        # each forgets 3 % of both and gives 3 % of a vehicle to the one that was seen: 1 stays 0.97 + 0.03
        assert watch.estimator._state.movement_credit == pytest.approx([0.97**turned_left, 1.0])
    assert watch.second(FAR, speed_m_s=SPEED_M_S).movement.tolist() == [LEFT]
    for _ in range(12):
        watch.second(STOP)
        watch.second()
        watch.second()
        watch.second(EXIT_STRAIGHT)
    assert watch.second(FAR, speed_m_s=SPEED_M_S).movement.tolist() == [STRAIGHT]


def test_a_front_vehicle_that_stands_at_green_makes_the_other_movement() -> None:
    watch = Watch((STRAIGHT, LEFT))
    straight_green = (10.0, -1.0)
    first = watch.second(STOP, standing_s={STOP: 1.0}, green_for_s=straight_green)
    assert first.movement.tolist() == [STRAIGHT]
    for covered_s in (2.0, 3.0, 4.0):
        last = watch.second(standing_s={STOP: covered_s}, green_for_s=straight_green)
    assert last.movement.tolist() == [LEFT]
    assert last.lane_free_s.tolist() == [0.0]


def test_a_vehicle_that_is_not_seen_behind_the_junction_is_inside_it_until_it_is_forgotten() -> None:
    # The way takes 1 s + 16 m / (8 m/s) = 3 s; inside when more than 1 s late, forgotten after 25 s.
    watch = Watch()
    watch.second(STOP)
    after_s = {age: bool(watch.second().inside[STRAIGHT]) for age in range(1, 31)}
    assert [age for age, inside in after_s.items() if inside] == list(range(5, 26))


def test_a_vehicle_that_stands_at_the_stop_line_enters_the_junction_only_when_its_rear_has_left() -> None:
    # the same 3 s and 1 s, counted from the second in which the loop is free again
    watch = Watch()
    watch.second(STOP, standing_s={STOP: 0.5})
    for covered_s in np.arange(1.5, 20.0):
        assert not watch.second(standing_s={STOP: covered_s}).inside.any()
    watch.second()
    inside = [bool(watch.second().inside[STRAIGHT]) for _ in range(5)]
    assert inside == [False] * 4 + [True]


def test_a_vehicle_that_is_seen_behind_the_junction_is_not_inside_it() -> None:
    watch = Watch()
    watch.second(STOP)
    watch.second()
    watch.second()
    watch.second(EXIT_STRAIGHT)
    assert not any(watch.second().inside.any() for _ in range(30))


def test_a_covered_exit_loop_leaves_no_room_behind_the_junction() -> None:
    # 200 m of room hold 200 / 7.5 vehicles
    room_veh = Watch().second(standing_s={EXIT_LEFT: 2.0}).room_veh
    assert room_veh == pytest.approx([200.0 / 7.5, 0.0])


def test_an_observation_without_loops_is_refused() -> None:
    with pytest.raises(ValueError, match="information class 'loops'"):
        Watch().estimator.update(0.0, JunctionObservation(SIGNAL), np.array([-1.0, -1.0]))


def test_the_flow_of_a_movement_is_what_leaves_the_stop_line_by_its_share_of_the_exits() -> None:
    watch = Watch((STRAIGHT, LEFT))
    for k in range(500):
        for crossed in ((FAR,), (), (), (), (), (), (), (NEAR,), (), (), (STOP,), ()):
            watch.second(*crossed, speed_m_s=SPEED_M_S)
        expected = watch.second(EXIT_LEFT if k % 3 == 0 else EXIT_STRAIGHT)
    assert expected.flow_veh_s.sum() == pytest.approx(1.0 / 13.0, rel=0.05)
    assert expected.flow_veh_s[LEFT] / expected.flow_veh_s.sum() == pytest.approx(1.0 / 3.0, abs=0.05)
