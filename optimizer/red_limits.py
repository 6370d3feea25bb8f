"""Who has seen red for too long, and which stage helps: maximum red and maximum green as a property of the junction.

The monitor holds controllers to these limits, and controllers use them to keep within the limits by themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.presence import WaitClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

RED_MARGIN_S = 2.0
"""A limit of red or green is met this long before the monitor would enforce it."""

UNREACHABLE = -1
"""Stands for "no stage" where a group cannot be served from a stage by allowed changes."""


class Reds(NamedTuple):
    """The reds of a junction.

    Attributes
    ----------
    since_s
        Since when each group has been red; infinite where it is not.
    waiting_since_s
        Since when somebody may have been waiting at it, from which the maximum red counts; infinite where it is not red.
    """

    since_s: Sequence[float]
    waiting_since_s: Sequence[float]


class RedLimits:
    """What the maximum reds and maximum greens of one junction demand.

    Attributes
    ----------
    notice_s
        Per group: how long before its maximum red it is safe whatever is commanded next: one foreign interstage, that stage's minimum
        green, and the way to a stage that serves the group. Minus infinity for a group that no stage serves (it is never due).
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
        intergreen_s = np.array(junction.intergreen_s)
        hops, way_s = _ways(serves, interstage_s, minimum_green_s, intergreen_s)
        self._hops: list[list[int]] = hops.tolist()
        self._serves: list[list[bool]] = serves.tolist()
        self._interstage_s: list[list[float]] = interstage_s.tolist()
        self._minimum_green_s: list[float] = minimum_green_s.tolist()
        self._opening = [[junction.opening(a, b) for b in stages] for a in stages]
        self._closing = [[junction.closing(a, b) for b in stages] for a in stages]
        self._clearances_s = [[(g, row[h]) for g, row in enumerate(junction.intergreen_s) if row[h] > 0] for h in range(len(serves))]
        self._longest_clearance_s = float(intergreen_s.max(initial=0.0))
        self.notice_s: tuple[float, ...] = tuple(_notice_s(serves, way_s, interstage_s, minimum_green_s).tolist())
        self.green_limit_s = tuple(self._green_limit_s(stage) for stage in stages)

    def hop(self, stage: int, group: int) -> int:
        """Return the stage to command next from `stage` so that `group` is served soonest.

        `UNREACHABLE` where no allowed change leads there, or `stage` itself serves the group.
        """
        return self._hops[group][stage]

    def due_s(self, group: int, red_since_s: float) -> float:
        """Return until when a group that has been red since `red_since_s` is safe, whatever is commanded next (see `notice_s`)."""
        return red_since_s + self.junction.groups[group].maximum_red_s - self.notice_s[group]

    def deadlines(self, stage: int, reds: Reds) -> list[tuple[float, int]]:
        """Return the ends of the maximum reds that leaving `stage` can help to keep, each with its group, the first one first."""
        groups, hops = self.junction.groups, self._hops
        return sorted(
            (since_s + groups[g].maximum_red_s, g)
            for g, since_s in enumerate(reds.waiting_since_s)
            if since_s < math.inf and hops[g][stage] != UNREACHABLE
        )

    def relief(self, stage: int, reds: Reds) -> int:
        """Return the stage to command next from `stage` for the group whose maximum red ends first.

        Returns
        -------
        int
            `UNREACHABLE` where no red group can be helped.
        """
        due = self.deadlines(stage, reds)
        return self.hop(stage, due[0][1]) if due else UNREACHABLE

    def latest_change_s(self, stage: int, reds: Reds) -> float:
        """Return until when one may stay in `stage` and yet serve all in time, one after the other; infinite where nobody waits."""
        # So late that nobody who is red now is still clearing the way: what is late then grows with the time at which one leaves.
        late_s = max((since_s for since_s in reds.since_s if since_s < math.inf), default=0.0) + self._longest_clearance_s
        return late_s - self.lateness_s(late_s, stage, reds)

    def keeps(self, time_s: float, stage: int, reds: Reds, target: int) -> bool:
        """Whether all may be served in time although `target` is commanded now; or else no later than by the most urgent stage."""
        late_s = self.lateness_s(time_s, stage, reds, target)
        return late_s <= 0 or late_s <= self.lateness_s(time_s, stage, reds)

    def lateness_s(self, time_s: float, stage: int, reds: Reds, via: int | None = None) -> float:
        """Return by how much a red exceeds its maximum where `stage` is left now (negative: none does, by so much).

        Those who are red are served in the order of their maximum reds, each stage for no longer than its minimum green. Intergreens
        count also where they reach over a whole stage.

        Parameters
        ----------
        time_s
            When `stage` is left.
        stage, reds
            What is shown, and since when each group has been red and waited for.
        via
            The stage that is commanded first; the one that helps the most urgent group where None.
        """
        due = self.deadlines(stage, reds)
        late_s, shown = -math.inf, stage
        served: set[int] = set()
        green_end_s = list(reds.since_s)

        def enter(following: int) -> None:
            nonlocal late_s, time_s, shown
            for group in self._closing[shown][following]:
                green_end_s[group] = time_s
            time_s += self._interstage_s[shown][following]
            for group in self._opening[shown][following]:
                green_end_s[group] = math.inf
                for other, clearance_s in self._clearances_s[group]:
                    if green_end_s[other] < math.inf:
                        time_s = max(time_s, green_end_s[other] + clearance_s)
            shown = following
            for end_s, group in due:
                if group not in served and self._serves[group][shown]:
                    served.add(group)
                    late_s = max(late_s, time_s - end_s)
            time_s += self._minimum_green_s[shown]

        if via is not None and via != stage:
            enter(via)
        for end_s, group in due:
            while group not in served:
                following = self._hops[group][shown]
                if following == UNREACHABLE:  # from where `via` has led; it stays red
                    late_s = max(late_s, time_s - end_s)
                    break
                enter(following)
        return late_s

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
    serves: NDArray[np.bool_],
    interstage_s: NDArray[np.float64],
    minimum_green_s: NDArray[np.float64],
    intergreen_s: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the next stage and the time to the green of each group from each stage, (groups, stages): shortest paths (Bellman-Ford)."""
    # However short the stages between are: who is green now must have cleared the way.
    clearance_s = np.where(serves, 0.0, np.where(serves[:, np.newaxis, :], intergreen_s[:, :, np.newaxis], 0.0).max(axis=0))
    way_s = np.where(serves, 0.0, math.inf)
    hops = np.full(serves.shape, UNREACHABLE)
    while True:
        by_s = interstage_s + np.where(serves, 0.0, minimum_green_s + way_s)[:, np.newaxis, :]
        best_s = np.maximum(by_s.min(axis=2), clearance_s)
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


def unavoidable_s(junction: Intersection) -> float:
    """Return by how much some maximum red is exceeded whatever is done: minimum greens and interstages alone take longer; 0 where none is.

    From each stage, all who are red since its green began are served one after the other.
    """
    limits = RedLimits(junction)
    late_s = [0.0]
    for index, stage in enumerate(junction.stages):
        reds = [math.inf if stage.serves(g) else 0.0 for g in range(len(junction.groups))]
        late_s.append(limits.lateness_s(junction.stage_minimum_green_s(index), index, Reds(reds, reds)))
    return max(late_s)


class RedClock:
    """Follows a junction's signal status and says when a limit calls for a change."""

    def __init__(self, junction: Intersection) -> None:
        self.limits = RedLimits(junction)
        self.red_since_s = [math.inf] * len(junction.groups)
        self._waits = WaitClock(junction)
        self._green_since_s = [math.inf] * len(junction.groups)
        self._opened: tuple[int, ...] = ()
        self._stage: int | None = None

    @property
    def reds(self) -> Reds:
        """The reds that the limits count."""
        return Reds(self.red_since_s, self._waits.since_s)

    def see(self, time_s: float, waited_s: NDArray[np.float64] | None) -> None:
        """Note for how long somebody may have been standing before each group (see `Presence`); to be called each second."""
        self._waits.see(time_s, waited_s)

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
                    self._waits.green(group)
                elif group in ends_s or old is None:
                    self.red_since_s[group] = ends_s.get(group, time_s)
                    self._waits.red(group, self.red_since_s[group])
            self._stage = signal.stage
        for group in self._opened:  # the start of their green may have been put off since
            self._green_since_s[group] = signal.green_start_s

    def stage_due(self, time_s: float, signal: SignalStatus, margin_s: float = RED_MARGIN_S, wanted: int | None = None) -> int | None:
        """Return the stage that must be commanded now lest a limit be broken; None where what is wanted breaks none.

        Parameters
        ----------
        time_s
            Now; `follow` has been told of `signal`.
        signal
            What the signals show; nothing is due during an interstage or the minimum green of a group that would have to close.
        margin_s
            How much earlier than necessary to speak up (a controller's own time between two decisions).
        wanted
            The stage that would be commanded otherwise; None to stay.
        """
        if time_s < signal.green_start_s:
            return None
        limits, junction, shown = self.limits, self.limits.junction, signal.stage
        at_s = time_s + margin_s
        if wanted is None or wanted == shown:
            is_late = limits.lateness_s(at_s, shown, self.reds) >= 0
            if not is_late and at_s < signal.green_start_s + limits.green_limit_s[shown]:
                return None
        elif limits.keeps(at_s, shown, self.reds, wanted):
            return None
        stage = limits.relief(shown, self.reds)
        if stage in (UNREACHABLE, wanted):
            return None
        closing = junction.closing(shown, stage)
        early = any(time_s < self._green_since_s[group] + junction.groups[group].minimum_green_s for group in closing)
        return None if early else stage
