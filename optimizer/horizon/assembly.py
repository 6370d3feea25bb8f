"""From a junction's state and its expected traffic to the horizon problem."""

# ruff: noqa: C901, PLR0912, PLR0913, PLR0915  # the kernel takes arrays as arguments, and is one pass over them

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.compiling import compiled
from optimizer.estimation.kinematics import JAM_SPACING_M
from optimizer.estimation.traffic import REFILL_AFTER_S, REFILL_VEH_S
from optimizer.horizon.arrays import ProblemArrays
from optimizer.horizon.paths import Ways, room_veh, ways_of
from optimizer.horizon.problem import NO_TANDEM, WEIGHT_UNIT, HorizonProblem, SignalModel, Tandem, to_ds
from optimizer.intersection import GroupKind
from optimizer.red_limits import RED_MARGIN_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.parameters import HorizonParameters
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

FULL_ROOM_M = 100.0
"""With this much room the lane behind the junction counts as empty."""

DEADLINE_MARGIN_S = 2.0
"""A maximum red is planned to end this long before."""

DEADLINE_WEIGHT_VEH = 20.0
"""A maximum red is heeded as if so many vehicles waited: a plan that lets it come upon it wastes the green it has just begun."""

LONGEST_QUEUE_VEH = 32
"""Vehicles of one lane that are planned for: more cannot leave within the horizon, whatever the plan."""

OCCUPIED_DISCOUNT = 0.7
"""A vehicle that leaves into a full lane is worth this much less than one that leaves into an empty one."""


HEADWAY, QUEUE_PENALTY, GREEN_SHARE, LASTING_FROM, LASTING_MOST, RECALL, RECALL_WEIGHT, HORIZON, STOP_PENALTY, STOP_TOLERANCE = range(10)


class JunctionModel(NamedTuple):
    """What the assembly needs to know of a junction, as plain arrays.

    Attributes
    ----------
    movement_group, movement_outgoing
        Per movement: its group in the problem, and the outgoing lane at the end of its way; -1 where that is an inner lane, whose room the
        problem itself knows.
    path_start, path_member
        Groups ``path_member[path_start[p]]`` to ``path_member[path_start[p + 1]]`` are those of path group p.
    tandem
        See `HorizonProblem`.
    storage_veh
        Per outgoing lane: room that counts as empty.
    group_weight
        Weight of a vehicle of each group, in vehicles.
    recall_groups
        Groups without detectors: each is a lane of its own behind the junction's lanes.
    recall_maximum_red_s
        Per recalled group: the red after which it must be green, as the planner keeps it.
    headway
        Per lane (those of the recalled groups included), ds.
    minimum_green, maximum_green
        Per stage, ds.
    constants
        Seconds and shares, in the order of this module's ``HEADWAY, QUEUE_PENALTY, ...``.
    """

    movement_group: NDArray[np.int64]
    movement_outgoing: NDArray[np.int64]
    path_start: NDArray[np.int64]
    path_member: NDArray[np.int64]
    tandem: Tandem
    storage_veh: NDArray[np.float64]
    group_weight: NDArray[np.float64]
    recall_groups: NDArray[np.int64]
    recall_maximum_red_s: NDArray[np.float64]
    headway: NDArray[np.int64]
    minimum_green: NDArray[np.int64]
    maximum_green: NDArray[np.int64]
    constants: NDArray[np.float64]


