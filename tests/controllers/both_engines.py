"""A closed loop in which both engines are asked the same each second, in a process of its own; prints what they said as one line of JSON.

Arguments: scenario, the engine that is obeyed, seed, length in seconds.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from controllers.rolling_horizon import RollingHorizon
from controllers.sumo.coupling import simulate
from experiments.simulations import settings_of
from optimizer.horizon.engines import BEAM_WIDTH, NODE_LIMIT, Change, CpSatEngine, SearchEngine
from sumo_networks.catalogue import scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.horizon.engines import Engine
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus


class BothEngines:
    """Asks both engines, notes where they agree, and says what the obeyed one says."""

    def __init__(self, junction: Intersection, controller: AskingBoth) -> None:
        made = junction, controller.parameters, BEAM_WIDTH, NODE_LIMIT
        # No time limit: what is compared must not depend on how busy the machine is.
        self._engines = {"search": SearchEngine(*made), "cp-sat": CpSatEngine(*made, time_limit_s=math.inf)}
        self._controller = controller
        self.departures = self._engines[controller.obeyed].departures

    def choose(
        self,
        time_s: float,
        status: SignalStatus,
        green_since_s: NDArray[np.float64],
        red_since_s: NDArray[np.float64],
        traffic: ExpectedTraffic,
    ) -> Change | None:
        said: dict[str, Change | None] = {}
        for name, engine in self._engines.items():
            said[name] = engine.choose(time_s, status, green_since_s, red_since_s, traffic)
        searched, solved = said["search"], said["cp-sat"]
        planned = [engine.departures for engine in self._engines.values()]
        self._controller.note(
            {
                "changes": searched is not None,
                "same_command": (searched and searched.stage) == (solved and solved.stage),
                "same_departures": all(np.array_equal(a, b) for a, b in zip(*planned, strict=True)),
                "dearer": searched is not None and solved is not None and solved.cost_veh_s > searched.cost_veh_s,
            }
        )
        self.departures = self._engines[self._controller.obeyed].departures
        return said[self._controller.obeyed]


class AskingBoth(RollingHorizon):
    """The rolling horizon with both engines."""

    def __init__(self, obeyed: str) -> None:
        super().__init__()
        self.obeyed = obeyed
        self.counted: dict[str, int] = {}

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        super().start(junctions)
        self.counted = dict.fromkeys(("decisions", "changes", "same_command", "same_departures", "dearer"), 0)  # without the rehearsal

    def make_engine(self, junction: Intersection) -> Engine:
        return BothEngines(junction, self)

    def note(self, seen: Mapping[str, bool]) -> None:
        if self.counted:
            self.counted["decisions"] += 1
            for name, is_so in seen.items():
                self.counted[name] += is_so


def main() -> None:
    name, obeyed, seed, length_s = sys.argv[1:]
    place = scenario(name)
    subject = AskingBoth(obeyed)
    with TemporaryDirectory() as folder:
        simulate(settings_of(place, Path(folder), end_s=place.begin_s + float(length_s), seed=int(seed)), subject)
    sys.stdout.write("\n" + json.dumps(subject.counted) + "\n")


if __name__ == "__main__":
    main()
