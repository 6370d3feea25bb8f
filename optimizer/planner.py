"""One junction's rolling horizon: from what it sees to what it shows next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from optimizer.decision import Decision
from optimizer.horizon.assembly import ProblemAssembler
from optimizer.horizon.problem import PERMISSIVE, PROTECTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.parameters import HorizonParameters
    from optimizer.horizon.problem import HorizonProblem
    from optimizer.horizon.solution import HorizonSolution
    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation, SignalStatus

LONGEST_CLEARING_S = 6.0
"""The all-red is not extended by more than this for vehicles that stand inside the junction."""

RED_MARGIN_S = 20.0
"""A group is served this long before its maximum red is over, so that minimum greens and interstages fit in."""


class Estimator(Protocol):
    """Turns observations into expected traffic."""

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Take in what was seen in the last second and return what is expected."""


class JunctionPlanner:
    """Decides for one junction.

    Parameters
    ----------
    junction
        Its description.
    parameters
        Of the traffic model.
    estimator
        Made for the same junction.
    solve
        The engine.
    """

    def __init__(
        self, junction: Intersection, parameters: HorizonParameters, estimator: Estimator, solve: Callable[[HorizonProblem], HorizonSolution]
    ) -> None:
        self.junction = junction
        self._estimator = estimator
        self._assembler = ProblemAssembler(junction, parameters)
        self._solve = solve
        signals = self._assembler.signals
        self._service = signals.service
        self._minimum_green_s = signals.minimum_green_ds / 10.0
        self._maximum_red_s = np.array([group.maximum_red_s for group in junction.groups])
        groups = len(junction.groups)
        self._green_since_s = np.zeros(groups)
        self._red_since_s = np.zeros(groups)
        self._status: SignalStatus | None = None

    def decide(self, time_s: float, observation: JunctionObservation) -> Decision | None:
        """Return a decision where the junction is to change or to extend its interstage, else None (stay).

        To be called once a second, in every second: the estimator learns from each reading.
        """
        status = observation.signal
        if self._status is None or status.commanded_s != self._status.commanded_s or status.green_start_s != self._status.green_start_s:
            self._follow(time_s, status)
        aspects = self._service[status.stage]
        opened = time_s >= status.green_start_s
        green_for_s = np.where((aspects == PROTECTED) & opened, time_s - self._green_since_s, -1.0)
        traffic = self._estimator.update(time_s, observation, green_for_s)
        if time_s <= status.green_start_s and status.commanded_s < status.green_start_s:
            return self._clear(time_s, status, traffic)
        if time_s < status.green_start_s + self._minimum_green_s[status.stage]:
            return None
        starving = self._starving(time_s, status.stage)
        if starving is not None:
            return self._relieve(status.stage, starving)
        if not len(traffic.arrival_s):
            return None
        problem = self._assembler.assemble(time_s, status, self._green_since_s, traffic)
        solution = self._solve(problem)
        if len(solution.plan) < 2 or solution.plan[1].command_ds > 0:
            return None
        target = solution.plan[1].stage
        return Decision(target, reason=f"plan: cost {solution.cost / 100:.1f} veh s, {solution.status.value}")

    def _follow(self, time_s: float, status: SignalStatus) -> None:
        """Note when groups became green and red."""
        if self._status is None:
            self._green_since_s[:] = status.green_start_s
            self._red_since_s[:] = time_s
        elif status.commanded_s != self._status.commanded_s:
            before, after = self._service[status.previous] > 0, self._service[status.stage] > 0
            self._red_since_s[before & ~after] = status.commanded_s
            self._green_since_s[after & ~before] = status.green_start_s
        else:  # the all-red was extended
            opening = (self._service[status.stage] > 0) & (self._service[status.previous] == 0)
            self._green_since_s[opening] = status.green_start_s
        self._status = status

    def _clear(self, time_s: float, status: SignalStatus, traffic: ExpectedTraffic) -> Decision | None:
        """Extend the all-red while a vehicle of a permissive group that has just closed stands inside the junction."""
        if time_s < status.green_start_s:
            return None
        closing = (self._service[status.previous] == PERMISSIVE) & (self._service[status.stage] == 0)
        shortest_s = self.junction.interstage_s(status.previous, status.stage)
        if not (closing & traffic.inside).any() or time_s - status.commanded_s - shortest_s >= LONGEST_CLEARING_S:
            return None
        return Decision(status.stage, earliest_s=time_s + 1.0, reason="a vehicle stands inside the junction")

    def _starving(self, time_s: float, stage: int) -> int | None:
        """Return the group whose red comes nearest to its maximum, where it is due."""
        left_s = np.where(self._service[stage] > 0, np.inf, self._red_since_s + self._maximum_red_s - time_s)
        group = int(left_s.argmin())
        return group if left_s[group] <= RED_MARGIN_S else None

    def _relieve(self, stage: int, group: int) -> Decision | None:
        candidates = [s for s in range(len(self._service)) if self._service[s, group] > 0 and self._assembler.signals.interstage_ds[stage, s] >= 0]
        if not candidates:
            return None
        # among the stages that serve the group, the one that serves most groups
        target = max(candidates, key=lambda s: int((self._service[s] > 0).sum()))
        return Decision(target, reason=f"group {self.junction.groups[group].id} nears its maximum red")
