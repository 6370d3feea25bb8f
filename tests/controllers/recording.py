"""The controller `coordinated`, which also writes down when vehicles pass its loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from controllers.coordinated import Coordinated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.observation import Observation


class Recording(Coordinated):
    """Writes one line per busy loop and second: time, junction, lane of the loop."""

    def __init__(self, record: str, plan: str) -> None:
        super().__init__(plan)
        self._record = Path(record)

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        super().start(junctions)
        self._lanes = {name: [(d.lanes[0], d.role) for d in junction.detectors] for name, junction in junctions.items()}
        self._ids = {name: [lane.id for lane in junction.incoming] for name, junction in junctions.items()}
        self._record.write_text("")

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        rows = []
        for name, seen in observation.junctions.items():
            if seen.loops is not None:
                for (lane, role), count, share in zip(self._lanes[name], seen.loops.count, seen.loops.occupancy, strict=True):
                    if role in {"near", "stop_line"} and (count or share > 0):
                        rows.append(json.dumps([observation.time_s, name, self._ids[name][lane], str(role), int(count)]))
        with self._record.open("a") as stream:
            stream.writelines(f"{row}\n" for row in rows)
        return super().decide(observation)
