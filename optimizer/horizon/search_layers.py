"""The forward search over (time, stage): nodes in layers of the command grid, pruned by dominance and by bound."""

# ruff: noqa: C901, PLR0912, PLR0913, PLR0915  # kernels: one loop with all its cases, and arrays as arguments
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.compiling import compiled
from optimizer.horizon.search_bound import lane_bound, turn_bound
from optimizer.horizon.search_dynamics import BEGIN, COUPLED, FREE, advance, advance_yielding, final_cost, pack, set_limits
from optimizer.horizon.search_nodes import (
    BOUND,
    CAME_BY_STAYING,
    COST,
    DEADLINE,
    LAYER,
    NEXT,
    PARENT,
    STAGE,
    STAYED_TO_THE_END,
    Root,
    SearchWorkspace,
    Traffic,
)
from optimizer.horizon.search_pruning import choose_changes, groups_left, loses_nothing_by_earlier_change
from optimizer.horizon.search_tables import CHANGE_COST, FAR, NEVER, STEP, H, SearchTables

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALL = 0
"""As a width: keep all nodes."""


@compiled
def grid_index(grid: NDArray[np.int64], t: int) -> int:
    """Return the index of the first time of the command grid that is not before t."""
    low, high = 0, grid.size
    while low < high:
        middle = (low + high) // 2
        if grid[middle] < t:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _nth_bound(
    heads: NDArray[np.int32], links: NDArray[np.int32], values: NDArray[np.int64], upper: int, count: int, lightest: NDArray[np.int64]
) -> int:
    """Return the bound of the `count`-th best node of a layer; `lightest` is scratch, shape ``(count,)``."""
    if count == ALL:
        return NEVER
    lightest[:] = NEVER
    for s in range(heads.size):
        node = heads[s]
        while node >= 0:
            bound: int = values[node, BOUND]
            if bound < min(upper, lightest[count - 1]):
                at = count - 1
                while at > 0 and lightest[at - 1] > bound:
                    lightest[at] = lightest[at - 1]
                    at -= 1
                lightest[at] = bound
            node = links[node, NEXT]
    nth: int = lightest[count - 1]
    return nth


@compiled
def deadline_of(tables: SearchTables, stage: int, first: int, latest: int) -> int:
    """Return the time by which a stage must be left: FAR where it need not (index `first` of the grid is its first chance)."""
    if latest >= tables.numbers[H] or not tables.has_successor[stage]:
        return FAR
    if first >= tables.grid.size or tables.grid[first] > latest:
        return FAR
    return latest


