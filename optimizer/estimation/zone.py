"""Expected traffic where every vehicle within the zone is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import CRUISES_FROM, FOLLOWING_S, JAM_SPACING_M, STANDING_M_S, travel_time_s
from optimizer.estimation.lasting_queues import watch_queues
from optimizer.estimation.snapshots import packed, unpack_into
from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.intersection import Aspect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation

STUCK_AFTER_S = 2.0
STUCK_FOR_S = 12.0
FRONT_M = 12.0

SAME_M = 1.5
"""A vehicle is the one of a second ago that would be within this distance of it by now."""

SPEEDS_UP_M_S2 = 0.8
"""Who gains more speed than this in a second still accelerates and is not yet as fast as it likes."""

CRUISES_FROM_SPEEDING_UP = 0.95
"""From this share of the allowed speed on even such a one keeps its speed."""


FLOW_WITHIN_M = 50.0
"""So near the stop line vehicles are on the lanes by which they leave, and their flow is measured."""

FLOW_KEPT = 1.0 - 1.0 / 400.0
"""Share of the learnt flows that is kept each second: they are those of the last 400 s or so, some cycles."""

KNOWN_FROM = 0.1
"""Flows are told when so much of them has been learnt: after 40 s."""


class ZoneEstimator:
    """Turns the vehicles of a zone into expected traffic.

    Parameters
    ----------
    junction
        The junction's description.
    """

    longest_clearing_s = 10.0
    tells_inside_after: tuple[Aspect, ...] = (Aspect.PROTECTED, Aspect.PERMISSIVE)

    def __init__(self, junction: Intersection) -> None:
        self._lane_speed = np.array([lane.speed_m_s for lane in junction.incoming])
        self._group_of = np.array([m.group for m in junction.movements], dtype=np.int64)
        lanes = len(junction.incoming)
        self._standing_s = np.zeros(lanes)
        self._before = np.zeros(lanes + 1, dtype=np.int64), np.zeros(0), np.zeros(0)  # lane_start, distances and speeds a second ago
        self._blocked_until_s = np.zeros(lanes)
        self._queued_since_s = np.full(lanes, np.inf)
        self._flow_veh_s = np.zeros(len(junction.movements))  # times what of it is known
        self._known = np.zeros(1)

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Return what is expected now.

        Parameters
        ----------
        time_s
            Now.
        observation
            With `vehicles`.
        green_for_s
            For how long each group has had a protected green, shape ``(groups,)``; negative where it has none.
        """
        views = observation.vehicles
        if views is None:
            msg = "the zone estimator needs an observation of the information class 'zone'"
            raise ValueError(msg)
        lanes = len(self._lane_speed)
        lane_start = np.searchsorted(views.lane, np.arange(lanes + 1))
        now = lane_start, views.distance_m, views.speed_m_s
        arrival_s = _arrivals(*now, self._lane_speed, *self._before)
        self._before = now
        queued_s = np.empty(lanes)
        watch_queues(time_s, lane_start, arrival_s, self._queued_since_s, queued_s)
        _learn_flows(views.movement, views.distance_m, views.speed_m_s, self._flow_veh_s, self._known)
        known = float(self._known[0])
        self._watch_fronts(time_s, lane_start, views.movement, views.distance_m, views.speed_m_s, green_for_s)
        return ExpectedTraffic(
            lane_start=lane_start,
            arrival_s=arrival_s,
            movement=views.movement,
            moving=views.speed_m_s > STANDING_M_S,
            weight=np.ones(len(views.lane)),
            lane_free_s=np.maximum(self._blocked_until_s - time_s, 0.0),
            room_veh=views.outgoing_room_m / JAM_SPACING_M,
            inside=views.in_junction > 0,
            queued_s=queued_s,
            flow_veh_s=self._flow_veh_s / known if known > KNOWN_FROM else np.zeros(self._flow_veh_s.size),
        )

    def snapshot(self) -> bytes:
        """Return what has been learnt; see `optimizer.estimation.snapshots.Keeps`."""
        return packed(self._learnt())

    def restore(self, snapshot: bytes) -> None:
        """Take up what was learnt before."""
        unpack_into(self._learnt(), snapshot)

    def _learnt(self) -> dict[str, NDArray[np.float64]]:
        return {
            "standing_s": self._standing_s,
            "blocked_until_s": self._blocked_until_s,
            "queued_since_s": self._queued_since_s,
            "flow_veh_s": self._flow_veh_s,
            "known": self._known,
        }

    def _watch_fronts(
        self,
        time_s: float,
        lane_start: NDArray[np.int64],
        movement: NDArray[np.int64],
        distance_m: NDArray[np.float64],
        speed_m_s: NDArray[np.float64],
        green_for_s: NDArray[np.float64],
    ) -> None:
        """Make a lane unavailable for a while where its front vehicle stands at green: something the zone does not show holds it."""
        _watch(time_s, lane_start, self._group_of[movement], distance_m, speed_m_s, green_for_s, self._standing_s, self._blocked_until_s)


