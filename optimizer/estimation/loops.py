"""Expected traffic from induction loops alone: one particle per vehicle, followed from loop to loop.

Each crossing of a far loop makes a particle with its expected times at the near loop and at the stop line. A crossing of the
near loop takes the earliest particle that is due there and moves it to the near list of the lane it is most likely on; a
crossing of the stop-line loop removes it. What the far loop has let in and the near loop has not yet seen is the queue beyond the
near loop.
"""

# ruff: noqa: C901, FBT001, PLR0912  # kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from optimizer.estimation.kinematics import FOLLOWING_S, JAM_SPACING_M, travel_time_s
from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.intersection import DetectorRole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation

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
    stop_m: NDArray[np.float64]
    near_m: NDArray[np.float64]
    far_m: NDArray[np.float64]
    near_alone: NDArray[np.bool_]  # whether the near loop leads to this lane only
    far_alone: NDArray[np.bool_]
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
    near_free_s: NDArray[np.float64]  # for how long the near loop has been free
    near_stop_crossings: NDArray[np.int64]  # departures since a vehicle came onto the near loop
    far_stop_crossings: NDArray[np.int64]  # departures since a vehicle came onto the far loop
    stands_at_green_s: NDArray[np.float64]
    blocked_until_s: NDArray[np.float64]
    excluded: NDArray[np.bool_]  # per movement: the front vehicle does not make it (it stood while it could have gone)
    movement_credit: NDArray[np.float64]  # per movement: how often it was seen lately
    lane_rate: NDArray[np.float64]  # departures, vehicles in the last RATE_KEPT seconds or so
    loop_rate: NDArray[np.float64]  # per detector: crossings in the same time
    lane_balance: NDArray[np.float64]  # particles owed to the lane by its share
    open_s: NDArray[np.float64]  # (lanes, OPEN_CROSSINGS): crossings whose vehicle has not been seen behind the junction
    open_count: NDArray[np.int64]
    inside_s: NDArray[np.float64]  # (1, PARTICLES): when the vehicles now inside the junction left their stop lines
    inside_count: NDArray[np.int64]


