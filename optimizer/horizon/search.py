"""The forward search: a beam for a good plan, then all plans that could be better; compiled.

`solve` is for people and tests. In a closed loop, `prepare` the signals once, keep one workspace, and call `search_plan`.
"""

# ruff: noqa: C901, PLR0912, PLR0915  # kernels: one pass with all its cases

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING

import numpy as np

from optimizer.compiling import compiled
from optimizer.horizon.arrays import ProblemArrays, arrays_of
from optimizer.horizon.problem import PERMISSIVE, RED, RED_THEN_GO, HorizonProblem, SignalModel, Tandem
from optimizer.horizon.search_bound import fill_unhindered, find_components
from optimizer.horizon.search_dynamics import (
    ARRIVAL,
    BEGIN,
    BITS,
    COUPLED,
    DEPARTURE,
    END,
    FREE,
    GROUP,
    GROUPS_AHEAD,
    GROUPS_BEHIND,
    HEADWAY,
    INNER_GROUP,
    INNER_ONWARD,
    INNER_TRAVEL,
    LEAST_RELEASE,
    ONWARD,
    ONWARD_DEPARTURE,
    ONWARD_FROM,
    PLACE,
    QUEUE,
    RELEASE,
    ROOM,
    SERVED_LANE,
    STOP_COST,
    STOP_FROM,
    TERMINAL_GREEN,
    TERMINAL_RED,
    TRAVEL,
    UNIFORM,
    UNSERVED_GREEN,
    UNSERVED_LEAST,
    UNSERVED_RED,
    WEIGHT,
    YIELDING_LANE,
    advance,
    advance_yielding,
    final_cost,
    pack,
    set_limits,
)
from optimizer.horizon.search_layers import ALL, search_layers
from optimizer.horizon.search_nodes import LEAST_NODES, Root, SearchWorkspace, Traffic, make_workspace
from optimizer.horizon.search_tables import (
    CHANGE_COST,
    FAR,
    NEVER,
    STARTUP,
    STOP_PENALTY,
    STOP_TOLERANCE,
    H,
    SearchTables,
    group_bit,
    prepare,
)
from optimizer.horizon.solution import HorizonSolution, PlannedStage, SolutionStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

NODE_LIMIT = 6_000
"""Nodes that one search makes at most unless told otherwise."""

WIDER = 8
"""So many times wider is the beam that helps where the exact search is cut short."""

STAGES_IN_BEAM = 4
"""So many times the beam width is the number of nodes that the beam keeps per time."""

_kept_workspace: list[SearchWorkspace] = []
_kept_tables: dict[int, SearchTables] = {}


def solve(problem: HorizonProblem, *, beam_width: int = 2, node_limit: int = NODE_LIMIT) -> HorizonSolution:
    """Solve a problem by forward search.

    Parameters
    ----------
    problem
        The junction's decision.
    beam_width
        Nodes kept per time and stage in the beam that finds the first plan.
    node_limit
        Nodes made at most in the exact search (a thousand take one to two milliseconds); where it is reached, a wider beam looks for a
        better plan, and the best one is returned with the bound proven until then. With 0 the first beam alone answers.

    Returns
    -------
    HorizonSolution
        The plan; `OPTIMAL` where proven.

    Raises
    ------
    ValueError
        If the problem breaks a rule of the model.
    """
    began = time.perf_counter()
    tables = _tables_of(problem.signals)
    if problem.headway_ds.size and problem.headway_ds.min() < problem.signals.clear_ds:
        values = f"headway_ds ({problem.headway_ds.min()}) is less than clear_ds ({problem.signals.clear_ds})"
        raise ValueError(f"a lane's {values}; give a longer headway.")
    if not _kept_workspace or _kept_workspace[0].values.shape[0] < node_limit:
        _kept_workspace[:] = [make_workspace(max(node_limit, LEAST_NODES))]
    plan = np.zeros((tables.grid.size + 1, 3), dtype=np.int64)
    departure, onward = _room_for_departures(problem)
    cost, bound, length, _ = search_plan(tables, arrays_of(problem), _kept_workspace[0], beam_width, node_limit, plan, departure, onward)
    stages = tuple(PlannedStage(int(row[0]), int(row[1]), int(row[2])) for row in plan[:length])
    status = SolutionStatus.OPTIMAL if bound >= cost else SolutionStatus.FEASIBLE
    return HorizonSolution(stages, departure, onward, int(cost), int(bound), status, "search", time.perf_counter() - began)


