"""One junction's rolling horizon: from what it sees to what it shows next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from optimizer.decision import Decision
from optimizer.intersection import Aspect
from optimizer.presence import Presence
from optimizer.red_limits import RED_MARGIN_S, RedClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.background import BackgroundGuard
    from optimizer.connectors import ConnectorGuard
    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.engines import Engine
    from optimizer.intersection import Intersection
    from optimizer.neighbours import NeighbourTraffic
    from optimizer.observation import JunctionObservation, SignalStatus


class Estimator(Protocol):
    """Turns observations into expected traffic.

    Attributes
    ----------
    longest_clearing_s
        The all-red is not extended by more than this for vehicles that it reports inside the junction.
    tells_inside_after
        Aspects of the greens after whose end it can tell whether a vehicle of theirs stands inside the junction.
    """

    longest_clearing_s: float
    tells_inside_after: tuple[Aspect, ...]

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Take in what was seen in the last second and return what is expected.

        Parameters
        ----------
        time_s
            Now.
        observation
            What was seen.
        green_for_s
            For how long each group has had a protected green; negative where it has none, shape ``(groups,)``.
        """


class JunctionPlanner:
    """Decides for one junction.

    Parameters
    ----------
    junction
        Its description.
    estimator, engine
        Made for the same junction.
    neighbours
        What the junctions around it send; None where it plans for itself.
    connectors
        Guards the short lanes to and from the next signals; None where there are none.
    background
        Holds the decisions to a background plan; None where they are free.

    Attributes
    ----------
    estimated
        What the estimator said last; None before the first second.
    """

    def __init__(
        self,
        junction: Intersection,
        estimator: Estimator,
        engine: Engine,
        neighbours: NeighbourTraffic | None = None,
        background: BackgroundGuard | None = None,
        connectors: ConnectorGuard | None = None,
    ) -> None:
        self.junction = junction
        self.estimated: ExpectedTraffic | None = None
        self._estimator = estimator
        self._engine = engine
        self._neighbours = neighbours
        self._background = background
        self._connectors = connectors
        stages = range(len(junction.stages))
        self._minimum_green_s = [junction.stage_minimum_green_s(stage) for stage in stages]
        self._protected = np.array([[aspect is Aspect.PROTECTED for aspect in stage.aspects] for stage in junction.stages], dtype=np.bool_)
        groups = len(junction.groups)
        self._opening = [[list(junction.opening(a, b)) for b in stages] for a in stages]
        told = estimator.tells_inside_after
        self._clearing = np.array(
            [[[_closes(junction, a, b, g, told) for g in range(groups)] for b in stages] for a in stages], dtype=np.bool_
        )
        self._interstage_s = [[math.ceil(junction.interstage_s(a, b)) for b in stages] for a in stages]
        self._clearances_s = [[_clearances_s(junction, a, b) for b in stages] for a in stages]
        self._clock = RedClock(junction)
        self._presence = Presence(junction)
        self._status: SignalStatus | None = None
        self._limit_s = math.inf  # from when on the clock must be asked
        self._clear_until_s = -math.inf
        self._green_since_s = np.zeros(groups)
        self._red_since_s = np.zeros(groups)
        self._protected_since_s = np.zeros(groups)
        self._no_green_s = np.full(groups, -1.0)

    def decide(self, time_s: float, observation: JunctionObservation) -> Decision | None:
        """Return a decision where the junction is to change or to extend its interstage, else None (stay).

        To be called once a second, in every second: the estimator learns from each reading.
        """
        status = observation.signal
        if status is not self._status:
            self._follow(time_s, status)
        green_start_s = status.green_start_s
        opened = time_s >= green_start_s
        traffic = self._estimator.update(time_s, observation, time_s - self._protected_since_s if opened else self._no_green_s)
        self.estimated = traffic
        if self._connectors is not None:
            self._connectors.report(traffic)
        self._clock.see(time_s, self._presence.waited_s(observation))
        if not opened:
            return None
        if time_s >= self._limit_s:  # perhaps nobody has waited since it was worked out
            self._limit_s = self._limit(status)
        if time_s >= self._limit_s:
            due = self._clock.stage_due(time_s, status)
            if due is not None:
                return Decision(due, reason="a red or a green reaches its maximum")  # before any background plan
        if time_s == green_start_s and status.commanded_s < green_start_s:
            return self._clear(time_s, status, traffic)
        if time_s < green_start_s + self._minimum_green_s[status.stage]:
            return None
        decision = self._plan(time_s, status, traffic)
        if self._connectors is not None:
            decision = self._heed_connectors(self._connectors, status.stage, decision, traffic)
        decision = self._bounded(time_s, status, decision, traffic)
        if decision is not None:
            due = self._clock.stage_due(time_s, status, wanted=decision.stage)
            decision = decision if due is None else Decision(due, reason="a red would reach its maximum")
        if decision is None or self._way_clear_s(status.stage, decision.stage) > time_s + self._interstage_s[status.stage][decision.stage]:
            return None
        return decision

    def _plan(self, time_s: float, status: SignalStatus, traffic: ExpectedTraffic) -> Decision | None:
        """Return the change that the best plan begins with, if it begins with one, and tell the neighbours of the plan."""
        if self._neighbours is not None:
            traffic = self._neighbours.expect(time_s, traffic)
        change = self._engine.choose(time_s, status, self._green_since_s, self._red_since_s, traffic)
        if self._neighbours is not None:
            self._neighbours.record(time_s, traffic, *self._engine.departures)
        if change is None:
            return None
        return Decision(change.stage, reason=f"plan: cost {change.cost_veh_s:.1f} veh s, {'optimal' if change.optimal else 'feasible'}")

    def _bounded(self, time_s: float, status: SignalStatus, decision: Decision | None, traffic: ExpectedTraffic) -> Decision | None:
        """Return the decision as far as the background plan lets it pass."""
        if self._background is None:
            return decision
        return self._background.bounded(time_s, status, decision, self._clock.red_since_s, traffic)

    @staticmethod
    def _heed_connectors(connectors: ConnectorGuard, stage: int, decision: Decision | None, traffic: ExpectedTraffic) -> Decision | None:
        """Return the decision unless it opens or goes on with a stage that feeds an occupied connector: then the way out of that."""
        barred = connectors.barred()
        if (stage if decision is None else decision.stage) not in barred:
            return decision
        way_out = connectors.way_out(stage, barred, traffic) if stage in barred else None
        return None if way_out is None else Decision(way_out, reason="a vehicle stands on a short lane to the next signal")

    def _follow(self, time_s: float, status: SignalStatus) -> None:
        """Note when groups became green and red, and when their limits come near."""
        before = self._status
        opening = self._opening[status.previous][status.stage]
        waiting_since_s = self._clock.reds.waiting_since_s
        deadline_s = min((waiting_since_s[g] + self.junction.groups[g].maximum_red_s for g in opening), default=math.inf)
        self._clock.follow(time_s, status)
        if before is None:
            self._green_since_s[:] = status.green_start_s
        elif status.commanded_s != before.commanded_s:
            latest_s = self._clock.limits.latest_change_s(status.stage, self._clock.reds) - self._minimum_green_s[status.stage]
            self._clear_until_s = min(status.green_start_s + self._estimator.longest_clearing_s, deadline_s, latest_s - RED_MARGIN_S)
        self._green_since_s[opening] = status.green_start_s
        self._red_since_s[:] = self._clock.red_since_s
        self._protected_since_s = np.where(self._protected[status.stage], self._green_since_s, math.inf)
        self._limit_s = self._limit(status)
        self._status = status

    def _way_clear_s(self, old: int, new: int) -> float:
        """Return when those whose green ended before the present stage have cleared the way of `new`.

        While pedestrians still walk, leaving the stage would only waste its green: the next one could not start any sooner.
        """
        return max(
            (
                self._clock.red_since_s[group] + after_s
                for group, after_s in self._clearances_s[old][new]
                if math.isfinite(self._clock.red_since_s[group])
            ),
            default=-math.inf,
        )

    def _limit(self, status: SignalStatus) -> float:
        """Return from when on a limit may call for a change of the stage."""
        limits = self._clock.limits
        due_s = limits.latest_change_s(status.stage, self._clock.reds)
        return min(status.green_start_s + limits.green_limit_s[status.stage], due_s) - RED_MARGIN_S

    def _clear(self, time_s: float, status: SignalStatus, traffic: ExpectedTraffic) -> Decision | None:
        """Extend the all-red while a vehicle of a group that has just closed stands inside the junction.

        Not only of a permissive group: who goes straight on may be held up by a tail of left-turners that wait inside.
        """
        if time_s + 1.0 > self._clear_until_s or not (self._clearing[status.previous, status.stage] & traffic.inside).any():
            return None
        if self._background is not None and not self._background.may_wait(status, self._clock.red_since_s):
            return None
        return Decision(status.stage, earliest_s=time_s + 1.0, reason="a vehicle stands inside the junction")


def _closes(junction: Intersection, old: int, new: int, group: int, aspects: Sequence[Aspect]) -> bool:
    """Whether a change ends a green of a group that has one of some aspects."""
    return junction.stages[old].aspects[group] in aspects and not junction.stages[new].serves(group)


def _clearances_s(junction: Intersection, old: int, new: int) -> list[tuple[int, float]]:
    """Return the groups that are red in both stages, with the greatest intergreen between their end and a green that opens."""
    opening = junction.opening(old, new)
    red = [g for g in range(len(junction.groups)) if not junction.stages[old].serves(g) and g not in opening]
    longest_s = {g: max((junction.intergreen_s[g][other] for other in opening), default=0.0) for g in red}
    return [(group, span_s) for group, span_s in longest_s.items() if span_s > 0]