class LoopEstimator:
    """Turns loop readings into expected traffic.

    Parameters
    ----------
    junction
        The junction's description, with detectors.
    """

    longest_clearing_s = 6.0  # less than with a zone: what loops say of the inside is a guess

    def __init__(self, junction: Intersection) -> None:
        self._geometry = _geometry(junction)
        self._state = _state(self._geometry)

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Take in the readings of the last second and return what is expected now.

        Parameters
        ----------
        time_s
            Now.
        observation
            With `loops`.
        green_for_s
            For how long each group has had a protected green, shape ``(groups,)``; negative where it has none.
        """
        loops = observation.loops
        if loops is None:
            msg = "the loop estimator needs an observation of the information class 'loops'"
            raise ValueError(msg)
        advance(self._geometry, self._state, time_s, loops.count, loops.occupied_s, loops.speed_m_s, green_for_s)
        return ExpectedTraffic(*expect(self._geometry, self._state, time_s, loops.occupied_s, len(green_for_s)))


def _geometry(junction: Intersection) -> Geometry:
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
            alone[detector.role][lane] = len(detector.lanes) == 1
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
        stop_m=distance_m[DetectorRole.STOP_LINE],
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


def _state(geometry: Geometry) -> State:
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
        far_stop_crossings=np.zeros(lanes, dtype=np.int64),
        stands_at_green_s=np.zeros(lanes),
        blocked_until_s=np.full(lanes, -1e9),
        excluded=np.zeros(movements, dtype=np.bool_),
        movement_credit=np.ones(movements),
        lane_rate=np.full(lanes, 3.0),
        loop_rate=np.full(geometry.detectors, 3.0),
        lane_balance=np.zeros(lanes),
        open_s=np.zeros((lanes, OPEN_CROSSINGS)),
        open_count=np.zeros(lanes, dtype=np.int64),
        inside_s=np.zeros((1, PARTICLES)),
        inside_count=np.zeros(1, dtype=np.int64),
    )


@njit(cache=True)
def _remove(values: NDArray[np.float64], count: NDArray[np.int64], lane: int, place: int) -> None:
    """Remove a particle from the list of a lane."""
    for k in range(place, count[lane] - 1):
        values[lane, k] = values[lane, k + 1]


@njit(cache=True)
def _insert(values: NDArray[np.float64], count: NDArray[np.int64], lane: int, value: float) -> int:
    """Insert a particle into the sorted list of a lane; a full list drops its last one."""
    if count[lane] == PARTICLES:
        count[lane] -= 1
    k: int = count[lane]
    while k > 0 and values[lane, k - 1] > value:
        values[lane, k] = values[lane, k - 1]
        k -= 1
    values[lane, k] = value
    count[lane] += 1
    return k


@njit(cache=True)
def _choose_lane(g: Geometry, s: State, loop: int, loops_of_lane: NDArray[np.int64]) -> int:
    """Return the lane on which a vehicle over an upstream loop will reach the stop line, and book it there.

    The learnt rates decide: a loop sends to the lanes it leads to what these let go, and the rest to the lanes of the approach that let
    more go than their own loops count. The lane that is owed most by these shares gets the vehicle.
    """
    lanes = len(loops_of_lane)
    approach = -1
    own = 0.0
    for lane in range(lanes):
        if loops_of_lane[lane] == loop:
            approach = g.approach[lane]
            own += s.lane_rate[lane]
    stay = min(1.0, own / s.loop_rate[loop])
    lack = 0.0
    for lane in range(lanes):
        if g.approach[lane] == approach:
            lack += _lack(s, lane, loops_of_lane)
    best = -1
    for lane in range(lanes):
        if g.approach[lane] != approach:
            continue
        share = 0.0
        if loops_of_lane[lane] == loop:
            share += (stay if lack > 0.0 else 1.0) * s.lane_rate[lane] / own
        if lack > 0.0:
            share += (1.0 - stay) * _lack(s, lane, loops_of_lane) / lack
        if share > 0.0:
            s.lane_balance[lane] += share
            if best < 0 or s.lane_balance[lane] > s.lane_balance[best]:
                best = lane
    s.lane_balance[best] -= 1.0
    return best


@njit(cache=True)
def _lack(s: State, lane: int, loops_of_lane: NDArray[np.int64]) -> float:
    """Return how much more a lane lets go than its upstream loop counts for it."""
    loop = loops_of_lane[lane]
    if loop < 0:
        whole: float = s.lane_rate[lane]
        return whole
    fed = 0.0
    for other in range(len(loops_of_lane)):
        if loops_of_lane[other] == loop:
            fed += s.lane_rate[other]
    lack: float = max(0.0, s.lane_rate[lane] * (1.0 - s.loop_rate[loop] / fed))
    return lack


@njit(cache=True)
def _add_far(s: State, lane: int, near_s: float, due_s: float) -> None:
    if s.far_count[lane] == PARTICLES:
        return
    k = s.far_count[lane]
    s.far_near_s[lane, k] = near_s
    s.far_due_s[lane, k] = due_s
    s.far_count[lane] += 1


@njit(cache=True)
def _remove_far(s: State, lane: int, place: int) -> None:
    for k in range(place, s.far_count[lane] - 1):
        s.far_near_s[lane, k] = s.far_near_s[lane, k + 1]
        s.far_due_s[lane, k] = s.far_due_s[lane, k + 1]
    s.far_count[lane] -= 1


SAME_LANE_EARLY_S = 12.0
LATENESS_MOST_S = 8.0
LATENESS_KEPT = 0.95
APPROACH_EARLY_S = 6.0


@njit(cache=True)
def _take_far(g: Geometry, s: State, loop: int, time_s: float) -> None:
    """Take the far particle that a crossing of the near loop most likely is, if there is one.

    The earliest of the loop's own lanes that is due within 12 s, else of the approach within 6 s.
    """
    best = -1
    for lane in range(len(g.near)):
        if (
            g.near[lane] == loop
            and s.far_count[lane] > 0
            and s.far_near_s[lane, 0] < time_s + SAME_LANE_EARLY_S
            and (best < 0 or s.far_near_s[lane, 0] < s.far_near_s[best, 0])
        ):
            best = lane
    if best < 0:
        approach = -1
        for lane in range(len(g.near)):
            if g.near[lane] == loop:
                approach = g.approach[lane]
                break
        for lane in range(len(g.near)):
            if (
                g.approach[lane] == approach
                and s.far_count[lane] > 0
                and s.far_near_s[lane, 0] < time_s + APPROACH_EARLY_S
                and (best < 0 or s.far_near_s[lane, 0] < s.far_near_s[best, 0])
            ):
                best = lane
    if best < 0:
        return
    late_s = time_s - s.far_near_s[best, 0]
    if abs(late_s) < LATENESS_MOST_S:
        for lane in range(len(g.near)):
            if g.approach[lane] == g.approach[best]:
                s.far_late_s[lane] += (1.0 - LATENESS_KEPT) * late_s
    _remove_far(s, best, 0)


OVERDUE_NEAR_S = 5.0
OVERDUE_FAR_S = 6.0
NEAR_FREE_S = 2.0
FILL_AFTER_S = 4.0
STUCK_AFTER_S = 2.0
WRONG_AFTER_S = 2.0
BLOCKED_AFTER_S = 5.0  # a lorry needs more than 4 s to leave a loop from a standstill
STUCK_FOR_S = 12.0
CREDIT_KEPT = 0.97
RATE_KEPT = 0.998


@njit(cache=True)
def advance(
    g: Geometry,
    s: State,
    time_s: float,
    count: NDArray[np.int64],
    occupied_s: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    green_for_s: NDArray[np.float64],
) -> None:
    """Take in the readings of one second."""
    lanes = len(g.lane_speed)
    s.lane_rate[:] *= RATE_KEPT
    s.loop_rate[:] *= RATE_KEPT
    for loop in range(len(count)):
        if count[loop] > 0:
            s.loop_rate[loop] += count[loop]
    # departures first: a vehicle that crosses the near loop in this second cannot also have left
    for lane in range(lanes):
        stop = g.stop[lane]
        if stop < 0:
            continue
        was_covered = s.empty_s[lane] == 0.0
        covered = occupied_s[stop] > 0
        s.empty_s[lane] = 0.0 if covered else s.empty_s[lane] + 1.0
        for _ in range(count[stop]):
            _reach(g, s, lane, time_s)
        # Vehicles that stop for a red stand on the loop: only those whose rear has left it are gone.
        for _ in range(count[stop] + int(was_covered) - int(covered)):
            _depart(g, s, lane, time_s)
    _match_exits(g, s, time_s, count)
    for lane in range(lanes):
        far = g.far[lane]
        if far < 0 or count[far] <= 0:
            continue
        first = True
        for other in range(lane):
            if g.far[other] == far:
                first = False
        if not first:
            continue
        for _ in range(count[far]):
            to = _choose_lane(g, s, far, g.far)
            speed = speed_m_s[far] if speed_m_s[far] >= 0 else g.lane_speed[to]
            near_s = time_s + travel_time_s(g.far_m[to] - g.near_m[to], speed, g.lane_speed[to])
            due_s = time_s + travel_time_s(g.far_m[to], speed, g.lane_speed[to])
            _add_far(s, to, near_s + s.far_late_s[to], due_s + s.far_late_s[to])
    for lane in range(lanes):
        if g.far[lane] >= 0 and count[g.far[lane]] > 0:
            s.far_stop_crossings[lane] = 0
        near = g.near[lane]
        if near < 0:
            continue
        first = True
        for other in range(lane):
            if g.near[other] == near:
                first = False
        if occupied_s[near] > 0:
            s.near_free_s[lane] = 0.0
            if count[near] > 0:
                s.near_stop_crossings[lane] = 0
        else:
            s.near_free_s[lane] += 1.0
        if first:
            for _ in range(count[near]):
                _take_far(g, s, near, time_s)
                to = _choose_lane(g, s, near, g.near)
                speed = speed_m_s[near] if speed_m_s[near] >= 0 else g.lane_speed[to]
                _insert(s.near_due_s, s.near_count, to, time_s + travel_time_s(g.near_m[to], speed, g.lane_speed[to]))
    for lane in range(lanes):
        _watch_front(g, s, lane, time_s, occupied_s, green_for_s)
        _mend_near(g, s, lane, time_s, occupied_s)
        _mend_far(g, s, lane, time_s, occupied_s)


@njit(cache=True)
def _reach(g: Geometry, s: State, lane: int, time_s: float) -> None:
    """Note that a vehicle has reached the stop-line loop of a lane: its particle is the lane's first, else the first of the approach."""
    source = lane
    if s.near_count[lane] == 0:
        source = -1
        for other in range(len(g.near)):
            if (
                g.approach[other] == g.approach[lane]
                and s.near_count[other] > 0
                and s.near_due_s[other, 0] < time_s + 2.0
                and (source < 0 or s.near_due_s[other, 0] < s.near_due_s[source, 0])
            ):
                source = other
        if source < 0 and g.near[lane] < 0:
            for other in range(len(g.near)):
                if (
                    g.approach[other] == g.approach[lane]
                    and s.far_count[other] > 0
                    and s.far_due_s[other, 0] < time_s + 6.0
                    and (source < 0 or s.far_due_s[other, 0] < s.far_due_s[source, 0])
                ):
                    source = other
            if source >= 0:
                _remove_far(s, source, 0)
                source = -1
    if source >= 0:
        _remove(s.near_due_s, s.near_count, source, 0)
        s.near_count[source] -= 1


