"""What the comparison controllers have in common: every so many seconds, show the stage with the best score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from optimizer.decision import Decision
from optimizer.observation import InformationClass
from optimizer.presence import Presence
from optimizer.red_limits import RedClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation, Observation, VehicleViews


class ServedStreams:
    """Which movements and lanes the stages of one junction serve.

    Attributes
    ----------
    movements
        Whether a stage lets a movement go, at green or on red after stopping, shape ``(stages, movements)``.
    incoming, outgoing
        Whether a stage lets traffic leave an incoming lane or enter an outgoing one, shapes ``(stages, lanes)``.
    """

    def __init__(self, junction: Intersection) -> None:
        shape = len(junction.stages), len(junction.movements)
        self.movements = np.zeros(shape, dtype=np.bool_)
        self.incoming = np.zeros((shape[0], len(junction.incoming)), dtype=np.bool_)
        self.outgoing = np.zeros((shape[0], len(junction.outgoing)), dtype=np.bool_)
        for stage, described in enumerate(junction.stages):
            for index, movement in enumerate(junction.movements):
                if described.lets_go(movement.group):
                    self.movements[stage, index] = True
                    self.incoming[stage, movement.incoming] = True
                    self.outgoing[stage, movement.outgoing] = True


class StageByScore(ABC):
    """Shows the stage with the highest score, deciding at a fixed interval (the rules of RESCO: the yellow lies inside the interval).

    Equal scores keep the present stage, or else take the first. A stage is never left before its minimum green; where a maximum red or a
    maximum green calls for a change, that comes first.

    Parameters
    ----------
    interval_s
        Time between two decisions.
    zone_m
        Only vehicles up to this distance from the stop line count; at most the 200 m of the information class.

    Raises
    ------
    ValueError
        If a parameter is not positive.
    """

    name: ClassVar[str]
    information = InformationClass.ZONE

    def __init__(self, interval_s: float, zone_m: float) -> None:
        if not interval_s > 0 or not zone_m > 0:
            raise ValueError(f"{self.name}: interval_s={interval_s} and zone_m={zone_m} must both be positive.")
        self.interval_s = interval_s
        self.zone_m = zone_m
        self._junctions: dict[str, Intersection] = {}
        self._streams: dict[str, ServedStreams] = {}
        self._clocks: dict[str, RedClock] = {}
        self._presences: dict[str, Presence] = {}
        self._next_s = -np.inf

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Take over the junctions (by id) before the first decision."""
        self._junctions = dict(junctions)
        self._streams = {name: ServedStreams(junction) for name, junction in junctions.items()}
        self._clocks = {name: RedClock(junction) for name, junction in junctions.items()}
        self._presences = {name: Presence(junction) for name, junction in junctions.items()}
        self._next_s = -np.inf

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction whose stage is to change."""
        now_s = observation.time_s
        regular = now_s >= self._next_s
        if regular:
            self._next_s = now_s + self.interval_s
        decisions = {}
        for name, seen in observation.junctions.items():
            decision = self._decide_junction(name, now_s, seen, regular=regular)
            if decision is not None:
                decisions[name] = decision
        return decisions

    @abstractmethod
    def scores(self, streams: ServedStreams, vehicles: VehicleViews) -> NDArray[np.int64]:
        """Return the score of each stage, shape ``(stages,)``."""

    def in_zone(self, vehicles: VehicleViews) -> NDArray[np.bool_]:
        """Return which vehicles count, shape ``(vehicles,)``."""
        return vehicles.distance_m <= self.zone_m

    def _decide_junction(self, name: str, now_s: float, seen: JunctionObservation, *, regular: bool) -> Decision | None:
        junction, signal, clock = self._junctions[name], seen.signal, self._clocks[name]
        clock.follow(now_s, signal)
        clock.see(now_s, self._presences[name].waited_s(seen))
        due = clock.stage_due(now_s, signal)
        if due is not None:
            return Decision(due, reason="maximum red or green")
        if now_s < signal.green_start_s + junction.stage_minimum_green_s(signal.stage):
            return None
        if not regular or seen.vehicles is None:
            return None
        scores = self.scores(self._streams[name], seen.vehicles)
        best = max(
            (stage for stage in range(len(scores)) if stage == signal.stage or junction.change_allowed(signal.stage, stage)),
            key=lambda stage: (scores[stage], stage == signal.stage, -stage),
        )
        if best == signal.stage:
            return None
        due = clock.stage_due(now_s, signal, wanted=best)
        if due is not None:
            return Decision(due, reason="maximum red or green")
        return Decision(best, reason=f"{self.name}: {scores[best]} against {scores[signal.stage]}")
