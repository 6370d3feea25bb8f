"""The engines in the closed loop: which stage to command now, if any.

`SearchEngine` assembles and solves the problem in one compiled call; `CpSatEngine` makes the `HorizonProblem` and gives it to both
solvers. Both answer the same question about the same problem.
"""

# ruff: noqa: PLR0913  # kernels take arrays as arguments

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from optimizer.compiling import Kept, compiled, keep
from optimizer.horizon import cp_sat, search
from optimizer.horizon.assembly import LONGEST_QUEUE_VEH, JunctionModel, ProblemAssembler, collect_problem
from optimizer.horizon.problem import PROTECTED, WEIGHT_UNIT
from optimizer.horizon.search import replay_arrays, search_plan
from optimizer.horizon.search_nodes import LEAST_NODES, SearchWorkspace, make_workspace
from optimizer.horizon.search_tables import H, SearchTables, prepare
from optimizer.horizon.solution import SolutionStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.parameters import HorizonParameters
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

BEAM_WIDTH = 2
"""Nodes per time and stage in the beam."""

WIDE_BEAM = 4
"""The same where plans look far (`HorizonParameters.looks_far`): the price of a change is paid long before its gain."""

NODE_LIMIT = 0
"""Nodes of the exact search in the closed loop: the beam alone is as good there, and needs a third of the time."""

CP_SAT_LIMIT_S = 0.05
"""Time for one decision with CP-SAT, the search for its hint included."""

_STAY = -1
_workspaces: list[SearchWorkspace] = []


class Change(NamedTuple):
    """A stage to command now, with the cost of the plan (vehicle seconds) and whether the plan is proven optimal."""

    stage: int
    cost_veh_s: float
    optimal: bool


class PlannedDepartures(NamedTuple):
    """When vehicles leave under a plan: `HorizonProblem.lane_start`, and `HorizonSolution`'s times from the time of the plan on.

    The next choice may write its own into the same arrays.
    """

    lane_start: NDArray[np.int64]
    departure_ds: NDArray[np.int64]
    onward_ds: NDArray[np.int64]


