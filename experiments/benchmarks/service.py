"""How many junctions the service answers every second, and how fast.

A closed-loop run of `neudorf` is recorded: what its six junctions report in each second. Copies of these junctions then call a real
service in real time, each once a second, spread evenly over the second. Because the service decides as the recorded run did, the reports
stay consistent with its answers. A call's latency counts from when it was due, not from when it was sent, so that a service that falls
behind cannot hide it. The calling process shares the machine.

Without options it takes two minutes and a little for 500 junctions, and the returns after ``kill -9``; ``--seconds 1800`` is the long one.
Traffic is thin at first: ``--begin 1200`` lets the calls begin where the roads are full (the recording up to there takes minutes).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import quote

import httpx
import numpy as np
import typer

from controllers.remote import Remote
from controllers.sumo.coupling import simulate
from experiments.simulations import settings_of
from optimizer.service.client import ServiceClient
from optimizer.service.site import JunctionSite
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.service.client import Guidance, Pilot
    from optimizer.service.description import JunctionDescription

SCENARIO = "neudorf"
CONNECTIONS = 64
START_LIMIT_S = 180.0
BIN_S = 60
WORST_BINS = 5
KEPT_AFTER_S = 10.0
WANTED_MS = 50.0, 200.0
WANTED_RETURN_S = 2.0
KIND = "Content-Type: application/json"


class Recording(NamedTuple):
    """Descriptions of the recorded junctions, and the bodies of their calls by second."""

    descriptions: list[JunctionDescription]
    calls: list[list[bytes]]


class Effort(NamedTuple):
    """What a process has done: the CPU time that it had, and how long it was ready to run while other work had the processors, s."""

    cpu_s: float
    waited_s: float


class Result(NamedTuple):
    """What was measured.

    Attributes
    ----------
    latency_ms
        Of all calls, shape ``(seconds, junctions)``.
    errors
        Answers that were no decision.
    memory_mb
        Of the service, by minute.
    efforts
        Of the front process, of each process that it has, and last of the calling process.
    """

    latency_ms: np.ndarray
    errors: int
    memory_mb: list[float]
    efforts: list[Effort]


class _Sites:
    """Takes the place of the client: answers in this process, and notes the calls."""

    def __init__(self) -> None:
        self.sites: dict[str, JunctionSite] = {}
        self.calls: dict[str, list[bytes]] = {}

    def await_ready(self, limit_s: float) -> None:
        """Be ready at once."""

    def put_junction(self, description: JunctionDescription) -> None:
        self.sites[description.id] = JunctionSite(description)
        self.calls[description.id] = []

    def ask(
        self, pilot: Pilot, second: Mapping[str, Any], state: str, state_since_s: float, neighbours: list[Mapping[str, Any]]
    ) -> Guidance:
        body = pilot.report(second, state, state_since_s, neighbours)
        assert body is not None
        self.calls[pilot.description.id].append(body)
        return pilot.answered(json.loads(self.sites[pilot.description.id].answer(body, time.monotonic()).body))


class _Recorder(Remote):
    def __init__(self) -> None:
        super().__init__()
        self.inside = _Sites()
        self._client: Any = self.inside


def record(begin: int, seconds: int) -> Recording:
    """Return what the junctions report in some seconds of the scenario, from a second after its begin on."""
    place, controller = scenario(SCENARIO), _Recorder()
    with tempfile.TemporaryDirectory() as folder:
        simulate(settings_of(place, Path(folder), end_s=place.begin_s + begin + seconds), controller)
    sites, calls = controller.inside.sites, controller.inside.calls
    return Recording([site.description for site in sites.values()], [calls[name][begin:] for name in sites])


def measure(recording: Recording, junctions: int, seconds: int, workers: int) -> Result:
    """Let copies of the recorded junctions call a service of their own, in real time."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        with _service(folder, port, workers) as service:
            try:
                names = _describe_copies(recording, junctions, port)
                calls = [recording.calls[k % len(recording.calls)] for k in range(junctions)]
                return asyncio.run(_drive(port, names, calls, seconds, service.pid))
            finally:
                service.terminate()


