"""The same study on a Ray cluster of two workers, one of which is killed in mid-study."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.study.folders import PATIENCE_S, processes_naming, records, started, study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("ray", reason="the extra cluster is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

STUDY = 'name = "tiny"\nscenarios = ["rilsa/1"]\ncontrollers = ["static", "mine:Own"]\nseeds = "0-2"\nlength_s = 300\n'
OWN = """
from controllers.greedy import Greedy

class Own(Greedy):
    pass
"""
WORKER = "ray::make_on_worker"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield cluster.address
    cluster.shutdown()


def test_a_cluster_gives_the_same_bytes_even_when_a_worker_is_killed(tmp_path: Path, address: str) -> None:
    (tmp_path / "tiny.toml").write_text(STUDY)
    (tmp_path / "mine.py").write_text(OWN)
    process = started("run", "tiny.toml", "--out", "there", "--cluster", address, cwd=tmp_path)
    deadline = time.monotonic() + PATIENCE_S
    while not (workers := processes_naming(WORKER)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert workers[0] not in processes_naming(WORKER)
    assert len(records(tmp_path / "there")) == 6
    done = study("run", "tiny.toml", "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("runs.parquet", "runs.csv", "summary.parquet", "differences.parquet", "minutes.parquet", "signals.parquet"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name


def test_a_cluster_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(STUDY.replace("mine:Own", "greedy"))
    done = study("run", "tiny.toml", "--cluster", "127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert "The Ray cluster 127.0.0.1:1 cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
