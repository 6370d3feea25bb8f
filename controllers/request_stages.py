"""Greens on request in a row of stages: the stages without them, those with them, and where in the row these may be inserted."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controllers.plan_pilot import plan_runs
from optimizer.design.requests import with_requests
from optimizer.intersection import Aspect, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controllers.plan_pilot import StageRun
    from optimizer.design.plan import SignalPlan
    from optimizer.design.requests import RequestWindow
    from optimizer.intersection import Intersection

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Insertion:
    """A stage that may be inserted between two runs of a plan when all of its groups on request are called.

    Attributes
    ----------
    groups
        The groups on request.
    run
        The run after whose green it comes.
    stage
        The inserted stage: its groups on request, and those of the run before it that may go beside them.
    green_s
        Its least green.
    given_s
        By how much earlier than planned the green of the run before may end for it; as early as its own least green allows where the
        inserted stage serves everybody whom it serves.
    until_s
        How long after that planned end it lasts at least where it goes on with everybody's green; minus infinity elsewhere.
    last_s
        How long after that planned end it may be commanded at the latest; negative: before.
    leave_s
        How long after that planned end it must be left at the latest, so that the next run keeps its least green and its end.
    """

    groups: frozenset[int]
    run: int
    stage: int
    green_s: float
    given_s: float
    until_s: float
    last_s: float
    leave_s: float


@dataclass(frozen=True, slots=True)
class RequestService:
    """How one junction serves its requests.

    Attributes
    ----------
    junction
        The junction with the stages that serve no group on request first, and those that do behind them.
    runs, cycle_s
        The plan as a row of the former (see `controllers.plan_pilot.plan_runs`).
    insertions
        What may be inserted.
    """

    junction: Intersection
    runs: tuple[StageRun, ...]
    cycle_s: float
    insertions: tuple[Insertion, ...]


def request_service(plan: SignalPlan, junction: Intersection, windows: Sequence[RequestWindow]) -> RequestService | None:
    """Return how the requests of a plan are served with a junction's stages; None where there are none.

    A group that the stages leave no place for is served in each cycle.

    Parameters
    ----------
    plan
        The cycle without requests.
    junction
        The junction, with the yellows and intergreens of the plan.
    windows
        Where the plan inserts its requests.
    """
    asked = list(windows)
    while asked:
        constant = [window for window in windows if window not in asked]
        shown = with_requests(plan, junction, constant)
        bare = _without(junction, frozenset(window.group for window in asked))
        runs, cycle_s = plan_runs(shown, bare)
        places = {window.group: _place(bare, runs, cycle_s, window) for window in asked}
        missing = [group for group, place in places.items() if place is None]
        if not missing:
            return _service(bare, runs, cycle_s, asked, {g: place for g, place in places.items() if place is not None})
        for group in missing:
            _log.warning("%s: %s gets its green in each cycle, because its stages leave no place.", junction.id, junction.groups[group].id)
        asked = [window for window in asked if window.group not in missing]
    return None


def _without(junction: Intersection, groups: frozenset[int]) -> Intersection:
    """Return the junction with stages that leave these groups red; the groups may stay red for ever."""
    number: dict[tuple[Aspect, ...], int] = {}
    stages: list[Stage] = []
    became: dict[int, int] = {}
    for index, stage in enumerate(junction.stages):
        aspects = tuple(Aspect.RED if g in groups else aspect for g, aspect in enumerate(stage.aspects))
        if not any(aspect.is_green for aspect in aspects):
            continue
        if aspects not in number:
            number[aspects] = len(stages)
            stages.append(replace(stage, aspects=aspects))
        became[index] = number[aspects]
    allowed = junction.allowed_changes
    if allowed is not None:
        allowed = frozenset((became[a], became[b]) for a, b in allowed if a in became and b in became and became[a] != became[b])
    patient = tuple(replace(group, maximum_red_s=math.inf) if g in groups else group for g, group in enumerate(junction.groups))
    return replace(junction, groups=patient, stages=tuple(stages), allowed_changes=allowed)


def _beside(junction: Intersection, stage: int, asked: frozenset[int], *, alone: bool) -> Stage:
    """Return the stage that shows green to groups on request, and (unless alone) to whom of a stage may go beside them."""
    before = junction.stages[stage]
    aspects = []
    for g, aspect in enumerate(before.aspects):
        if g in asked:
            waits = any(before.serves(h) and not alone and junction.conflicts[h].isdisjoint(asked) for h in junction.yields_to[g])
            aspects.append(Aspect.PERMISSIVE if waits else Aspect.PROTECTED)
        elif alone or not aspect.is_green or not junction.conflicts[g].isdisjoint(asked):
            aspects.append(junction.red_aspect(g, asked) if aspect is Aspect.RED_THEN_GO else Aspect.RED)
        elif aspect is Aspect.PROTECTED and not junction.yields_to[g].isdisjoint(asked):
            aspects.append(Aspect.PERMISSIVE)
        else:
            aspects.append(aspect)
    return Stage(f"{before.id} with {' and '.join(junction.groups[g].id for g in sorted(asked))}", tuple(aspects), before.maximum_green_s)


def _place(bare: Intersection, runs: Sequence[StageRun], cycle_s: float, window: RequestWindow) -> int | None:
    """Return the run after which a request fits, the one nearest to its window; None where it fits nowhere."""
    asked = frozenset({window.group})
    found = []
    for run in range(len(runs)) if len(runs) > 1 else ():
        times = _times(bare, runs, cycle_s, run, asked, window)
        if times is not None:
            _, insertion, green_at_s = times
            distance_s = (green_at_s - window.start_s) % cycle_s
            found.append((min(distance_s, cycle_s - distance_s), insertion.run))
    return min(found)[1] if found else None


def _times(
    bare: Intersection, runs: Sequence[StageRun], cycle_s: float, run: int, asked: frozenset[int], window: RequestWindow
) -> tuple[Stage, Insertion, float] | None:
    """Return the stage for some requests after a run, its times, and the second of the cycle at which its green begins as planned.

    The green before ends where the window has it, as far as it and the next one keep their least greens: what the one does not give, the
    other one does.
    """
    before, following = runs[run], runs[(run + 1) % len(runs)]
    next_end_s = (following.end_s - before.end_s) % cycle_s
    # A run may be planned shorter than its stage's minimum: it is late then with requests as without.
    earliest_s = min(bare.stage_minimum_green_s(before.stage) - before.length_s, 0.0)
    next_least_s = min(bare.stage_minimum_green_s(following.stage), following.length_s)
    for alone in (False, True):
        stage = _beside(bare, before.stage, asked, alone=alone)
        wider = _with_stages(bare, [(stage, before.stage, following.stage)])
        inserted = len(bare.stages)
        into_s = math.ceil(wider.interstage_s(before.stage, inserted))
        onwards_s = math.ceil(wider.interstage_s(inserted, following.stage))
        green_s = max(window.length_s, _clearing_s(wider, before.stage, inserted, following.stage) - onwards_s)
        leave_s = next_end_s - next_least_s - onwards_s
        last_s = leave_s - green_s - into_s
        if last_s < earliest_s:
            continue
        wanted_s = (window.start_s - into_s - before.end_s + cycle_s / 2) % cycle_s - cycle_s / 2
        command_s = min(max(wanted_s, earliest_s), last_s, 0.0)
        goes_on = not wider.closing(before.stage, inserted)
        given_s, until_s = (-earliest_s, min(leave_s, 0.0)) if goes_on else (-command_s, -math.inf)
        insertion = Insertion(asked, run, inserted, green_s, given_s, until_s, last_s, leave_s)
        return stage, insertion, before.end_s + command_s + into_s
    return None


def _clearing_s(junction: Intersection, old: int, inserted: int, new: int) -> float:
    """Return how long after the inserted stage's start of green those who closed for it have cleared the way of the stage behind it."""
    ends_s = junction.green_ends_s(old, inserted, -math.inf, 0.0)
    opening = junction.opening(inserted, new)
    return float(math.ceil(max((end_s + junction.intergreen_s[g][h] for g, end_s in ends_s.items() for h in opening), default=0.0)))


