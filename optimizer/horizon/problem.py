"""The rolling-horizon problem: one traffic model that every engine solves.

The model
---------
All times are whole *deciseconds* (``_ds``), so that every engine computes the same cost to the last digit. Time 0 is now, H is the horizon.

A **plan** is a sequence of stages. The first is the current one. Each later stage is *commanded* at a time c of the
command grid (`command_grid_ds`); after the interstage from the old stage to it, at b = c + interstage, all groups it serves
are green. A group that it does not serve (a *closing* group) ends its green at e = c + lead, where 0 <= lead <= interstage is the
`closing_lead_ds` of the two stages and the group: where one group needs long to clear, the others go on meanwhile. A group
served by both stages stays green in between (with the aspect it had in the old stage until b). Groups that are still closing before the
first stage's green are red in the problem. Red with the permission to turn (RED_THEN_GO) counts as served: a group that goes from green
to it keeps its old aspect until b.

A stage may be left at the grid times c >= b + `least_green_ds` = b + max(minimum_green, startup, yellow_used), c > b, and no later
than b + maximum_green; the current stage at those c >= max(0, `earliest_change_ds`, `green_start_ds` + startup), and no later than
`latest_change_ds`. Where that latest time lies before H, the stage must be left (it cannot be the last) unless no change of it can
be commanded in time, for want of a grid time or of an allowed change: then the maximum is waived, and enforced by the monitor alone.

**Vehicles** stand in lanes, first in first out. Vehicle i of a lane departs at the least d with

* 0 <= d < H,
* d >= release_i  (>= arrival_i; later where the lane behind the junction has no room before),
* d >= departure of the vehicle before it + headway (for the first: d >= `lane_free_ds`),
* its group g is green: green start + startup <= d < e + yellow_used, where e = c + lead is the end of that green,
* aspect PERMISSIVE or RED_THEN_GO at d: for every vehicle v of another lane whose group h is one that g yields to and is served
  by the same stage: v departed at d_v <= d - clear, or release_v >= d + gap. The aspect at d (and "the same stage") is that of the stage
  that was last started (b <= d); for a closing group it is that of the stage that ended, until its used yellow is over. Before the
  start of the first stage's green it is the first stage's.
* RED_THEN_GO: d >= release_i + stop_then_go.
* where its way leads onto an inner lane m (`Tandem.onward`): m has room at d.

**Tandem queues**: a vehicle that departs at d onto the inner lane m comes to the stop line of m at d + travel, behind all who drove onto m
before (those who do so at the same time in the order of their lanes) and behind the vehicles that the problem gives m. There it is a
vehicle of m like any other, with that time as arrival and release, of the group `Tandem.group` of m, moving. As one that has priority it
counts from its departure d on. m has room at d where fewer than `Tandem.room_veh` are on m: those that the problem gives it, and those
who drove onto it before; a vehicle that leaves m frees its place one headway of m later, when the queue has moved up.

Departures happen in the order of time: what may leave at d depends on earlier departures only. Hence 0 < clear <= headway of every lane,
and 0 < gap.

**Sneakers**: where a permissive green (aspect PERMISSIVE) of group g ends at e, and the first vehicle left in a lane at e + yellow_used
belongs to g, has release <= e, and its line is free by e + yellow_used, that vehicle departs at d = e + yellow_used (if that is before
H): one per lane and green.

**Cost** (integer): for a vehicle that departs, weight * (d - arrival), plus weight * stop_penalty if it was moving and d - arrival >
stop_tolerance.
For a vehicle that does not, `unserved_cost` [i][0] if its group is red and [i][1] if it is served by the plan's last stage; plus
change_penalty * `WEIGHT_UNIT` for each change. A vehicle pays at each stop line of its way; who drove onto an inner lane and is left there
pays weight * (max(0, H - arrival) + `Tandem.terminal_ds` [0] or [1]), and weight * stop_penalty where H - arrival > stop_tolerance. An
`unserved_cost` should be no less than the cost of departing just before H, and [i][1] no more than [i][0] (where serving a vehicle could be
dearer than not serving it, the search is still right but far slower).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from optimizer.horizon.paths import ways_of
from optimizer.intersection import Aspect, Intersection, interstage_matrix_s

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.horizon.parameters import HorizonParameters

DS_PER_S: Final = 10
"""Deciseconds per second."""

STEP_DS: Final = 10
"""Fine step of the command grid."""

WEIGHT_UNIT: Final = 10
"""Weight of one ordinary vehicle (whole numbers let a bus count 300 and a doubtful vehicle 5)."""

RED, PROTECTED, PERMISSIVE, RED_THEN_GO = range(4)
_CODE = {Aspect.RED: RED, Aspect.PROTECTED: PROTECTED, Aspect.PERMISSIVE: PERMISSIVE, Aspect.RED_THEN_GO: RED_THEN_GO}


class Tandem(NamedTuple):
    """The inner lanes of a junction: their queues are fed by its own stop lines. All arrays are empty where there are none.

    Attributes
    ----------
    onward
        Lane onto which vehicles of the lane and the group drive from their stop line, -1 where they leave; shape ``(lanes, groups)``. No
        lane leads back to itself over others.
    travel_ds
        Time from one stop line to the next, 1 or more; shape ``(lanes, groups)``.
    room_veh
        Vehicles that an inner lane holds, 1 or more; 0 for other lanes; shape ``(lanes,)``.
    group
        Group of those who drove onto an inner lane, shape ``(lanes,)``.
    terminal_ds
        What each of them costs that is left there, by its weight, where its group is red and where it is green at the end of the plan;
        shape ``(lanes, 2)``.
    """

    onward: NDArray[np.int64]
    travel_ds: NDArray[np.int64]
    room_veh: NDArray[np.int64]
    group: NDArray[np.int64]
    terminal_ds: NDArray[np.int64]


_NO_ROWS: Final = np.zeros((0, 0), dtype=np.int64)
_NO_NUMBERS: Final = np.zeros(0, dtype=np.int64)
NO_TANDEM: Final = Tandem(_NO_ROWS, _NO_ROWS, _NO_NUMBERS, _NO_NUMBERS, _NO_ROWS)
"""No inner lanes."""


def to_ds(seconds: float) -> int:
    """Round seconds to whole deciseconds."""
    return round(seconds * DS_PER_S)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SignalModel:
    """The part of the problem that a junction's description fixes.

    The groups are those of the junction, and behind them its path groups (see `optimizer.horizon.paths`): those are served where all
    groups of the path are, give way where one of them does, and end their green so early that who passes the first stop line then still
    passes the last.

    Attributes
    ----------
    service
        Aspect code of each group in each stage, shape ``(stages, groups)``: 0 red, 1 protected, 2 permissive, 3 red-then-go.
    interstage_ds
        Shape ``(stages, stages)``; -1 where the change is not allowed.
    closing_lead_ds
        How much later than the command from the first to the second stage the group ends its green, shape ``(stages, stages, groups)``;
        from 0 to the interstage, 0 where the group does not close.
    minimum_green_ds, maximum_green_ds
        Shape ``(stages,)``.
    yields
        Whether group g gives way to group h, shape ``(groups, groups)``; acyclic for vehicles of different lanes in one stage.
    horizon_ds, fine_grid_until_ds, startup_ds, yellow_used_ds, gap_ds, clear_ds, stop_then_go_ds, stop_penalty_ds, stop_tolerance_ds,
    change_penalty_ds
        See `HorizonParameters`.
    """

    service: NDArray[np.int64]
    interstage_ds: NDArray[np.int64]
    closing_lead_ds: NDArray[np.int64]
    minimum_green_ds: NDArray[np.int64]
    maximum_green_ds: NDArray[np.int64]
    yields: NDArray[np.bool_]
    horizon_ds: int
    fine_grid_until_ds: int
    startup_ds: int
    yellow_used_ds: int
    gap_ds: int
    clear_ds: int
    stop_then_go_ds: int
    stop_penalty_ds: int
    stop_tolerance_ds: int
    change_penalty_ds: int

    @classmethod
    def from_intersection(cls, junction: Intersection, parameters: HorizonParameters) -> SignalModel:
        """Compile a junction's description."""
        stages = range(len(junction.stages))
        # A change is commanded on full seconds, so an interstage lasts whole seconds.
        interstage = np.ceil(interstage_matrix_s(junction)).astype(np.int64) * DS_PER_S
        for a in stages:
            for b in stages:
                if a == b or not junction.change_allowed(a, b):
                    interstage[a, b] = -1
        paths = ways_of(junction).path_groups
        own = len(junction.groups)
        groups = own + len(paths)
        service = np.zeros((len(stages), groups), dtype=np.int64)
        service[:, :own] = [[_CODE[a] for a in stage.aspects] for stage in junction.stages]
        lead = np.zeros((len(stages), len(stages), groups), dtype=np.int64)
        yields = np.zeros((groups, groups), dtype=np.bool_)
        for g, others in enumerate(junction.yields_to):
            yields[g, list(others)] = True
        for g, (members, _) in enumerate(paths, start=own):
            passed = service[:, list(members)]
            service[:, g] = np.where((passed == RED).any(axis=1), RED, passed.max(axis=1))
            yields[g] = yields[list(members)].any(axis=0)
        for g, (members, _) in enumerate(paths, start=own):
            yields[:, g] |= yields[:, members[0]]  # who gives way to the first stop line gives way to those who drive through
        for a, b in zip(*np.nonzero(interstage >= 0), strict=True):
            ends_s = junction.green_ends_s(int(a), int(b), 0.0, interstage[a, b] / DS_PER_S)
            for g, end_s in ends_s.items():
                # Who may turn on red afterwards has no end in the model.
                if not junction.stages[b].lets_go(g):
                    lead[a, b, g] = to_ds(end_s)
            for g, (members, lags_s) in enumerate(paths, start=own):
                ends = [ends_s[member] - lag_s for member, lag_s in zip(members, lags_s, strict=True) if member in ends_s]
                lead[a, b, g] = max(to_ds(min(ends, default=0.0)), 0) if service[a, g] != RED and service[b, g] == RED else 0
        return cls(
            service=service,
            interstage_ds=interstage,
            closing_lead_ds=lead,
            minimum_green_ds=np.array([to_ds(junction.stage_minimum_green_s(s)) for s in stages], dtype=np.int64),
            maximum_green_ds=np.array([to_ds(stage.maximum_green_s) for stage in junction.stages], dtype=np.int64),
            yields=yields,
            horizon_ds=to_ds(parameters.horizon_s),
            fine_grid_until_ds=to_ds(parameters.fine_grid_until_s),
            startup_ds=to_ds(parameters.startup_s),
            yellow_used_ds=to_ds(parameters.yellow_used_s),
            gap_ds=to_ds(parameters.gap_s),
            clear_ds=to_ds(parameters.clear_s),
            stop_then_go_ds=to_ds(parameters.stop_then_go_s),
            stop_penalty_ds=to_ds(parameters.stop_penalty_s),
            stop_tolerance_ds=to_ds(parameters.stop_tolerance_s),
            change_penalty_ds=to_ds(parameters.change_penalty_s),
        )