@njit(cache=True)
def _depart(g: Geometry, s: State, lane: int, time_s: float) -> None:
    """Note that a vehicle has left the stop line of a lane and enters the junction."""
    s.last_departure_s[lane] = time_s
    s.near_stop_crossings[lane] += 1
    s.far_stop_crossings[lane] += 1
    s.lane_rate[lane] += 1.0
    # the vehicle that comes to the front may go anywhere
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        s.excluded[g.movement_order[k]] = False
    _insert(s.inside_s, s.inside_count, 0, time_s)
    if s.open_count[lane] == OPEN_CROSSINGS:
        _remove(s.open_s, s.open_count, lane, 0)
        s.open_count[lane] -= 1
    s.open_s[lane, s.open_count[lane]] = time_s
    s.open_count[lane] += 1


LEAST_CROSSING_S = 1.0
FORGET_CROSSING_S = 25.0
LATE_S = 5.0
LEAST_CREDIT = 0.02
CERTAIN_SHARE = 0.9
CERTAIN_LATE_S = 1.0
CROSSING_SPREAD_S = 3.0


@njit(cache=True)
def _match_exits(g: Geometry, s: State, time_s: float, count: NDArray[np.int64]) -> None:
    """Match each vehicle seen behind the junction with the open crossing that fits best: so turning shares are learnt."""
    lanes = len(g.near)
    while s.inside_count[0] > 0 and time_s - s.inside_s[0, 0] > FORGET_CROSSING_S:
        _remove(s.inside_s, s.inside_count, 0, 0)
        s.inside_count[0] -= 1
    for lane in range(lanes):
        while s.open_count[lane] > 0 and time_s - s.open_s[lane, 0] > FORGET_CROSSING_S:
            _remove(s.open_s, s.open_count, lane, 0)
            s.open_count[lane] -= 1
    for out in range(len(g.exit)):
        loop = g.exit[out]
        if loop < 0:
            continue
        for _ in range(count[loop]):
            if s.inside_count[0] > 0:
                _remove(s.inside_s, s.inside_count, 0, 0)
                s.inside_count[0] -= 1
            best, best_movement, best_place = -1, -1, -1
            best_score = 0.0
            for lane in range(lanes):
                for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
                    movement = g.movement_order[k]
                    if g.movement_outgoing[movement] != out:
                        continue
                    for place in range(s.open_count[lane]):
                        age_s = time_s - s.open_s[lane, place]
                        if age_s < LEAST_CROSSING_S:
                            continue
                        score = s.movement_credit[movement] * math.exp(-abs(age_s - g.crossing_s[movement]) / CROSSING_SPREAD_S)
                        if score > best_score:
                            best, best_movement, best_place, best_score = lane, movement, place, score
            if best < 0:
                continue
            for k in range(g.first_movement[best], g.first_movement[best + 1]):
                s.movement_credit[g.movement_order[k]] *= CREDIT_KEPT
            s.movement_credit[best_movement] += 1.0 - CREDIT_KEPT
            _remove(s.open_s, s.open_count, best, best_place)
            s.open_count[best] -= 1