def replay(problem: HorizonProblem, plan: tuple[PlannedStage, ...]) -> HorizonSolution:
    """Return what a plan that the model allows comes to (without a bound of what other plans would), by the search's own dynamics."""
    began = time.perf_counter()
    tables = _tables_of(problem.signals)
    rows = np.array([[now.stage, now.command_ds, now.start_ds] for now in plan], dtype=np.int64)
    departure, onward = _room_for_departures(problem)
    cost = int(replay_arrays(tables, arrays_of(problem), rows, departure, onward))
    return HorizonSolution(plan, departure, onward, cost, 0, SolutionStatus.FEASIBLE, "search", time.perf_counter() - began)


def _room_for_departures(problem: HorizonProblem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    vehicles = problem.arrival_ds.size
    return np.empty(vehicles, dtype=np.int64), np.empty((vehicles, 2), dtype=np.int64)


def _tables_of(signals: SignalModel) -> SearchTables:
    # A junction's signals are one object for all its decisions; the tables go with it, before its id can be given to another.
    known = _kept_tables.get(id(signals))
    if known is None:
        known = _kept_tables[id(signals)] = prepare(signals)
        weakref.finalize(signals, _kept_tables.pop, id(signals)).atexit = False
    return known


@compiled
def search_plan(
    tables: SearchTables,
    problem: ProblemArrays,
    workspace: SearchWorkspace,
    beam_width: int,
    node_limit: int,
    plan: NDArray[np.int64],
    departure: NDArray[np.int64],
    onward: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Solve one problem on plain arrays, with little overhead.

    Parameters
    ----------
    tables, problem
        The signals, from `prepare`, and the rest of the problem.
    workspace
        Memory, from `make_workspace`.
    beam_width, node_limit
        As in `solve`; with `node_limit` 0 the beam alone answers.
    plan
        Result: rows of stage, command and start, shape ``(len(tables.grid) + 1, 3)``.
    departure, onward
        Result: `HorizonSolution.departure_ds` and `HorizonSolution.onward_ds`.

    Returns
    -------
    cost, bound
        Of the plan; it is proven optimal where they are equal.
    length
        Rows of `plan` that are filled.
    nodes
        Nodes made.
    """
    traffic = _collect_traffic(tables, problem)
    first = max(0, problem.earliest_change_ds, problem.green_start_ds + tables.numbers[STARTUP])
    root = Root(problem.stage, first, problem.latest_change_ds, _first_departures(tables, problem.group_green_since_ds))
    capacity = workspace.values.shape[0]
    # int64s, not the literals that numba would see here: for a literal, all that is given it would be compiled once more.
    upper, bound, length, nodes = int(np.int64(NEVER)), 0, int(np.int64(0)), 0
    # A beam for a good plan, then all that could still be better; where that is too much, a wider beam for a better plan without proof.
    narrow, wide = beam_width, WIDER * beam_width
    for width, layer_width, limit in (
        (narrow, STAGES_IN_BEAM * narrow, capacity),
        (ALL, ALL, node_limit),
        (wide, STAGES_IN_BEAM * wide, capacity),
    ):
        if bound >= upper or limit <= 0:
            break
        upper, proven, rows, made = search_layers(tables, traffic, root, workspace, width, layer_width, limit, upper, plan)
        if rows > 0:
            length = rows
        bound, nodes = max(bound, proven), nodes + made
    plan[0, 1] = problem.green_start_ds
    plan[0, 2] = problem.green_start_ds
    _replay(tables, traffic, root, plan, length, departure, onward)
    return upper, min(bound, upper), length, nodes


@compiled
def replay_arrays(
    tables: SearchTables,
    problem: ProblemArrays,
    plan: NDArray[np.int64],
    departure: NDArray[np.int64],
    onward: NDArray[np.int64],
) -> int:
    """Write the departures of a plan, given as rows of stage, command and start, and return its cost (arguments as in `search_plan`)."""
    traffic = _collect_traffic(tables, problem)
    root = Root(problem.stage, 0, 0, _first_departures(tables, problem.group_green_since_ds))
    return _replay(tables, traffic, root, plan, plan.shape[0], departure, onward)


@compiled
def _first_departures(tables: SearchTables, group_green_since: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return when vehicles of each group may leave first."""
    opens = np.empty(group_green_since.size, dtype=np.int64)
    for g in range(opens.size):
        opens[g] = max(0, group_green_since[g] + tables.numbers[STARTUP])
    return opens


@compiled
def _lanes_in_use(problem: ProblemArrays) -> NDArray[np.bool_]:
    """Return which lanes have vehicles, or may be driven onto by some; shape ``(lanes,)``."""
    lane_start, onward = problem.lane_start, problem.tandem.onward
    used = np.zeros(problem.lane_free_ds.size, dtype=np.bool_)
    for lane in range(used.size):
        if lane_start[lane + 1] > lane_start[lane]:
            used[lane] = True
        for i in range(lane_start[lane], lane_start[lane + 1]):
            onto = onward[lane, problem.group[i]] if onward.size else -1
            while onto >= 0:
                used[onto] = True
                onto = onward[onto, problem.tandem.group[onto]]
    return used


@compiled
def _groups_ahead(tandem: Tandem, inner: int) -> int:
    """Return the groups, as bits, of the stop lines that are still to come for those who drove onto an inner lane."""
    ahead = 0
    while inner >= 0:
        ahead |= group_bit(tandem.group[inner])
        inner = tandem.onward[inner, tandem.group[inner]]
    return ahead


@compiled
def _collect_traffic(tables: SearchTables, problem: ProblemArrays) -> Traffic:
    """Leave out the lanes without vehicles and note what each lane meets in each stage."""
    lane_start, lane_free, headway = problem.lane_start, problem.lane_free_ds, problem.headway_ds
    arrival, release, group, weight = problem.arrival_ds, problem.release_ds, problem.group, problem.weight
    moving, unserved, tandem = problem.moving, problem.unserved_cost, problem.tandem
    stages = tables.service.shape[0]
    numbers = tables.numbers
    used = _lanes_in_use(problem)
    place = np.full(used.size, -1, dtype=np.int64)
    count = 0
    for lane in range(used.size):
        if used[lane]:
            place[lane] = count
            count += 1
    width = count
    lanes = np.zeros((count, 15), dtype=np.int64)
    vehicles = np.empty((arrival.size, 17), dtype=np.int64)
    lane_kind = np.zeros((stages, count), dtype=np.int8)
    monotone = True
    for lane in range(used.size):
        at = place[lane]
        if at < 0:
            continue
        lanes[at, PLACE] = lane
        lanes[at, BEGIN] = lane_start[lane]
        lanes[at, END] = lane_start[lane + 1]
        lanes[at, HEADWAY] = headway[lane]
        lanes[at, FREE] = lane_free[lane]
        lanes[at, UNIFORM] = 1
        lanes[at, INNER_ONWARD] = -1
        if tandem.room_veh.size and tandem.room_veh[lane] > 0:
            inner = tandem.group[lane]
            lanes[at, COUPLED] = 1
            lanes[at, ROOM] = tandem.room_veh[lane]
            lanes[at, QUEUE] = width
            lanes[at, INNER_GROUP] = inner
            lanes[at, INNER_TRAVEL] = tandem.travel_ds[lane, inner]
            lanes[at, TERMINAL_RED] = tandem.terminal_ds[lane, 0]
            lanes[at, TERMINAL_GREEN] = tandem.terminal_ds[lane, 1]
            lanes[at, GROUPS_AHEAD] = _groups_ahead(tandem, lane)
            if tandem.onward[lane, inner] >= 0:
                lanes[at, INNER_ONWARD] = place[tandem.onward[lane, inner]]
            width += 1 + tandem.room_veh[lane]
        least_release = FAR
        behind = 0
        for i in range(lane_start[lane + 1] - 1, lane_start[lane] - 1, -1):
            least_release = min(least_release, release[i])
            behind |= group_bit(group[i])
            vehicles[i, ONWARD] = -1
            vehicles[i, TRAVEL] = 0
            if tandem.onward.size and tandem.onward[lane, group[i]] >= 0:
                onto = tandem.onward[lane, group[i]]
                lanes[at, COUPLED] = 1
                vehicles[i, ONWARD] = place[onto]
                vehicles[i, TRAVEL] = tandem.travel_ds[lane, group[i]]
                behind |= _groups_ahead(tandem, onto)
            vehicles[i, GROUPS_BEHIND] = behind
            vehicles[i, ARRIVAL] = arrival[i]
            vehicles[i, RELEASE] = release[i]
            vehicles[i, GROUP] = group[i]
            vehicles[i, WEIGHT] = weight[i]
            vehicles[i, STOP_FROM] = arrival[i] + numbers[STOP_TOLERANCE] if moving[i] else FAR
            vehicles[i, STOP_COST] = weight[i] * numbers[STOP_PENALTY]
            vehicles[i, UNSERVED_RED] = unserved[i, 0]
            vehicles[i, UNSERVED_GREEN] = unserved[i, 1]
            vehicles[i, LEAST_RELEASE] = least_release
            vehicles[i, UNSERVED_LEAST] = min(unserved[i, 0], unserved[i, 1])
            if group[i] != group[lane_start[lane]]:
                lanes[at, UNIFORM] = 0
            last = weight[i] * (numbers[H] - 1 - arrival[i])
            if numbers[H] - 1 > vehicles[i, STOP_FROM]:
                last += vehicles[i, STOP_COST]
            if unserved[i, 1] < last or unserved[i, 0] < unserved[i, 1]:
                monotone = False
            for s in range(stages):
                aspect = tables.service[s, group[i]]
                if aspect in (PERMISSIVE, RED_THEN_GO):
                    lane_kind[s, at] = YIELDING_LANE
                elif aspect != RED:
                    lane_kind[s, at] = max(lane_kind[s, at], SERVED_LANE)
        if lanes[at, COUPLED]:
            lane_kind[:, at] = YIELDING_LANE  # what leaves one of them must be known before the next one can move
    fill_unhindered(numbers, lanes, vehicles)
    return Traffic(lanes, vehicles, lane_kind, find_components(lane_kind), monotone, width)


@compiled
def _replay(
    tables: SearchTables,
    traffic: Traffic,
    root: Root,
    plan: NDArray[np.int64],
    length: int,
    departure: NDArray[np.int64],
    onward: NDArray[np.int64],
) -> int:
    """Write the departures of a plan, and return its cost."""
    lanes, vehicles = traffic.lanes, traffic.vehicles
    count = lanes.shape[0]
    before = np.zeros(traffic.width, dtype=np.int32)
    now = np.zeros(traffic.width, dtype=np.int32)
    for lane in range(count):
        before[lane] = pack(lanes[lane, BEGIN], lanes[lane, FREE])
        for i in range(lanes[lane, BEGIN], lanes[lane, END]):
            vehicles[i, ONWARD_DEPARTURE] = -1
            vehicles[i, ONWARD_FROM] = -1
    opens = root.opens.copy()
    closes = np.zeros(opens.size, dtype=np.int64)
    old, command, start = root.stage, int(np.int64(0)), int(np.int64(0))  # no literals, as above
    cost: int = tables.numbers[CHANGE_COST] * (length - 1)
    for k in range(length):
        new = plan[k, 0]
        if k > 0:
            command, start = plan[k, 1], plan[k, 2]
            set_limits(tables.service, tables.lead, tables.numbers, old, new, command, start, opens, closes)
        until = plan[k + 1, 1] if k + 1 < length else tables.numbers[H]
        spent, yielding = advance(tables.service, traffic.lane_kind, lanes, vehicles, before, now, old, new, command, until, opens, closes)
        cost += spent
        if yielding:
            cost += advance_yielding(
                tables.service,
                tables.priority,
                tables.numbers,
                traffic.lane_kind,
                lanes,
                vehicles,
                before,
                now,
                old,
                new,
                command,
                start,
                until,
                opens,
                closes,
            )
        before[:] = now
        old = new
    cost += final_cost(tables.service, tables.numbers, lanes, vehicles, now, old)
    departure[:] = -1
    onward[:] = -1
    for lane in range(count):
        for i in range(lanes[lane, BEGIN], now[lane] >> BITS):
            departure[i] = vehicles[i, DEPARTURE]
            onward[i, 0] = vehicles[i, ONWARD_DEPARTURE]
            onward[i, 1] = vehicles[i, ONWARD_FROM]
    return cost
