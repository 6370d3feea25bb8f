"""An approach of one lane with its loops, and a watch that feeds readings to its estimator second by second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from optimizer.estimation.loops import LoopEstimator
from optimizer.intersection import (
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
from optimizer.observation import JunctionObservation, LoopReadings, SignalStatus

if TYPE_CHECKING:
    from optimizer.estimation.traffic import ExpectedTraffic

SPEED_M_S = 14.0
STOP_M, NEAR_M, FAR_M = 3.0, 50.0, 150.0
CROSSING_M = 16.0
STOP, NEAR, FAR, EXIT_STRAIGHT, EXIT_LEFT = range(5)
STRAIGHT, LEFT = 0, 1
SIGNAL = SignalStatus(stage=0, previous=0, green_start_s=0.0, commanded_s=0.0)


def one_lane(ways: tuple[int, ...] = (STRAIGHT,)) -> Intersection:
    """Return one lane that goes straight on, or also left: each way has its own group and its own lane behind the junction."""
    directions = (Direction.STRAIGHT, Direction.LEFT)
    return Intersection(
        id="one-lane",
        incoming=(Lane("in", 200.0, SPEED_M_S, 200.0, "in"),),
        outgoing=tuple(Lane(name, 200.0, SPEED_M_S, 200.0) for name in ("ahead", "aside")),
        groups=tuple(SignalGroup(name, GroupKind.VEHICLE, (k,)) for k, name in enumerate(("straight", "left"))),
        movements=tuple(Movement(0, way, way, directions[way], CROSSING_M) for way in ways),
        stages=(Stage("straight", (Aspect.PROTECTED, Aspect.RED)), Stage("left", (Aspect.RED, Aspect.PROTECTED))),
        conflicts=(frozenset({1}), frozenset({0})),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0.0, 4.0), (4.0, 0.0)),
        detectors=(
            Detector("stop", DetectorRole.STOP_LINE, (0,), STOP_M, SPEED_M_S),
            Detector("near", DetectorRole.NEAR, (0,), NEAR_M, SPEED_M_S),
            Detector("far", DetectorRole.FAR, (0,), FAR_M, SPEED_M_S),
            Detector("exit ahead", DetectorRole.EXIT, (0,), 5.0, SPEED_M_S),
            Detector("exit aside", DetectorRole.EXIT, (1,), 5.0, SPEED_M_S),
        ),
        signal_count=2,
    )


class Watch:
    """A loop estimator and its clock."""

    def __init__(self, ways: tuple[int, ...] = (STRAIGHT,)) -> None:
        self.estimator = LoopEstimator(one_lane(ways))
        self.time_s = 0

    def second(
        self,
        *crossed: int,
        speed_m_s: float = math.nan,
        standing_s: dict[int, float] | None = None,
        green_for_s: tuple[float, float] = (-1.0, -1.0),
        silent: tuple[int, ...] = (),
    ) -> ExpectedTraffic:
        """Feed one second in which vehicles reached the loops `crossed`, some loops end covered for `standing_s` and some send nothing."""
        self.time_s += 1
        count = np.bincount(np.array(crossed, dtype=np.int64), minlength=5).astype(np.int64)
        count[list(silent)] = -1
        occupied_s = np.zeros(5)
        for loop, covered_s in (standing_s or {}).items():
            occupied_s[loop] = covered_s
        readings = LoopReadings(
            count=count,
            occupancy=np.minimum(occupied_s, 1.0),
            occupied_s=occupied_s,
            speed_m_s=np.where(count > 0, speed_m_s, math.nan),
        )
        return self.estimator.update(float(self.time_s), JunctionObservation(SIGNAL, loops=readings), np.array(green_for_s))