@njit(cache=True)
def _watch_front(
    g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64], green_for_s: NDArray[np.float64]
) -> None:
    """Exclude the green movements for a front vehicle that stands at green; where all are green, something blocks the lane."""
    stop = g.stop[lane]
    if stop < 0:
        return
    served = 0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if green_for_s[g.movement_group[movement]] > STUCK_AFTER_S:
            served += 1
    if occupied_s[stop] > STUCK_AFTER_S and served > 0:
        s.stands_at_green_s[lane] += 1.0
    else:
        s.stands_at_green_s[lane] = 0.0
        if occupied_s[stop] == 0.0:
            s.blocked_until_s[lane] = -1e9
        return
    if s.stands_at_green_s[lane] < WRONG_AFTER_S:
        return
    left = 0
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if green_for_s[g.movement_group[movement]] > STUCK_AFTER_S:
            s.excluded[movement] = True
        if not s.excluded[movement]:
            left += 1
    if left == 0:
        if s.stands_at_green_s[lane] >= BLOCKED_AFTER_S:
            s.blocked_until_s[lane] = time_s + STUCK_FOR_S
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            s.excluded[g.movement_order[k]] = False


@njit(cache=True)
def _mend_near(g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64]) -> None:
    """Move an overdue particle before a free stop-line loop: it waits on a neighbouring lane, or was never there."""
    stop = g.stop[lane]
    if stop < 0 or s.near_count[lane] == 0:
        return
    if s.empty_s[lane] < OVERDUE_NEAR_S or time_s - s.near_due_s[lane, 0] < OVERDUE_NEAR_S:
        return
    if time_s - s.last_departure_s[lane] < OVERDUE_NEAR_S:
        return
    due_s = s.near_due_s[lane, 0]
    _remove(s.near_due_s, s.near_count, lane, 0)
    s.near_count[lane] -= 1
    best = -1
    for other in range(len(g.near)):
        if (
            other != lane
            and g.approach[other] == g.approach[lane]
            and g.stop[other] >= 0
            and occupied_s[g.stop[other]] > 1.0
            and (g.near[other] == g.near[lane])
            and (best < 0 or s.near_count[other] < s.near_count[best])
        ):
            best = other
    if best >= 0 and (s.near_count[best] + 1.0) * JAM_SPACING_M < g.near_m[best]:
        _insert(s.near_due_s, s.near_count, best, due_s)


