"""Which loops have failed, from their readings alone: silent, stuck off or stuck on.

A loop is held against the other loops of its lanes, its *witnesses*: each vehicle that they saw and that must have crossed the loop counts
against it, and any change that it reports itself (a vehicle reaches it, or it becomes free) clears it. So a side street at night and a
standing queue raise no alarm: nobody passes there. The bar is a Poisson test: where k vehicles are expected, none is counted with
probability exp(-k). Vehicles that may still be between the loop and its witness do not count, nor do those that may have changed lanes.
"""

# ruff: noqa: C901, FBT001, PLR0912, SIM110  # kernels: one loop with all its cases, and plain arguments

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.compiling import compiled
from optimizer.estimation.loop_mending import DENSEST_M
from optimizer.estimation.loop_tracking import FORGET_CROSSING_S, LEAST_CROSSING_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.estimation.loop_state import Geometry, State


class FaultKind(StrEnum):
    """What is wrong with a loop."""

    SILENT = "silent"
    STUCK_OFF = "stuck off"
    STUCK_ON = "stuck on"


@dataclass(frozen=True, slots=True)
class LoopFault:
    """A loop that is not believed.

    Attributes
    ----------
    loop
        The detector's id.
    kind
        What is wrong with it.
    since_s
        When it last gave a reading that was believed (minus infinity: never).
    """

    loop: str
    kind: FaultKind
    since_s: float


HEALTHY, SILENT, OFF, ON = range(4)
KINDS = {SILENT: FaultKind.SILENT, OFF: FaultKind.STUCK_OFF, ON: FaultKind.STUCK_ON}

SILENT_AFTER_S = 3.0
BACK_AFTER_S = 10.0
"""A silent loop is believed again when it has sent for so long."""
BACK_AFTER_VEH = 3
"""A stuck loop is believed again when it has counted so many."""
UNSEEN_VEH = 10.0
UNSEEN_ELSEWHERE_VEH = 15.0
"""None is counted where so many are expected: exp(-10) = 5e-5; more for far and exit loops, whose vehicles may take other ways."""
DOUBT_KEPT = 0.995
"""What is unexplained behind the junction is forgotten in a few minutes: matches in time err now and then."""
JAMMED_AFTER_S = 8.0
LANE_SHARE = 0.5
STREET_SHARE = 0.1
"""Least shares that a loop is taken to count of its lane's traffic."""


class FaultState(NamedTuple):
    """What is known of the loops' health, and the readings to believe, changed in place each second (per detector unless said)."""

    counts: NDArray[np.int64]  # the readings to believe, as in `LoopReadings`
    occupied_s: NDArray[np.float64]
    speed_m_s: NDArray[np.float64]
    kind: NDArray[np.int64]
    changed_s: NDArray[np.float64]  # when the loop last counted or became free
    since_s: NDArray[np.float64]  # when a failed loop was last believed
    silent_s: NDArray[np.float64]  # for how long it has sent nothing
    sent_s: NDArray[np.float64]  # for how long it has sent
    covered: NDArray[np.bool_]
    unseen_veh: NDArray[np.float64]  # vehicles that its witnesses saw since it last changed
    balance_veh: NDArray[np.float64]  # the same, less what its neighbours on the approach saw instead
    back_veh: NDArray[np.int64]  # counted since it failed
    owed_veh: NDArray[np.float64]  # part of a vehicle that a stand-in has still to count
    open_s: NDArray[np.float64]  # per lane: when its traffic might last go
    line_free_s: NDArray[np.float64]  # per lane: when the next vehicle may cross a stop line whose loop has failed
    stands_since_s: NDArray[np.float64]  # per lane: since when a vehicle is taken to stand there; negative where none is


def all_believed(geometry: Geometry) -> FaultState:
    """Return the state in which all loops are believed."""
    loops, lanes = geometry.detectors, len(geometry.lane_speed)
    return FaultState(
        counts=np.zeros(loops, dtype=np.int64),
        occupied_s=np.zeros(loops),
        speed_m_s=np.full(loops, np.nan),
        kind=np.zeros(loops, dtype=np.int64),
        changed_s=np.full(loops, -np.inf),
        since_s=np.full(loops, -np.inf),
        silent_s=np.zeros(loops),
        sent_s=np.zeros(loops),
        covered=np.zeros(loops, dtype=np.bool_),
        unseen_veh=np.zeros(loops),
        balance_veh=np.zeros(loops),
        back_veh=np.zeros(loops, dtype=np.int64),
        owed_veh=np.zeros(loops),
        open_s=np.full(lanes, -1e9),
        line_free_s=np.full(lanes, -1e9),
        stands_since_s=np.full(lanes, -1.0),
    )


