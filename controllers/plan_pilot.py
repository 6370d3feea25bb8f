"""Following a fixed-time plan with a junction's stages: the plan as a row of stages, and where in it a junction is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from optimizer.decision import Decision
from optimizer.intersection import DetectorRole
from optimizer.red_limits import RedClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controllers.request_calls import RequestCalls
    from controllers.request_stages import Insertion
    from optimizer.design.plan import SignalPlan
    from optimizer.intersection import Intersection
    from optimizer.observation import LoopReadings, SignalStatus


MOST_HELD_S: Final = 10.0
"""A green on request lasts so much longer than its least at most for somebody who is still to come."""


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage's part of the cycle.

    Attributes
    ----------
    stage
        Its index.
    end_s
        Second of the cycle at which its green ends.
    length_s
        Planned length of its green.
    """

    stage: int
    end_s: float
    length_s: float


class PlanPilot:
    """Follows a plan at one junction, with the junction's own stages.

    Parameters
    ----------
    junction
        Its description.
    runs, cycle_s, offset_s
        The plan as a row of stages (see `plan_runs`).
    gap_s
        Time without a vehicle on any loop of a stage's own lanes after which it ends, if it is not the longest; infinite: all end as
        planned.
    insertions, calls
        Stages that are inserted when their groups are called, and which groups are.
    """

    def __init__(
        self,
        junction: Intersection,
        runs: tuple[StageRun, ...],
        cycle_s: float,
        offset_s: float,
        gap_s: float = math.inf,
        insertions: Sequence[Insertion] = (),
        calls: RequestCalls | None = None,
    ) -> None:
        self._junction, self._runs, self._cycle_s, self._offset_s, self._gap_s = junction, runs, cycle_s, offset_s, gap_s
        self._insertions, self._calls = insertions, calls
        self._inserted: Insertion | None = None
        self._clock = RedClock(junction)
        self._main = max(range(len(runs)), key=lambda r: runs[r].length_s)
        self._at: int | None = None
        self._leave_s = math.inf
        self._own = [self._own_detectors(r) for r in range(len(runs))]
        self._busy_s = [-math.inf] * len(junction.detectors)

    def decide(self, now_s: float, signal: SignalStatus, loops: LoopReadings | None) -> Decision | None:
        """Return a decision where the stage is to change; to be called every second."""
        if loops is not None:
            for index in range(len(self._busy_s)):
                if loops.count[index] != 0 or loops.occupancy[index] > 0:  # a silent loop (-1) counts as busy
                    self._busy_s[index] = now_s
        if self._calls is not None:
            self._calls.hear(now_s, loops)
        self._clock.follow(now_s, signal)
        due = self._clock.stage_due(now_s, signal)
        if due is not None:
            self._at = self._inserted = None
            # Whoever is served beside a group on request is served without it as well.
            uncalled = (self._runs[i.run].stage for i in self._insertions if i.stage == due)
            return Decision(next(uncalled, due), reason="maximum red or green")
        if self._inserted is not None and signal.stage == self._inserted.stage:
            return self._end_insertion(self._inserted, now_s, signal)
        self._inserted = None
        if now_s < signal.green_start_s + self._junction.stage_minimum_green_s(signal.stage) or len(self._runs) < 2:
            return None
        if self._at is None or self._runs[self._at].stage != signal.stage:
            return self._join(now_s, signal)
        following = (self._at + 1) % len(self._runs)
        own = self._own[self._at]
        is_gap = self._at != self._main and bool(own) and all(now_s - self._busy_s[d] >= self._gap_s for d in own)
        insertion = self._called_insertion(self._at, now_s)
        if insertion is not None and (is_gap or now_s >= self._leave_s - insertion.given_s):
            self._inserted = insertion
            return Decision(insertion.stage, reason="request")
        if now_s >= self._leave_s:
            return self._go(following, now_s, signal, "end of the planned green")
        return self._go(following, now_s, signal, "gap") if is_gap else None

    def _called_insertion(self, run: int, now_s: float) -> Insertion | None:
        """Return what is called and may still be inserted after a run, first for whom has waited longest, with as many as there are."""
        calls = self._calls
        if calls is None:
            return None
        called = calls.called()
        fitting = [i for i in self._insertions if i.run == run and i.groups <= called and now_s <= self._leave_s + i.last_s]
        return min(fitting, key=lambda i: (calls.since_s(i.groups), -len(i.groups)), default=None)

    def _end_insertion(self, insertion: Insertion, now_s: float, signal: SignalStatus) -> Decision | None:
        """Go on to the next run, in step with the plan, when whoever called has passed or must wait for the next cycle."""
        if now_s < signal.green_start_s or self._calls is None:
            return None
        joined = self._called_insertion(insertion.run, now_s)
        if joined is not None and joined.groups > insertion.groups:
            self._inserted = joined
            return Decision(joined.stage, reason="further request")
        least_s = max(signal.green_start_s + insertion.green_s, self._leave_s + insertion.until_s)
        if now_s < least_s:
            return None
        latest_s = max(least_s, min(least_s + MOST_HELD_S, self._leave_s + insertion.leave_s))
        if now_s < latest_s and self._calls.is_awaited(insertion.groups, now_s, signal.green_start_s):
            return None
        self._calls.served(insertion.groups)
        self._inserted = None
        return self._go((insertion.run + 1) % len(self._runs), now_s, signal, "end of the green on request")

    def _join(self, now_s: float, signal: SignalStatus) -> Decision | None:
        """Take up the plan: with the stage that is shown where the plan has it, else with the one that is planned now."""
        here = [r for r, run in enumerate(self._runs) if run.stage == signal.stage]
        if here:
            self._enter(min(here, key=lambda r: self._until_s(now_s, self._runs[r].end_s)), now_s)
            return None
        planned = min(range(len(self._runs)), key=lambda r: self._until_s(now_s, self._runs[r].end_s))
        return self._go(planned, now_s, signal, "to the plan")

    def _go(self, run: int, now_s: float, signal: SignalStatus, reason: str) -> Decision | None:
        stage = self._runs[run].stage
        if not self._junction.change_allowed(signal.stage, stage):
            return None
        self._enter(run, now_s + self._junction.interstage_s(signal.stage, stage))
        return Decision(stage, reason=reason)

    def _enter(self, run: int, green_s: float) -> None:
        self._at = run
        self._leave_s = green_s + self._until_s(green_s, self._runs[run].end_s)

    def _until_s(self, time_s: float, second: float) -> float:
        return (second + self._offset_s - time_s) % self._cycle_s

    def _own_detectors(self, run: int) -> tuple[int, ...]:
        """Return the loops whose vehicles the stage serves and the next one does not."""
        junction = self._junction
        stage, following = (junction.stages[self._runs[(run + k) % len(self._runs)].stage] for k in (0, 1))
        lanes = {m.incoming for m in junction.movements if stage.serves(m.group) and not following.serves(m.group)}
        return tuple(
            index
            for index, detector in enumerate(junction.detectors)
            if detector.role in (DetectorRole.STOP_LINE, DetectorRole.NEAR) and detector.on_lane and detector.lanes[0] in lanes
        )


