"""Since when somebody may have been waiting at a red, by what is seen at the stop lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.intersection import DetectorRole, GroupKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation

AT_STOP_LINE_M: Final = 10.0
"""A vehicle that is no farther from its stop line may be waiting for its signal."""

COVERED_M: Final = 5.0
"""A loop no farther from the stop line is covered by the car that waits there; not by a bicycle."""

UNSEEN_SHARE: Final = 1.5
"""For so many maximum reds at most nobody is believed to wait, lest a failed loop keep somebody waiting for ever."""


class Presence:
    """Tells before which signal groups nobody is, as far as that can be seen.

    Loops see it where each lane of a group has one that the first car covers, the zone where a group has lanes. Nobody sees people on
    foot, and loops miss bicycles.

    Parameters
    ----------
    junction
        The junction.
    """

    def __init__(self, junction: Intersection) -> None:
        groups = len(junction.groups)
        lanes = np.zeros((groups, len(junction.incoming)), dtype=np.bool_)
        for movement in junction.movements:
            lanes[movement.group, movement.incoming] = True
        self._groups = groups
        self._group_of = np.array([movement.group for movement in junction.movements], dtype=np.int64)
        self._has_lanes = lanes.any(axis=1)
        loops = np.zeros((len(junction.detectors), groups), dtype=np.bool_)
        watched = np.zeros(len(junction.incoming), dtype=np.bool_)
        for index, detector in enumerate(junction.detectors):
            if detector.role is DetectorRole.STOP_LINE and detector.on_lane and detector.distance_m <= COVERED_M:
                loops[index] = lanes[:, detector.lanes[0]]
                watched[detector.lanes[0]] = True
        missed = np.array([group.kind is GroupKind.BICYCLE for group in junction.groups], dtype=np.bool_)
        self._watched = self._has_lanes & ~missed & ~(lanes & ~watched).any(axis=1)
        self._loops = loops

    def waited_s(self, seen: JunctionObservation) -> NDArray[np.float64] | None:
        """Return for how long somebody may have been standing before each group, shape ``(groups,)``; None where nothing can be seen.

        It is 0 where surely nobody stands, infinite where that cannot be told.
        """
        if seen.loops is not None:
            covered_s = np.where(seen.loops.count < 0, math.inf, seen.loops.occupied_s)
            return np.where(self._watched, np.where(self._loops, covered_s[:, np.newaxis], 0.0).max(axis=0, initial=0.0), math.inf)
        if seen.vehicles is not None:
            near = seen.vehicles.movement[seen.vehicles.distance_m <= AT_STOP_LINE_M]
            empty = self._has_lanes & (np.bincount(self._group_of[near], minlength=self._groups) == 0)
            return np.where(empty, 0.0, math.inf)
        return None


class WaitClock:
    """Since when somebody may have been waiting at each red.

    While nobody is seen at a red, the wait has not begun. It begins with the red itself where nobody can look, and `UNSEEN_SHARE` maximum
    reds after the red began at the latest.

    Parameters
    ----------
    junction
        The junction.

    Attributes
    ----------
    since_s
        By group; infinite where it is green.
    """

    def __init__(self, junction: Intersection) -> None:
        self.since_s = [math.inf] * len(junction.groups)
        self._unseen_s = [UNSEEN_SHARE * group.maximum_red_s for group in junction.groups]
        self._latest_s: dict[int, float] = {}  # of the groups that are red: when the wait begins at the latest

    def red(self, group: int, time_s: float) -> None:
        """Note that a group's green has ended (its yellow has begun)."""
        self.since_s[group] = time_s
        self._latest_s[group] = time_s + self._unseen_s[group]

    def green(self, group: int) -> None:
        """Note that a group is green."""
        self.since_s[group] = math.inf
        self._latest_s.pop(group, None)

    def see(self, time_s: float, waited_s: NDArray[np.float64] | None) -> None:
        """Note for how long somebody may have been standing before each group (see `Presence`); to be called each second."""
        if waited_s is None:
            return
        begun_s = (time_s - waited_s).tolist()
        for group, latest_s in self._latest_s.items():
            begin_s = min(begun_s[group], latest_s)
            self.since_s[group] = max(self.since_s[group], begin_s)