@njit(cache=True)
def _mend_far(g: Geometry, s: State, lane: int, time_s: float, occupied_s: NDArray[np.float64]) -> None:
    """Overdue at the near loop: queue beyond it while that is covered, else gone elsewhere. A covered near loop means a full lane."""
    near = g.near[lane]
    # A point loop may lie in the gap between two standing vehicles, so a free loop alone does not prove that no queue reaches it.
    full = (s.near_count[lane] + 2) * JAM_SPACING_M >= g.near_m[lane]
    while s.far_count[lane] > 0:
        if near >= 0:
            gone = time_s - s.far_near_s[lane, 0] > OVERDUE_FAR_S and s.near_free_s[lane] >= NEAR_FREE_S and not full
        else:
            gone = time_s - s.far_due_s[lane, 0] > OVERDUE_FAR_S and s.empty_s[lane] >= NEAR_FREE_S
        if not gone:
            break
        _remove_far(s, lane, 0)
    # Where a vehicle stands on a loop, the lane was full up to there when it came to rest; what crossed the stop line since has left.
    if near >= 0 and g.near_alone[lane] and occupied_s[near] >= FILL_AFTER_S:
        holds = int(g.near_m[lane] / JAM_SPACING_M) - s.near_stop_crossings[lane]
        while s.near_count[lane] < holds:
            _insert(s.near_due_s, s.near_count, lane, time_s - 1.0)
    far = g.far[lane]
    if far >= 0 and g.far_alone[lane] and occupied_s[far] >= FILL_AFTER_S:
        holds = int(g.far_m[lane] / JAM_SPACING_M) - s.far_stop_crossings[lane] - s.near_count[lane]
        while s.far_count[lane] < min(holds, PARTICLES):
            _add_far(s, lane, time_s, time_s)


