"""From a junction's state and its expected traffic to the horizon problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.horizon.problem import DS_PER_S, WEIGHT_UNIT, HorizonProblem, SignalModel, to_ds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.parameters import HorizonParameters
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

REFILL_AFTER_S = 3.0
REFILL_VEH_S = 0.25
"""A full outgoing lane takes the next vehicle after this time and at this rate."""

FULL_ROOM_M = 100.0
"""With this much room the lane behind the junction counts as empty."""

LONGEST_QUEUE_VEH = 20
"""Vehicles of one lane that are planned for: more cannot leave within the horizon, whatever the plan."""

OCCUPIED_DISCOUNT = 0.7
"""A vehicle that leaves into a full lane is worth this much less than one that leaves into an empty one."""


class ProblemAssembler:
    """Builds the problems of one junction.

    Parameters
    ----------
    junction
        Its description.
    parameters
        Of the traffic model.
    """

    def __init__(self, junction: Intersection, parameters: HorizonParameters) -> None:
        self.signals = SignalModel.from_intersection(junction, parameters)
        self._group = np.array([m.group for m in junction.movements], dtype=np.int64)
        self._outgoing = np.array([m.outgoing for m in junction.movements], dtype=np.int64)
        self._storage_veh = np.array([min(max(lane.storage_m, JAM_SPACING_M), FULL_ROOM_M) / JAM_SPACING_M for lane in junction.outgoing])
        self._headway_ds = np.full(len(junction.incoming), to_ds(parameters.headway_s), dtype=np.int64)
        self._headway_s = parameters.headway_s
        self._queue_penalty_s = parameters.queue_penalty_s
        self._green_share = parameters.green_queue_share

    def assemble(
        self, time_s: float, status: SignalStatus, group_green_since_s: NDArray[np.float64], traffic: ExpectedTraffic
    ) -> HorizonProblem:
        """Return the problem that starts now.

        Parameters
        ----------
        time_s
            Now.
        status
            What the signals show.
        group_green_since_s
            Start of green of each group (any value for red ones), shape ``(groups,)``.
        traffic
            Vehicles to plan for; those beyond the horizon are left out.
        """
        signals = self.signals
        lane_start, arrival, release, group, weight, moving, unserved = _vehicles(
            traffic.lane_start,
            traffic.arrival_s,
            traffic.movement,
            traffic.moving,
            traffic.weight,
            traffic.room_veh,
            self._group,
            self._outgoing,
            self._storage_veh,
            signals.horizon_ds,
            signals.stop_penalty_ds,
            signals.stop_tolerance_ds,
            self._headway_s,
            self._queue_penalty_s,
            self._green_share,
        )
        start_ds = round((status.green_start_s - time_s) * DS_PER_S)
        earliest = max(start_ds + int(signals.minimum_green_ds[status.stage]), 0)
        return HorizonProblem(
            signals=signals,
            stage=status.stage,
            green_start_ds=start_ds,
            group_green_since_ds=np.round((np.minimum(group_green_since_s, status.green_start_s) - time_s) * DS_PER_S).astype(np.int64),
            earliest_change_ds=earliest,
            latest_change_ds=max(start_ds + int(signals.maximum_green_ds[status.stage]), earliest),
            lane_start=lane_start,
            lane_free_ds=np.round(traffic.lane_free_s * DS_PER_S).astype(np.int64),
            headway_ds=self._headway_ds,
            arrival_ds=arrival,
            release_ds=release,
            group=group,
            weight=weight,
            moving=moving,
            unserved_cost=unserved,
        )


@njit(cache=True)
def _vehicles(
    lane_start: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    movement: NDArray[np.int64],
    moving: NDArray[np.bool_],
    weight_veh: NDArray[np.float64],
    room_veh: NDArray[np.float64],
    movement_group: NDArray[np.int64],
    movement_outgoing: NDArray[np.int64],
    storage_veh: NDArray[np.float64],
    horizon_ds: int,
    stop_penalty_ds: int,
    stop_tolerance_ds: int,
    headway_s: float,
    queue_penalty_s: float,
    green_share: float,
):  # type: ignore[no-untyped-def]  # numba infers the tuple of arrays
    lanes = len(lane_start) - 1
    total = len(arrival_s)
    starts = np.zeros(lanes + 1, dtype=np.int64)
    arrival = np.empty(total, dtype=np.int64)
    release = np.empty(total, dtype=np.int64)
    group = np.empty(total, dtype=np.int64)
    weight = np.empty(total, dtype=np.int64)
    is_moving = np.empty(total, dtype=np.bool_)
    sent = np.zeros(len(storage_veh), dtype=np.int64)
    count = 0
    for lane in range(lanes):
        sent[:] = 0
        for i in range(lane_start[lane], lane_start[lane + 1]):
            due = np.int64(np.round(arrival_s[i] * 10.0))
            if due >= horizon_ds or i - lane_start[lane] >= LONGEST_QUEUE_VEH:
                break
            out = movement_outgoing[movement[i]]
            arrival[count] = due
            released = due
            lacking = sent[out] + 1 - np.floor(room_veh[out])
            if lacking > 0:
                released = max(due, np.int64(10.0 * (REFILL_AFTER_S + lacking / REFILL_VEH_S)))
            sent[out] += 1
            release[count] = released
            group[count] = movement_group[movement[i]]
            occupied = 1.0 - min(room_veh[out] / storage_veh[out], 1.0)
            weight[count] = max(1, np.int64(np.round(weight_veh[i] * WEIGHT_UNIT * (1.0 - OCCUPIED_DISCOUNT * occupied))))
            is_moving[count] = moving[i]
            count += 1
        starts[lane + 1] = count
    unserved = np.empty((count, 2), dtype=np.int64)
    for lane in range(lanes):
        last = starts[lane + 1]
        for i in range(starts[lane], last):
            # Vehicles queue first in first out, so those left unserved are the last ones: the k-th from the end adds
            # headway (k - 1/2) to the sum headway q^2 / 2 of the time that a queue of q needs to clear.
            place = last - i
            terminal_ds = 10.0 * (headway_s * (place - 0.5) + queue_penalty_s)
            waited_ds = horizon_ds - arrival[i]
            if is_moving[i] and waited_ds > stop_tolerance_ds:
                waited_ds += stop_penalty_ds
            unserved[i, 0] = weight[i] * (waited_ds + np.int64(np.round(terminal_ds)))
            unserved[i, 1] = weight[i] * (waited_ds + np.int64(np.round(green_share * terminal_ds)))
    return starts, arrival[:count], release[:count], group[:count], weight[:count], is_moving[:count], unserved
