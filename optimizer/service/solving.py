"""``POST /v1/optimize``: a whole horizon problem in, a plan out, nothing kept."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from pydantic_core import to_json

from optimizer.horizon import cp_sat, search
from optimizer.horizon.engines import BEAM_WIDTH
from optimizer.horizon.problem import PERMISSIVE, RED_THEN_GO, HorizonProblem, SignalModel
from optimizer.service.problem_messages import OptimizeRequest
from optimizer.service.problems import contradiction, from_validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.service.problem_messages import ProblemMessage, SignalModelMessage

_WAITING = (PERMISSIVE, RED_THEN_GO)


def optimize(body: bytes) -> bytes:
    """Solve the problem in a body.

    Raises
    ------
    ProblemError
        If it is no problem or contradicts itself.
    """
    try:
        request = OptimizeRequest.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error) from None
    problem = _to_problem(request.problem)
    solution = search.solve(problem, beam_width=BEAM_WIDTH, node_limit=request.node_limit)
    if request.engine == "cp-sat":
        solution = cp_sat.solve(problem, hint=solution, time_limit_s=request.time_limit_ms / 1000)
    return to_json(
        {
            "plan": [{"stage": p.stage, "command_ds": p.command_ds, "start_ds": p.start_ds} for p in solution.plan],
            "departure_ds": solution.departure_ds.tolist(),
            "cost": solution.cost,
            "bound": solution.bound,
            "status": solution.status.value,
            "engine": solution.engine,
            "solve_s": solution.solve_s,
        }
    )


def _to_problem(message: ProblemMessage) -> HorizonProblem:
    _check(message)
    given = message.signals
    signals = SignalModel(
        **{
            **given.model_dump(),
            "service": np.array(given.service, dtype=np.int64),
            "interstage_ds": np.array(given.interstage_ds, dtype=np.int64),
            "closing_lead_ds": _closing_lead_ds(given),
            "minimum_green_ds": np.array(given.minimum_green_ds, dtype=np.int64),
            "maximum_green_ds": np.array(given.maximum_green_ds, dtype=np.int64),
            "yields": np.array(given.yields, dtype=np.bool_),
        }
    )
    numbers = ("group_green_since_ds", "lane_start", "lane_free_ds", "headway_ds", "arrival_ds", "release_ds", "group", "weight")
    arrays: dict[str, Any] = {name: np.array(getattr(message, name), dtype=np.int64) for name in numbers}
    return HorizonProblem(
        signals=signals,
        stage=message.stage,
        green_start_ds=message.green_start_ds,
        earliest_change_ds=message.earliest_change_ds,
        latest_change_ds=message.latest_change_ds,
        moving=np.array(message.moving, dtype=np.bool_),
        unserved_cost=np.array(message.unserved_cost, dtype=np.int64).reshape(-1, 2),
        **arrays,
    )


def _closing_lead_ds(signals: SignalModelMessage) -> NDArray[np.int64]:
    service, interstage_ds = np.array(signals.service), np.array(signals.interstage_ds)
    closing = (service[:, None, :] > 0) & (service[None, :, :] == 0)
    if signals.closing_lead_ds is None:
        return np.zeros(closing.shape, dtype=np.int64)
    if [len(row) for row in signals.closing_lead_ds] != [len(service)] * len(service) or any(
        len(leads) != service.shape[1] for row in signals.closing_lead_ds for leads in row
    ):
        raise contradiction("/problem/signals/closing_lead_ds", f"it must have the shape {closing.shape}")
    lead_ds = np.array(signals.closing_lead_ds, dtype=np.int64)
    if (lead_ds > np.where(closing, np.maximum(interstage_ds, 0)[:, :, None], 0)).any():
        raise contradiction(
            "/problem/signals/closing_lead_ds", "a lead lies between 0 and its interstage, and is 0 where the group does not close"
        )
    return lead_ds


def _check_giving_way(signals: SignalModelMessage) -> None:
    """Raise `ProblemError` where groups all wait for each other: they would never go."""
    for stage, codes in enumerate(signals.service):
        waits = {
            g: {h for h, yields in enumerate(signals.yields[g]) if yields and codes[h] in _WAITING}
            for g, code in enumerate(codes)
            if code in _WAITING
        }
        while free := [g for g, others in waits.items() if not others & waits.keys()]:
            for g in free:
                del waits[g]
        if waits:
            raise contradiction("/problem/signals/yields", f"in stage {stage} the groups {sorted(waits)} all give way to each other")


def _check(message: ProblemMessage) -> None:
    signals = message.signals
    stages, groups = len(signals.service), len(signals.service[0])
    lanes, vehicles = len(message.lane_start) - 1, len(message.arrival_ds)
    rows: dict[str, tuple[Sequence[Sequence[int]], int, int]] = {
        "/problem/signals/service": (signals.service, stages, groups),
        "/problem/signals/interstage_ds": (signals.interstage_ds, stages, stages),
        "/problem/signals/yields": (signals.yields, groups, groups),
    }
    for field, (matrix, height, width) in rows.items():
        if len(matrix) != height or any(len(row) != width for row in matrix):
            raise contradiction(field, f"it must have {height} rows of {width} values")
    lengths = {"minimum_green_ds": stages, "maximum_green_ds": stages}
    columns = {"group_green_since_ds": groups, "lane_free_ds": lanes, "headway_ds": lanes}
    columns |= dict.fromkeys(("release_ds", "group", "weight", "moving", "unserved_cost"), vehicles)
    for place, holder, wanted in (("/problem/signals", signals, lengths), ("/problem", message, columns)):
        for name, length in wanted.items():
            if len(getattr(holder, name)) != length:
                raise contradiction(f"{place}/{name}", f"it must have {length} values")
    _check_giving_way(signals)
    _check_vehicles(message, stages, groups, vehicles)


def _check_vehicles(message: ProblemMessage, stages: int, groups: int, vehicles: int) -> None:
    starts = message.lane_start
    if starts[0] != 0 or starts[-1] != vehicles or any(b < a for a, b in pairwise(starts)):
        raise contradiction("/problem/lane_start", f"it must rise from 0 to {vehicles}, the number of vehicles")
    if message.stage >= stages:
        raise contradiction("/problem/stage", f"there are the stages 0 to {stages - 1}")
    if any(group >= groups for group in message.group):
        raise contradiction("/problem/group", f"there are the groups 0 to {groups - 1}")
    if message.earliest_change_ds > message.latest_change_ds:
        raise contradiction("/problem/latest_change_ds", "it must not be earlier than earliest_change_ds")
    if message.signals.clear_ds > min(message.headway_ds):
        raise contradiction("/problem/signals/clear_ds", "it must not be longer than the headway of any lane")
    if any(group in {g for g, yields in enumerate(row) if yields} for group, row in enumerate(message.signals.yields)):
        raise contradiction("/problem/signals/yields", "no group gives way to itself")
    for index, (arrival, release) in enumerate(zip(message.arrival_ds, message.release_ds, strict=True)):
        if arrival >= message.signals.horizon_ds or release < arrival:
            raise contradiction(
                f"/problem/arrival_ds/{index}", "a vehicle arrives before the horizon, and is released no earlier than that"
            )
    for index, (red, green) in enumerate(message.unserved_cost):
        if green > red:
            raise contradiction(f"/problem/unserved_cost/{index}", "the second cost must not exceed the first")
