"""A controller that shows its stages in turn and counts who crosses its stop lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.decision import Decision
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.intersection import Intersection
    from optimizer.observation import Observation

STAGE_S = 25


class Counting:
    """Writes what the stop-line loops have counted, and the greatest and mean occupancy of any loop in a second."""

    information = InformationClass.LOOPS

    def __init__(self, record: str) -> None:
        self._record = Path(record)
        self._crossed, self._occupancies = 0, [0.0]

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        self._junctions = junctions

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        decisions = {}
        for name, seen in observation.junctions.items():
            assert seen.loops is not None
            detectors = self._junctions[name].detectors
            self._crossed += sum(int(n) for n, detector in zip(seen.loops.count, detectors, strict=True) if detector.role == "stop_line")
            self._occupancies += [float(share) for share in seen.loops.occupancy]
            stages = len(self._junctions[name].stages)
            decisions[name] = Decision(int(observation.time_s // STAGE_S) % stages)
        mean = sum(self._occupancies) / len(self._occupancies)
        self._record.write_text(json.dumps({"crossed": self._crossed, "occupancy": [max(self._occupancies), mean]}))
        return decisions