def measure_returns(recording: Recording, junctions: int, kills: int, workers: int) -> list[float]:
    """Kill a service of copied junctions and start it at once; return how long each time nobody was answered, s."""
    found: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        service = _service(folder, port, workers)
        try:
            path = f"/v1/junctions/{quote(_describe_copies(recording, junctions, port)[0], safe='')}/decisions"
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Content-Type": "application/json"}) as http:
                for second in range(kills + 1):
                    began = time.perf_counter()
                    if second > 0:
                        service.kill()
                        service.wait()
                        service = _service(folder, port, workers)
                    while not _answers(http, path, recording.calls[0][second]):
                        time.sleep(0.01)
                    if second > 0:
                        found.append(time.perf_counter() - began)
                    time.sleep(KEPT_AFTER_S)  # what was learnt is kept by then
        finally:
            service.terminate()
            service.wait()
    return found


def _answers(http: httpx.Client, path: str, body: bytes) -> bool:
    try:
        return http.post(path, content=body).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _service(folder: str, port: int, workers: int) -> subprocess.Popen[bytes]:
    settings = {"PORT": str(port), "DATABASE": f"sqlite:///{folder}/state.db", "WORKERS": str(workers), "CALLS_PER_S": "1000000"}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "AMPELWERK_LOG_LEVEL": "error"}
    environment |= {f"AMPELWERK_{name}": value for name, value in settings.items()}
    return subprocess.Popen([sys.executable, "-m", "optimizer.service"], env=environment)


def _describe_copies(recording: Recording, junctions: int, port: int) -> list[str]:
    """Describe copies of the recorded junctions, each in turn, to a service that has just been started; return their names."""
    kinds = len(recording.descriptions)
    names = [f"{recording.descriptions[k % kinds].id}-{k}" for k in range(junctions)]
    with ServiceClient(f"http://127.0.0.1:{port}", timeout_s=30) as client:
        client.await_ready(START_LIMIT_S)
        for k, name in enumerate(names):
            client.put_junction(recording.descriptions[k % kinds].model_copy(update={"id": name}))
    return names