class ProblemAssembler:
    """Builds the problems of one junction.

    Pedestrians have no detectors. A group of theirs that is red counts as one waiting vehicle from `pedestrian_recall_s` after its last
    green on, and as many once its maximum red comes near.

    Parameters
    ----------
    junction
        Its description.
    parameters
        Of the traffic model.
    """

    def __init__(self, junction: Intersection, parameters: HorizonParameters) -> None:
        self.signals = SignalModel.from_intersection(junction, parameters)
        kinds = [group.kind for group in junction.groups]
        served = np.flatnonzero((self.signals.service > 0).any(axis=0))
        recalled = [g for g in served.tolist() if g < len(kinds) and kinds[g] is GroupKind.PEDESTRIAN]
        ways = ways_of(junction)
        kinds += [kinds[members[0]] for members, _ in ways.path_groups]
        values = {
            HEADWAY: parameters.headway_s,
            QUEUE_PENALTY: parameters.queue_penalty_s,
            GREEN_SHARE: parameters.green_queue_share,
            LASTING_FROM: parameters.lasting_queue_s,
            LASTING_MOST: parameters.lasting_queue_most_s,
            RECALL: parameters.pedestrian_recall_s,
            RECALL_WEIGHT: parameters.pedestrian_weight_veh,
            HORIZON: self.signals.horizon_ds,
            STOP_PENALTY: self.signals.stop_penalty_ds,
            STOP_TOLERANCE: self.signals.stop_tolerance_ds,
        }
        self.model = JunctionModel(
            movement_group=np.array(ways.group_of, dtype=np.int64),
            movement_outgoing=np.array([way.leaves_by for way in ways.by_movement], dtype=np.int64),
            path_start=np.cumsum([0, *(len(members) for members, _ in ways.path_groups)]).astype(np.int64),
            path_member=np.array([g for members, _ in ways.path_groups for g in members], dtype=np.int64),
            tandem=_tandem(junction, ways, len(recalled), self.signals, parameters),
            storage_veh=np.array([min(max(lane.storage_m, JAM_SPACING_M), FULL_ROOM_M) / JAM_SPACING_M for lane in junction.outgoing]),
            group_weight=np.array([parameters.tram_weight_veh if kind is GroupKind.TRAM else 1.0 for kind in kinds]),
            recall_groups=np.array(recalled, dtype=np.int64),
            recall_maximum_red_s=np.array([junction.groups[g].maximum_red_s - RED_MARGIN_S for g in recalled], dtype=np.float64),
            headway=np.full(len(junction.incoming) + len(recalled), to_ds(parameters.headway_s), dtype=np.int64),
            minimum_green=self.signals.minimum_green_ds,
            maximum_green=self.signals.maximum_green_ds,
            constants=np.array([values[index] for index in range(len(values))], dtype=np.float64),
        )

    def assemble(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> HorizonProblem:
        """Return the problem that starts now.

        Parameters
        ----------
        time_s
            Now.
        status
            What the signals show.
        green_since_s
            Start of green of each group (any value for red ones), shape ``(groups,)``.
        red_since_s
            Start of red of each group (infinite for green ones), shape ``(groups,)``.
        traffic
            Vehicles to plan for; those beyond the horizon are left out.
        """
        arrays = collect_problem(
            self.model,
            time_s,
            status.stage,
            status.green_start_s,
            green_since_s,
            red_since_s,
            traffic.lane_start,
            traffic.arrival_s,
            traffic.movement,
            traffic.moving,
            traffic.weight,
            traffic.lane_free_s,
            traffic.room_veh,
            traffic.queued_s,
            traffic.freed_s,
        )
        return HorizonProblem(self.signals, **arrays._asdict())


def _tandem(junction: Intersection, ways: Ways, recalled: int, signals: SignalModel, parameters: HorizonParameters) -> Tandem:
    """Return the inner lanes of a junction; the lanes of the recalled groups come last, and are none."""
    if not any(way.onward >= 0 for way in ways.by_movement):
        return NO_TANDEM
    lanes = len(junction.incoming) + recalled
    onward = np.full((lanes, signals.service.shape[1]), -1, dtype=np.int64)
    travel = np.ones_like(onward)
    room, group, terminal = np.zeros(lanes, dtype=np.int64), np.full(lanes, -1, dtype=np.int64), np.zeros((lanes, 2), dtype=np.int64)
    for movement, way, g in zip(junction.movements, ways.by_movement, ways.group_of, strict=True):
        if way.onward < 0:
            continue
        onward[movement.incoming, g] = way.onward
        travel[movement.incoming, g] = max(to_ds(way.travel_s), 1)
        room[way.onward] = room_veh(junction.incoming[way.onward].storage_m)
        group[way.onward] = ways.group_of[ways.onward_movement[way.onward]]
        left_ds = to_ds(parameters.headway_s / 2 + parameters.queue_penalty_s)
        terminal[way.onward] = left_ds, round(parameters.green_queue_share * left_ds)
    return Tandem(onward, travel, room, group, terminal)


@compiled
def collect_problem(
    model: JunctionModel,
    time_s: float,
    stage: int,
    green_start_s: float,
    green_since_s: NDArray[np.float64],
    red_since_s: NDArray[np.float64],
    lane_start: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    movement: NDArray[np.int64],
    moving: NDArray[np.bool_],
    weight_veh: NDArray[np.float64],
    lane_free_s: NDArray[np.float64],
    room_veh: NDArray[np.float64],
    queued_s: NDArray[np.float64],
    freed_s: NDArray[np.float64],
) -> ProblemArrays:
    """Return the problem that starts now (arguments as in `ProblemAssembler.assemble`, the status and the traffic field by field)."""
    constants = model.constants
    horizon_ds = np.int64(constants[HORIZON])
    lanes = len(lane_start) - 1
    every = lanes + len(model.recall_groups)
    total = len(arrival_s) + 2 * len(model.recall_groups)
    starts = np.zeros(every + 1, dtype=np.int64)
    free = np.zeros(every, dtype=np.int64)
    arrival = np.empty(total, dtype=np.int64)
    release = np.empty(total, dtype=np.int64)
    group = np.empty(total, dtype=np.int64)
    weight = np.empty(total, dtype=np.int64)
    is_moving = np.empty(total, dtype=np.bool_)
    sent = np.zeros(len(room_veh), dtype=np.int64)
    count = 0
    for lane in range(lanes):
        free[lane] = np.int64(np.round(lane_free_s[lane] * 10.0))
        sent[:] = 0
        for i in range(lane_start[lane], lane_start[lane + 1]):
            due = int(np.round(arrival_s[i] * 10.0))
            if due >= horizon_ds or i - lane_start[lane] >= LONGEST_QUEUE_VEH:
                break
            out = model.movement_outgoing[movement[i]]
            arrival[count] = due
            released = due
            occupied = 0.0
            if out >= 0:
                lacking = sent[out] + 1 - np.floor(room_veh[out])
                if lacking > 0:
                    free_s = REFILL_AFTER_S + lacking / REFILL_VEH_S
                    if freed_s.size:
                        free_s = freed_s[out, min(int(lacking), freed_s.shape[1]) - 1]
                    released = max(due, int(min(10.0 * free_s, 2.0 * horizon_ds)))
                sent[out] += 1
                occupied = 1.0 - min(room_veh[out] / model.storage_veh[out], 1.0)
            release[count] = released
            group[count] = model.movement_group[movement[i]]
            worth = weight_veh[i] * model.group_weight[group[count]] * (1.0 - OCCUPIED_DISCOUNT * occupied)
            weight[count] = max(1, int(np.round(worth * WEIGHT_UNIT)))
            is_moving[count] = moving[i]
            count += 1
        starts[lane + 1] = count
    for k in range(len(model.recall_groups)):
        red_s = red_since_s[model.recall_groups[k]] - time_s
        for due_s, worth in (
            (red_s + constants[RECALL], constants[RECALL_WEIGHT]),
            (red_s + model.recall_maximum_red_s[k] - DEADLINE_MARGIN_S, DEADLINE_WEIGHT_VEH),
        ):
            if due_s * 10.0 < horizon_ds - 1:
                arrival[count] = release[count] = np.int64(np.round(due_s * 10.0))
                group[count] = model.recall_groups[k]
                weight[count] = max(1, int(np.round(worth * WEIGHT_UNIT)))
                is_moving[count] = False
                count += 1
        starts[lanes + k + 1] = count
    unserved = np.empty((count, 2), dtype=np.int64)
    for lane in range(every):
        last = starts[lane + 1]
        lasts_s = queued_s[lane] - constants[LASTING_FROM] if lane < lanes else 0.0
        lasting_ds = np.int64(np.round(10.0 * min(max(lasts_s, 0.0), constants[LASTING_MOST])))
        for i in range(starts[lane], last):
            # Vehicles queue first in first out, so those left unserved are the last ones: the k-th from the end adds
            # headway (k - 1/2) to the sum headway q^2 / 2 of the time that a queue of q needs to clear.
            place = last - i
            terminal_ds = 10.0 * (constants[HEADWAY] * (place - 0.5) + constants[QUEUE_PENALTY])
            waited_ds = horizon_ds - arrival[i]
            if is_moving[i] and waited_ds > constants[STOP_TOLERANCE]:
                waited_ds += np.int64(constants[STOP_PENALTY])
            waited_ds += lasting_ds
            unserved[i, 0] = weight[i] * (waited_ds + np.int64(np.round(terminal_ds)))
            unserved[i, 1] = weight[i] * (waited_ds + np.int64(np.round(constants[GREEN_SHARE] * terminal_ds)))
    own = len(green_since_s)
    green_since = np.empty(own + len(model.path_start) - 1, dtype=np.int64)
    for g in range(own):
        green_since[g] = np.int64(np.round((min(green_since_s[g], green_start_s) - time_s) * 10.0))
    for p in range(len(model.path_start) - 1):
        green_since[own + p] = green_since[model.path_member[model.path_start[p] : model.path_start[p + 1]]].max()
    green_start_ds = int(np.round((green_start_s - time_s) * 10.0))
    earliest_ds = max(green_start_ds + model.minimum_green[stage], 0)
    return ProblemArrays(
        stage,
        green_start_ds,
        green_since,
        earliest_ds,
        max(green_start_ds + model.maximum_green[stage], earliest_ds),
        starts,
        free,
        model.headway,
        arrival[:count],
        release[:count],
        group[:count],
        weight[:count],
        is_moving[:count],
        unserved,
        model.tandem,
    )
