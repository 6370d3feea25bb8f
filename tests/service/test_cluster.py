"""The service on a Ray cluster of two nodes: places that die are made anew elsewhere, with what was learnt."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from optimizer.service.rehearsal import rehearse, small_junction
from tests.service.calls import call
from tests.service.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("ray", reason="the extra cluster is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

PATIENCE_S = 120.0
JSON = {"Content-Type": "application/json"}
WORKERS = 2
# One junction for each worker: the ids are spread by their CRC-32.
NAMES = [next(f"j{k}" for k in range(100) if zlib.crc32(f"j{k}".encode()) % WORKERS == share) for share in range(WORKERS)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    rehearse()  # where nothing is compiled yet, each place would compile for itself
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()


def places() -> dict[int, int]:
    """The processes of the actors, each with its parent: the node that it runs on."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if b"ray::Place" in (folder / "cmdline").read_bytes():
                    fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
                    found[int(folder.name)] = int(fields[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def kept(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM snapshots").fetchone()[0])


def answered(http: httpx.Client, name: str, sequence: int) -> httpx.Response:
    """Ask until an answer comes, as a client does; meanwhile nothing but 503 may be told."""
    until = time.monotonic() + PATIENCE_S
    while True:
        told = http.post(f"/v1/junctions/{name}/decisions", json=call(sequence, 100.0 + sequence, since_s=90.0))
        if told.status_code != 503:
            return told
        assert told.headers["retry-after"] == "1"
        assert time.monotonic() < until
        time.sleep(0.2)


def test_answers_go_on_when_a_place_or_a_node_of_the_cluster_is_lost(tmp_path: Path, cluster: Any) -> None:  # noqa: ANN401
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    settings = {"CLUSTER": cluster.address, "WORKERS": str(WORKERS)}
    with running(tmp_path, **settings) as service, httpx.Client(base_url=service.url, headers=JSON, timeout=30) as http:
        for name in NAMES:
            http.put(f"/v1/junctions/{name}", content=small_junction().model_copy(update={"id": name}).model_dump_json()).raise_for_status()
            assert answered(http, name, 5).status_code == 200
        before = places()
        assert len(before) == WORKERS + 1
        assert len(set(before.values())) == 2, "the places are not spread over the nodes"
        until = time.monotonic() + PATIENCE_S
        while kept(tmp_path / "state.db") < len(NAMES):
            assert time.monotonic() < until
            time.sleep(0.2)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        for name in NAMES:
            assert answered(http, name, 6).status_code == 200
            # It knows what came before: an old call is an old call.
            late = answered(http, name, 4)
            assert (late.status_code, late.json()["last_sequence"]) == (409, 6)
        between = places()
        assert before.keys().isdisjoint(between)
        cluster.remove_node(node)
        for name in NAMES:
            assert answered(http, name, 7).status_code == 200
        until = time.monotonic() + PATIENCE_S
        while len(now := places()) < WORKERS + 1 or len(set(now.values())) > 1:
            assert time.monotonic() < until
            time.sleep(0.2)
    until = time.monotonic() + PATIENCE_S
    while places():
        assert time.monotonic() < until
        time.sleep(0.2)