class Engine(Protocol):
    """Says what to command now; made for one junction.

    Attributes
    ----------
    departures
        Of the plan behind the last choice.
    """

    departures: PlannedDepartures

    def choose(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> Change | None:
        """Return the change to command now, None to stay.

        Parameters
        ----------
        time_s
            Now; the stage's minimum green is over.
        status
            What the signals show.
        green_since_s, red_since_s
            Per group, start of its green (any value where it is red) and of its red (infinite where it is green).
        traffic
            What is expected.
        """


def usual_beam_width(junction: Intersection, parameters: HorizonParameters) -> int:
    """Return the width of the beam that a junction needs in the closed loop."""
    return WIDE_BEAM if parameters.looks_far(junction) else BEAM_WIDTH


class _Prepared(NamedTuple):
    tables: SearchTables
    model: JunctionModel
    workspace: SearchWorkspace
    plan: NDArray[np.int64]
    leaving: PlannedDepartures  # with room for more vehicles


class SearchEngine:
    """Forward search for one junction.

    Parameters
    ----------
    junction
        Its description.
    parameters
        Of the traffic model.
    beam_width, node_limit
        As in `optimizer.horizon.search.solve`; without a width the usual one.
    """

    def __init__(
        self, junction: Intersection, parameters: HorizonParameters, beam_width: int | None = None, node_limit: int = NODE_LIMIT
    ) -> None:
        self.assembler = ProblemAssembler(junction, parameters)
        tables = prepare(self.assembler.signals)
        plan = np.zeros((tables.grid.size + 1, 3), dtype=np.int64)
        lanes = len(self.assembler.model.headway)
        most = LONGEST_QUEUE_VEH * lanes
        self._leaving = PlannedDepartures(
            np.zeros(lanes + 1, dtype=np.int64), np.zeros(most, dtype=np.int64), np.zeros((most, 2), dtype=np.int64)
        )
        self._prepared = keep(_Prepared(tables, self.assembler.model, _shared_workspace(node_limit), plan, self._leaving))
        self._beam_width = usual_beam_width(junction, parameters) if beam_width is None else beam_width
        self._node_limit = node_limit
        self.departures = nothing_leaves(junction)

    def choose(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> Change | None:
        """Return the change to command now, None to stay."""
        stage, cost, bound, vehicles = _choose(
            self._prepared,
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
            self._beam_width,
            self._node_limit,
        )
        self.departures = PlannedDepartures(
            self._leaving.lane_start, self._leaving.departure_ds[:vehicles], self._leaving.onward_ds[:vehicles]
        )
        return None if stage == _STAY else Change(stage, cost / (10 * WEIGHT_UNIT), bound >= cost)


class CpSatEngine:
    """CP-SAT for one junction, starting from the search's plan.

    Parameters
    ----------
    junction, parameters, beam_width, node_limit
        As for `SearchEngine`.
    time_limit_s
        For each choice, the search included. Where it cuts, a run depends on how busy the machine is.
    effort
        Ends nearly every choice before the time limit does, at the same place on every machine.
    """

    def __init__(
        self,
        junction: Intersection,
        parameters: HorizonParameters,
        beam_width: int | None = None,
        node_limit: int = NODE_LIMIT,
        time_limit_s: float = CP_SAT_LIMIT_S,
        effort: cp_sat.Effort = cp_sat.IN_THE_LOOP,
    ) -> None:
        self.assembler = ProblemAssembler(junction, parameters)
        self._beam_width = usual_beam_width(junction, parameters) if beam_width is None else beam_width
        self._node_limit = node_limit
        self._junction = junction
        self._time_limit_s, self._effort = time_limit_s, effort
        self.departures = nothing_leaves(junction)

    def choose(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> Change | None:
        """Return the change to command now, None to stay."""
        began_s = time.perf_counter()
        problem = self.assembler.assemble(time_s, status, green_since_s, red_since_s, traffic)
        if not problem.arrival_ds.size:
            self.departures = nothing_leaves(self._junction)
            return None
        hint = search.solve(problem, beam_width=self._beam_width, node_limit=self._node_limit)
        left_s = began_s + self._time_limit_s - time.perf_counter()
        solution = cp_sat.solve(problem, hint=hint, time_limit_s=left_s, effort=self._effort)
        self.departures = PlannedDepartures(problem.lane_start, solution.departure_ds, solution.onward_ds)
        if len(solution.plan) < 2 or solution.plan[1].command_ds > 0:
            return None
        return Change(solution.plan[1].stage, solution.cost / (10 * WEIGHT_UNIT), solution.status is SolutionStatus.OPTIMAL)


ENGINES = {"search": SearchEngine, "cp-sat": CpSatEngine}


def nothing_leaves(junction: Intersection) -> PlannedDepartures:
    """Return the departures of nobody."""
    lanes = len(junction.incoming)
    return PlannedDepartures(np.zeros(lanes + 1, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 2), dtype=np.int64))


def _shared_workspace(node_limit: int) -> SearchWorkspace:
    """Return the memory that all searches of this process use in turn."""
    if not _workspaces or _workspaces[0].values.shape[0] < node_limit:
        _workspaces[:] = [make_workspace(max(node_limit, LEAST_NODES))]
    return _workspaces[0]


@compiled
def _choose(
    prepared: Kept,
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
    beam_width: int,
    node_limit: int,
) -> tuple[int, int, int, int]:
    """Return the stage to command now (-1: stay), the cost of the plan, its lower bound, and the vehicles planned for.

    When these leave is written into the kept departures.
    """
    tables, model, workspace, plan, leaving = prepared.value
    problem = collect_problem(
        model,
        time_s,
        stage,
        green_start_s,
        green_since_s,
        red_since_s,
        lane_start,
        arrival_s,
        movement,
        moving,
        weight_veh,
        lane_free_s,
        room_veh,
        queued_s,
        freed_s,
    )
    group = problem.group
    # Where all vehicles have a protected green that may go on, no plan can be better than to let them go.
    others = problem.latest_change_ds < tables.numbers[H] or problem.tandem.room_veh.size > 0
    for i in range(group.size):
        if tables.service[stage, group[i]] != PROTECTED:
            others = True
            break
    leaving.lane_start[:] = problem.lane_start
    departure, onward = leaving.departure_ds[: group.size], leaving.onward_ds[: group.size]
    if not others or not group.size:
        plan[0, 0] = stage
        replay_arrays(tables, problem, plan[:1], departure, onward)
        return _STAY, 0, 0, group.size
    cost, bound, length, _ = search_plan(tables, problem, workspace, beam_width, node_limit, plan, departure, onward)
    if length < 2 or plan[1, 1] > 0:
        return _STAY, cost, bound, group.size
    return plan[1, 0], cost, bound, group.size
