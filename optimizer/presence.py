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

STRAGGLERS_S: Final = 1.0
"""So long after the yellow the last ones still pass a stop line."""


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

    def absent(self, seen: JunctionObservation) -> NDArray[np.bool_] | None:
        """Return before which groups surely nobody is, shape ``(groups,)``; None where nothing can be seen."""
        if seen.loops is not None:
            busy = (seen.loops.count != 0) | (seen.loops.occupancy > 0)  # a silent loop (-1) counts as busy
            return self._watched & ~self._loops[busy].any(axis=0)
        if seen.vehicles is not None:
            near = seen.vehicles.movement[seen.vehicles.distance_m <= AT_STOP_LINE_M]
            return self._has_lanes & (np.bincount(self._group_of[near], minlength=self._groups) == 0)
        return None


class WaitClock:
    """Since when somebody may have been waiting at each red.

    Until somebody is seen at a red, the wait has not begun. It begins with the red itself where nobody can look, and one maximum red
    after the red began at the latest: a loop may have failed.

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
        self._after_s = [group.yellow_s + STRAGGLERS_S for group in junction.groups]
        self._at_most_s = [group.maximum_red_s for group in junction.groups]
        self._empty_since_s: dict[int, float] = {}  # reds at which nobody has been seen yet

    def red(self, group: int, time_s: float) -> None:
        """Note that a group's green has ended (its yellow has begun)."""
        self.since_s[group] = self._empty_since_s[group] = time_s

    def green(self, group: int) -> None:
        """Note that a group is green."""
        self.since_s[group] = math.inf
        self._empty_since_s.pop(group, None)

    def see(self, time_s: float, absent: NDArray[np.bool_] | None) -> None:
        """Note before which groups nobody is; to be called each second."""
        if absent is None:
            return
        for group, red_since_s in tuple(self._empty_since_s.items()):
            if time_s <= red_since_s + self._after_s[group]:
                continue
            if absent[group] and time_s <= red_since_s + self._at_most_s[group]:
                self.since_s[group] = time_s
            else:
                del self._empty_since_s[group]
