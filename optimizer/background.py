"""A designed plan in the background: adaptive control that leaves the green wave by no more than a tolerance.

A coordinated group's green must have begun by the plan's start and the tolerance, and must not end before the plan's end less the
tolerance; all else is free. So the group must be green from the one time to the other in each cycle, and no decision may be taken after
which this is no longer possible: a guard bars the changes that forgo such a green, and insists on one where staying would.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.connectors import waiting_for
from optimizer.decision import Decision
from optimizer.design.errors import DesignError
from optimizer.reachability import StageMoves
from optimizer.red_limits import RED_MARGIN_S, RedLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.design.plan import SignalPlan
    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

_log = logging.getLogger(__name__)

LEAST_ROOM_S: Final = 12.0
"""A plan is kept to so closely only that each red could last so much longer before one would have to insist on its end."""

REHEARSED_REDS: Final = 3
"""For so many of the longest maximum reds a tolerance is tried out before it is taken."""

ROOM_SHARE: Final = 0.5
"""Of that room this share is left unused: several groups may be due at the same time, and each takes its turn."""


@dataclass(frozen=True, slots=True)
class BackgroundPlan:
    """A plan that one junction's control may leave within bounds.

    Attributes
    ----------
    plan
        Its cycle lasts whole seconds.
    coordinated
        The groups whose greens are bound to the plan's.
    tolerance_s
        By how much these greens may begin later or end earlier than planned.

    Raises
    ------
    DesignError
        If the cycle does not last whole seconds or the tolerance is negative.
    """

    plan: SignalPlan
    coordinated: tuple[int, ...]
    tolerance_s: float

    def __post_init__(self) -> None:
        if self.plan.cycle_s != round(self.plan.cycle_s):
            raise DesignError(
                f"signal plan of {self.plan.junction!r}: the cycle of {self.plan.cycle_s:g} s does not suit decisions on full seconds; "
                "design it with whole seconds."
            )
        if not self.tolerance_s >= 0:
            raise DesignError(f"a tolerance of {self.tolerance_s:g} s around the background plan is none; give 0 s or more.")

    def called(self, tolerance_s: float) -> NDArray[np.bool_]:
        """Return which groups must be green in each second of the common clock (modulo the cycle), shape ``(cycle, groups)``."""
        cycle_s = round(self.plan.cycle_s)
        table = np.zeros((cycle_s, len(self.plan.greens)), dtype=np.bool_)
        for group in self.coordinated:
            for window in self.plan.greens[group]:
                start_s = self.plan.offset_s + window.start_s
                first, last = math.ceil(start_s + tolerance_s), math.floor(start_s + window.length_s - tolerance_s)
                table[np.arange(first, last) % cycle_s, group] = True
        return table


class BackgroundGuard:
    """Keeps one junction's decisions within the bounds of a background plan.

    Parameters
    ----------
    junction
        Its description.
    background
        The plan.

    Attributes
    ----------
    tolerance_s
        The tolerance that is kept: the one asked for; or, where the junction's stages and interstages cannot keep to the plan within
        that, or not without somebody's red exceeding its maximum, the least one that is whole seconds wider. Reds are weighed group by
        group, and all together over some cycles (`_serves_all`); where no tolerance serves all together, the former alone decides.
    binds
        Whether anything of the plan is left to be kept to at that tolerance.
    """

    def __init__(self, junction: Intersection, background: BackgroundPlan) -> None:
        self._junction = junction
        self._limits = RedLimits(junction)
        asked_s = background.tolerance_s
        self._take(background, asked_s)
        while not self._can_be_kept() and background.called(self.tolerance_s).any():
            self._take(background, self.tolerance_s + 1.0)
        kept_s = self.tolerance_s
        while not self._serves_all() and background.called(self.tolerance_s).any():
            self._take(background, self.tolerance_s + 1.0)
        if not background.called(self.tolerance_s).any():
            self._take(background, kept_s)  # the wave breaks now and then rather than never being kept
        self.binds = bool(background.called(self.tolerance_s).any())
        if not self.binds:
            _log.warning("%s: it runs free, because no green of its coordinated groups is longer than twice the tolerance.", junction.id)
        elif self.tolerance_s > asked_s:
            _log.warning(
                "%s: its stages cannot keep to the background plan within %g s; it gets %g s.", junction.id, asked_s, self.tolerance_s
            )

    def bounded(
        self, time_s: float, status: SignalStatus, wanted: Decision | None, red_since_s: Sequence[float], traffic: ExpectedTraffic
    ) -> Decision | None:
        """Return the decision where the plan leaves it free, else another one; None: stay.

        Parameters
        ----------
        time_s
            Now; the stage is green.
        status
            What the signals show.
        wanted
            What is wanted; None: to stay.
        red_since_s
            Start of red of each group; infinite for those that are green.
        traffic
            What is expected.
        """
        stage = status.stage
        late_s = self._late_s(time_s, stage, math.floor(time_s - status.green_start_s), red_since_s)
        punctual = [target for target, (_, late) in late_s.items() if late <= 0]
        free = punctual or [min(late_s, key=late_s.__getitem__)]
        if (stage if wanted is None else wanted.stage) in free:
            return wanted
        if stage in free:
            return None
        served = waiting_for(self._junction, free, traffic)
        return Decision(max(served, key=served.__getitem__), reason="the background plan is due")

    def may_wait(self, status: SignalStatus, red_since_s: Sequence[float]) -> bool:
        """Whether the green that is due now may begin a second later, with nothing of the plan missed and nobody's red too long for it."""
        second = math.floor(status.green_start_s) % self._moves.cycle_s
        if not self._moves.may_wait(second, status.previous, status.stage):
            return False
        later = (second + 1) % self._moves.cycle_s
        return self._lateness_s(status.green_start_s, status.stage, status.stage, later, 0, red_since_s)[0] <= 0

    def _take(self, background: BackgroundPlan, tolerance_s: float) -> None:
        """Take up the plan with a tolerance."""
        self.tolerance_s = tolerance_s
        self._moves = StageMoves(self._junction, background.called(tolerance_s))
        self._waits_s = self._moves.waits_s()
        self._margins_s = {g: ROOM_SHARE * room_s for g, room_s in self._rooms_s(self._moves.forced_reds_s()).items()}

    def _serves_all(self) -> bool:
        """Whether all reds end in time inside the plan when nobody wants anything and each change waits until one of them calls for it.

        Groups of different stages share the time between two coordinated greens. Each of them may fit into it alone, and not all of them
        in the same cycle: that shows only when one follows them through some cycles.
        """
        moves, junction = self._moves, self._junction
        if not moves.keeps_all:
            return False
        start = np.argwhere(moves.missed == 0)[0]
        time_s, stage, age_s = float(start[0]), int(start[1]), int(start[2])
        red_since_s = [math.inf if junction.stages[stage].serves(g) else time_s for g in range(len(junction.groups))]
        longest_s = max((group.maximum_red_s for group in junction.groups if math.isfinite(group.maximum_red_s)), default=0.0)
        end_s = time_s + REHEARSED_REDS * longest_s + 2 * moves.cycle_s
        while time_s < end_s:
            late_s = self._late_s(time_s, stage, age_s, red_since_s)
            punctual = [target for target, (_, late) in late_s.items() if late <= 0] or [min(late_s, key=late_s.__getitem__)]
            target = stage if stage in punctual else min(punctual, key=lambda s: late_s[s])
            if late_s[target][0] > 0:
                return False
            time_s += moves.span_s(stage, target)
            age_s = age_s + 1 if target == stage else 0
            for g in junction.closing(stage, target):
                red_since_s[g] = time_s - moves.span_s(stage, target)
            for g in junction.opening(stage, target):
                red_since_s[g] = math.inf
            stage = target
        return True

    def _late_s(self, time_s: float, stage: int, age_s: int, red_since_s: Sequence[float]) -> dict[int, tuple[float, float]]:
        """Return the moves that miss least, each with its lateness (see `_lateness_s`)."""
        options = self._moves.options(math.floor(time_s) % self._moves.cycle_s, stage, age_s)
        least = min(missed for _, missed, _, _ in options)
        return {
            target: self._lateness_s(time_s, stage, target, second, age, red_since_s)
            for target, missed, second, age in options
            if missed == least
        }

    def _can_be_kept(self) -> bool:
        """Whether the plan can be kept for ever, and nobody's red need exceed its maximum meanwhile."""
        return self._moves.keeps_all and all(room_s >= LEAST_ROOM_S for room_s in self._rooms_s(self._moves.forced_reds_s()).values())

    def _rooms_s(self, forced_s: NDArray[np.int64]) -> dict[int, float]:
        """Return how much longer than the plan forces it to be the red of each group may last before one has to insist on its end."""
        return {
            g: self._junction.groups[g].maximum_red_s - notice_s - float(forced_s[g])
            for g, notice_s in enumerate(self._limits.notice_s)
            if notice_s > -math.inf
        }

    def _lateness_s(
        self, time_s: float, stage: int, target: int, second: int, age_s: int, red_since_s: Sequence[float]
    ) -> tuple[float, float]:
        """Return by how long greens come after the planner insists on them (0: none does), and after their margins (negative: before)."""
        at_s = time_s + self._moves.span_s(stage, target)
        overdue_s, late_s = 0.0, -math.inf
        for g, margin_s in self._margins_s.items():
            if not self._junction.stages[target].serves(g):
                due_s = self._limits.due_s(g, min(red_since_s[g], time_s)) - RED_MARGIN_S
                after_s = at_s + float(self._waits_s[second, target, age_s, g]) - due_s
                overdue_s, late_s = max(overdue_s, after_s), max(late_s, after_s + margin_s)
        return overdue_s, late_s