async def _drive(port: int, names: list[str], calls: list[list[bytes]], seconds: int, pid: int) -> Result:
    heads = [
        f"POST /v1/junctions/{quote(name, safe='')}/decisions HTTP/1.1\r\nHost: x\r\n{KIND}\r\nContent-Length: ".encode() for name in names
    ]
    lines: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        lines.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    latency_ms, errors, memory_mb = np.full((seconds, len(names)), np.nan), 0, []
    before = _efforts(pid)
    began = time.perf_counter() + 0.5

    async def call(k: int, second: int, due: float) -> None:
        nonlocal errors
        reader, writer = await lines.get()
        body = calls[k][second]
        writer.write(heads[k] + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        latency_ms[second, k] = 1000 * (time.perf_counter() - due)
        errors += not head.startswith(b"HTTP/1.1 200")
        lines.put_nowait((reader, writer))

    async with asyncio.TaskGroup() as group:
        for second in range(seconds):
            if second % BIN_S == 0:
                memory_mb.append(_memory_mb(pid))
            for k in range(len(names)):
                due = began + second + k / len(names)
                wait_s = due - time.perf_counter()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                group.create_task(call(k, second, due))
    memory_mb.append(_memory_mb(pid))
    return Result(latency_ms, errors, memory_mb, _spent(before, _efforts(pid)))


def _family(pid: int) -> list[int]:
    """Return a process and all that come from it."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += map(int, Path(f"/proc/{found[-1]}/task/{found[-1]}/children").read_text(encoding="ascii").split())
    return found


def _memory_mb(pid: int) -> float:
    """Return the memory of the service; what processes share counts once."""
    lines = [line for each in _family(pid) for line in Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _efforts(pid: int) -> dict[int, Effort]:
    found = {}
    for each in [*_family(pid), os.getpid()]:
        threads = [path.read_text(encoding="ascii").split() for path in Path(f"/proc/{each}/task").glob("*/schedstat")]
        found[each] = Effort(sum(int(row[0]) for row in threads) / 1e9, sum(int(row[1]) for row in threads) / 1e9)
    return found


def _spent(before: dict[int, Effort], after: dict[int, Effort]) -> list[Effort]:
    nothing = Effort(0.0, 0.0)
    starts = [before.get(each, nothing) for each in after]
    return [Effort(end.cpu_s - start.cpu_s, end.waited_s - start.waited_s) for start, end in zip(starts, after.values(), strict=True)]


def main(
    junctions: Annotated[str, typer.Option(help="How many, such as 500 or 250,500,1000.")] = "500",
    seconds: Annotated[int, typer.Option(help="For how long.")] = 120,
    begin: Annotated[int, typer.Option(help="Second of the recording that the calls begin with; the network is full from 1200 on.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that share the junctions.")] = 2,
    kills: Annotated[int, typer.Option(help="How often the service is killed to see how long it takes to return.")] = 3,
) -> None:
    """Print latencies, memory, load and the return after `kill -9` for each number of junctions, with ratios to what is wanted."""
    recording = record(begin, max(seconds, kills + 1))
    sys.stdout.write(f"{'junctions':>9} {'median':>8} {'99 %':>8} {'99.9 %':>8} {'most':>8}   ms; ")
    sys.stdout.write(f"ratios of 99 % to {WANTED_MS[0]:g} ms and of 99.9 % to {WANTED_MS[1]:g} ms; ...\n")
    for count in map(int, junctions.split(",")):
        found = measure(recording, count, seconds, workers)
        _tell(count, seconds, found)
        returns_s = measure_returns(recording, count, kills, workers)
        if returns_s:
            each = ", ".join(f"{span_s:.2f}" for span_s in returns_s)
            sys.stdout.write(f"{'':9s} answers again after kill -9: {each} s; ratio of the longest to {WANTED_RETURN_S:g} s: ")
            sys.stdout.write(f"{max(returns_s) / WANTED_RETURN_S:.2f}\n")
            sys.stdout.flush()


def _tell(count: int, seconds: int, found: Result) -> None:
    median, high, higher = np.percentile(found.latency_ms, [50, 99, 99.9])
    spent_s = sum(effort.cpu_s for effort in found.efforts[:-1])
    sys.stdout.write(f"{count:9d} {median:8.1f} {high:8.1f} {higher:8.1f} {found.latency_ms.max():8.1f}   ")
    sys.stdout.write(
        f"{high / WANTED_MS[0]:.2f} {higher / WANTED_MS[1]:.2f}; {found.errors} errors; {spent_s / seconds:.2f} cores; memory, MB: "
    )
    sys.stdout.write(f"{', '.join(f'{mb:.0f}' for mb in found.memory_mb)}\n")
    sys.stdout.write(f"{'':9s} CPU per call and wait for a processor, ms: ")
    names = ["front", *(f"process {number}" for number in range(1, len(found.efforts) - 1)), "calling"]
    each = (1000 / found.latency_ms.size * np.array(effort) for effort in found.efforts)
    sys.stdout.write(f"{'; '.join(f'{name} {cpu:.2f} {waited:.2f}' for name, (cpu, waited) in zip(names, each, strict=True))}\n")
    late = found.latency_ms > WANTED_MS[0]
    sys.stdout.write(f"{'':9s} {100 * late.mean():.2f} % of the calls took longer than {WANTED_MS[0]:g} ms, ")
    sys.stdout.write(f"in {np.count_nonzero(late.any(axis=1))} of {seconds} seconds; the worst minutes (median, 99 %, most):\n")
    minutes = {begin_s: found.latency_ms[begin_s : begin_s + BIN_S] for begin_s in range(0, seconds, BIN_S)}
    for begin_s in sorted(minutes, key=lambda begin_s: -np.percentile(minutes[begin_s], 99))[:WORST_BINS]:
        low, high = np.percentile(minutes[begin_s], [50, 99])
        sys.stdout.write(f"{'':9s} from second {begin_s}: {low:.1f} {high:.1f} {minutes[begin_s].max():.1f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
