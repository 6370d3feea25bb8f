"""Controllers that learn, or have learned: every few seconds a policy is shown each junction as a vector and names a stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from controllers.features import JunctionFeatures
from optimizer.decision import Decision
from optimizer.observation import InformationClass
from optimizer.presence import Presence
from optimizer.red_limits import RedClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation, Observation


class StageByPolicy(ABC):
    """Shows the stages that a policy names, as far as they may be shown.

    A stage is never left before its minimum green, a change that the junction does not allow is left out, and where a maximum red or a
    maximum green calls for a change, that comes first; so nothing that the policy names is ever refused by the monitor.

    Parameters
    ----------
    information
        What the policy is shown: ``"zone"`` or ``"loops"``.
    interval_s
        Time between two of its choices.

    Raises
    ------
    ValueError
        If a parameter makes no sense.
    """

    def __init__(self, information: str = "zone", interval_s: float = 5.0) -> None:
        if information not in (InformationClass.LOOPS, InformationClass.ZONE):
            raise ValueError(f"a policy can be shown 'loops' or 'zone', not {information!r}.")
        if not interval_s >= 1:
            raise ValueError(f"interval_s={interval_s} must be at least 1.")
        self.information = InformationClass(information)
        self.interval_s = interval_s
        self.junctions: dict[str, Intersection] = {}
        self.features: dict[str, JunctionFeatures] = {}
        self._clocks: dict[str, RedClock] = {}
        self._presences: dict[str, Presence] = {}
        self._next_s = -np.inf

    @abstractmethod
    def choose(self, time_s: float, vectors: Mapping[str, NDArray[np.float32]]) -> Mapping[str, int]:
        """Return the stage wanted at each junction, by id.

        Parameters
        ----------
        time_s
            Now.
        vectors
            Each junction as `JunctionFeatures.vector` describes it.
        """

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Take over the junctions (by id) before the first decision."""
        self.junctions = dict(junctions)
        self.features = {name: JunctionFeatures(junction, self.information) for name, junction in junctions.items()}
        self._clocks = {name: RedClock(junction) for name, junction in junctions.items()}
        self._presences = {name: Presence(junction) for name, junction in junctions.items()}
        self._next_s = -np.inf

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction whose stage is to change."""
        now_s = observation.time_s
        for name, seen in observation.junctions.items():
            self.features[name].see(seen)
        wanted: Mapping[str, int] = {}
        if now_s >= self._next_s:
            self._next_s = now_s + self.interval_s
            wanted = self.choose(now_s, {name: self.features[name].vector(now_s, seen) for name, seen in observation.junctions.items()})
        decisions = {}
        for name, seen in observation.junctions.items():
            decision = self._decide_junction(name, now_s, seen, wanted.get(name, seen.signal.stage))
            if decision is not None:
                decisions[name] = decision
        return decisions

    def _decide_junction(self, name: str, now_s: float, seen: JunctionObservation, wanted: int) -> Decision | None:
        junction, signal, clock = self.junctions[name], seen.signal, self._clocks[name]
        clock.follow(now_s, signal)
        clock.see(now_s, self._presences[name].waited_s(seen))
        due = clock.stage_due(now_s, signal)
        if due is not None:
            return Decision(due, reason="maximum red or green")
        if now_s < signal.green_start_s + junction.stage_minimum_green_s(signal.stage):
            return None
        if wanted == signal.stage or not junction.change_allowed(signal.stage, int(wanted)):
            return None
        due = clock.stage_due(now_s, signal, wanted=int(wanted))
        if due is not None:
            return Decision(due, reason="maximum red or green")
        return Decision(int(wanted), reason="policy")
