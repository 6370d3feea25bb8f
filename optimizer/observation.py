"""What a controller may see of its junctions at one moment, by information class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


ZONE_M = 200.0
"""Reach of the zone before and behind the stop lines."""


class InformationClass(StrEnum):
    """What a controller may know (each class is enforced by whoever makes the observation)."""

    NONE = "none"
    LOOPS = "loops"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class SignalStatus:
    """What a junction's signals show.

    Attributes
    ----------
    stage
        The stage that is green or, during an interstage, the one that comes next.
    previous
        The stage that was green before it (equal to `stage` at the start).
    green_start_s
        Start of the stage's green; during an interstage the time it is due, later than now.
    commanded_s
        When the change to `stage` was commanded (the end of the previous stage's green).
    """

    stage: int
    previous: int
    green_start_s: float
    commanded_s: float


@dataclass(frozen=True, slots=True)
class LoopReadings:
    """Readings of one junction's loops over the last second, in the order of `Intersection.detectors`.

    Attributes
    ----------
    count
        Vehicles whose front reached the loop, shape ``(detectors,)``; -1 where the loop sent nothing (silent).
    occupancy
        Share of the second in which the loop was covered, 0 to 1.
    occupied_s
        For how long the loop has been covered without a break at the end of the second; 0 where it is free.
    speed_m_s
        Speed of the last vehicle that crossed a double loop in this second; NaN where none did.
    """

    count: NDArray[np.int64]
    occupancy: NDArray[np.float64]
    occupied_s: NDArray[np.float64]
    speed_m_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VehicleViews:
    """Vehicles within the zone before one junction's stop lines, nearest to its stop line first on each lane.

    Attributes
    ----------
    lane
        Index of the incoming lane that each vehicle will stop on, shape ``(vehicles,)``.
    movement
        Index of the movement it will make.
    distance_m
        Distance from its front to the stop line.
    speed_m_s
        Its speed.
    length_m
        Its length.
    in_junction
        Per signal group, vehicles of the group that are inside the junction and stand or crawl.
    outgoing_vehicles
        Per outgoing lane, vehicles within the zone behind the junction.
    outgoing_room_m
        Per outgoing lane, free metres behind the last slow vehicle on it within the zone (the zone's reach where none is slow).
    """

    lane: NDArray[np.int64]
    movement: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    speed_m_s: NDArray[np.float64]
    length_m: NDArray[np.float64]
    in_junction: NDArray[np.int64]
    outgoing_vehicles: NDArray[np.int64]
    outgoing_room_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JunctionObservation:
    """One junction at one moment.

    Attributes
    ----------
    signal
        What its state machine is doing.
    loops, vehicles
        What was seen; None where the information class forbids it.
    state, state_since_s
        What the signals really show, one letter per signal, and since when; empty where nobody tells.
    """

    signal: SignalStatus
    loops: LoopReadings | None = None
    vehicles: VehicleViews | None = None
    state: str = ""
    state_since_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a controller sees at one moment.

    Attributes
    ----------
    time_s
        Now.
    junctions
        The controller's junctions by id.
    """

    time_s: float
    junctions: Mapping[str, JunctionObservation]
