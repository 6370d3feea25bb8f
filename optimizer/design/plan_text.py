"""Designed plans as plain values, as they stand in JSON files and answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from optimizer.design.requests import with_requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.design.plan import SignalPlan
    from optimizer.design.result import DesignResult, StreamPerformance

STREAM_COLUMNS: Final = (
    "stream",
    "groups",
    "flow_h",
    "saturation_h",
    "green_s",
    "capacity_h",
    "saturation_degree",
    "delay_s",
    "queue95_veh",
    "queue95_m",
    "longest_wait_s",
    "level_hcm",
    "level_hbs",
)


def plan_content(result: DesignResult, coordinated: Iterable[int] = ()) -> dict[str, Any]:
    """Return a designed plan and what is known of it; None stands for an infinite value.

    Parameters
    ----------
    result
        The design.
    coordinated
        The groups that carry a coordination with other junctions.
    """
    junction, plan = result.problem.junction, result.plan
    ids = [group.id for group in junction.groups]
    return {
        "cycle_s": plan.cycle_s,
        "offset_s": plan.offset_s,
        "greens": _greens(result, plan),
        "greens_with_requests": _greens(result, with_requests(plan, junction, result.requests)),
        "requests": {
            ids[w.group]: {"start_s": w.start_s, "green_s": w.length_s, "taken_s": {ids[h]: lost_s for h, lost_s in w.taken_s}}
            for w in result.requests
        },
        "coordinated": list(dict.fromkeys(ids[g] for g in coordinated)),
        "yellow_s": {group.id: group.yellow_s for group in junction.groups},
        "intergreen_s": {
            ids[g]: {ids[h]: needed_s for h, needed_s in enumerate(row) if needed_s > 0} for g, row in enumerate(junction.intergreen_s)
        },
        "stages": [[ids[g] for g in stage] for stage in result.stages],
        "objective": str(result.objective),
        "cost": result.cost,
        "bound": result.bound,
        "status": str(result.status),
        "capacity_factor": result.capacity_factor if math.isfinite(result.capacity_factor) else None,
        "streams": [dict(zip(STREAM_COLUMNS, stream_values(result, row), strict=True)) for row in result.performance],
        "solve_s": result.solve_s,
    }


def _greens(result: DesignResult, plan: SignalPlan) -> dict[str, list[list[float]]]:
    groups = result.problem.junction.groups
    return {g.id: [[w.start_s, w.length_s] for w in windows] for g, windows in zip(groups, plan.greens, strict=True)}


def stream_values(result: DesignResult, row: StreamPerformance) -> list[Any]:
    """Return how a stream fares, in the order of `STREAM_COLUMNS`; None stands for an infinite value."""
    groups = " ".join(result.problem.junction.groups[g].id for g in row.stream.groups)
    numbers = [row.stream.flow_h, row.stream.saturation_h, row.green_s, row.capacity_h, row.saturation_degree, row.delay_s]
    numbers += [row.queue95_veh, row.queue95_m, row.longest_wait_s]
    rounded = [round(n, 3) if math.isfinite(n) else None for n in numbers]
    return [row.stream.id, groups, *rounded, row.level_hcm, row.level_hbs]
