"""Who has seen red for too long, and which stage helps: maximum red and maximum green as a property of the junction.

The monitor holds controllers to these limits, and controllers use them to keep within the limits by themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

RED_MARGIN_S = 2.0
"""A limit of red or green is met this long before the monitor would enforce it."""

UNREACHABLE = -1
"""Stands for "no stage" where a group cannot be served from a stage by allowed changes."""


class RedLimits:
    """What the maximum reds and maximum greens of one junction demand.

    Attributes
    ----------
    notice_s
        Per group: how long before its maximum red one must begin to insist so that its green comes in time, whatever has just been
        commanded: one foreign interstage, that stage's minimum green, and the way to a stage that serves the group.
        Minus infinity for a group that no stage serves (it is never due).
    green_limit_s
        Per stage: its maximum green, infinite where no conflicting group could be served instead.
    """

    def __init__(self, junction: Intersection) -> None:
        self.junction = junction
        count = len(junction.stages)
        # Changes are commanded on full seconds, so an interstage lasts whole seconds.
        self._interstage_s = [[_full_seconds(junction, a, b) for b in range(count)] for a in range(count)]
        self._minimum_green_s = [junction.stage_minimum_green_s(s) for s in range(count)]
        ways = [self._ways(group) for group in range(len(junction.groups))]
        self._hops = tuple(hops for hops, _ in ways)
        self.notice_s = tuple(self._notice_s(group, way_s) for group, (_, way_s) in enumerate(ways))
        self.green_limit_s = tuple(self._green_limit_s(stage) for stage in range(count))

    def hop(self, stage: int, group: int) -> int:
        """Return the stage to command next from `stage` so that `group` is served soonest.

        `UNREACHABLE` where no allowed change leads there, or `stage` itself serves the group.
        """
        return self._hops[group][stage]

    def due_s(self, group: int, red_since_s: float) -> float:
        """Return from when on one must insist on the green of a group that has been red since `red_since_s`."""
        return red_since_s + self.junction.groups[group].maximum_red_s - self.notice_s[group]

    def overdue(self, time_s: float, stage: int, red_since_s: Sequence[float]) -> tuple[int, ...]:
        """Return the groups that are due at `time_s` and can be helped by leaving `stage`."""
        return tuple(g for g, since_s in enumerate(red_since_s) if time_s >= self.due_s(g, since_s) and self.hop(stage, g) != UNREACHABLE)

    def relief(self, stage: int, red_since_s: Sequence[float]) -> int:
        """Return the stage to command next from `stage` for the group that is due first (red since infinity: it is not red).

        Returns
        -------
        int
            `UNREACHABLE` where no red group can be helped.
        """
        waiting = [
            (self.due_s(group, since_s), self.hop(stage, group))
            for group, since_s in enumerate(red_since_s)
            if since_s < math.inf and self.hop(stage, group) != UNREACHABLE
        ]
        return min(waiting)[1] if waiting else UNREACHABLE

    def _ways(self, group: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Per stage: the next stage and the time to the green of `group` (shortest path, Bellman-Ford over the few stages)."""
        stages = range(len(self.junction.stages))
        way_s = [0.0 if self.junction.stages[s].serves(group) else math.inf for s in stages]
        hops = [UNREACHABLE for _ in stages]
        shorter = True
        while shorter:
            shorter = False
            for a in stages:
                for b in stages:
                    rest_s = 0.0 if self.junction.stages[b].serves(group) else self._minimum_green_s[b] + way_s[b]
                    if self._interstage_s[a][b] + rest_s < way_s[a]:
                        way_s[a], hops[a], shorter = self._interstage_s[a][b] + rest_s, b, True
        return tuple(hops), tuple(way_s)

    def _notice_s(self, group: int, way_s: tuple[float, ...]) -> float:
        if not any(stage.serves(group) for stage in self.junction.stages):
            return -math.inf
        stages = range(len(self.junction.stages))
        notice_s = 0.0
        for stage in stages:
            if self.junction.stages[stage].serves(group) or way_s[stage] == math.inf:
                continue
            entry_s = max((self._interstage_s[a][stage] for a in stages if self._interstage_s[a][stage] < math.inf), default=0.0)
            notice_s = max(notice_s, entry_s + self._minimum_green_s[stage] + way_s[stage])
        return notice_s

    def _green_limit_s(self, stage: int) -> float:
        shown = self.junction.stages[stage]
        served = [g for g in range(len(self.junction.groups)) if shown.serves(g)]
        for group, conflicts in enumerate(self.junction.conflicts):
            if not shown.serves(group) and self.hop(stage, group) != UNREACHABLE and not conflicts.isdisjoint(served):
                return shown.maximum_green_s
        return math.inf


def _full_seconds(junction: Intersection, old: int, new: int) -> float:
    """Length of an interstage; infinite where the change is not allowed."""
    return math.ceil(junction.interstage_s(old, new)) if old != new and junction.change_allowed(old, new) else math.inf


class RedClock:
    """Follows a junction's signal status and says when a limit calls for a change."""

    def __init__(self, junction: Intersection) -> None:
        self.limits = RedLimits(junction)
        self.red_since_s = [math.inf] * len(junction.groups)
        self._green_since_s = [math.inf] * len(junction.groups)
        self._opened: tuple[int, ...] = ()
        self._stage: int | None = None

    def follow(self, time_s: float, signal: SignalStatus) -> None:
        """Take note of what the signals show."""
        if signal.stage != self._stage:
            junction, old = self.limits.junction, self._stage
            shown = junction.stages[signal.stage]
            ends_s = {} if old is None else junction.green_ends_s(old, signal.stage, signal.commanded_s, signal.green_start_s)
            self._opened = tuple(
                g for g in range(len(self.red_since_s)) if shown.serves(g) and (old is None or not junction.stages[old].serves(g))
            )
            for group in range(len(self.red_since_s)):
                if shown.serves(group):
                    self.red_since_s[group] = math.inf
                elif group in ends_s:
                    self.red_since_s[group] = ends_s[group]
                elif old is None:
                    self.red_since_s[group] = time_s
            self._stage = signal.stage
        for group in self._opened:  # the start of their green may have been put off since
            self._green_since_s[group] = signal.green_start_s

    def stage_due(self, time_s: float, signal: SignalStatus, margin_s: float = 2.0) -> int | None:
        """Return the stage that must be commanded now lest a limit be broken; None where the choice is free.

        Parameters
        ----------
        time_s
            Now; `follow` has been told of `signal`.
        signal
            What the signals show; nothing is due during an interstage or the minimum green of a group that would have to close.
        margin_s
            How much earlier than necessary to speak up (a controller's own time between two decisions).
        """
        if time_s < signal.green_start_s:
            return None
        overdue = self.limits.overdue(time_s + margin_s, signal.stage, self.red_since_s)
        if not overdue and time_s + margin_s < signal.green_start_s + self.limits.green_limit_s[signal.stage]:
            return None
        stage, junction = self.limits.relief(signal.stage, self.red_since_s), self.limits.junction
        if stage == UNREACHABLE:
            return None
        closing = junction.closing(signal.stage, stage)
        early = any(time_s < self._green_since_s[group] + junction.groups[group].minimum_green_s for group in closing)
        return None if early else stage
