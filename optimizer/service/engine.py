"""The parts of a planner behind the service: solvers with a deadline and estimates with requests; both keep what the answer tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from optimizer.estimation.traffic import room_for_traffic
from optimizer.horizon import cp_sat, search
from optimizer.horizon.assembly import ProblemAssembler
from optimizer.horizon.engines import CP_SAT_LIMIT_S, NODE_LIMIT, Change, PlannedDepartures, nothing_leaves, usual_beam_width
from optimizer.horizon.parameters import HorizonParameters
from optimizer.horizon.problem import DS_PER_S, WEIGHT_UNIT
from optimizer.horizon.solution import SolutionStatus
from optimizer.priority import with_requests

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.problem import HorizonProblem
    from optimizer.horizon.solution import HorizonSolution
    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation, SignalStatus
    from optimizer.planner import Estimator
    from optimizer.priority import PriorityRequest

FIRST_GUESS_S: Final = 0.005
"""Time that a solution takes, as long as none was measured."""

GUESS_KEPT: Final = 0.9

Entry = tuple[int, float, float]
"""A stage of a plan: stage, when it is commanded, start of its green."""


class PlanningEngine:
    """An engine of `JunctionPlanner` that knows when an answer is due.

    Parameters
    ----------
    junction
        Its description.

    Attributes
    ----------
    departures
        Of the plan behind the last choice.
    solution
        The solution of the last choice; None where nothing was solved.
    late
        Whether the last choice had no time to solve.
    plan, planned_s
        The last plan with times on the junction's clock, and when it was made.
    name
        ``"search"`` or ``"cp-sat"``.
    due_s
        The answer's deadline on the clock `time.monotonic`, or None.
    muted
        Whether nothing is to be chosen, while earlier seconds are told.
    """

    def __init__(self, junction: Intersection) -> None:
        parameters = HorizonParameters()
        self._assembler = ProblemAssembler(junction, parameters)
        self._beam_width = usual_beam_width(junction, parameters)
        self._nothing = nothing_leaves(junction)
        self._usual_s = FIRST_GUESS_S
        self.departures = self._nothing
        self.solution: HorizonSolution | None = None
        self.late = False
        self.plan: tuple[Entry, ...] = ()
        self.planned_s = 0.0
        self.name = "search"
        self.due_s: float | None = None
        self.muted = False

    def begin(self, name: str, due_s: float | None) -> None:
        """Prepare for one call."""
        self.name, self.due_s = name, due_s
        self.solution, self.late = None, False

    def choose(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> Change | None:
        """Return the change to command now, None to stay."""
        if self.muted:
            self.departures = self._nothing
            return None
        left_s = None if self.due_s is None else self.due_s - time.monotonic()
        if left_s is not None and left_s < self._usual_s:
            self.late = True
            self.departures = self._nothing
            return self._as_planned(time_s, status)
        problem = self._assembler.assemble(time_s, status, green_since_s, red_since_s, traffic)
        if not problem.arrival_ds.size:
            self.departures = self._nothing
            self.plan, self.planned_s = ((status.stage, status.commanded_s, status.green_start_s),), time_s
            return None
        solution = self.solution = self._solve(problem, left_s)
        self._usual_s = GUESS_KEPT * self._usual_s + (1 - GUESS_KEPT) * solution.solve_s
        self.departures = PlannedDepartures(problem.lane_start, solution.departure_ds, solution.onward_ds)
        later = ((p.stage, time_s + p.command_ds / DS_PER_S, time_s + p.start_ds / DS_PER_S) for p in solution.plan[1:])
        self.plan, self.planned_s = ((status.stage, status.commanded_s, status.green_start_s), *later), time_s
        if len(solution.plan) < 2 or solution.plan[1].command_ds > 0:
            return None
        return Change(solution.plan[1].stage, solution.cost / (DS_PER_S * WEIGHT_UNIT), solution.status is SolutionStatus.OPTIMAL)

    def _solve(self, problem: HorizonProblem, left_s: float | None) -> HorizonSolution:
        found = search.solve(problem, beam_width=self._beam_width, node_limit=NODE_LIMIT)
        if self.name == "search":
            return found
        limit_s = CP_SAT_LIMIT_S if left_s is None else min(CP_SAT_LIMIT_S, left_s - 2 * found.solve_s)
        return found if limit_s <= 0 else cp_sat.solve(problem, hint=found, time_limit_s=limit_s, effort=cp_sat.IN_THE_LOOP)

    def _as_planned(self, time_s: float, status: SignalStatus) -> Change | None:
        """Return the change that the last plan has for now, if any."""
        if not self.plan or self.plan[0][0] != status.stage:
            return None
        following = self.plan[1:2]
        if not following or following[0][1] > time_s:
            return None
        return Change(following[0][0], 0.0, optimal=False)


class KeptEstimator:
    """Passes everything on to an estimator, adds who asks for priority, and keeps what is expected for the answer.

    Attributes
    ----------
    traffic
        What was expected last.
    requests
        Who asks for priority in this second.
    muted
        Whether nothing is to be learnt, while the history of the signals is told.
    """

    def __init__(self, inner: Estimator, junction: Intersection) -> None:
        self.inner = inner
        self.longest_clearing_s = inner.longest_clearing_s
        self.tells_inside_after = inner.tells_inside_after
        rooms = len(junction.incoming), len(junction.outgoing), len(junction.groups), len(junction.movements)
        self._nothing = room_for_traffic(0, *rooms).first(0)
        self._nothing.room_veh[:] = 1.0
        self.traffic = self._nothing
        self.requests: tuple[PriorityRequest, ...] = ()
        self.muted = False
        self._junction = junction

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Take in what was seen in the last second and return what is expected."""
        if self.muted:
            return self._nothing
        self.traffic = self.inner.update(time_s, observation, green_for_s)
        if self.requests:
            self.traffic = with_requests(self._junction, self.traffic, self.requests, time_s)
        return self.traffic
