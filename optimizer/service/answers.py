"""The answer to a call: the command, and all that tells where it comes from and how long it holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from optimizer.horizon.problem import DS_PER_S, WEIGHT_UNIT
from optimizer.service.messages import Command

if TYPE_CHECKING:
    from optimizer.decision import Decision
    from optimizer.observation import SignalStatus
    from optimizer.service.messages import AlarmKind, DecisionRequest
    from optimizer.service.mind import Mind
    from optimizer.service.site import JunctionSite

VALID_FOR_S: Final = 1.0
"""An answer is for its second: in the next one the plan is another."""

HORIZON_S: Final = 60.0


@dataclass(slots=True)
class Outcome:
    """What was decided, and how.

    Attributes
    ----------
    command, decision
        What to do; the decision holds stage, earliest start and reason.
    engine, solve_s
        Who solved, and for how long.
    rule, refusal
        The rule that the planner's wish broke, if any, and the monitor's sentence.
    alarms
        What is wrong with what was reported.
    """

    command: Command
    decision: Decision
    engine: str
    solve_s: float = 0.0
    rule: str = ""
    refusal: str = ""
    alarms: list[tuple[AlarmKind, str]] = field(default_factory=list)


def answer_body(site: JunctionSite, request: DecisionRequest, status: SignalStatus, outcome: Outcome, mind: Mind) -> dict[str, Any]:
    """Return the fields of `DecisionAnswer` (plain, for speed; a test holds the two together)."""
    junction = site.junction
    decision, solution = outcome.decision, mind.engine.solution
    latest_s = mind.latest_change_s(status)
    extends = outcome.command is Command.EXTEND
    return {
        "junction": junction.id,
        "description": site.hash,
        "sequence": request.sequence,
        "time_s": request.time_s,
        "valid_until_s": request.time_s + VALID_FOR_S,
        "command": outcome.command.value,
        "stage": junction.stages[decision.stage].id,
        "green_not_before_s": decision.earliest_s if extends else None,
        "earliest_change_s": max(request.time_s, status.green_start_s + junction.stage_minimum_green_s(status.stage)),
        "latest_change_s": latest_s if math.isfinite(latest_s) else None,
        "timeline": _timeline(site, request.time_s, status, outcome, mind),
        "queues": _queues(site, mind),
        "outflow": mind.outflow(request.time_s),
        "engine": outcome.engine,
        "status": None if solution is None else solution.status.value,
        "cost_veh_s": None if solution is None else solution.cost / (DS_PER_S * WEIGHT_UNIT),
        "bound_veh_s": None if solution is None else solution.bound / (DS_PER_S * WEIGHT_UNIT),
        "solve_s": outcome.solve_s,
        "reason": decision.reason,
        "refusal": {"rule": outcome.rule, "sentence": outcome.refusal} if outcome.rule else None,
        "alarms": [{"kind": kind.value, "sentence": sentence} for kind, sentence in outcome.alarms],
    }


def _timeline(site: JunctionSite, time_s: float, status: SignalStatus, outcome: Outcome, mind: Mind) -> list[dict[str, Any]]:
    """Return the stages to come as they are planned at the moment; each new second may change all but the first."""
    junction = site.junction
    entries = [(status.stage, status.commanded_s, status.green_start_s)]
    later = _still_planned(time_s, status, mind)
    if outcome.command is Command.CHANGE:
        stage = outcome.decision.stage
        entries.append((stage, time_s, time_s + math.ceil(junction.interstage_s(status.stage, stage))))
        later = later[1:] if later and later[0][0] == stage and later[0][1] <= time_s else ()
    entries += [entry for entry in later if entry[1] > time_s]
    ends_s = [commanded_s for _, commanded_s, _ in entries[1:]] + [None]
    return [
        {"stage": junction.stages[stage].id, "commanded_s": commanded_s, "green_start_s": start_s, "green_end_s": end_s}
        for (stage, commanded_s, start_s), end_s in zip(entries, ends_s, strict=True)
    ]


def _still_planned(time_s: float, status: SignalStatus, mind: Mind) -> tuple[tuple[int, float, float], ...]:
    """Return what the last plan has behind the present stage; during interstages and minimum greens nothing new is planned."""
    if not time_s - HORIZON_S < mind.engine.planned_s <= time_s:
        return ()
    for index, (stage, commanded_s, start_s) in enumerate(mind.engine.plan):
        if stage == status.stage and (commanded_s <= status.commanded_s <= start_s or commanded_s == status.commanded_s):
            return mind.engine.plan[index + 1 :]
    return ()


def _queues(site: JunctionSite, mind: Mind) -> list[dict[str, Any]]:
    traffic = mind.estimator.traffic
    moving, starts = traffic.moving.tolist(), traffic.lane_start.tolist()  # a few dozen values: lists are faster than arrays here
    found = []
    for lane, begin, end in zip(site.junction.incoming, starts, starts[1:], strict=False):
        coming = sum(moving[begin:end])
        found.append({"lane": lane.id, "waiting_veh": end - begin - coming, "coming_veh": coming})
    return found