@compiled
def search_layers(
    tables: SearchTables,
    traffic: Traffic,
    root: Root,
    workspace: SearchWorkspace,
    width: int,
    layer_width: int,
    node_limit: int,
    upper: int,
    plan: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Search all plans, or the best `width` nodes per (time, stage).

    Parameters
    ----------
    tables, traffic, root
        The problem.
    workspace
        Memory.
    width
        Nodes kept per (time, stage).
    layer_width
        Nodes kept per time.
    node_limit
        Nodes made at most.
    upper
        Cost of a plan that is known: only better ones are looked for.
    plan
        Result where a better one is found: rows of stage, command and start, shape ``(stages of the plan, 3)``.

    Returns
    -------
    cost
        Cost of the best plan found, or `upper`.
    bound
        Lower bound of the cost of every plan.
    length
        Number of rows of `plan`, 0 where none is better than `upper`.
    nodes
        Nodes made.
    """
    grid = tables.grid
    horizon = tables.numbers[H]
    change_cost = tables.numbers[CHANGE_COST]
    stages = tables.service.shape[0]
    groups = tables.service.shape[1]
    lane_table, vehicles, lane_kind, component = traffic.lanes, traffic.vehicles, traffic.lane_kind, traffic.component
    lanes, width_of_state = lane_table.shape[0], traffic.width
    service, priority, leads, numbers = tables.service, tables.priority, tables.lead, tables.numbers
    interstages, reach = tables.interstage, tables.reach
    step = numbers[STEP]
    extra = np.empty((lanes, lanes), dtype=np.int64)
    lightest = np.empty(layer_width, dtype=np.int64)
    layers = grid.size
    node_limit = min(node_limit, workspace.values.shape[0], workspace.lanes.size // max(width_of_state, 1))
    values, links = workspace.values, workspace.links
    heads = np.full((layers, stages), -1, dtype=np.int32)
    row = np.zeros(width_of_state, dtype=np.int32)
    opens = np.empty(groups, dtype=np.int64)
    closes = np.zeros(groups, dtype=np.int64)
    chosen = np.empty(stages, dtype=np.bool_)
    candidates = np.empty(node_limit, dtype=np.int32)

    unbounded = root.deadline >= horizon
    for s in range(stages):
        unbounded = unbounded and tables.most_green[s] >= horizon
    prunable = unbounded and traffic.monotone and width_of_state == lanes

    best_parent, best_stage = -1, -1
    dropped = NEVER
    count = 0

    # The root: everything that happens before the first command.
    for lane in range(lanes):
        workspace.lanes[lane] = pack(lane_table[lane, BEGIN], lane_table[lane, FREE])
    for k in range(lanes, width_of_state):
        workspace.lanes[k] = 0
    start_row = workspace.lanes[:width_of_state]
    first = grid_index(grid, root.first_command)
    until = grid[first] if first < layers else horizon
    now = root.stage
    zero = int(np.int64(0))  # for the literal 0, numba would compile all below once more
    cost, yielding = advance(service, lane_kind, lane_table, vehicles, start_row, row, now, now, zero, until, root.opens, closes)
    if yielding:
        cost += advance_yielding(
            service, priority, numbers, lane_kind, lane_table, vehicles, start_row, row, now, now, zero, zero, until, root.opens, closes
        )
    if first >= layers:
        cost += final_cost(service, numbers, lane_table, vehicles, row, root.stage)
        if cost < upper:
            plan[0, 0] = root.stage
            return cost, cost, 1, 1
        return upper, cost, 0, 1
    for k in range(width_of_state):
        workspace.lanes[k] = row[k]
    values[0, COST] = cost
    values[0, BOUND] = cost + lane_bound(reach, numbers, lane_table, vehicles, row, root.stage, until)
    links[0, STAGE] = root.stage
    links[0, DEADLINE] = deadline_of(tables, root.stage, first, root.deadline)
    links[0, PARENT] = -1
    links[0, NEXT] = -1
    links[0, CAME_BY_STAYING] = 0
    links[0, LAYER] = first
    heads[first, root.stage] = 0
    count = 1

    for layer in range(first, layers):
        t = grid[layer]
        following = grid[layer + 1] if layer + 1 < layers else horizon
        threshold = _nth_bound(heads[layer], links, values, upper, layer_width, lightest)
        for stage in range(stages):
            for new in range(stages):
                chosen[new] = interstages[stage, new] >= 0 and new != stage
            size = 0
            node = heads[layer, stage]
            while node >= 0:
                if values[node, BOUND] < upper:
                    # Sorted by bound, then by age.
                    at = size
                    while at > 0 and (
                        values[candidates[at - 1], BOUND] > values[node, BOUND]
                        or (values[candidates[at - 1], BOUND] == values[node, BOUND] and candidates[at - 1] > node)
                    ):
                        candidates[at] = candidates[at - 1]
                        at -= 1
                    candidates[at] = node
                    size += 1
                node = links[node, NEXT]
            kept = 0
            for c in range(size):
                node = candidates[c]
                if values[node, BOUND] >= upper:
                    break
                here = workspace.lanes[node * width_of_state : (node + 1) * width_of_state]
                dominated = False
                for rank in range(kept):
                    other = candidates[rank]
                    if values[other, COST] > values[node, COST] or links[other, DEADLINE] < links[node, DEADLINE]:
                        continue
                    dominated = True
                    for k in range(width_of_state):
                        lead = workspace.lanes[other * width_of_state + k] - here[k]
                        # Who comes onto an inner lane sooner may be in the way of others there.
                        if lead < 0 or (lead > 0 and (not traffic.monotone or k >= lanes or lane_table[k, COUPLED])):
                            dominated = False
                            break
                    if dominated:
                        break
                if dominated:
                    continue
                if kept == width > ALL or values[node, BOUND] > threshold:
                    dropped = min(dropped, values[node, BOUND])
                    break
                candidates[kept] = node
                kept += 1

                deadline = links[node, DEADLINE]
                left = groups_left(lane_table, vehicles, here)
                complete = deadline == FAR and not left & ~tables.serves[stage]
                if complete and links[node, CAME_BY_STAYING] != STAYED_TO_THE_END:
                    # Nobody waits for another stage: where staying costs no more than the bound, nothing else is worth looking at.
                    set_limits(service, leads, numbers, stage, stage, t, t, opens, closes)
                    total, yielding = advance(service, lane_kind, lane_table, vehicles, here, row, stage, stage, t, horizon, opens, closes)
                    if yielding:
                        total += advance_yielding(
                            service,
                            priority,
                            numbers,
                            lane_kind,
                            lane_table,
                            vehicles,
                            here,
                            row,
                            stage,
                            stage,
                            t,
                            t,
                            horizon,
                            opens,
                            closes,
                        )
                    total += values[node, COST] + final_cost(service, numbers, lane_table, vehicles, row, stage)
                    if total < upper:
                        upper = total
                        best_parent, best_stage = node, stage
                    if total <= values[node, BOUND]:
                        continue
                if prunable:
                    choose_changes(
                        interstages,
                        tables.bypass,
                        tables.keeps,
                        tables.instead,
                        tables.needs,
                        tables.shortens,
                        tables.serves,
                        tables.sneaks,
                        tables.earlier_is_better,
                        stage,
                        left,
                        chosen,
                    )
                # A change to each other stage, then staying (last, so that the changes may improve the upper bound for it).
                for move in range(stages + 1):
                    new = move if move < stages else stage
                    if move < stages:
                        if not chosen[new]:
                            continue
                        if (
                            prunable
                            and links[node, CAME_BY_STAYING]
                            and tables.earlier_is_better[stage, new]
                            and loses_nothing_by_earlier_change(
                                service, leads, numbers, lane_kind, lane_table, vehicles, here, stage, new, grid[layer - 1], t
                            )
                        ):
                            continue
                        start = t + interstages[stage, new]
                        target = grid_index(grid, start + tables.least_green[new])
                        child_deadline = deadline_of(tables, new, target, start + tables.most_green[new])
                        child_cost = values[node, COST] + change_cost
                    else:
                        if following > deadline:
                            continue
                        start = t
                        target = layer + 1
                        child_deadline = deadline
                        child_cost = values[node, COST]
                    until = grid[target] if target < layers else horizon
                    set_limits(service, leads, numbers, stage, new, t, start, opens, closes)
                    spent, yielding = advance(service, lane_kind, lane_table, vehicles, here, row, stage, new, t, until, opens, closes)
                    child_cost += spent
                    if yielding:
                        child_cost += advance_yielding(
                            service,
                            priority,
                            numbers,
                            lane_kind,
                            lane_table,
                            vehicles,
                            here,
                            row,
                            stage,
                            new,
                            t,
                            start,
                            until,
                            opens,
                            closes,
                        )
                    if target >= layers:
                        child_cost += final_cost(service, numbers, lane_table, vehicles, row, new)
                        if child_cost < upper:
                            upper = child_cost
                            best_parent, best_stage = node, new
                        continue
                    bound = child_cost + lane_bound(reach, numbers, lane_table, vehicles, row, new, until)
                    if bound >= upper:
                        continue
                    if traffic.monotone:
                        bound += turn_bound(reach, numbers, component, lane_table, vehicles, row, new, until, step, extra)
                        if bound >= upper:
                            continue
                    bound = max(bound, values[node, BOUND])
                    if count >= node_limit:
                        dropped = min(dropped, bound)
                        continue
                    for k in range(width_of_state):
                        workspace.lanes[count * width_of_state + k] = row[k]
                    values[count, COST] = child_cost
                    values[count, BOUND] = bound
                    links[count, STAGE] = new
                    links[count, DEADLINE] = child_deadline
                    links[count, PARENT] = node
                    links[count, NEXT] = heads[target, new]
                    links[count, CAME_BY_STAYING] = 0 if move < stages else STAYED_TO_THE_END if complete else 1
                    links[count, LAYER] = target
                    heads[target, new] = count
                    count += 1

    length = 0
    if best_parent >= 0:
        length = _write_plan(tables, links, best_parent, best_stage, plan)
    return upper, min(upper, dropped), length, count


@compiled
def _write_plan(tables: SearchTables, links: NDArray[np.int32], node: int, last_stage: int, plan: NDArray[np.int64]) -> int:
    """Write the plan that ends with `last_stage` after `node`, and return its length."""
    length = 0
    stage = last_stage
    while node >= 0:
        before = links[node, STAGE]
        if before != stage:
            plan[length, 0] = stage
            plan[length, 1] = tables.grid[links[node, LAYER]]
            plan[length, 2] = plan[length, 1] + tables.interstage[before, stage]
            length += 1
            stage = before
        node = links[node, PARENT]
    plan[length, 0] = stage
    length += 1
    for k in range(length // 2):
        for column in range(3):
            plan[k, column], plan[length - 1 - k, column] = plan[length - 1 - k, column], plan[k, column]
    return length