@compiled
def find_faults(
    g: Geometry,
    s: State,
    f: FaultState,
    time_s: float,
    count: NDArray[np.int64],
    occupied_s: NDArray[np.float64],
    green_for_s: NDArray[np.float64],
    permissive: NDArray[np.bool_],
) -> bool:
    """Take in one second of raw readings; return whether a loop has failed or come back in it."""
    changed = False
    for loop in range(len(count)):
        changed |= _hear(f, loop, time_s, count[loop], occupied_s[loop])
    for lane in range(len(g.lane_speed)):
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            group = g.movement_group[g.movement_order[k]]
            if green_for_s[group] >= 0.0 or permissive[group]:
                f.open_s[lane] = time_s
        _witness_lane(g, s, f, lane, count)
    _witness_exits(g, s, f, time_s, count)
    for lane in range(len(g.lane_speed)):
        stop, near, far = g.stop[lane], g.near[lane], g.far[lane]
        if stop >= 0:
            between = g.near_m[lane] / DENSEST_M if near >= 0 and f.covered[stop] else 0.0
            changed |= _judge(f, stop, between)
        if near >= 0:
            changed |= _judge(f, near, (g.near_m[lane] if _believed(f, stop) else g.far_m[lane] - g.near_m[lane]) / DENSEST_M)
        if far >= 0:
            changed |= _judge(
                f, far, UNSEEN_ELSEWHERE_VEH - UNSEEN_VEH + (g.far_m[lane] - (g.near_m[lane] if _believed(f, near) else 0.0)) / DENSEST_M
            )
    for out in range(len(g.exit)):
        if g.exit[out] >= 0:
            changed |= _judge(f, g.exit[out], UNSEEN_ELSEWHERE_VEH - UNSEEN_VEH)
    return changed


@compiled
def _hear(f: FaultState, loop: int, time_s: float, count: int, occupied_s: float) -> bool:
    """Take in what a loop says of itself."""
    if count < 0:
        f.silent_s[loop] += 1.0
        f.sent_s[loop] = 0.0
        return f.kind[loop] != SILENT and f.silent_s[loop] >= SILENT_AFTER_S and _fail(f, loop, SILENT)
    f.silent_s[loop] = 0.0
    f.sent_s[loop] += 1.0
    was_covered = f.covered[loop]
    f.covered[loop] = occupied_s > 0.0
    changes = count > 0 or was_covered != f.covered[loop]
    if changes:
        f.changed_s[loop] = time_s
        f.unseen_veh[loop] = 0.0
        f.balance_veh[loop] = 0.0
        f.back_veh[loop] += count
    if f.kind[loop] == HEALTHY:
        return False
    back: bool = f.sent_s[loop] >= BACK_AFTER_S if f.kind[loop] == SILENT else f.back_veh[loop] >= BACK_AFTER_VEH
    if back:
        f.kind[loop] = HEALTHY
        f.unseen_veh[loop] = 0.0
        f.balance_veh[loop] = 0.0
    return back


@compiled
def _believed(f: FaultState, loop: int) -> bool:
    """Whether there is such a loop and it has not failed."""
    believed: bool = loop >= 0 and f.kind[loop] == HEALTHY and f.silent_s[loop] == 0.0
    return believed


@compiled
def _witness_lane(g: Geometry, s: State, f: FaultState, lane: int, count: NDArray[np.int64]) -> None:
    """Let the loops of a lane witness for each other."""
    stop, near, far = g.stop[lane], g.near[lane], g.far[lane]
    crossed = count[stop] if _believed(f, stop) else 0
    came = count[near] if _believed(f, near) else 0
    entered = count[far] if _believed(f, far) else 0
    # The lane may be left for the next one between two loops, and streets may join between the far and the near one: what share of
    # its lane's traffic a loop counts is learnt.
    if stop >= 0 and came > 0 and g.near_alone[lane]:
        _see(f, stop, came * _share(g, s, lane, stop, near))
    if near >= 0 and crossed > 0:
        _see(f, near, crossed * _share(g, s, lane, near, stop))
    if near >= 0 and entered > 0 and (stop < 0 or f.kind[stop] != HEALTHY):
        _see(f, near, entered * _share(g, s, lane, near, far))
    if far >= 0 and came > 0:
        _see(f, far, came * min(max(s.loop_rate[far] / s.loop_rate[near], STREET_SHARE), 1.0))
    elif far >= 0 and crossed > 0 and not _believed(f, near):
        _see(f, far, crossed * min(max(s.loop_rate[far] / s.loop_rate[stop], STREET_SHARE), 1.0))
    if came == crossed or not g.near_alone[lane] or not _believed(f, stop) or not _believed(f, near):
        return
    # vehicles change lanes between the near loop and the stop line: what one lane has too much the next one lacks
    for other in range(len(g.near)):
        if other != lane and g.approach[other] == g.approach[lane]:
            if g.stop[other] >= 0:
                f.balance_veh[g.stop[other]] = max(0.0, f.balance_veh[g.stop[other]] + came - crossed)
            if g.near[other] >= 0:
                f.balance_veh[g.near[other]] = max(0.0, f.balance_veh[g.near[other]] + crossed - came)


