"""Which loops are called faulty, which are not, and how the estimator lives on without them."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.estimation.loop_faults import FaultKind
from tests.estimation.one_lane import EXIT_LEFT, EXIT_STRAIGHT, FAR, LEFT, NEAR, SPEED_M_S, STOP, STRAIGHT, Watch

NAMES = ("stop", "near", "far", "exit ahead", "exit aside")
GREEN = (30.0, -1.0)
DEAD = st.sampled_from([(STOP, "off"), (STOP, "on"), (STOP, "silent"), (NEAR, "off"), (NEAR, "on"), (NEAR, "silent"), (FAR, "silent")])


def drive(watch: Watch, vehicles: int, headway_s: int, broken: dict[int, str], green_for_s: tuple[float, float] = GREEN) -> list[float]:
    """Let vehicles pass all loops of the lane at 14 m/s, one every `headway_s`; return the vehicles expected in each second.

    100 m to the near loop take 7 s, 47 m to the stop line 3 s more and the junction another 3 s.
    """
    starts = [headway_s * k for k in range(vehicles)]
    passes_s = {FAR: 0, NEAR: 7, STOP: 10, EXIT_STRAIGHT: 13}
    expected = []
    for now in range(vehicles * headway_s):
        crossed = [loop for loop, after_s in passes_s.items() if loop not in broken and now - after_s in starts]
        standing_s = {loop: float(watch.time_s + 1) for loop, kind in broken.items() if kind == "on"}
        silent = tuple(loop for loop, kind in broken.items() if kind == "silent")
        traffic = watch.second(*crossed, speed_m_s=SPEED_M_S, standing_s=standing_s, green_for_s=green_for_s, silent=silent)
        expected.append(float(traffic.weight.sum()))
    return expected


def named(watch: Watch) -> dict[str, FaultKind]:
    """Return the faults that were found, by loop."""
    return {fault.loop: fault.kind for fault in watch.estimator.faults}


@pytest.mark.parametrize("loop", range(5))
def test_a_loop_that_sends_nothing_for_three_seconds_is_silent_and_is_back_after_ten_with_readings(loop: int) -> None:
    watch = Watch((STRAIGHT, LEFT))
    for _ in range(2):
        watch.second(silent=(loop,))
    assert named(watch) == {}
    watch.second(silent=(loop,))
    assert named(watch) == {NAMES[loop]: FaultKind.SILENT}
    for _ in range(9):
        watch.second()
    assert named(watch) == {NAMES[loop]: FaultKind.SILENT}
    watch.second()
    assert named(watch) == {}


@pytest.mark.parametrize("loop", [STOP, NEAR, FAR, EXIT_STRAIGHT])
@pytest.mark.parametrize(("reads", "kind"), [("off", FaultKind.STUCK_OFF), ("on", FaultKind.STUCK_ON)])
def test_a_loop_that_never_changes_while_the_others_see_traffic_is_stuck(loop: int, reads: str, kind: FaultKind) -> None:
    # The bar: 10 vehicles (15 at far and exit loops) beside those that fit between the loops at 6 m each. A far loop is taken to
    # count a tenth of a lane's vehicles at least: at most 10 * (15 + 100 m / 6 m) = 320 vehicles are needed.
    watch = Watch()
    drive(watch, 320 if loop == FAR else 100, 6, {loop: reads})
    assert named(watch) == {NAMES[loop]: kind}


def test_a_fault_names_the_loop_its_kind_and_when_it_was_last_believed() -> None:
    watch = Watch()
    drive(watch, 10, 6, {})
    last_s = 9 * 6 + 1  # the tenth vehicle started then
    drive(watch, 40, 6, {NEAR: "off"})
    (fault,) = watch.estimator.faults
    assert (fault.loop, fault.kind) == ("near", FaultKind.STUCK_OFF)
    assert last_s - 6 <= fault.since_s <= last_s + 7


@given(st.integers(3, 20), st.integers(20, 60), st.sampled_from([GREEN, (-1.0, -1.0)]))
@settings(max_examples=15, deadline=None)
def test_loops_that_all_see_the_traffic_are_believed(headway_s: int, vehicles: int, green_for_s: tuple[float, float]) -> None:
    watch = Watch()
    drive(watch, vehicles, headway_s, {}, green_for_s)
    assert named(watch) == {}


def test_a_side_street_without_traffic_for_hours_is_believed() -> None:
    watch = Watch((STRAIGHT, LEFT))
    for _ in range(2 * 3600):
        watch.second(green_for_s=GREEN)
    assert named(watch) == {}


def test_a_queue_that_stands_on_all_loops_for_half_an_hour_is_believed() -> None:
    # 6 vehicles come over the near loop and 20 over the far one until all of it is full; then nothing moves
    watch = Watch()
    for k in range(20):
        watch.second(*([NEAR] if k < 6 else []), FAR)
    watch.second(STOP, NEAR, FAR, standing_s={STOP: 0.5, NEAR: 0.5, FAR: 0.5})
    for k in range(1800):
        watch.second(standing_s={STOP: k + 1.5, NEAR: k + 1.5, FAR: k + 1.5}, green_for_s=GREEN)
    assert named(watch) == {}


def test_a_stuck_loop_that_counts_three_vehicles_is_believed_again() -> None:
    watch = Watch()
    drive(watch, 40, 6, {NEAR: "off"})
    assert named(watch) == {"near": FaultKind.STUCK_OFF}
    watch.second(NEAR)
    watch.second(NEAR)
    assert named(watch) == {"near": FaultKind.STUCK_OFF}
    watch.second(NEAR)
    assert named(watch) == {}


def test_each_fault_and_each_return_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    with caplog.at_level(logging.WARNING):
        for _ in range(60):
            watch.second(silent=(FAR,))
        for _ in range(60):
            watch.second()
    assert [record.getMessage() for record in caplog.records] == [
        "junction one-lane, loop far: silent, found at 3 s; it is replaced",
        "junction one-lane, loop far: works again at 70 s",
    ]


def test_without_its_stop_line_loop_a_queue_stands_at_red_and_leaves_at_saturation_headway_at_green() -> None:
    watch = Watch()
    for _ in range(3):
        watch.second(silent=(STOP,))
    for _ in range(5):
        watch.second(NEAR, speed_m_s=SPEED_M_S, silent=(STOP,))
    for _ in range(60):
        waiting = watch.second(silent=(STOP,))
    assert waiting.weight.sum() == 5
    assert waiting.arrival_s[0] == 0.0
    left_by = {}
    for second in range(1, 20):
        left_by[5 - int(watch.second(silent=(STOP,), green_for_s=(float(second), -1.0)).weight.sum())] = second
    # the k-th of them leaves (k - 1) headways after the first, which goes when the green is 1 s old
    gone_s = {k: min(s for n, s in left_by.items() if n >= k) for k in range(1, 6) if any(n >= k for n in left_by)}
    assert len(gone_s) == 5
    assert max(left_by) == 5


@given(st.integers(4, 15), DEAD)
@settings(max_examples=12, deadline=None)
def test_about_as_many_vehicles_are_expected_without_a_loop_as_with_it(headway_s: int, dead: tuple[int, str]) -> None:
    loop, kind = dead
    # Each vehicle is expected for 10 s, from the far loop to the stop line: 10 / headway of them on average, in a free flow. One that
    # cannot be seen is expected when it should be there, so not far from that; and one whom the far loop does
    # not see only from the near one on, 3.6 s of the 10.
    watch = Watch()
    drive(watch, 150, headway_s, {loop: kind})
    assert NAMES[loop] in named(watch)
    after = drive(watch, 40, headway_s, {loop: kind})
    usual = 10.0 / headway_s
    assert 0.35 * usual <= np.mean(after) <= 2.0 * usual


def test_a_lane_without_any_loop_gets_its_learnt_share() -> None:
    watch = Watch()
    drive(watch, 60, 8, {})
    broken = {STOP: "silent", NEAR: "silent", FAR: "silent"}
    expected = drive(watch, 60, 8, broken, (-1.0, -1.0))
    assert max(expected) > 3.0


def test_an_exit_loop_that_is_stuck_on_does_not_close_the_lane_for_ever() -> None:
    watch = Watch()
    drive(watch, 60, 6, {EXIT_STRAIGHT: "on"})
    assert named(watch) == {"exit ahead": FaultKind.STUCK_ON}
    room_veh = watch.second(standing_s={EXIT_STRAIGHT: 400.0}).room_veh
    assert room_veh[0] == pytest.approx(200.0 / 7.5)


def test_a_vehicle_that_passes_a_dead_exit_loop_is_not_held_to_be_inside() -> None:
    watch = Watch()
    for _ in range(3):
        watch.second(silent=(EXIT_STRAIGHT, EXIT_LEFT))
    watch.second(STOP, silent=(EXIT_STRAIGHT, EXIT_LEFT))
    assert not any(watch.second(silent=(EXIT_STRAIGHT, EXIT_LEFT)).inside.any() for _ in range(30))
