"""Watching one run: what it writes beyond its key figures, so that a report can draw what happened in it.

Nothing that is written changes what is simulated: a watched run has the key figures of the same run unwatched, to the digit.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from controllers.sumo.approaches import upstream
from controllers.sumo.network import read_network
from optimizer.neighbours import loops_reach_m
from optimizer.observation import ZONE_M, InformationClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sumolib.net import Net

    from controllers.contract import Controller
    from controllers.sumo.coupling import SimulationSettings
    from optimizer.decision import Decision
    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection
    from optimizer.observation import Observation

ROUTES, TRAJECTORIES, ESTIMATES = "routes.xml", "trajectories.xml.gz", "estimates.csv"

SAMPLE_EVERY_S = 10
QUEUED_M_S = 5 / 3.6
"""Slower vehicles queue: the threshold of SUMO's own area detectors (5 km/h)."""

COLUMNS = ("time_s", "junction", "approach", "estimated_queue_veh", "true_queue_veh", "estimated_veh", "true_veh")


@dataclass(frozen=True, slots=True)
class Watching:
    """What to write down of a run.

    Attributes
    ----------
    trajectories_from_s
        Simulated time from which on every vehicle's place is kept, second by second.
    """

    trajectories_from_s: float

    def output_options(self, folder: Path) -> tuple[str, ...]:
        """Return SUMO's options: the routes driven, and the trajectories."""
        return (
            *("--vehroute-output", str(folder / ROUTES), "--vehroute-output.write-unfinished", "--vehroute-output.last-route"),
            *("--fcd-output", str(folder / TRAJECTORIES), "--fcd-output.attributes", "lane,pos,speed"),
            *("--device.fcd.begin", f"{self.trajectories_from_s:g}", "--fcd-output.skip-empty"),
        )


@contextlib.contextmanager
def watched(controller: Controller, settings: SimulationSettings) -> Iterator[Controller]:
    """Give the controller to simulate: itself, or one that writes down its estimates where it makes any."""
    if not hasattr(controller, "estimated"):
        yield controller
        return
    net = read_network(settings.network, settings.additional).net
    with (settings.output / ESTIMATES).open("w", newline="", encoding="utf-8") as stream:
        yield EstimatesWriter(controller, net, settings.backend, stream)


class EstimatesWriter:
    """A controller whose estimates are written down beside the truth, approach by approach, every ten seconds.

    Parameters
    ----------
    inner
        The controller; it has a method ``estimated`` (as `RollingHorizon` does).
    net
        The network, to find the lanes before each stop line.
    backend
        Name of the module that SUMO runs behind, ``libsumo`` or ``traci``.
    stream
        Takes a CSV table with the columns `COLUMNS`.
    """

    def __init__(self, inner: Any, net: Net, backend: str, stream: IO[str]) -> None:  # noqa: ANN401 - any controller with estimates
        self.inner = inner
        self.information: InformationClass = inner.information
        self.connect, self.retimed, self.follow = inner.connect, inner.retimed, inner.follow
        self._net = net
        self._backend: Any = importlib.import_module(backend)
        self._csv = csv.writer(stream, lineterminator="\n")
        self._csv.writerow(COLUMNS)
        self._approaches: dict[str, dict[str, _Approach]] = {}

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Find the lanes of each approach, as far as the controller sees them."""
        self.inner.start(junctions)
        self._approaches = {name: approaches_in_sight(self._net, junction, self.information) for name, junction in junctions.items()}

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Let the controller decide, and note what it believed."""
        decisions: Mapping[str, Decision] = self.inner.decide(observation)
        if int(observation.time_s) % SAMPLE_EVERY_S == 0:
            for name, traffic in self.inner.estimated().items():
                for approach, place in self._approaches[name].items():
                    believed, true = place.estimated(traffic), place.true(self._backend)
                    self._csv.writerow([f"{observation.time_s:g}", name, approach, believed[0], true[0], believed[1], true[1]])
        return decisions


@dataclass(frozen=True, slots=True)
class _Approach:
    """The incoming lanes of one approach, and the pieces of SUMO's lanes within sight: lane, distance of its end, length, sight."""

    incoming: tuple[int, ...]
    pieces: Mapping[str, tuple[float, float, float]]

    def estimated(self, traffic: ExpectedTraffic) -> tuple[int, int]:
        """Return the vehicles believed to queue, and all that are believed to come."""
        queue = everybody = 0
        for lane in self.incoming:
            span = slice(traffic.lane_start[lane], traffic.lane_start[lane + 1])
            everybody += span.stop - span.start
            queue += int((~traffic.moving[span]).sum())
        return queue, int(everybody)

    def true(self, backend: Any) -> tuple[int, int]:  # noqa: ANN401 - the module libsumo or traci
        """Return the vehicles that queue, and all that are there, by the simulation itself."""
        queue = everybody = 0
        for lane, (end_m, length_m, sight_m) in self.pieces.items():
            for vehicle in backend.lane.getLastStepVehicleIDs(lane):
                if end_m + length_m - backend.vehicle.getLanePosition(vehicle) <= sight_m:
                    everybody += 1
                    queue += backend.vehicle.getSpeed(vehicle) < QUEUED_M_S
        return queue, everybody


def approaches_in_sight(net: Net, junction: Intersection, information: InformationClass) -> dict[str, _Approach]:
    """Return the approaches of a junction with the lanes that an estimator answers for: up to its farthest loop, or the zone's end."""
    lanes = range(len(junction.incoming))
    sights_m = loops_reach_m(junction) if information is InformationClass.LOOPS else [ZONE_M for _ in lanes]
    incoming: dict[str, list[int]] = {}
    pieces: dict[str, dict[str, tuple[float, float, float]]] = {}
    for index in lanes:
        lane, sight_m = junction.incoming[index], float(sights_m[index])
        incoming.setdefault(lane.approach, []).append(index)
        found = pieces.setdefault(lane.approach, {})
        for section in upstream(net, lane.id, sight_m):
            known = found.get(section.lane, (section.distance_m, section.length_m, 0.0))
            found[section.lane] = (*known[:2], max(known[2], sight_m))
    return {name: _Approach(tuple(incoming[name]), pieces[name]) for name in incoming}