@compiled
def _share(g: Geometry, s: State, lane: int, loop: int, witness: int) -> float:
    """Return what a loop usually counts for each vehicle over its witness; on an approach of one lane all of them."""
    for other in range(len(g.near)):
        if other != lane and g.approach[other] == g.approach[lane]:
            share: float = min(max(s.loop_rate[loop] / s.loop_rate[witness], LANE_SHARE), 1.0)
            return share
    return 1.0


@compiled
def _see(f: FaultState, loop: int, vehicles: float) -> None:
    """Hold vehicles that its witnesses saw against a loop."""
    f.unseen_veh[loop] += vehicles
    f.balance_veh[loop] += vehicles


@compiled
def _witness_exits(g: Geometry, s: State, f: FaultState, time_s: float, count: NDArray[np.int64]) -> None:
    """Who comes out of the junction must have gone in, and the other way round.

    Vehicles may change lanes behind the junction before they cross an exit loop, so the account of the whole junction counts as well.
    """
    lanes = len(g.lane_speed)
    inside = s.inside_count[0]
    for out in range(len(g.exit)):
        loop = g.exit[out]
        if loop < 0:
            continue
        f.unseen_veh[loop] *= DOUBT_KEPT
        f.balance_veh[loop] *= DOUBT_KEPT
        if not _believed(f, loop) or count[loop] <= 0:
            continue
        if not _explained(g, s, out, time_s):
            # it came by a way that is thought to lead elsewhere, where it is missed now
            for other in range(len(g.exit)):
                if g.exit[other] >= 0:
                    f.balance_veh[g.exit[other]] = max(0.0, f.balance_veh[g.exit[other]] - count[loop])
        inside -= count[loop]
        if inside >= 0:
            continue
        inside = 0
        suspects = 0
        for lane in range(lanes):
            suspects += _may_have_passed(g, f, lane, out, time_s)
        for lane in range(lanes):
            if _may_have_passed(g, f, lane, out, time_s):
                _see(f, g.stop[lane], 1.0 / suspects)
    jammed = False
    for out in range(len(g.exit)):
        loop = g.exit[out]
        jammed |= loop >= 0 and _believed(f, loop) and f.covered[loop] and time_s - f.changed_s[loop] > JAMMED_AFTER_S
    for lane in range(lanes):
        place = 0
        while place < s.open_count[lane] and time_s - s.open_s[lane, place] > FORGET_CROSSING_S:
            suspects = 0
            for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
                suspects += _may_have_missed(g, f, g.movement_order[k], s.open_s[lane, place], jammed)
            for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
                if _may_have_missed(g, f, g.movement_order[k], s.open_s[lane, place], jammed):
                    _see(f, g.exit[g.movement_outgoing[g.movement_order[k]]], 1.0 / suspects)
            place += 1


@compiled
def _explained(g: Geometry, s: State, out: int, time_s: float) -> bool:
    """Whether a vehicle that is seen behind the junction may be one that was seen at a stop line that leads there."""
    for lane in range(len(g.lane_speed)):
        for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
            if g.movement_outgoing[g.movement_order[k]] == out:
                for place in range(s.open_count[lane]):
                    if time_s - s.open_s[lane, place] >= LEAST_CROSSING_S:
                        return True
    return False


@compiled
def _may_have_passed(g: Geometry, f: FaultState, lane: int, out: int, time_s: float) -> bool:
    """Whether a vehicle that is seen behind the junction may have crossed a stop line unseen: its loop has said nothing for long."""
    stop = g.stop[lane]
    if stop < 0 or time_s - f.changed_s[stop] < FORGET_CROSSING_S or time_s - f.open_s[lane] > FORGET_CROSSING_S:
        return False
    for k in range(g.first_movement[lane], g.first_movement[lane + 1]):
        if g.movement_outgoing[g.movement_order[k]] == out:
            return True
    return False


@compiled
def _may_have_missed(g: Geometry, f: FaultState, movement: int, entered_s: float, jammed: bool) -> bool:
    """Whether the loop behind a movement has said nothing since a vehicle entered the junction (in a jam it may be inside still)."""
    loop = g.exit[g.movement_outgoing[movement]]
    missed: bool = loop >= 0 and f.changed_s[loop] < entered_s and (f.covered[loop] or not jammed)
    return missed


@compiled
def _judge(f: FaultState, loop: int, between_veh: float) -> bool:
    """Call a loop stuck where its witnesses saw too many vehicles pass without a change."""
    if f.kind[loop] != HEALTHY or f.silent_s[loop] > 0.0:
        return False
    if f.unseen_veh[loop] < UNSEEN_VEH + between_veh or f.balance_veh[loop] < UNSEEN_VEH:
        return False
    return _fail(f, loop, ON if f.covered[loop] else OFF)


@compiled
def _fail(f: FaultState, loop: int, kind: int) -> bool:
    """Call a loop failed."""
    if f.kind[loop] == HEALTHY:
        f.since_s[loop] = f.changed_s[loop]
    f.kind[loop] = kind
    f.back_veh[loop] = 0
    f.owed_veh[loop] = 0.0
    return True
