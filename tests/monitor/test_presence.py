"""Since when somebody may be waiting at a red, by loops and in the zone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from optimizer.intersection import (
    AcceptedReds,
    Aspect,
    Detector,
    DetectorRole,
    Direction,
    GroupKind,
    Intersection,
    Lane,
    Movement,
    SignalGroup,
    Stage,
)
from optimizer.observation import JunctionObservation, LoopReadings, SignalStatus, VehicleViews
from optimizer.presence import UNSEEN_SHARE, Presence, WaitClock
from optimizer.red_limits import RedLimits, Reds, unavoidable_s

SIGNAL = SignalStatus(0, 0, 0.0, 0.0)


def three(maximum_red_s: float = 60.0, minimum_green_s: float = 5.0, loop_m: float = 3.0) -> Intersection:
    """Three approaches that exclude each other, the third a crossing on foot; 4 s of intergreen between any two."""
    kinds = (GroupKind.VEHICLE, GroupKind.VEHICLE, GroupKind.PEDESTRIAN)
    lanes = tuple(Lane(f"lane {i}", 100, 13.9, 100) for i in range(2))
    return Intersection(
        id="three",
        incoming=lanes,
        outgoing=lanes,
        groups=tuple(
            SignalGroup(f"g{i}", kind, (i,), minimum_green_s=minimum_green_s, maximum_red_s=maximum_red_s) for i, kind in enumerate(kinds)
        ),
        movements=tuple(Movement(i, i, i, Direction.STRAIGHT, 10) for i in range(2)),
        stages=tuple(Stage(f"s{i}", tuple(Aspect.PROTECTED if i == g else Aspect.RED for g in range(3))) for i in range(3)),
        conflicts=tuple(frozenset({0, 1, 2} - {g}) for g in range(3)),
        yields_to=(frozenset(),) * 3,
        intergreen_s=tuple(tuple(0.0 if g == h else 4.0 for h in range(3)) for g in range(3)),
        detectors=tuple(Detector(f"d{i}", DetectorRole.STOP_LINE, (i,), loop_m, 13.9) for i in range(2)),
        signal_count=3,
    )


def loops(count: tuple[int, int], covered_s: tuple[float, float]) -> JunctionObservation:
    covered = np.array(covered_s)
    return JunctionObservation(SIGNAL, loops=LoopReadings(np.array(count), np.minimum(covered, 1.0), covered, np.full(2, np.nan)))


def test_a_loop_tells_for_how_long_somebody_has_been_standing_and_nobody_sees_people_on_foot() -> None:
    waited_s = Presence(three()).waited_s(loops((0, 0), (0.0, 7.0)))
    assert waited_s is not None
    assert waited_s.tolist() == [0.0, 7.0, math.inf]


def test_a_silent_loop_and_one_far_from_the_stop_line_tell_nothing() -> None:
    silent = Presence(three()).waited_s(loops((-1, 0), (0.0, 0.0)))
    far = Presence(three(loop_m=7.9)).waited_s(loops((0, 0), (0.0, 0.0)))
    assert silent is not None
    assert far is not None
    assert silent.tolist() == [math.inf, 0.0, math.inf]
    assert far.tolist() == [math.inf] * 3


def test_in_the_zone_a_vehicle_near_its_stop_line_waits_for_its_own_signal() -> None:
    near = VehicleViews(
        lane=np.array([0, 1]),
        movement=np.array([0, 1]),
        distance_m=np.array([30.0, 2.0]),
        speed_m_s=np.zeros(2),
        length_m=np.full(2, 5.0),
        in_junction=np.zeros(3, dtype=np.int64),
        outgoing_vehicles=np.zeros(2, dtype=np.int64),
        outgoing_room_m=np.full(2, 100.0),
    )
    waited_s = Presence(three()).waited_s(JunctionObservation(SIGNAL, vehicles=near))
    assert waited_s is not None
    assert waited_s.tolist() == [0.0, math.inf, math.inf]


def test_a_wait_begins_when_somebody_stands_and_after_so_many_maximum_reds_even_if_nobody_is_seen() -> None:
    clock = WaitClock(three(maximum_red_s=60))
    for group in range(3):
        clock.red(group, 100.0)
    for time_s in range(101, 301):
        clock.see(time_s, np.array([max(0.0, time_s - 150.0), 0.0, math.inf]))
    assert clock.since_s == [150.0, 100.0 + UNSEEN_SHARE * 60, 100.0]


def test_who_waits_longest_goes_first_and_the_last_one_decides_when_to_leave() -> None:
    # From s0, both others red since 0 s, at most 60 s: 4 s to g1, its 5 s, 4 s to g2. Left at t, g2 is served at t + 13.
    limits = RedLimits(three())
    reds = Reds([math.inf, 0.0, 0.0], [math.inf, 0.0, 0.0])
    assert limits.latest_change_s(0, reds) == 60 - 13
    assert limits.lateness_s(50, 0, reds) == 3
    assert limits.relief(0, reds) == 1
    # Whoever has just come need not be thought of: g2 alone needs 4 s.
    assert limits.latest_change_s(0, Reds([math.inf, 0.0, 0.0], [math.inf, 45.0, 0.0])) == 60 - 4


def test_an_intergreen_that_reaches_over_a_whole_stage_is_part_of_the_way() -> None:
    slow = ((0.0, 4.0, 4.0), (4.0, 0.0, 4.0), (30.0, 4.0, 0.0))
    limits = RedLimits(replace(three(), intergreen_s=slow))
    # Walkers (g2) have cleared the way of g0 only at 40 + 30 s, although s1 is green meanwhile.
    reds = Reds([0.0, math.inf, 40.0], [0.0, math.inf, 40.0])
    assert limits.lateness_s(50, 1, reds) == 70 - 60


@pytest.mark.parametrize(("minimum_green_s", "late_s"), [(5.0, 0.0), (30.0, 8.0)])
def test_minimum_greens_that_take_longer_than_a_maximum_red_are_told(minimum_green_s: float, late_s: float) -> None:
    # Red from the start of s0's green: its minimum, 4 s, that of the next, 4 s: 2 m + 8 s of at most 60 s.
    assert unavoidable_s(three(minimum_green_s=minimum_green_s)) == late_s


def test_people_on_foot_and_on_bicycles_accept_less_than_those_in_vehicles() -> None:
    accepted = AcceptedReds()
    assert [accepted.of(kind) for kind in (GroupKind.VEHICLE, GroupKind.PEDESTRIAN, GroupKind.BICYCLE)] == [120.0, 90.0, 90.0]
