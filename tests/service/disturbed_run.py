"""One simulation against a service of its own that is disturbed on purpose; prints what happened as one line of JSON.

Arguments: scenario, fault (none, killed, delayed, lost, locked, full), length in seconds, seed, output folder.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from controllers.remote import Remote
from controllers.sumo.coupling import simulate
from controllers.sumo.network import read_network
from experiments.kpis import read_kpis, vehicle_classes
from experiments.simulations import settings_of
from sumo_networks.catalogue import scenario
from tests.controllers.one_run import conflicting_greens
from tests.service.running import free_port, running, small_disk

if TYPE_CHECKING:
    from optimizer.decision import Decision
    from optimizer.observation import JunctionObservation, Observation
    from optimizer.service.client import Guidance
    from tests.service.running import Service

OUTAGE_S = 20
"""Simulated seconds without a service after it was killed: ten times what it takes where systemd starts it again at once."""

KILLS_PER_H = 20
LOCKED_S = 10.0
LOST_SHARE = 0.10
LONGEST_DELAY_S = 5.0
IN_TIME_S = 0.4
"""A client's patience at the pace of the clock on the wall: an answer that is delayed by more is late."""

TIMEOUT_S = {"delayed": 0.03, "lost": 0.2}
"""Of the client in these runs, which are faster than the clock on the wall: so long it waits in vain for what is late."""

NEW_S = 10.0
DISK_MB = 8


class Weak(BaseHTTPRequestHandler):
    """Passes calls on to the service, and loses some of the answers, or delays each by up to 5 s of the simulation's clock."""

    protocol_version = "HTTP/1.1"
    fault = ""
    port = 0
    disturbed = 0
    now_s = -math.inf
    held: ClassVar[list[float]] = []
    tick: ClassVar[threading.Condition] = threading.Condition()
    dice: ClassVar[random.Random] = random.Random(1)  # noqa: S311 - no secret

    @classmethod
    def advance(cls, time_s: float) -> None:
        """Set the simulation's clock, and hand on what is due by then."""
        with cls.tick:
            cls.now_s = time_s
            cls.tick.notify_all()
            cls.tick.wait_for(lambda: all(due_s > time_s for due_s in cls.held))

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        behind = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        behind.close()
        held_until_s = None
        if self.path.endswith("/decisions"):
            with self.tick:
                if self.fault == "lost" and self.dice.random() < LOST_SHARE:
                    Weak.disturbed += 1
                    self.close_connection = True
                    return
                delay_s = self.dice.uniform(0.0, LONGEST_DELAY_S) if self.fault == "delayed" else 0.0
                if delay_s > IN_TIME_S:
                    Weak.disturbed += 1
                    held_until_s = self.now_s + delay_s
                    self.held.append(held_until_s)
                    self.tick.wait_for(lambda: held_until_s <= self.now_s)
        try:
            self.send_response(answer.status)
            self.send_header("content-type", answer.getheader("content-type", ""))
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up
        if held_until_s is not None:
            with self.tick:
                self.held.remove(held_until_s)
                self.tick.notify_all()

    do_GET = do_PUT = do_POST = _pass_on  # noqa: N815


class Disturbed(Remote):
    """The controller `remote`, which kills and starts its service, or locks its database or fills its disk, as time goes by."""

    def __init__(self, url: str, service: Service, fault: str, length_s: float) -> None:
        super().__init__(url, timeout_s=TIMEOUT_S.get(fault, 2.0))
        self.service, self.fault, self.length_s = service, fault, length_s
        self.kill_every_s = min(3600 / KILLS_PER_H, length_s / 3)
        self.began_s: float | None = None
        self.sources: Counter[str] = Counter()

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
        if self.fault == "full" and elapsed_s in {self.length_s // 6, 2 * self.length_s // 3}:
            self._fill(elapsed_s < self.length_s / 2)
        Weak.advance(observation.time_s)
        return super().decide(observation)

    def _ask(self, name: str, time_s: float, seen: JunctionObservation) -> Guidance:
        guidance = super()._ask(name, time_s, seen)
        self.sources[guidance.source] += 1
        return guidance

    def answered_at_the_end(self) -> bool:
        """Whether each junction has an answer, in time or late, to a call of the last ten seconds."""
        newest_s = [-math.inf if pilot.last_answer is None else pilot.last_answer["time_s"] for pilot in self._pilots.values()]
        return min(newest_s) >= Weak.now_s - NEW_S

    def late(self) -> int:
        return sum(pilot.late for pilot in self._pilots.values())

    def _fill(self, full: bool) -> None:  # noqa: FBT001
        filler = self.service.folder / "disk" / "filler"
        if not full:
            filler.unlink()
            return
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(b"x" * 4096)

    def _lock(self) -> None:
        connection = sqlite3.connect(self.service.folder / "state.db", isolation_level=None, timeout=30)
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_S)
        connection.execute("ROLLBACK")
        connection.close()


def logged(log: Path) -> dict[str, int]:
    """Return how often the service told of what; a line that a kill cut off is passed over."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{") and line.endswith("}")]
    return dict(Counter(json.loads(line)["event"].partition(":")[0] for line in lines))


def main() -> None:
    name, fault, length, seed, folder = sys.argv[1:]
    place, out, length_s = scenario(name), Path(folder), float(length)
    with contextlib.ExitStack() as stack:
        settings = {"WORKERS": "1"}
        if fault == "full":
            settings["DATABASE"] = f"sqlite:///{stack.enter_context(small_disk(out / 'disk', DISK_MB)) / 'state.db'}"
        service = stack.enter_context(running(out, **settings))
        url = service.url
        if fault in {"delayed", "lost"}:
            Weak.fault, Weak.port = fault, service.port
            between = ThreadingHTTPServer(("127.0.0.1", free_port()), Weak)
            between.daemon_threads = True
            threading.Thread(target=between.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{between.server_port}"
        controller = Disturbed(url, service, fault, length_s)
        summary = simulate(settings_of(place, out, end_s=place.begin_s + length_s, seed=int(seed)), controller)
    classes = vehicle_classes((*place.route_files, *place.additional_files))
    kpis: dict[str, Any] = read_kpis(
        out / "tripinfo.xml",
        out / "statistics.xml",
        classes,
        queue_95_veh=summary.queue_95_veh,
        longest_red_s=None,
        refused_commands=summary.refused,
        violations=summary.violations,
    ).as_dict()
    outcome = {
        "commands": summary.commands,
        "violations": summary.violations,
        "unsafe": conflicting_greens(read_network(place.network, place.additional_files).junctions, out / "signals.csv"),
        "disturbed": Weak.disturbed,
        "lost": controller.lost,
        "late": controller.late(),
        "sources": dict(controller.sources),
        "events": logged(service.log),
        "answered_at_the_end": controller.answered_at_the_end(),
        "delay_s": kpis["full_delay_s"],
    }
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
