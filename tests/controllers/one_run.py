"""One simulation in a process of its own; prints what happened as one line of JSON.

Arguments: scenario, controller, its parameters (JSON), seed, length in seconds, output folder, and perhaps which signals.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controllers.contract import NetworkedController, ProgramController
from controllers.registry import controller
from controllers.sumo.coupling import simulate
from experiments.design.signals import signals_for
from experiments.requests import SHIPPED
from experiments.simulations import settings_of
from sumo_networks.catalogue import scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controllers.contract import Controller
    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from optimizer.observation import Observation


class Recorder:
    """Passes everything on to a controller and notes what the controller was shown."""

    def __init__(self, inner: Controller) -> None:
        self.inner = inner
        self.information = inner.information
        self.junctions: Mapping[str, Intersection] = {}
        self.shown: set[str] = set()
        self.seen_vehicles = 0
        self.farthest_m = 0.0
        self.links: tuple[Link, ...] = ()

    def connect(self, links: Iterable[Link]) -> None:
        assert not self.junctions
        self.links = tuple(links)
        if isinstance(self.inner, NetworkedController):
            self.inner.connect(self.links)

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        self.junctions = junctions
        self.inner.start(junctions)

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        for seen in observation.junctions.values():
            if seen.loops is not None:
                self.shown.add("loops")
            if seen.vehicles is not None:
                self.shown.add("vehicles")
                self.seen_vehicles += len(seen.vehicles.distance_m)
                self.farthest_m = max(self.farthest_m, *seen.vehicles.distance_m, 0.0)
        return self.inner.decide(observation)


def conflicting_greens(junctions: Mapping[str, Intersection], log: Path) -> int:
    """Count the shown states with two conflicting groups green, and changes that are faster than their intergreen."""
    found = 0
    ended: dict[tuple[str, int], float] = {}
    before: dict[tuple[str, int], bool] = {}
    with log.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            junction, time_s = junctions[row["junction"]], float(row["time_s"])
            green = [any(row["state"][link] in "Gg" for link in group.links) for group in junction.groups]
            for g, is_green in enumerate(green):
                if before.get((junction.id, g)) and not is_green:
                    ended[junction.id, g] = time_s
            for g, is_green in enumerate(green):
                found += is_green and any(green[h] for h in junction.conflicts[g])
                if is_green and not before.get((junction.id, g), True):
                    found += sum(
                        time_s - ended.get((junction.id, h), -1e9) < junction.intergreen_s[h][g] - 1e-3
                        for h in range(len(green))
                        if not green[h]
                    )
            before |= {(junction.id, g): is_green for g, is_green in enumerate(green)}
    return found


def main() -> None:
    name, made, parameters, seed, length_s, folder, *further = sys.argv[1:]
    place, out = scenario(name), Path(folder)
    subject: Any = controller(made, **json.loads(parameters))
    recorder = None if isinstance(subject, ProgramController) else Recorder(subject)
    settings = settings_of(
        place, out, end_s=place.begin_s + float(length_s), seed=int(seed), signals=signals_for(place, *further or [SHIPPED])
    )
    summary = simulate(settings, subject if recorder is None else recorder)
    log = out / "signals.csv"
    outcome = {
        "end_s": summary.end_s - place.begin_s,
        "controlled": len(summary.controlled),
        "commands": summary.commands,
        "refused": summary.refused,
        "violations": summary.violations,
        "signals": hashlib.sha256(log.read_bytes()).hexdigest(),
        "information": str(subject.information),
    }
    if recorder is not None:
        outcome |= {
            "links": sorted({(link.source, link.target) for link in recorder.links}),
            "shown": sorted(recorder.shown),
            "seen_vehicles": recorder.seen_vehicles,
            "farthest_m": recorder.farthest_m,
            "unsafe": conflicting_greens(recorder.junctions, log),
        }
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
