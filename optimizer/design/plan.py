"""The fixed-time signal plan: cycle, offset and green windows of each signal group."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from optimizer.design.errors import DesignError


@dataclass(frozen=True, slots=True)
class GreenWindow:
    """One green of a signal group within the cycle.

    Attributes
    ----------
    start_s
        Second of the cycle at which the green begins, 0 <= start < cycle.
    length_s
        Length of the green, 0 < length <= cycle; it may run over the end of the cycle. A length of the whole cycle is always green.
    """

    start_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """A fixed-time signal plan of one junction.

    Attributes
    ----------
    junction
        `Intersection.id` of the junction it is made for.
    cycle_s
        Length of the cycle.
    offset_s
        Time of the common clock at which a second 0 of the cycle falls, 0 <= offset < cycle: at the time t the plan is in its second
        ``(t - offset_s) % cycle_s``.
    greens
        Green windows of each group, in the order of `Intersection.groups` and of their starts; a group without a window stays red. What
        a green shows (protected or permissive) follows from the groups beside it and `Intersection.yields_to`; yellow and red-yellow lie
        outside the windows.

    Raises
    ------
    DesignError
        If a window does not lie in the cycle, or two windows of a group overlap or touch.
    """

    junction: str
    cycle_s: float
    offset_s: float
    greens: tuple[tuple[GreenWindow, ...], ...]

    def __post_init__(self) -> None:
        _check(self)

    def second(self, time_s: float) -> float:
        """Return the second of the cycle at a time of the common clock."""
        return (time_s - self.offset_s) % self.cycle_s

    def is_green(self, group: int, second: float) -> bool:
        """Whether a group is green at a second of the cycle (its windows are closed at the start and open at the end)."""
        return any((second - window.start_s) % self.cycle_s < window.length_s for window in self.greens[group])

    def green_s(self, group: int) -> float:
        """Return how long a group is green in each cycle."""
        return sum(window.length_s for window in self.greens[group])

    def with_offset(self, offset_s: float) -> SignalPlan:
        """Return the same plan with another offset (taken modulo the cycle)."""
        return replace(self, offset_s=offset_s % self.cycle_s)


def _check(plan: SignalPlan) -> None:
    place = f"signal plan of {plan.junction!r}"
    cycle_s = plan.cycle_s
    if not (math.isfinite(cycle_s) and cycle_s > 0):
        raise DesignError(f"{place}: the cycle of {cycle_s:g} s is no length; give seconds above 0.")
    if not 0 <= plan.offset_s < cycle_s:
        raise DesignError(f"{place}: the offset of {plan.offset_s:g} s lies outside the cycle of {cycle_s:g} s; take it modulo the cycle.")
    for group, windows in enumerate(plan.greens):
        for window in windows:
            if not (0 <= window.start_s < cycle_s and 0 < window.length_s <= cycle_s):
                raise DesignError(
                    f"{place}: the green of group {group} from second {window.start_s:g} for {window.length_s:g} s does not lie "
                    f"in the cycle of {cycle_s:g} s; start it in the cycle and make it no longer."
                )
        for window, following in zip(windows, windows[1:] + windows[:1], strict=True):
            room_s = (following.start_s - window.start_s) % cycle_s or cycle_s
            if len(windows) > 1 and window.length_s >= room_s:
                raise DesignError(
                    f"{place}: the greens of group {group} from second {window.start_s:g} and {following.start_s:g} touch; "
                    "join them or leave a red between them."
                )
