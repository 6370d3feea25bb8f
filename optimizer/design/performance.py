"""How the streams of a junction fare under a plan: the table an engineer expects."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from optimizer.design import delay, levels
from optimizer.design.discharge import cell_s, discharge_veh, queues_veh
from optimizer.design.result import StreamPerformance

if TYPE_CHECKING:
    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem, Stream

TRACE_H = 1e-6
"""Flow that stands for none: whoever should come would still have to wait."""


def performance(plan: SignalPlan, problem: DesignProblem) -> tuple[StreamPerformance, ...]:
    """Return how each stream fares, in the order of the problem's streams.

    Parameters
    ----------
    plan
        Any plan of the junction, also one that nobody designed here.
    problem
        Its streams.
    """
    discharge = discharge_veh(plan, problem)
    cell = cell_s(plan)
    flows = np.array([max(stream.flow_h, TRACE_H) for stream in problem.streams])
    arriving = np.broadcast_to((flows * cell / 3600)[:, None], discharge.shape)
    passing = discharge.sum(axis=1)
    # HCM's uniform delay is that of a stream which just fills its green; what comes on top is the overflow term's.
    held = np.minimum(1.0, passing / np.maximum(arriving.sum(axis=1), 1e-12))
    finite = np.isfinite(passing)
    waited = np.zeros(len(flows))
    if finite.any():
        waited[finite] = queues_veh(arriving[finite] * held[finite, None], discharge[finite])[1].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            waited = np.where(finite, waited * cell / (arriving.sum(axis=1) * held), 0.0)
    capacities = passing * 3600 / plan.cycle_s
    return tuple(_row(plan, problem, stream, float(capacities[i]), float(waited[i])) for i, stream in enumerate(problem.streams))


def weighted_delay_veh(rows: tuple[StreamPerformance, ...]) -> float:
    """Return the weighted delay of all streams, vehicle-hours per hour: the mean number of vehicles that are delayed."""
    return sum(row.stream.weight * row.stream.flow_h * row.delay_s / 3600 for row in rows if row.stream.flow_h > 0)


def capacity_factor(rows: tuple[StreamPerformance, ...]) -> float:
    """Return the factor on all flows at which the busiest stream reaches its capacity; infinite without vehicles."""
    busiest = max((row.saturation_degree for row in rows), default=0.0)
    return 1 / busiest if busiest > 0 else math.inf


def _row(plan: SignalPlan, problem: DesignProblem, stream: Stream, capacity: float, uniform_s: float) -> StreamPerformance:
    green_s, wait_s = _served_s(plan, stream.groups)
    saturation = delay.degree_of_saturation(stream.flow_h, capacity)
    analysis_h = problem.parameters.analysis_h
    if math.isinf(stream.saturation_h):
        delay_s, queue = _crossing_delay_s(plan, stream.groups), 0.0
    elif math.isinf(saturation):
        delay_s, queue = math.inf, stream.flow_h * analysis_h
    else:
        delay_s = uniform_s + delay.incremental_delay_s(saturation, capacity, analysis_h) if capacity > 0 else math.inf
        # A green that yields discharges less: the same formula with the saturation flow that gives its capacity.
        lasting_s = max(green_s, cell_s(plan))
        queue = delay.back_of_queue_veh(plan.cycle_s, lasting_s, stream.flow_h, capacity * plan.cycle_s / lasting_s, analysis_h)
    queue95 = delay.queue95_veh(queue)
    return StreamPerformance(
        stream=stream,
        green_s=green_s,
        capacity_h=capacity,
        saturation_degree=saturation,
        delay_s=delay_s,
        queue95_veh=queue95,
        queue95_m=queue95 * problem.parameters.spacing_m,
        longest_wait_s=wait_s,
        level_hcm=levels.level_hcm(stream.kind, delay_s, saturation),
        level_hbs=levels.level_hbs(stream.kind, delay_s, wait_s, saturation),
    )


def _reds_s(plan: SignalPlan, groups: tuple[int, ...]) -> tuple[float, list[float]]:
    """Return the time in which all groups are green together, and the lengths of the times in between."""
    edges = sorted(
        {edge % plan.cycle_s for g in groups for window in plan.greens[g] for edge in (window.start_s, window.start_s + window.length_s)}
    )
    if not edges:
        return 0.0, [plan.cycle_s]
    pieces = [
        (second, (following - second) % plan.cycle_s or plan.cycle_s)
        for second, following in zip(edges, edges[1:] + edges[:1], strict=True)
    ]
    green = [all(plan.is_green(g, second + length / 2) for g in groups) for second, length in pieces]
    if not any(green):
        return 0.0, [plan.cycle_s]
    begin = green.index(True)
    reds, red_s = [], 0.0
    for (_, length), is_green in zip(pieces[begin:] + pieces[:begin], green[begin:] + green[:begin], strict=True):
        if is_green:
            reds.append(red_s)
            red_s = 0.0
        else:
            red_s += length
    return sum(length for (_, length), is_green in zip(pieces, green, strict=True) if is_green), [*reds, red_s]


def _served_s(plan: SignalPlan, groups: tuple[int, ...]) -> tuple[float, float]:
    green_s, reds_s = _reds_s(plan, groups)
    return green_s, max(reds_s)


def _crossing_delay_s(plan: SignalPlan, groups: tuple[int, ...]) -> float:
    green_s, reds_s = _reds_s(plan, groups)
    return math.inf if green_s == 0 else sum(red**2 for red in reds_s) / (2 * plan.cycle_s)