@dataclass(frozen=True, slots=True)
class HorizonProblem:
    """One junction's decision: signals, their present state, and the vehicles that are expected.

    Attributes
    ----------
    signals
        What the junction's description fixes.
    stage
        The stage that is green, or the next one where an interstage runs.
    green_start_ds
        Start of that stage's green: not after 0, or in the future during an interstage.
    group_green_since_ds
        Start of green of each group that `stage` serves (not after `green_start_ds`), shape ``(groups,)``.
    earliest_change_ds, latest_change_ds
        Bounds on the first command.
    lane_start
        Vehicles ``lane_start[l]`` to ``lane_start[l + 1]`` belong to lane l, in their order; shape ``(lanes + 1,)``.
    lane_free_ds
        When the next vehicle of the lane may cross the stop line at the earliest, shape ``(lanes,)``.
    headway_ds
        Time between departures, shape ``(lanes,)``.
    arrival_ds, release_ds, group, weight, moving, unserved_cost
        Per vehicle, shapes ``(vehicles,)`` and ``(vehicles, 2)``. Every arrival lies before the horizon; `arrival_ds` may be negative for a
        vehicle that waits already.
    tandem
        The inner lanes.
    """

    signals: SignalModel
    stage: int
    green_start_ds: int
    group_green_since_ds: NDArray[np.int64]
    earliest_change_ds: int
    latest_change_ds: int
    lane_start: NDArray[np.int64]
    lane_free_ds: NDArray[np.int64]
    headway_ds: NDArray[np.int64]
    arrival_ds: NDArray[np.int64]
    release_ds: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.int64]
    moving: NDArray[np.bool_]
    unserved_cost: NDArray[np.int64]
    tandem: Tandem = NO_TANDEM


def least_green_ds(signals: SignalModel) -> NDArray[np.int64]:
    """Return how long after the start of each stage's green it may be left at the earliest, shape ``(stages,)``."""
    return np.maximum(signals.minimum_green_ds, max(signals.startup_ds, signals.yellow_used_ds, 1)).astype(np.int64)


def command_grid_ds(signals: SignalModel) -> NDArray[np.int64]:
    """Return the times at which a change may be commanded: each second at first, each second one later."""
    fine = np.arange(0, min(signals.fine_grid_until_ds, signals.horizon_ds), STEP_DS)
    coarse = np.arange(signals.fine_grid_until_ds, signals.horizon_ds, 2 * STEP_DS)
    return np.concatenate([fine, coarse]).astype(np.int64)