def _service(
    bare: Intersection, runs: tuple[StageRun, ...], cycle_s: float, asked: Sequence[RequestWindow], places: dict[int, int]
) -> RequestService:
    of_group = {window.group: window for window in asked}
    stages: list[tuple[Stage, int, int]] = []
    insertions: list[Insertion] = []
    for run in sorted(set(places.values())):
        here = sorted(group for group, place in places.items() if place == run)
        for size in range(1, len(here) + 1):
            for together in itertools.combinations(here, size):
                if any(not bare.conflicts[g].isdisjoint(together) for g in together):
                    continue
                longest = max((of_group[g] for g in together), key=lambda window: window.length_s)
                times = _times(bare, runs, cycle_s, run, frozenset(together), longest)
                if times is not None:
                    stage, insertion, _ = times
                    insertions.append(replace(insertion, stage=len(bare.stages) + len(stages)))
                    stages.append((stage, runs[run].stage, runs[(run + 1) % len(runs)].stage))
    return RequestService(_with_stages(bare, stages), runs, cycle_s, tuple(insertions))


def _with_stages(junction: Intersection, added: Sequence[tuple[Stage, int, int]]) -> Intersection:
    """Return the junction with further stages, each between two that it has."""
    stages, allowed = [*junction.stages], junction.allowed_changes
    for stage, before, after in added:
        if allowed is not None:
            allowed |= {(before, len(stages)), (len(stages), after), (len(stages), before)}
        stages.append(stage)
    return replace(junction, stages=tuple(stages), allowed_changes=allowed)