@compiled
def _second_ago_m(distance_m: float, speed_m_s: float, speed_before_m_s: float) -> float:
    return distance_m + 0.5 * (speed_m_s + speed_before_m_s)


@compiled
def _arrivals(
    lane_start: NDArray[np.int64],
    distance_m: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    lane_speed: NDArray[np.float64],
    start_before: NDArray[np.int64],
    distance_before_m: NDArray[np.float64],
    speed_before_m_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    arrival_s = np.empty(len(distance_m))
    for lane in range(len(lane_start) - 1):
        ahead_s = -1e9
        other, end = start_before[lane], start_before[lane + 1]
        for i in range(lane_start[lane], lane_start[lane + 1]):
            # The one of a second ago: vehicles of a lane are never as close as the tolerance.
            while other < end and distance_before_m[other] < _second_ago_m(distance_m[i], speed_m_s[i], speed_before_m_s[other]) - SAME_M:
                other += 1
            speeds_up = (
                other < end
                and distance_before_m[other] < _second_ago_m(distance_m[i], speed_m_s[i], speed_before_m_s[other]) + SAME_M
                and speed_m_s[i] - speed_before_m_s[other] > SPEEDS_UP_M_S2
            )
            own_s = travel_time_s(distance_m[i], speed_m_s[i], lane_speed[lane], CRUISES_FROM_SPEEDING_UP if speeds_up else CRUISES_FROM)
            ahead_s = max(own_s, ahead_s + FOLLOWING_S)
            arrival_s[i] = ahead_s
    return arrival_s


@compiled
def _learn_flows(
    movement: NDArray[np.int64],
    distance_m: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    flow_veh_s: NDArray[np.float64],
    known: NDArray[np.float64],
) -> None:
    """Learn the flow of each movement: the distance driven on a piece of road, by its length and the time.

    However fast they drive (L. C. Edie, Discussion of traffic stream measurements and definitions, 1963): who stands drives nothing.
    """
    flow_veh_s *= FLOW_KEPT
    known[0] = known[0] * FLOW_KEPT + 1.0 - FLOW_KEPT
    for i in range(len(movement)):
        if distance_m[i] < FLOW_WITHIN_M:
            flow_veh_s[movement[i]] += (1.0 - FLOW_KEPT) * speed_m_s[i] / FLOW_WITHIN_M


@compiled
def _watch(
    time_s: float,
    lane_start: NDArray[np.int64],
    group: NDArray[np.int64],
    distance_m: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    green_for_s: NDArray[np.float64],
    standing_s: NDArray[np.float64],
    blocked_until_s: NDArray[np.float64],
) -> None:
    for lane in range(len(lane_start) - 1):
        first = lane_start[lane]
        stands = first < lane_start[lane + 1] and distance_m[first] < FRONT_M and speed_m_s[first] < STANDING_M_S
        if stands and green_for_s[group[first]] > STUCK_AFTER_S:
            standing_s[lane] += 1.0
            if standing_s[lane] >= STUCK_AFTER_S:
                blocked_until_s[lane] = time_s + STUCK_FOR_S
        else:
            standing_s[lane] = 0.0
            if not stands:
                blocked_until_s[lane] = 0.0
