"""One simulation against a service of its own that is disturbed on purpose; prints what happened as one line of JSON.

Arguments: scenario, fault (none, killed, delayed, lost, locked), length in seconds, seed, output folder.
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from controllers.remote import Remote
from controllers.sumo.coupling import SimulationSettings, simulate
from controllers.sumo.network import read_network
from experiments.kpis import read_kpis, vehicle_classes
from sumo_networks.catalogue import scenario
from tests.controllers.one_run import conflicting_greens
from tests.service.running import free_port, running

if TYPE_CHECKING:
    from optimizer.decision import Decision
    from optimizer.observation import Observation
    from tests.service.running import Service

OUTAGE_S = 30
"""Simulated seconds without a service after it was killed."""

KILLS_PER_H = 20
LOCKED_S = 10.0
TIMEOUT_S = 0.1
"""Of the client in these runs, which are faster than real time: an answer that takes longer is a late one."""

LATE_SHARE, LOST_SHARE = 0.05, 0.10
LONGEST_DELAY_S = 5.0


class Weak(BaseHTTPRequestHandler):
    """Passes calls on to the service, and delays or loses some of the answers."""

    protocol_version = "HTTP/1.1"
    fault = ""
    port = 0
    disturbed = 0
    dice: ClassVar[random.Random] = random.Random(1)  # noqa: S311 - no secret

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        behind = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        if self.path.endswith("/decisions"):
            chance = self.dice.random()
            if self.fault == "lost" and chance < LOST_SHARE:
                Weak.disturbed += 1
                self.close_connection = True
                return
            if self.fault == "delayed" and chance < LATE_SHARE:
                Weak.disturbed += 1
                time.sleep(self.dice.uniform(0.0, LONGEST_DELAY_S))
        try:
            self.send_response(answer.status)
            self.send_header("content-type", answer.getheader("content-type", ""))
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up

    do_GET = do_PUT = do_POST = _pass_on  # noqa: N815


class Disturbed(Remote):
    """The controller `remote`, which kills and starts its service, or locks its database, as time goes by."""

    def __init__(self, url: str, service: Service, fault: str, length_s: float) -> None:
        super().__init__(url, timeout_s=TIMEOUT_S if fault in {"delayed", "lost"} else 2.0)
        self.service, self.fault, self.length_s = service, fault, length_s
        self.kill_every_s = min(3600 / KILLS_PER_H, length_s / 3)
        self.began_s: float | None = None
        self.from_own_plan = 0

    def decide(self, observation: Observation) -> dict[str, Decision]:
        self.began_s = observation.time_s if self.began_s is None else self.began_s
        elapsed_s = observation.time_s - self.began_s
        if self.fault == "killed":
            phase = elapsed_s % self.kill_every_s
            if phase == self.kill_every_s // 2:
                self.service.kill()
            if phase == self.kill_every_s // 2 + OUTAGE_S:
                self.service.start()
                self.service.await_ready()
        if self.fault == "locked" and elapsed_s == self.length_s // 2:
            threading.Thread(target=self._lock).start()
        decisions = super().decide(observation)
        self.from_own_plan += sum(decision.reason.startswith("own plan") for decision in decisions.values())
        return decisions

    def answered_at_the_end(self) -> bool:
        return all(pilot.last_answer is not None and not pilot.is_open for pilot in self._pilots.values())

    def _lock(self) -> None:
        connection = sqlite3.connect(self.service.folder / "state.db", isolation_level=None, timeout=30)
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_S)
        connection.execute("ROLLBACK")
        connection.close()


def main() -> None:
    name, fault, length, seed, folder = sys.argv[1:]
    place, out, length_s = scenario(name), Path(folder), float(length)
    with running(out, WORKERS="1") as service:
        url = service.url
        if fault in {"delayed", "lost"}:
            Weak.fault, Weak.port = fault, service.port
            between = ThreadingHTTPServer(("127.0.0.1", free_port()), Weak)
            between.daemon_threads = True
            threading.Thread(target=between.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{between.server_port}"
        controller = Disturbed(url, service, fault, length_s)
        settings = SimulationSettings(
            configuration=place.configuration,
            network=place.network,
            additional=place.additional_files,
            output=out,
            begin_s=place.begin_s,
            end_s=place.begin_s + length_s,
            seed=int(seed),
        )
        summary = simulate(settings, controller)
    classes = vehicle_classes((*place.route_files, *place.additional_files))
    kpis: dict[str, Any] = read_kpis(
        out / "tripinfo.xml",
        out / "statistics.xml",
        classes,
        queue_95_veh=summary.queue_95_veh,
        refused_commands=summary.refused,
        violations=summary.violations,
    ).as_dict()
    outcome = {
        "commands": summary.commands,
        "violations": summary.violations,
        "unsafe": conflicting_greens(read_network(place.network, place.additional_files).junctions, out / "signals.csv"),
        "disturbed": Weak.disturbed,
        "lost": controller.lost,
        "from_own_plan": controller.from_own_plan,
        "answered_at_the_end": controller.answered_at_the_end(),
        "delay_s": kpis["full_delay_s"],
    }
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
