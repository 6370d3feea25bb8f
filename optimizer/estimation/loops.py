"""Expected traffic from induction loops alone: one particle per vehicle, followed from loop to loop.

Each crossing of a far loop makes a particle with its expected times at the near loop and at the stop line. A crossing of the
near loop takes the earliest particle that is due there and moves it to the near list of the lane it is most likely on; a
crossing of the stop-line loop removes it. What the far loop has let in and the near loop has not yet seen is the queue beyond the
near loop.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.compiling import compiled, keep
from optimizer.estimation.lasting_queues import watch_queues
from optimizer.estimation.loop_expectation import expect
from optimizer.estimation.loop_faults import HEALTHY, KINDS, LoopFault, all_believed, find_faults
from optimizer.estimation.loop_standins import stand_in
from optimizer.estimation.loop_state import PARTICLES, fresh_state, geometry_of
from optimizer.estimation.loop_tracking import advance
from optimizer.estimation.snapshots import packed, unpack_into
from optimizer.estimation.traffic import room_for_traffic
from optimizer.intersection import Aspect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.compiling import Kept
    from optimizer.estimation.loop_faults import FaultState
    from optimizer.estimation.loop_state import Geometry, State
    from optimizer.estimation.traffic import ExpectedTraffic, TrafficArrays
    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation

_log = logging.getLogger(__name__)


HABITS = ("movement_credit", "lane_rate", "loop_rate", "far_late_s")
"""What of the state outlives the vehicles that it was learnt from."""

GOES_WHEN_FREE = (Aspect.PERMISSIVE, Aspect.RED_THEN_GO)


class _Tracked(NamedTuple):
    geometry: Geometry
    state: State
    health: FaultState
    traffic: TrafficArrays


class LoopEstimator:
    """Turns loop readings into expected traffic.

    Parameters
    ----------
    junction
        The junction's description, with detectors.
    """

    longest_clearing_s = 6.0  # less than with a zone: what loops say of the inside is a guess
    tells_inside_after: tuple[Aspect, ...] = (Aspect.PERMISSIVE,)  # of others, loops cannot tell who is held up from whom they have missed

    def __init__(self, junction: Intersection) -> None:
        self._junction = junction
        self._geometry = geometry_of(junction)
        self._state = fresh_state(self._geometry)
        self._health = all_believed(self._geometry)
        lanes = len(junction.incoming)
        most = lanes * (1 + 2 * PARTICLES)
        self._traffic = room_for_traffic(most, lanes, len(junction.outgoing), len(junction.groups), len(junction.movements))
        self._kept = keep(_Tracked(self._geometry, self._state, self._health, self._traffic))
        self._faults: tuple[LoopFault, ...] = ()
        self._unseen_groups = np.zeros(0, dtype=np.int64)  # whose vehicles inside the junction cannot be told
        self._permissive = np.array([[aspect in GOES_WHEN_FREE for aspect in stage.aspects] for stage in junction.stages], dtype=np.bool_)
        self._none_permissive = np.zeros(len(junction.groups), dtype=np.bool_)

    @property
    def faults(self) -> tuple[LoopFault, ...]:
        """The loops that are not believed now."""
        return self._faults

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
        signal = observation.signal
        permissive = self._permissive[signal.stage] if time_s >= signal.green_start_s else self._none_permissive
        # A time in whole seconds may come as an int, for which all of this would be compiled once more.
        changed, vehicles = _update(self._kept, float(time_s), loops.count, loops.occupied_s, loops.speed_m_s, green_for_s, permissive)
        if changed:
            self._report(time_s)
        if self._unseen_groups.size:
            self._traffic.inside[self._unseen_groups] = False
        return self._traffic.first(vehicles)

    def snapshot(self) -> bytes:
        """Return what has been learnt; see `optimizer.estimation.snapshots.Keeps`."""
        return packed(self._learnt())

    def restore(self, snapshot: bytes) -> None:
        """Take up what was learnt before."""
        unpack_into(self._learnt(), snapshot)
        self._note_faults()

    def take_habits(self, earlier: LoopEstimator) -> None:
        """Take over what an estimator of the same junction has learnt of the traffic's habits (shares, rates, delays), but no vehicle."""
        for name in HABITS:
            getattr(self._state, name)[:] = getattr(earlier._state, name)

    def _learnt(self) -> dict[str, NDArray[Any]]:
        """Return all that is learnt; the two parts have some names in common."""
        parts = {"state": self._state._asdict(), "health": self._health._asdict()}
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    def _report(self, time_s: float) -> None:
        """Name the loops that have failed, and log what is new."""
        before = {fault.loop for fault in self._faults}
        self._note_faults()
        for fault in self._faults:
            if fault.loop not in before:
                _log.warning("junction %s, loop %s: %s, found at %g s; it is replaced", self._junction.id, fault.loop, fault.kind, time_s)
        for loop in sorted(before - {fault.loop for fault in self._faults}):
            _log.warning("junction %s, loop %s: works again at %g s", self._junction.id, loop, time_s)

    def _note_faults(self) -> None:
        """Note which loops have failed, and whose vehicles inside the junction cannot be told for want of them."""
        kinds, since_s, detectors = self._health.kind, self._health.since_s, self._junction.detectors
        failed = np.flatnonzero(kinds != HEALTHY)
        self._faults = tuple(LoopFault(detectors[i].id, KINDS[int(kinds[i])], float(since_s[i])) for i in failed)
        blind_lanes = np.flatnonzero(np.isin(self._geometry.stop, failed))
        order, first = self._geometry.movement_order, self._geometry.first_movement
        ways = [m for lane in blind_lanes for m in order[first[lane] : first[lane + 1]]]
        blind_exits = np.isin(self._geometry.exit[self._geometry.movement_outgoing], failed)
        self._unseen_groups = np.unique(self._geometry.movement_group[[*ways, *np.flatnonzero(blind_exits)]])


@compiled
def _update(
    kept: Kept,
    time_s: float,
    count: NDArray[np.int64],
    occupied_s: NDArray[np.float64],
    speed_m_s: NDArray[np.float64],
    green_for_s: NDArray[np.float64],
    permissive: NDArray[np.bool_],
) -> tuple[bool, int]:
    """Take in one second of readings, those of failed loops replaced, and write what is expected.

    Return whether a loop has failed or come back, and the number of vehicles expected.
    """
    g, s, f, traffic = kept.value
    changed = find_faults(g, s, f, time_s, count, occupied_s, green_for_s, permissive)
    f.counts[:] = count
    f.occupied_s[:] = occupied_s
    f.speed_m_s[:] = speed_m_s
    stand_in(g, s, f, time_s, green_for_s, permissive)
    advance(g, s, time_s, f.counts, f.occupied_s, f.speed_m_s, green_for_s)
    vehicles = expect(g, s, time_s, f.occupied_s, traffic)
    watch_queues(time_s, traffic.lane_start, traffic.arrival_s, s.queued_since_s, traffic.queued_s)
    return changed, vehicles
