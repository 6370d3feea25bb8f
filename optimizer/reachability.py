"""Where a junction's stages can lead in time: which greens that a cycle calls for can still be shown, and how soon each group can be green.

A junction that must show some groups green at certain seconds of a cycle, and may otherwise do as it likes, is a small game against the
clock. Its states are the second of the cycle, the stage and for how long it has been green; its moves are to stay or to command another
stage. Value iteration over the cycle (Bellman 1957) gives, for each state, how many of the seconds that are called for the best moves still
miss. Where that is none, some move keeps it at none: what is called for can be shown for ever, whatever happens in between.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from optimizer.intersection import Intersection

NEVER: Final = 1_000_000
"""Stands for a change that cannot be commanded, and for a green that no move leads to."""

MOST_SWEEPS: Final = 60
"""Cycles looked ahead. States from which nothing more is missed after some cycles have settled long before."""


class StageMoves:
    """The moves of one junction under a cycle that calls for greens, and what they lead to.

    Within an interstage only those groups count as green that both stages serve. A stage is left only when everybody who had green
    before it has surely cleared the way of the next one: then no interstage is ever put off.

    Parameters
    ----------
    junction
        Its description.
    called
        Which groups must be green in each second of the cycle, shape ``(cycle, groups)``.

    Attributes
    ----------
    cycle_s
        Length of the cycle.
    missed
        How many seconds of groups the best moves still miss, from each second of the cycle, stage and age of its green (ages beyond the
        last count as the last), shape ``(cycle, stages, ages)``.
    """

    def __init__(self, junction: Intersection, called: NDArray[np.bool_]) -> None:
        count = len(junction.stages)
        stages = range(count)
        self.cycle_s = len(called)
        self._called = called
        self._serves = np.array([[stage.serves(g) for g in range(len(junction.groups))] for stage in junction.stages], dtype=np.bool_)
        allowed = np.array([[a != b and junction.change_allowed(a, b) for b in stages] for a in stages], dtype=np.bool_)
        self._span_s = np.array([[math.ceil(junction.interstage_s(a, b)) for b in stages] for a in stages], dtype=np.int64)
        leave_s = np.array([[_least_stay_s(junction, a, b) for b in stages] for a in stages], dtype=np.int64)
        self._oldest_s = int(leave_s.max(initial=1))
        ages = np.arange(self._oldest_s + 1)
        self._may = allowed[:, :, None] & (ages >= leave_s[:, :, None])
        self._older = np.minimum(ages + 1, self._oldest_s)
        self._missing = (called[:, None, :] & ~self._serves).sum(axis=2)
        kept = self._serves[:, None, :] & self._serves[None, :, :]
        second = (called[:, None, None, :] & ~kept).sum(axis=3)
        before = np.concatenate([np.zeros((1, count, count), dtype=np.int64), np.cumsum(np.concatenate([second, second]), axis=0)])
        rows, columns = np.indices((count, count))
        starts = np.arange(self.cycle_s)[:, None, None]
        self._missing_between = before[starts + self._span_s, rows, columns] - before[starts, rows, columns]
        self.missed = self._settled(np.zeros((self.cycle_s, count, self._oldest_s + 1), dtype=np.int64))

    @property
    def keeps_all(self) -> bool:
        """Whether everything that is called for can be shown for ever, from some state on."""
        return bool(self.missed.min() == 0)

    def waits_s(self) -> NDArray[np.int64]:
        """Return how soon each group can be green from each state without missing more than need be.

        Returns
        -------
        ndarray
            Shape as `missed` with the groups as a further axis; `NEVER` where no such move leads to the group's green.
        """
        count = self._serves.shape[1]
        served = np.broadcast_to(self._serves[None, :, None, :], (*self.missed.shape, count))
        wait_s = np.where(served, 0, NEVER)
        for _ in range(MOST_SWEEPS):
            before = wait_s.copy()
            for now, stay, change in self._values_of_moves():
                stays = (stay == self.missed[now])[:, :, None]
                at_stay = np.where(stays, 1 + wait_s[(now + 1) % self.cycle_s][:, self._older], NEVER)
                changes = self._may & (change[:, :, None] == self.missed[now][:, None, :])
                landing = self._span_s[:, :, None] + self._landing(wait_s, now)
                at_change = np.where(changes[..., None], landing[:, :, None, :], NEVER).min(axis=1)
                wait_s[now] = np.where(served[now], 0, np.minimum(np.minimum(at_stay, at_change), NEVER))
            if np.array_equal(before, wait_s):
                break
        return wait_s

    def forced_reds_s(self) -> NDArray[np.int64]:
        """Return how long each group is red at least, once in a cycle, where nothing is missed.

        That is the longest time from the second in which its green must end to the next in which it can begin.

        Returns
        -------
        ndarray
            Shape ``(groups,)``; `NEVER` where a group is never green.
        """
        kept = self._lasting()
        served = np.asarray(self._missing == 0)
        goes_on = kept & np.roll(kept, -1, axis=0)[:, :, self._older] & served[:, :, None]
        holds = np.asarray((np.asarray(goes_on.any(axis=2))[:, :, None] & self._serves).any(axis=1))
        opens = np.asarray((kept[:, :, 0][:, :, None] & self._serves).any(axis=1))
        found = np.zeros(self._serves.shape[1], dtype=np.int64)
        for group in range(len(found)):
            starts = np.flatnonzero(opens[:, group])
            if not starts.size:
                found[group] = NEVER
                continue
            ends = np.flatnonzero(holds[:, group] & ~np.roll(holds[:, group], -1))
            found[group] = max((int(((starts - end - 1) % self.cycle_s).min()) + 1 for end in ends), default=0)
        return found

    def options(self, second: int, stage: int, age_s: int) -> list[tuple[int, int, int, int]]:
        """Return the moves from a state.

        Returns
        -------
        list of tuple
            Target stage (`stage` itself: stay), what is missed from now on, and the second of the cycle and the age at which the target is
            green (a stay leads to the next second).
        """
        age_s = min(age_s, self._oldest_s)
        following, older = (second + 1) % self.cycle_s, int(self._older[age_s])
        found = [(stage, int(self._missing[second, stage] + self.missed[following, stage, older]), following, older)]
        for target in np.flatnonzero(self._may[stage, :, age_s]).tolist():
            green = (second + int(self._span_s[stage, target])) % self.cycle_s
            found.append((target, int(self._missing_between[second, stage, target] + self.missed[green, target, 0]), green, 0))
        return found

    def span_s(self, stage: int, target: int) -> int:
        """Return how long a move takes: the interstage, or one second of staying."""
        return 1 if stage == target else int(self._span_s[stage, target])

    def may_wait(self, second: int, old: int, new: int) -> bool:
        """Whether the green of `new`, due at a second of the cycle after `old`, may begin a second later without missing more."""
        missing = int((self._called[second] & ~(self._serves[old] & self._serves[new])).sum())
        return missing + int(self.missed[(second + 1) % self.cycle_s, new, 0]) <= int(self.missed[second, new, 0])

    def _lasting(self) -> NDArray[np.bool_]:
        """Return the states that one can come to from another of them, and leave for another of them, without ever missing anything."""
        kept: NDArray[np.bool_] = np.asarray(self.missed == 0)
        count = kept.shape[1]
        for _ in range(MOST_SWEEPS):
            before = kept.copy()
            for now in range(self.cycle_s):
                last = kept[now - 1] & (self._missing[now - 1] == 0)[:, None]
                entered = np.zeros_like(kept[now])
                entered[:, 1:] = last[:, :-1]
                entered[:, -1] |= last[:, -1]
                for old in range(count):
                    for new in range(count):
                        left = (now - int(self._span_s[old, new])) % self.cycle_s
                        if self._missing_between[left, old, new] == 0:
                            entered[new, 0] |= bool((kept[left, old] & self._may[old, new]).any())
                kept[now] &= entered
            if np.array_equal(before, kept):
                break
        return kept

    def _settled(self, missed: NDArray[np.int64]) -> NDArray[np.int64]:
        for _ in range(MOST_SWEEPS):
            before = missed.copy()
            self.missed = missed
            for now, stay, change in self._values_of_moves():
                missed[now] = np.minimum(stay, np.where(self._may, change[:, :, None], NEVER).min(axis=1))
            # The values only grow: where none is left at 0, no way of keeping to what is called for will be found any more.
            if np.array_equal(before, missed) or missed.min() > 0:
                break
        return missed

    def _values_of_moves(self) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """Yield each second of the cycle, the last one first, with what staying, shape ``(stages, ages)``, and changing miss."""
        for now in range(self.cycle_s - 1, -1, -1):
            stay = self._missing[now][:, None] + self.missed[(now + 1) % self.cycle_s][:, self._older]
            yield now, stay, self._missing_between[now] + self._landing(self.missed, now)

    def _landing(self, values: NDArray[np.int64], now: int) -> NDArray[np.int64]:
        """Return a value at the start of green after each change that is commanded now, shape ``(stages, stages)``."""
        return np.asarray(values[(now + self._span_s) % self.cycle_s, np.arange(values.shape[1])[None, :], 0])


def _least_stay_s(junction: Intersection, old: int, new: int) -> int:
    """Return how long `old` is green before `new` may be commanded without its green being put off.

    Who was green before `old` ended at its own yellow or more before `old` began.
    """
    span_s = math.ceil(junction.interstage_s(old, new))
    red = [g for g in range(len(junction.groups)) if not junction.stages[old].serves(g) and not junction.stages[new].serves(g)]
    clearing_s = [junction.intergreen_s[g][h] - junction.groups[g].yellow_s - span_s for g in red for h in junction.opening(old, new)]
    return max(1, math.ceil(max([junction.stage_minimum_green_s(old), *clearing_s])))