@njit(cache=True)
def _movement_of(g: Geometry, s: State, lane: int, front: bool) -> int:
    """Return the most likely movement of a vehicle; the front one may have shown what it does not do."""
    best = -1
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        movement = g.movement_order[k]
        if front and s.excluded[movement]:
            continue
        if best < 0 or s.movement_credit[movement] > s.movement_credit[best]:
            best = movement
    return best


PASSING_S = 1.5
"""A vehicle that has covered the stop-line loop for less than this may still be rolling."""


@njit(cache=True)
def expect(
    g: Geometry, s: State, time_s: float, occupied_s: NDArray[np.float64], groups: int
) -> tuple[
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.bool_],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.bool_],
]:
    """Return the fields of `ExpectedTraffic`."""
    lanes = len(g.lane_speed)
    most = 0
    for lane in range(lanes):
        most += 1 + s.near_count[lane] + s.far_count[lane]
    lane_start = np.zeros(lanes + 1, dtype=np.int64)
    arrival_s = np.empty(most)
    movement = np.empty(most, dtype=np.int64)
    moving = np.empty(most, dtype=np.bool_)
    free_s = np.zeros(lanes)
    total = 0
    for lane in range(lanes):
        first = total
        stop, near = g.stop[lane], g.near[lane]
        if g.first_movement[lane + 1] > g.first_movement[lane]:
            usual = _movement_of(g, s, lane, False)
            before_s = -1e9
            if stop >= 0 and occupied_s[stop] > 0:
                arrival_s[total] = 0.0
                before_s = 0.0
                total += 1
            for k in range(s.near_count[lane]):
                before_s = max(s.near_due_s[lane, k] - time_s, before_s + FOLLOWING_S, 0.0)
                arrival_s[total] = before_s
                total += 1
            for k in range(s.far_count[lane]):
                due_s = s.far_due_s[lane, k] - time_s
                if s.far_near_s[lane, k] < time_s and near >= 0 and occupied_s[near] == 0:
                    # late, and no queue stands on the near loop: it is still under way to it
                    due_s = max(due_s, g.near_m[lane] / g.lane_speed[lane])
                before_s = max(due_s, before_s + FOLLOWING_S, 0.0)
                arrival_s[total] = before_s
                total += 1
            for k in range(first, total):
                movement[k] = usual
                moving[k] = (
                    arrival_s[k] - (k - first) * JAM_SPACING_M / g.lane_speed[lane] > 0.5 and arrival_s[k] > (k - first) * FOLLOWING_S + 0.1
                )
            if stop >= 0 and occupied_s[stop] > 0:
                moving[first] = occupied_s[stop] < PASSING_S
            if total > first:
                movement[first] = _movement_of(g, s, lane, True)
            free_s[lane] = max(s.blocked_until_s[lane] - time_s, 0.0)
        lane_start[lane + 1] = total
    room_veh = g.storage_veh.copy()
    for out in range(len(g.exit)):
        if g.exit[out] >= 0 and occupied_s[g.exit[out]] >= 2.0:
            room_veh[out] = 0.0
    inside = np.zeros(groups, dtype=np.bool_)
    # On a lane of one movement an open crossing is a vehicle inside. On a shared lane it may be a mix-up of exits: there it must be
    # later, and the account of the whole junction must agree.
    junction_agrees = s.inside_count[0] > 0 and time_s - s.inside_s[0, 0] > g.crossing_s.max() + LATE_S
    for lane in range(lanes):
        credit = 0.0
        for m in range(g.first_movement[lane], g.first_movement[lane + 1]):
            credit += s.movement_credit[g.movement_order[m]]
        for k in range(s.open_count[lane]):
            for m in range(g.first_movement[lane], g.first_movement[lane + 1]):
                way = g.movement_order[m]
                share = s.movement_credit[way] / credit
                if share < LEAST_CREDIT or (share < CERTAIN_SHARE and not junction_agrees):
                    continue
                usual_s = g.crossing_s[way] + (LATE_S if share < CERTAIN_SHARE else CERTAIN_LATE_S)
                if time_s - max(s.open_s[lane, k], s.inside_s[0, 0]) > usual_s and s.inside_count[0] > 0:
                    inside[g.movement_group[way]] = True
    return lane_start, arrival_s[:total], movement[:total], moving[:total], np.ones(total), free_s, room_veh, inside
