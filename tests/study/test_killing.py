"""A study that is killed at any moment loses at most the runs in flight, makes nothing twice and leaves nothing corrupt."""

from __future__ import annotations

import random
import signal
import sys
import time
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tests.study.folders import PATIENCE_S, await_nobody, records, started, study

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def many_tiny_runs(folder: Path, seeds: int) -> None:
    (folder / "tiny.toml").write_text(
        f'name = "tiny"\nscenarios = ["rilsa/1"]\ncontrollers = ["static", "greedy"]\nseeds = "0-{seeds - 1}"\nlength_s = 60\n'
    )


def await_sight(out: Path, pattern: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not list(out.glob(pattern)) and process.poll() is None:
        assert time.monotonic() < deadline, f"never saw {pattern}"
        time.sleep(0.02)


def kill_again_and_again(folder: Path, kills: int, total: int) -> None:
    chance = random.Random(7)  # noqa: S311 - moments to kill at
    out = folder / "results"
    known: dict[str, int] = {}
    for kill in range(kills):
        process = started("run", "tiny.toml", "--out", "results", cwd=folder)
        if kill % 5 != 1:  # one of five is killed before it has begun with anything, the others while runs are in flight
            await_sight(out, "work/*", process)
        time.sleep(chance.uniform(0.0, 2.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        await_nobody(str(out))  # the runs in flight do not outlive the study
        now = records(out)
        for key, inode in known.items():
            assert now[key][0] == inode, "a finished run was made again"
        known = {key: inode for key, (inode, _) in now.items()}
    done = study("resume", "results", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(known) < total, "the study had come to its end before the last kill"
    found = records(out)
    assert {key: found[key][0] for key in known} == known
    assert len(found) == total
    assert all(record["kpis"]["vehicles_due"] > 0 and record["key"] == key for key, (_, record) in found.items())
    for key in found:
        for name in ("lanes", "minutes", "signals"):
            assert pq.read_table(out / "runs" / key / f"{name}.parquet").num_rows > 0
    assert not (out / "work").exists()
    runs = pq.read_table(out / "runs.parquet")
    assert sorted(runs["key"].to_pylist()) == sorted(found)
    assert set(runs["status"].to_pylist()) == {"finished"}
    undisturbed = study("run", "tiny.toml", "--out", "undisturbed", "--workers", "3", cwd=folder)
    assert undisturbed.returncode == 0, undisturbed.stderr
    for name in ("runs.parquet", "runs.csv", "summary.parquet", "differences.parquet", "minutes.parquet", "signals.parquet"):
        assert (out / name).read_bytes() == (folder / "undisturbed" / name).read_bytes(), name


def test_a_study_killed_again_and_again_ends_with_every_run_once(tmp_path: Path) -> None:
    many_tiny_runs(tmp_path, 4)
    kill_again_and_again(tmp_path, kills=4, total=8)


@pytest.mark.slow
def test_twenty_kills_of_a_study_of_forty_runs_leave_forty_runs(tmp_path: Path) -> None:
    many_tiny_runs(tmp_path, 20)
    kill_again_and_again(tmp_path, kills=20, total=40)


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    many_tiny_runs(tmp_path, 4)
    out = tmp_path / "results"
    process = started("run", "tiny.toml", "--out", "results", "--workers", "1", cwd=tmp_path)
    await_sight(out, "runs/*/run.json", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"ampelwerk study resume results" in said
    assert b"Traceback" not in said
    await_nobody(str(out))
    kept = records(out)
    assert 1 <= len(kept) < 8
    assert sorted(pq.read_table(out / "runs.parquet")["key"].to_pylist()) == sorted(kept)


def test_two_processes_do_not_work_on_one_folder(tmp_path: Path) -> None:
    many_tiny_runs(tmp_path, 4)
    process = started("run", "tiny.toml", "--out", "results", cwd=tmp_path)
    await_sight(tmp_path / "results", "work/*", process)
    second = study("resume", "results", cwd=tmp_path)
    assert second.returncode == 2
    assert "Another process works on" in second.stderr
    assert process.poll() is None  # undisturbed
    process.send_signal(signal.SIGKILL)
    process.wait()
    await_nobody(str(tmp_path / "results"))
