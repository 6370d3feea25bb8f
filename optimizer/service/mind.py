"""All that is kept in memory of one junction: what its planner and its monitor have learnt, and how that survives a restart."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.connectors import ConnectorGuard
from optimizer.estimation.loop_faults import FaultKind
from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.snapshots import SnapshotError
from optimizer.estimation.zone import ZoneEstimator
from optimizer.horizon.parameters import HorizonParameters
from optimizer.monitor import Monitor
from optimizer.neighbours import Link, NeighbourTraffic, loops_reach_m, no_departures
from optimizer.observation import ZONE_M, InformationClass, JunctionObservation, LoopReadings, SignalStatus
from optimizer.planner import JunctionPlanner
from optimizer.presence import Presence
from optimizer.red_limits import RedClock
from optimizer.service.engine import KeptEstimator, PlanningEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.decision import Decision
    from optimizer.estimation.loop_faults import LoopFault
    from optimizer.intersection import Intersection
    from optimizer.monitor import Violation
    from optimizer.priority import PriorityRequest
    from optimizer.service.description import JunctionDescription, NeighbourLink
    from optimizer.service.messages import Outflow

STANDING_HOLDS_S: Final = 5.0
"""What a neighbour says of a short lane counts for so long; then its answers have stopped, and nobody is to wait for it for ever."""

REMEMBERED_CHANGES: Final = 64
"""Changes of the signals that are kept, so that minimum greens and maximum reds are known after a restart."""


class Mind:
    """One junction's planner with its estimator, and the monitor that watches what is reported.

    Parameters
    ----------
    junction
        Its description.
    description
        The same as it was put: which neighbours send to it, and the short lanes between.
    information
        What is reported of the traffic.

    Attributes
    ----------
    engine, estimator, monitor, clock
        The parts, for the answer.
    """

    def __init__(self, junction: Intersection, description: JunctionDescription, information: InformationClass) -> None:
        links = description.links
        self.junction, self.information = junction, information
        self.engine = PlanningEngine(junction)
        self.learner = LoopEstimator(junction) if information is InformationClass.LOOPS else ZoneEstimator(junction)
        self.estimator = KeptEstimator(self.learner, junction)
        self.monitor = Monitor(junction)
        self.clock = RedClock(junction)
        self._presence = Presence(junction)
        outgoing = {lane.id: index for index, lane in enumerate(junction.outgoing)}
        sources = list(dict.fromkeys((*(link.source for link in links), *(exit_.junction for exit_ in description.exits))))
        rows = {junction.id: 0} | {source: row for row, source in enumerate(sources, start=1) if source != junction.id}
        self._departures = no_departures(len(sources) + 1)
        self._rows = {source: row for source, row in rows.items() if row > 0}
        self._places = {source: _places(links, source) for source in sources}
        self._from_ids = [lane.id for lane in junction.incoming]
        self._lane_ids = np.array([lane.id for lane in junction.outgoing], dtype=object)
        incoming = {lane.id: index for index, lane in enumerate(junction.incoming)}
        known = [
            Link(
                source=link.source,
                outgoing=self._places[link.source][link.lane],
                target=junction.id,
                lanes=tuple(incoming[lane] for lane in link.to),
                distance_m=link.distance_m,
                travel_time_s=link.travel_time_s,
            )
            for link in links
            if link.source != junction.id
        ]
        known += [
            Link(
                source=junction.id,
                outgoing=outgoing[exit_.lane],
                target=exit_.junction,
                lanes=(),
                distance_m=junction.outgoing[outgoing[exit_.lane]].length_m,
                travel_time_s=0.0,
                lane=outgoing[exit_.lane],
            )
            for exit_ in description.exits
            if exit_.junction != junction.id
        ]
        sight_m = loops_reach_m(junction) if information is InformationClass.LOOPS else [ZONE_M] * len(junction.incoming)
        seen = information is InformationClass.ZONE
        self._neighbours = NeighbourTraffic(junction, known, self._departures, rows, sight_m, HorizonParameters(), room_is_seen=seen)
        self._exits = {(exit_.junction, exit_.lane): outgoing[exit_.lane] for exit_ in description.exits}
        self._standing = dict.fromkeys(description.connectors, 0)
        self._fed = self._standing.keys() & {lane.id for lane in junction.outgoing}
        self._received = self._standing.keys() & set(incoming)
        guard = ConnectorGuard(junction, self._standing) if self._standing else None
        self._planner = JunctionPlanner(junction, self.estimator, self.engine, self._neighbours, connectors=guard)
        self._statuses: deque[tuple[float, SignalStatus]] = deque(maxlen=REMEMBERED_CHANGES)
        self._shown: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_CHANGES)

    def decide(self, time_s: float, seen: JunctionObservation, requests: tuple[PriorityRequest, ...] = ()) -> Decision | None:
        """Take in one second and return what the planner wants, None to stay."""
        seen = self._with_known_status(time_s, seen)
        waited_s = self._presence.waited_s(seen)
        self.clock.see(time_s, waited_s)
        self.monitor.see(time_s, waited_s)
        self.estimator.requests = requests
        return self._planner.decide(time_s, seen)

    def tell(self, time_s: float, seen: JunctionObservation) -> None:
        """Take in one second without asking for a decision."""
        self.engine.muted = True
        try:
            self.decide(time_s, seen)
        finally:
            self.engine.muted = False

    def watch(self, since_s: float, state: str) -> tuple[Violation, ...]:
        """Let the monitor take note of what was shown, be it safe or not; what it knows already is passed over."""
        if self._shown and (since_s < self._shown[-1][0] or (since_s, state) == self._shown[-1]):
            return ()
        self._shown.append((since_s, state))
        return self.monitor.witness(since_s, state)

    def hear(self, time_s: float, outflows: Sequence[Outflow]) -> None:
        """Take in what the neighbours have sent and plan to send, and by which lanes."""
        self._standing.update(dict.fromkeys(self._fed, 0))
        for outflow in outflows:
            if outflow.time_s is not None and outflow.time_s >= time_s - STANDING_HOLDS_S:
                self._standing.update({lane: number for lane, number in outflow.standing.items() if lane in self._fed})
            row = self._rows.get(outflow.junction)
            if row is None:
                continue
            places = self._places[outflow.junction]
            froms = outflow.from_lanes or [""] * len(outflow.lanes)
            count = 0
            for leaves_s, lane, from_lane in zip(outflow.times_s, outflow.lanes, froms, strict=True):
                outgoing, incoming = places.get(lane, -1), self._exits.get((outflow.junction, from_lane), -1)
                if outgoing >= 0 or incoming >= 0:
                    self._departures.time_s[row, count] = leaves_s
                    self._departures.outgoing[row, count], self._departures.incoming[row, count] = outgoing, incoming
                    count += 1
            self._departures.number[row] = count
            for (junction, lane), place in self._exits.items():
                if junction == outflow.junction:  # of a lane on which nobody stands nothing is told
                    self._departures.standing[row, place] = outflow.standing.get(lane, 0)

    def outflow(self, time_s: float) -> dict[str, object]:
        """Return the fields of `Outflow`: when vehicles left or are to leave the stop lines, by which lanes, and who stands before them."""
        count = self._departures.number[0]
        return {
            "junction": self.junction.id,
            "times_s": self._departures.time_s[0, :count].tolist(),
            "lanes": self._lane_ids[self._departures.outgoing[0, :count]].tolist(),
            "from_lanes": [self._from_ids[lane] for lane in self._departures.incoming[0, :count].tolist()],
            "time_s": time_s,
            "standing": {
                **{self._from_ids[lane]: standing for lane, standing in enumerate(self._departures.standing[0].tolist()) if standing},
                **{lane: self._standing[lane] for lane in sorted(self._received)},
            },
        }

    def latest_change_s(self, status: SignalStatus) -> float:
        """Return when the stage must be left for another at the latest; infinite where nothing conflicts."""
        limits = self.clock.limits
        due_s = limits.latest_change_s(status.stage, self.clock.reds)
        return min(status.green_start_s + limits.green_limit_s[status.stage], due_s)

    @property
    def faults(self) -> tuple[LoopFault, ...]:
        """The loops that are not believed now."""
        return self.learner.faults if isinstance(self.learner, LoopEstimator) else ()

    @property
    def disbelieved(self) -> tuple[LoopFault, ...]:
        """Those of `faults` that send what cannot be right (that a loop is silent is another matter)."""
        return tuple(fault for fault in self.faults if fault.kind is not FaultKind.SILENT)

    def take_habits(self, earlier: Mind) -> None:
        """Take over what was learnt of the traffic's habits, where both learn from loops."""
        if isinstance(self.learner, LoopEstimator) and isinstance(earlier.learner, LoopEstimator):
            self.learner.take_habits(earlier.learner)

    def snapshot(self) -> dict[str, object]:
        """Return what would be lost with the process, as plain values."""
        return {
            "information": str(self.information),
            "learner": self.learner.snapshot().hex(),
            "neighbours": self._neighbours.snapshot().hex(),
            "statuses": [(time_s, s.stage, s.previous, s.green_start_s, s.commanded_s) for time_s, s in self._statuses],
            "shown": list(self._shown),
        }

    def restore(self, kept: dict[str, object]) -> None:
        """Take up what a snapshot holds: tell planner and monitor the history of the signals, and give the learners their state.

        Raises
        ------
        SnapshotError
            If it belongs to another description or version.
        """
        try:
            statuses = [(float(row[0]), SignalStatus(int(row[1]), int(row[2]), float(row[3]), float(row[4]))) for row in kept["statuses"]]  # type: ignore[attr-defined]
            shown = [(float(since_s), str(state)) for since_s, state in kept["shown"]]  # type: ignore[attr-defined]
            self.learner.restore(bytes.fromhex(str(kept["learner"])))
            self._neighbours.restore(bytes.fromhex(str(kept["neighbours"])))
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"the kept state cannot be read ({error}); it is left out.") from error
        self.engine.muted = self.estimator.muted = True
        try:
            for time_s, status in statuses:
                self.decide(time_s, JunctionObservation(status, loops=_no_readings(self.junction)))
        finally:
            self.engine.muted = self.estimator.muted = False
        for since_s, state in shown:
            self.watch(since_s, state)

    def _with_known_status(self, time_s: float, seen: JunctionObservation) -> JunctionObservation:
        """Give the planner one and the same status as long as nothing changes (it tells changes by identity), and note the changes."""
        if self._statuses and self._statuses[-1][1] == seen.signal:
            return JunctionObservation(self._statuses[-1][1], seen.loops, seen.vehicles)
        self._statuses.append((time_s, seen.signal))
        self.clock.follow(time_s, seen.signal)
        return seen


def _places(links: Sequence[NeighbourLink], source: str) -> dict[str, int]:
    return {lane: place for place, lane in enumerate(dict.fromkeys(link.lane for link in links if link.source == source))}


def _no_readings(junction: Intersection) -> LoopReadings:
    loops = len(junction.detectors)
    return LoopReadings(np.zeros(loops, dtype=np.int64), np.zeros(loops), np.zeros(loops), np.full(loops, np.nan))
