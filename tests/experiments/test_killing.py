"""A comparison that is killed takes its runs with it and can be gone on with."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.study.folders import PATIENCE_S, await_nobody, environment, processes_naming

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def test_the_runs_of_a_killed_comparison_end_with_it(tmp_path: Path) -> None:
    order = [sys.executable, "-m", "experiments", "compare", "resco/cologne8", "--controllers", "static,greedy"]
    order += ["--seeds", "0", "--out", "out"]
    out = tmp_path / "out"
    process = subprocess.Popen(order, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not list(out.glob("*/seed_0/signals.csv")):  # SUMO runs, in one of the two at least
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline, "its runs never began"
        time.sleep(0.01)
    assert processes_naming(str(out))
    process.send_signal(signal.SIGKILL)
    process.wait()
    await_nobody(str(out))
    assert len(list(out.glob("*/seed_0/run.json"))) < 2, "both had come to their end before the kill"
    again = subprocess.run(order, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert again.returncode == 0, again.stderr
    assert [row["controller"] for row in csv.DictReader((out / "runs.csv").open())] == ["static", "greedy"]


def test_a_run_typed_with_an_empty_input_is_no_child_and_goes_on(tmp_path: Path) -> None:
    order = [sys.executable, "-m", "experiments", "run", "resco/cologne1", "--controller", "static", "--end", "25260", "--out", "out"]
    done = subprocess.run(order, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
