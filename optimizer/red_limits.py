"""Who has seen red for too long, and which stage helps: maximum red and maximum green as a property of the junction.

The monitor holds controllers to these limits, and controllers use them to keep within the limits by themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
        stages = range(len(junction.stages))
        # Changes are commanded on full seconds, so an interstage lasts whole seconds.
        interstage_s = np.array([[_full_seconds(junction, a, b) for b in stages] for a in stages])
        minimum_green_s = np.array([junction.stage_minimum_green_s(stage) for stage in stages])
        serves = np.array([[stage.serves(group) for stage in junction.stages] for group in range(len(junction.groups))], dtype=bool)
        hops, way_s = _ways(serves, interstage_s, minimum_green_s)
        self._hops: list[list[int]] = hops.tolist()
        self.notice_s: tuple[float, ...] = tuple(_notice_s(serves, way_s, interstage_s, minimum_green_s).tolist())
        self.green_limit_s = tuple(self._green_limit_s(stage) for stage in stages)

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


def _ways(
    serves: NDArray[np.bool_], interstage_s: NDArray[np.float64], minimum_green_s: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the next stage and the time to the green of each group from each stage, (groups, stages): shortest paths (Bellman-Ford)."""
    way_s = np.where(serves, 0.0, math.inf)
    hops = np.full(serves.shape, UNREACHABLE)
    while True:
        by_s = interstage_s + np.where(serves, 0.0, minimum_green_s + way_s)[:, np.newaxis, :]
        best_s = by_s.min(axis=2)
        shorter = best_s < way_s
        if not shorter.any():
            return hops, way_s
        hops = np.where(shorter, by_s.argmin(axis=2), hops)
        way_s = np.where(shorter, best_s, way_s)


def _notice_s(
    serves: NDArray[np.bool_], way_s: NDArray[np.float64], interstage_s: NDArray[np.float64], minimum_green_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `RedLimits.notice_s`."""
    entry_s = np.where(np.isfinite(interstage_s), interstage_s, 0.0).max(axis=0)
    counted = ~serves & np.isfinite(way_s)
    notice_s = np.where(counted, entry_s + minimum_green_s + way_s, 0.0).max(axis=1)
    return np.where(serves.any(axis=1), notice_s, -math.inf)


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
