"""Which signal groups on request are called, from the loops on their own lanes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.intersection import DetectorRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.intersection import Intersection
    from optimizer.observation import LoopReadings


class RequestCalls:
    """Which groups on request are called: by a vehicle on a loop of their own lanes, until they have been served.

    The loop farther up calls once; at the stop line whoever stands there calls for as long as he does. So a tram that was not there in time
    for its green is not forgotten, and one that stays at its stop calls in vain once only. A silent loop calls always.

    Parameters
    ----------
    junction
        The junction, with its loops.
    groups
        The groups on request.
    """

    def __init__(self, junction: Intersection, groups: Iterable[int]) -> None:
        self._loops = {g: tuple(_loops_of(junction, g)) for g in groups}
        self._since_s: dict[int, float] = {}
        self._at_line_s = dict.fromkeys(self._loops, -math.inf)

    def hear(self, now_s: float, readings: LoopReadings | None) -> None:
        """Take in the readings of a second; without readings or loops all are called."""
        for group, loops in self._loops.items():
            if readings is None or not loops:
                self._since_s.setdefault(group, now_s)
                continue
            for detector, at_line in loops:
                if readings.count[detector] != 0 or readings.occupancy[detector] > 0:  # a silent loop (-1) counts as busy
                    self._since_s.setdefault(group, now_s)
                    if at_line:
                        self._at_line_s[group] = now_s

    def called(self) -> frozenset[int]:
        """Return the groups that are called."""
        return frozenset(self._since_s)

    def since_s(self, groups: Iterable[int]) -> float:
        """Return since when the first of these groups has been called."""
        return min(self._since_s.get(group, math.inf) for group in groups)

    def is_awaited(self, groups: Iterable[int], now_s: float, green_start_s: float) -> bool:
        """Whether at one of these groups somebody is on his way over the stop line, or has yet to come to it since it turned green."""
        at_line_s = [self._at_line_s[group] for group in groups if self._loops[group]]
        return any(time_s >= now_s or time_s < green_start_s for time_s in at_line_s)

    def served(self, groups: Iterable[int]) -> None:
        """Forget the calls of groups whose green ends; whoever is still at the stop line calls again."""
        for group in groups:
            self._since_s.pop(group, None)


def _loops_of(junction: Intersection, group: int) -> Iterator[tuple[int, bool]]:
    """Yield the loops on a group's own lanes, and whether each lies at the stop line."""
    lanes = {m.incoming for m in junction.movements if m.group == group}
    for index, detector in enumerate(junction.detectors):
        if detector.role in (DetectorRole.STOP_LINE, DetectorRole.NEAR) and detector.lanes[0] in lanes:
            yield index, detector.role is DetectorRole.STOP_LINE
