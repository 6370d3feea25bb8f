"""Faults between a real service and real SUMO: no unsafe state, no missing signal, and hardly more delay."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimizer.service.client import LedBy
from tests.service.running import small_disk

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = "resco/cologne3"
HOUR_SCENARIO = "resco/cologne8"
"""Its hours are much alike; cologne3 locks in one of five, at a node without a signal, which weighs more than any fault."""
MOST_MORE_DELAY = 1.10
SEEDS = (0, 1)
FAULTS = ("killed", "delayed", "lost", "locked", "full")
KILLS = 20


def run(folder: Path, scenario: str, fault: str, length_s: int, seed: int) -> dict[str, Any]:
    """Run a simulation against a service that is disturbed, in a process of its own."""
    folder.mkdir(parents=True)
    script = str(Path(__file__).with_name("disturbed_run.py"))
    command = [sys.executable, script, scenario, fault, str(length_s), str(seed), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def may_mount(folder: Path) -> bool:
    try:
        with small_disk(folder / "probe", 1):
            pass
    except PermissionError:
        return False
    finally:
        (folder / "probe").rmdir()
    return True


def assert_is_safe(outcome: dict[str, Any], folder: Path) -> None:
    assert (outcome["violations"], outcome["unsafe"]) == (0, 0)
    with (folder / "signals.csv").open(newline="", encoding="utf-8") as stream:
        assert all(row["state"] and set(row["state"]) <= set("rygGsu") for row in csv.DictReader(stream))


def assert_is_logged(fault: str, outcome: dict[str, Any]) -> None:
    """What the service can know of, it tells of; what it cannot, the client tells of (see `Remote`)."""
    events = outcome["events"]
    if fault == "killed":
        assert events["ready"] == 1 + KILLS
    if fault in {"locked", "full"}:
        assert events["the database cannot be written; decisions go on"] >= 1
        assert events["the database can be written again"] >= 1


@pytest.mark.parametrize(("fault", "length_s"), [("killed", 240), ("delayed", 60), ("lost", 60), ("locked", 60), ("full", 60)])
def test_a_disturbed_service_never_makes_the_signals_unsafe_and_comes_back(tmp_path: Path, fault: str, length_s: int) -> None:
    if fault == "full" and not may_mount(tmp_path):
        pytest.skip("no right to mount a small file system")
    outcome = run(tmp_path / fault, SCENARIO, fault, length_s, 0)
    assert_is_safe(outcome, tmp_path / fault)
    assert outcome["commands"] > 0
    assert outcome["answered_at_the_end"]
    if fault == "killed":
        assert outcome["lost"] > 0
        assert outcome["sources"][LedBy.LAST_PLAN] > 0
    elif fault == "delayed":
        # More than nine of ten answers miss their second; the junctions go along what those plan.
        assert outcome["late"] > outcome["sources"].get(LedBy.SERVICE, 0)
        assert outcome["sources"][LedBy.LAST_PLAN] > outcome["sources"].get(LedBy.OWN_PLAN, 0)
    elif fault == "lost":
        # Nearly all come back by asking again: the service gives the stored answer.
        assert outcome["disturbed"] > outcome["lost"]
    else:
        assert outcome["lost"] == 0


@pytest.mark.slow
def test_a_disturbed_hour_has_at_most_a_tenth_more_delay(tmp_path: Path) -> None:
    delays: dict[str, float] = {}
    for fault in ("none", *FAULTS):
        if fault == "full" and not may_mount(tmp_path):
            continue
        outcomes = []
        for seed in SEEDS:
            folder = tmp_path / f"{fault}{seed}"
            outcomes.append(run(folder, HOUR_SCENARIO, fault, 3600, seed))
            assert_is_safe(outcomes[-1], folder)
            assert_is_logged(fault, outcomes[-1])
        delays[fault] = sum(outcome["delay_s"] for outcome in outcomes) / len(outcomes)
        print(f"\n{fault}: full delay {delays[fault]:.2f} s, {delays[fault] / delays['none']:.3f} times; {outcomes}")  # noqa: T201
    assert not {fault: delay_s for fault, delay_s in delays.items() if delay_s > MOST_MORE_DELAY * delays["none"]}
