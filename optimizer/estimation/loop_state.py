"""What the loop estimator knows of a junction, and what it learns: plain arrays for compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.intersection import DetectorRole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection

PARTICLES = 64
"""Most particles per lane and list; a lane of 300 m holds 40 standing vehicles."""

CROSSING_M_S = 8.0
"""Mean speed on the way across the junction."""

OPEN_CROSSINGS = 16
"""Most stop-line crossings per lane that wait for their vehicle to leave the junction."""


class Geometry(NamedTuple):
    """What never changes (all arrays per incoming lane unless said otherwise; -1 for "no such loop")."""

    lane_speed: NDArray[np.float64]
    approach: NDArray[np.int64]
    stop: NDArray[np.int64]
    near: NDArray[np.int64]
    far: NDArray[np.int64]
    near_m: NDArray[np.float64]
    far_m: NDArray[np.float64]
    near_alone: NDArray[np.bool_]  # whether all vehicles over the near loop come to this lane
    far_alone: NDArray[np.bool_]  # the same of the far loop
    first_movement: NDArray[np.int64]  # movements first_movement[l] .. first_movement[l + 1] in `movement_order`
    movement_order: NDArray[np.int64]
    movement_group: NDArray[np.int64]  # per movement
    movement_outgoing: NDArray[np.int64]  # per movement
    crossing_s: NDArray[np.float64]  # per movement: from leaving the stop line to the exit loop, started from a queue
    exit: NDArray[np.int64]  # per outgoing lane
    storage_veh: NDArray[np.float64]  # per outgoing lane
    detectors: int


class State(NamedTuple):
    """What is learnt, changed in place each second."""

    near_due_s: NDArray[np.float64]  # (lanes, PARTICLES): expected at the stop line
    near_count: NDArray[np.int64]
    far_near_s: NDArray[np.float64]  # (lanes, PARTICLES): expected at the near loop
    far_due_s: NDArray[np.float64]  # (lanes, PARTICLES): expected at the stop line
    far_count: NDArray[np.int64]
    last_departure_s: NDArray[np.float64]
    far_late_s: NDArray[np.float64]  # how much later than expected vehicles come from the far to the near loop
    empty_s: NDArray[np.float64]  # for how long the stop-line loop has been free
    near_free_s: NDArray[np.float64]  # for how long nobody has stood on the near loop or crossed it
    near_stop_crossings: NDArray[np.int64]  # departures since a vehicle came onto the near loop
    far_near_crossings: NDArray[np.int64]  # crossings of the near loop since a vehicle came onto the far loop
    stands_at_green_s: NDArray[np.float64]
    blocked_until_s: NDArray[np.float64]
    blocked_for_s: NDArray[np.float64]  # for how long it was left out of the plan last
    excluded: NDArray[np.bool_]  # per movement: the front vehicle does not make it (it stood while it could have gone)
    movement_credit: NDArray[np.float64]  # per movement: how often it was seen lately
    lane_rate: NDArray[np.float64]  # departures, vehicles in the last RATE_KEPT seconds or so
    loop_rate: NDArray[np.float64]  # per detector: crossings in the same time
    lane_balance: NDArray[np.float64]  # particles owed to the lane by its share
    open_s: NDArray[np.float64]  # (lanes, OPEN_CROSSINGS): crossings whose vehicle has not been seen behind the junction
    open_count: NDArray[np.int64]
    inside_s: NDArray[np.float64]  # (1, PARTICLES): when the vehicles now inside the junction left their stop lines
    inside_count: NDArray[np.int64]
    queued_since_s: NDArray[np.float64]  # when the queue was last seen cleared


def geometry_of(junction: Intersection) -> Geometry:
    """Describe the loops of a junction lane by lane."""
    lanes = len(junction.incoming)
    loop = {role: np.full(lanes, -1, dtype=np.int64) for role in DetectorRole}
    distance_m = {role: np.zeros(lanes) for role in DetectorRole}
    alone = {role: np.zeros(lanes, dtype=np.bool_) for role in DetectorRole}
    exit_loop = np.full(len(junction.outgoing), -1, dtype=np.int64)
    for index, detector in enumerate(junction.detectors):
        if detector.role is DetectorRole.EXIT:
            exit_loop[detector.lanes[0]] = index
            continue
        for lane in detector.lanes:
            loop[detector.role][lane] = index
            distance_m[detector.role][lane] = detector.distance_m
            unbranched = detector.on_lane or junction.incoming[lane].storage_m >= detector.distance_m
            alone[detector.role][lane] = unbranched and len(detector.lanes) == 1
    # Lanes that fork behind their common stop-line loop are one queue: the first of them carries it with the movements of all.
    leader = [
        next(
            k
            for k in range(lanes)
            if k == lane
            or (loop[DetectorRole.STOP_LINE][lane] >= 0 and loop[DetectorRole.STOP_LINE][k] == loop[DetectorRole.STOP_LINE][lane])
        )
        for lane in range(lanes)
    ]
    for lane in range(lanes):
        if leader[lane] != lane:
            for places in loop.values():
                places[lane] = -1
    carrier = [leader[m.incoming] for m in junction.movements]
    names = {name: index for index, name in enumerate(dict.fromkeys(lane.approach for lane in junction.incoming))}
    order = sorted(range(len(junction.movements)), key=lambda m: (carrier[m], m))
    first = np.searchsorted([carrier[m] for m in order], np.arange(lanes + 1))
    return Geometry(
        lane_speed=np.array([lane.speed_m_s for lane in junction.incoming]),
        approach=np.array([names[lane.approach] for lane in junction.incoming], dtype=np.int64),
        stop=loop[DetectorRole.STOP_LINE],
        near=loop[DetectorRole.NEAR],
        far=loop[DetectorRole.FAR],
        near_m=distance_m[DetectorRole.NEAR],
        far_m=distance_m[DetectorRole.FAR],
        near_alone=alone[DetectorRole.NEAR],
        far_alone=alone[DetectorRole.FAR],
        first_movement=first.astype(np.int64),
        movement_order=np.array(order, dtype=np.int64),
        movement_group=np.array([m.group for m in junction.movements], dtype=np.int64),
        movement_outgoing=np.array([m.outgoing for m in junction.movements], dtype=np.int64),
        crossing_s=np.array([1.0 + m.crossing_m / CROSSING_M_S for m in junction.movements]),
        exit=exit_loop,
        storage_veh=np.array([max(lane.storage_m, JAM_SPACING_M) / JAM_SPACING_M for lane in junction.outgoing]),
        detectors=len(junction.detectors),
    )


def fresh_state(geometry: Geometry) -> State:
    """Return the state of an estimator that has seen nothing yet."""
    lanes, movements = len(geometry.lane_speed), len(geometry.movement_group)
    return State(
        near_due_s=np.zeros((lanes, PARTICLES)),
        near_count=np.zeros(lanes, dtype=np.int64),
        far_near_s=np.zeros((lanes, PARTICLES)),
        far_due_s=np.zeros((lanes, PARTICLES)),
        far_count=np.zeros(lanes, dtype=np.int64),
        last_departure_s=np.full(lanes, -1e9),
        far_late_s=np.zeros(lanes),
        empty_s=np.ones(lanes),
        near_free_s=np.zeros(lanes),
        near_stop_crossings=np.zeros(lanes, dtype=np.int64),
        far_near_crossings=np.zeros(lanes, dtype=np.int64),
        stands_at_green_s=np.zeros(lanes),
        blocked_until_s=np.full(lanes, -1e9),
        blocked_for_s=np.zeros(lanes),
        excluded=np.zeros(movements, dtype=np.bool_),
        movement_credit=np.ones(movements),
        lane_rate=np.full(lanes, 3.0),
        loop_rate=np.full(geometry.detectors, 3.0),
        lane_balance=np.zeros(lanes),
        open_s=np.zeros((lanes, OPEN_CROSSINGS)),
        open_count=np.zeros(lanes, dtype=np.int64),
        inside_s=np.zeros((1, PARTICLES)),
        inside_count=np.zeros(1, dtype=np.int64),
        queued_since_s=np.full(lanes, np.inf),
    )
