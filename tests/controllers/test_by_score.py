"""The scores of the comparison controllers, worked out by hand, and the rules they share."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.by_score import ServedStreams, StageByScore
from controllers.greedy import Greedy
from controllers.longest_queue import LongestQueue
from controllers.max_pressure import MaxPressure
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from optimizer.observation import JunctionObservation, Observation, SignalStatus, VehicleViews

R, G, P = Aspect.RED, Aspect.PROTECTED, Aspect.PERMISSIVE
OUT = [0, 0, 0]


def junction(maximum_red_s: float = 300, maximum_green_s: float = 300) -> Intersection:
    """Lane 0: straight on (movement 0) and left (1) share it; lane 1: the side road (movement 2).

    Stage 0 serves straight and left (yielding), stage 1 the left turn alone, stage 2 the side road.
    """
    names = ("straight", "left", "side")
    groups = tuple(SignalGroup(n, GroupKind.VEHICLE, (i,), maximum_red_s=maximum_red_s) for i, n in enumerate(names))
    aspects = ((G, P, R), (R, G, R), (R, R, G))
    conflicts = (frozenset({2}), frozenset({2}), frozenset({0, 1}))
    return Intersection(
        id="j",
        incoming=tuple(Lane(f"in {i}", 300, 13.9, 300) for i in range(2)),
        outgoing=tuple(Lane(f"out {i}", 300, 13.9, 300) for i in range(3)),
        groups=groups,
        movements=(
            Movement(0, 0, 0, Direction.STRAIGHT, 20),
            Movement(0, 1, 1, Direction.LEFT, 20),
            Movement(1, 2, 2, Direction.STRAIGHT, 20),
        ),
        stages=tuple(Stage(f"stage {i}", a, maximum_green_s) for i, a in enumerate(aspects)),
        conflicts=conflicts,
        yields_to=(frozenset(),) * 3,
        intergreen_s=tuple(tuple(3.0 if h in conflicts[g] else 0.0 for h in range(3)) for g in range(3)),
        signal_count=3,
    )


def views(*vehicles: tuple[int, float, float], behind: list[int] = OUT) -> VehicleViews:
    """Vehicles as (movement, distance, speed)."""
    movement = np.array([v[0] for v in vehicles], dtype=np.int64)
    return VehicleViews(
        lane=np.array([0, 0, 1])[movement],
        movement=movement,
        distance_m=np.array([v[1] for v in vehicles], dtype=np.float64),
        speed_m_s=np.array([v[2] for v in vehicles], dtype=np.float64),
        length_m=np.full(len(vehicles), 5.0),
        in_junction=np.zeros(3, dtype=np.int64),
        outgoing_vehicles=np.array(behind, dtype=np.int64),
        outgoing_room_m=np.full(3, 300.0),
    )


def scores(controller: StageByScore, seen: VehicleViews) -> list[int]:
    return list(controller.scores(ServedStreams(junction()), seen))


def choice(controller: StageByScore, time_s: float, seen: VehicleViews, stage: int = 0, green_start_s: float = 0.0) -> int | None:
    signal = SignalStatus(stage, stage, green_start_s, green_start_s)
    decisions = controller.decide(Observation(time_s, {"j": JunctionObservation(signal, vehicles=seen)}))
    return decisions["j"].stage if decisions else None


def started(controller: StageByScore, described: Intersection | None = None) -> StageByScore:
    controller.start({"j": described or junction()})
    return controller


def test_pressure_is_vehicles_before_minus_vehicles_behind_each_served_lane() -> None:
    # stage 0: 2 straight + 1 left - 2 - 4; stage 1: 1 left - 4; stage 2: 1 - 0; the vehicle at 201 m is outside the zone
    seen = views((0, 10, 0), (0, 199, 13), (1, 20, 0), (2, 5, 0), (2, 201, 0), behind=[2, 4, 0])
    assert scores(MaxPressure(), seen) == [-3, -3, 1]


def test_the_longest_wave_counts_the_lane_that_a_stage_serves_whatever_turn_its_vehicles_make() -> None:
    # within 50 m: two vehicles on lane 0, which stages 0 and 1 serve, one on lane 1
    seen = views((0, 10, 0), (1, 49, 13), (0, 51, 0), (2, 5, 0))
    assert scores(Greedy(), seen) == [2, 2, 1]


def test_the_longest_queue_counts_halting_vehicles_by_their_own_turn() -> None:
    seen = views((0, 10, 0), (0, 20, 0.09), (1, 30, 0), (1, 40, 0.1), (2, 5, 0))
    assert scores(LongestQueue(), seen) == [3, 1, 1]


def test_an_empty_junction_scores_nothing() -> None:
    for controller in (MaxPressure(), Greedy(), LongestQueue()):
        assert scores(controller, views()) == [0, 0, 0]


def test_the_stage_with_the_best_score_is_commanded() -> None:
    assert choice(started(Greedy()), 10, views((2, 5, 0))) == 2


def test_equal_scores_keep_the_present_stage_and_else_take_the_first() -> None:
    lane_0 = views((0, 10, 0), (1, 20, 0))
    assert choice(started(Greedy()), 10, lane_0, stage=1) is None
    assert choice(started(Greedy()), 10, lane_0, stage=2) == 0


def test_decisions_come_at_the_interval_only() -> None:
    controller = started(Greedy(interval_s=10))
    side = views((2, 5, 0))
    assert choice(controller, 100, views()) is None
    assert [choice(controller, t, side) for t in (101, 109)] == [None, None]
    assert choice(controller, 110, side) == 2


def test_nothing_is_commanded_during_an_interstage_or_the_minimum_green() -> None:
    side = views((2, 5, 0))
    assert choice(started(LongestQueue()), 10, side, green_start_s=12) is None
    assert choice(started(LongestQueue()), 10, side, green_start_s=5.1) is None
    assert choice(started(LongestQueue()), 10, side, green_start_s=5) == 2


def test_a_maximum_red_comes_before_the_score_and_before_the_monitor_insists() -> None:
    # Somebody has waited in the side road since 0 s, for at most 60 s, and the interstage to it takes 3 s: the monitor insists from 57 s
    # on, the controller speaks up 2 s earlier. What the main road scores is more.
    controller = started(Greedy(), junction(maximum_red_s=60))
    main = views((0, 5, 0), (0, 12, 0), (2, 5, 0))
    chosen = {t: choice(controller, t, main) for t in range(60)}
    assert min(t for t, stage in chosen.items() if stage is not None) == 55
    assert chosen[55] == 2


def test_a_red_at_which_nobody_waits_is_not_ended_for_its_length() -> None:
    controller = started(Greedy(), junction(maximum_red_s=60))
    assert all(choice(controller, t, views((0, 5, 0))) is None for t in range(100))


def test_a_maximum_green_comes_before_the_score_too() -> None:
    controller = started(Greedy(), junction(maximum_green_s=30))
    chosen = {t: choice(controller, t, views((0, 5, 0))) for t in range(40)}
    assert min(t for t, stage in chosen.items() if stage is not None) == 28
    assert chosen[28] == 2


@pytest.mark.parametrize("bad", [{"interval_s": 0}, {"zone_m": -1}, {"interval_s": float("nan")}])
def test_parameters_must_be_positive(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must both be positive"):
        Greedy(**bad)