def equal_runs(junction: Intersection, stage_s: float) -> tuple[tuple[StageRun, ...], float, float]:
    """Return all stages in their order with the same green, the cycle and the offset 0."""
    count, second, runs = len(junction.stages), 0.0, []
    for stage in range(count):
        length_s = max(stage_s, junction.stage_minimum_green_s(stage))
        second += length_s
        runs.append(StageRun(stage, second, length_s))
        second += math.ceil(junction.interstage_s(stage, (stage + 1) % count))
    return tuple(runs), second, 0.0


def plan_runs(plan: SignalPlan, junction: Intersection) -> tuple[tuple[StageRun, ...], float]:
    """Return the stages that a plan comes closest to, one after the other, and the cycle.

    At each second that stage counts which serves most of the groups that are green, less those that are not. What is too short for a
    stage's minimum green goes to the stage before.
    """
    seconds = range(round(plan.cycle_s))
    scores = [[_likeness(plan, junction, s, t + 0.5) for s in range(len(junction.stages))] for t in seconds]
    # Where nothing but red and yellow is shown, the stage before goes on: its change is taken off below.
    seen = [max(range(len(row)), key=lambda s, row=row: (row[s], -s)) if max(row) > 0 else None for row in scores]  # type: ignore[misc]
    shown = [t for t in seconds if seen[t] is not None]
    starts = [t for t, before in zip(shown, [shown[-1], *shown], strict=False) if seen[t] != seen[before]] or shown[:1]
    spans = [
        (int(seen[t] or 0), t, (following - t) % len(seconds) or len(seconds))
        for t, following in zip(starts, [*starts[1:], starts[0]], strict=True)
    ]
    kept = [span for span in spans if span[2] >= junction.stage_minimum_green_s(span[0])] or [max(spans, key=lambda span: span[2])]
    merged = [span for k, span in enumerate(kept) if len(kept) == 1 or span[0] != kept[k - 1][0]] or kept[:1]
    runs = []
    for k, (stage, start, _) in enumerate(merged):
        following = merged[(k + 1) % len(merged)]
        change_s = math.ceil(junction.interstage_s(stage, following[0]))
        end_s = (following[1] - change_s) % plan.cycle_s
        runs.append(StageRun(stage, end_s, (end_s - start) % plan.cycle_s))
    return tuple(runs), plan.cycle_s


def _likeness(plan: SignalPlan, junction: Intersection, stage: int, second: float) -> int:
    green = [plan.is_green(g, second) for g in range(len(junction.groups))]
    return sum((1 if is_green else -1) for g, is_green in enumerate(green) if junction.stages[stage].serves(g))
