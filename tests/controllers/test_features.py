"""The vector that learners see, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.by_policy import StageByPolicy
from controllers.features import JunctionFeatures
from optimizer.intersection import Aspect, Detector, DetectorRole, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage
from optimizer.observation import InformationClass, JunctionObservation, LoopReadings, Observation, SignalStatus, VehicleViews

R, G = Aspect.RED, Aspect.PROTECTED
GREEN = SignalStatus(stage=1, previous=0, green_start_s=100.0, commanded_s=95.0)


def junction() -> Intersection:
    """Two crossing lanes, of 60 m and 300 m, and a loop before each stop line."""
    groups = tuple(SignalGroup(name, GroupKind.VEHICLE, (i,)) for i, name in enumerate(("main", "side")))
    return Intersection(
        id="j",
        incoming=(Lane("a", 60, 13.9, 60), Lane("b", 300, 13.9, 300)),
        outgoing=(Lane("c", 300, 13.9, 300), Lane("d", 300, 13.9, 300)),
        groups=groups,
        movements=(Movement(0, 0, 0, Direction.STRAIGHT, 20), Movement(1, 1, 1, Direction.STRAIGHT, 20)),
        stages=(Stage("0", (G, R)), Stage("1", (R, G))),
        conflicts=(frozenset({1}), frozenset({0})),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0.0, 5.0), (5.0, 0.0)),
        signal_count=2,
        detectors=tuple(Detector(f"loop {i}", DetectorRole.STOP_LINE, (i,), 3.0, 13.9) for i in range(2)),
    )


def vehicles(lane: list[int], speed_m_s: list[float]) -> VehicleViews:
    many, nothing, lanes = len(lane), np.zeros(2, dtype=np.int64), np.array(lane, dtype=np.int64)
    return VehicleViews(lanes, lanes, np.full(many, 10.0), np.array(speed_m_s), np.full(many, 5.0), nothing, nothing, np.full(2, 200.0))


def readings(count: list[int], occupancy: list[float]) -> LoopReadings:
    return LoopReadings(np.array(count), np.array(occupancy), np.zeros(2), np.full(2, np.nan))


def test_the_zones_vector_holds_stage_time_and_vehicles_as_shares_of_what_the_lane_holds() -> None:
    features = JunctionFeatures(junction(), InformationClass.ZONE)
    seen = JunctionObservation(GREEN, vehicles=vehicles([0, 0, 1, 1, 1], [0.0, 5.0, 0.0, 0.0, 9.0]))
    # the short lane holds 60 / 7.5 = 8 vehicles, the long one counts with 200 m: 26.67
    assert features.vector(115.0, seen).tolist() == pytest.approx([0, 1, 1, 0.25, 2 / 8, 3 * 7.5 / 200, 1 / 8, 2 * 7.5 / 200])
    assert features.size == 8


def test_the_loops_vector_gathers_the_seconds_since_the_last_one() -> None:
    features = JunctionFeatures(junction(), InformationClass.LOOPS)
    for count, occupancy in (([1, 0], [0.5, 0.0]), ([0, -1], [0.0, 0.0]), ([2, -1], [1.0, 0.0]), ([0, 0], [0.5, 1.0])):
        features.see(JunctionObservation(GREEN, loops=readings(count, occupancy)))
    seen = JunctionObservation(GREEN, loops=readings([0, 0], [0.5, 1.0]))
    assert features.vector(90.0, seen).tolist() == pytest.approx([0, 1, 0, 0, 2 / 4, 1 / 4, 2 / 4, 0, 0, 2 / 4])
    assert features.vector(90.0, seen).tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


class Wishing(StageByPolicy):
    """Wishes for stage 0 whatever it is shown, and counts how often it is asked."""

    asked = 0

    def choose(self, time_s: float, vectors: dict) -> dict:  # noqa: ARG002 - the contract's
        self.asked += 1
        assert {name: vector.shape for name, vector in vectors.items()} == {"j": (8,)}
        return dict.fromkeys(vectors, 0)


def test_a_policy_is_asked_at_its_interval_and_heeded_from_the_minimum_green_on() -> None:
    policy, place = Wishing(interval_s=4), junction()
    policy.start({"j": place})
    minimum_s = place.stage_minimum_green_s(1)
    changes = []
    for second in range(100, 140):
        seen = JunctionObservation(GREEN, vehicles=vehicles([], []))
        if policy.decide(Observation(float(second), {"j": seen})):
            changes.append(second)
    assert policy.asked == 10
    assert changes == [second for second in range(100, 140, 4) if second >= 100 + minimum_s]


@pytest.mark.parametrize("wrong", [{"information": "none"}, {"interval_s": 0.0}])
def test_a_senseless_parameter_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_", maxsplit=1)[0] if "interval_s" in wrong else "zone"):
        Wishing(**wrong)
