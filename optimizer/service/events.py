"""From the times at which loops were covered and freed to the readings of a second."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.observation import LoopReadings
from optimizer.service.problems import contradiction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.service.messages import EventReport

SECOND_S: Final = 1.0
MOST_COUNTED: Final = 50
"""A loop that reports more vehicles in a second chatters; readings are bounded alike."""


@dataclass(slots=True)
class LoopTrace:
    """Which loops are covered, as their events have told so far.

    Attributes
    ----------
    covered_since_s
        By detector, for those that are covered.
    told_s
        Up to when events were told; None before the first.
    """

    covered_since_s: dict[str, float] = field(default_factory=dict)
    told_s: float | None = None

    def copy(self) -> LoopTrace:
        """Return a trace that can go on by itself, to be kept only where the call is answered."""
        return LoopTrace(dict(self.covered_since_s), self.told_s)

    def forget(self) -> None:
        """Know nothing any more: the loops are told of in another way, or the clock was set."""
        self.covered_since_s.clear()
        self.told_s = None

    def readings(self, detectors: Sequence[str], report: EventReport, time_s: float, place: str) -> LoopReadings:
        """Take in the events up to now, and return the readings of the second that ends now.

        Vehicles are counted since the events before, covered time within the last second. A loop that is freed without having been covered
        was covered at the start of the second; one that is covered twice has been freed in between by an event that was lost.

        Parameters
        ----------
        detectors
            Ids of all loops in their order.
        report
            The events since those told before, in the order of time.
        time_s
            Now.
        place
            JSON pointer to the report, for complaints.

        Raises
        ------
        ProblemError
            If an event is of no known loop, lies in the future or before those told already, or comes out of order.
        """
        begin_s = time_s - SECOND_S
        after_s = begin_s if self.told_s is None else self.told_s
        index = {name: k for k, name in enumerate(detectors)}
        count = np.zeros(len(index), dtype=np.int64)
        covered_s, occupied_s, speed_m_s = np.zeros(len(index)), np.zeros(len(index)), np.full(len(index), math.nan)
        before_s = -math.inf if self.told_s is None else self.told_s
        for number, event in enumerate(report.events):
            where = f"{place}/events/{number}"
            loop = _known(f"{where}/detector", event.detector, index)
            if event.time_s > time_s:
                sentence = (
                    f"the event at {event.time_s:.15g} s lies after the call's time, {time_s:.15g} s; tell it in the call of its second"
                )
                raise contradiction(f"{where}/time_s", sentence)
            if event.time_s < before_s or event.time_s == self.told_s:
                which = "the call before, which told all up to" if before_s == self.told_s else "the event before it, at"
                sentence = f"the event at {event.time_s:.15g} s does not come after {which} {before_s:.15g} s; tell each once, in order"
                raise contradiction(f"{where}/time_s", sentence)
            before_s = event.time_s
            since_s = self.covered_since_s.pop(event.detector, None)
            if event.on:
                count[loop] += event.time_s > after_s
                self.covered_since_s[event.detector] = event.time_s
            if since_s is not None or not event.on:
                covered_s[loop] += max(0.0, event.time_s - max(begin_s if since_s is None else since_s, begin_s))
            if event.speed_m_s is not None and event.time_s > after_s:
                speed_m_s[loop] = event.speed_m_s
        for name, since_s in self.covered_since_s.items():
            if name in index:
                covered_s[index[name]] += time_s - max(since_s, begin_s)
                occupied_s[index[name]] = time_s - since_s
        for number, name in enumerate(report.silent):
            loop = _known(f"{place}/silent/{number}", name, index)
            self.covered_since_s.pop(name, None)
            count[loop], covered_s[loop], occupied_s[loop], speed_m_s[loop] = -1, 0.0, 0.0, math.nan
        self.told_s = time_s
        return LoopReadings(np.minimum(count, MOST_COUNTED), np.minimum(covered_s / SECOND_S, 1.0), occupied_s, speed_m_s)


def _known(field: str, name: str, index: dict[str, int]) -> int:
    if name not in index:
        raise contradiction(field, f"there is no detector {name[:80]!r}; name one of the description")
    return index[name]
