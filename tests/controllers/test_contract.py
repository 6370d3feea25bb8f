"""The contract that every registered controller keeps, on real SUMO. Each run has a process of its own, as libsumo needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from controllers.registry import registered

PROGRAMS = ("static", "actuated", "delay_based")
# `remote` needs a service; tests/service/test_remote.py holds it to the same contract and more.
DECIDING = [(name, "{}") for name in registered() if name not in (*PROGRAMS, "rolling_horizon", "remote")] + [
    ("rolling_horizon", '{"information": "loops"}'),
    ("rolling_horizon", '{"information": "zone"}'),
]
SCENARIOS = {"resco/cologne1": 300, "grid/2x2": 200}
MAY_SEE = {"none": [], "loops": ["loops"], "zone": ["vehicles"]}


@cache
def one_run(scenario: str, controller: str, parameters: str = "{}", repeat: int = 0, signals: str = "shipped") -> dict[str, Any]:  # noqa: ARG001 - a repeat is a new run
    root = Path(__file__).parents[2]
    with TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(Path(__file__).with_name("one_run.py")),
            scenario,
            controller,
            parameters,
            "3",
            str(SCENARIOS.get(scenario, 200)),
            folder,
            signals,
        ]
        done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(("controller", "parameters"), DECIDING)
def test_a_controller_runs_to_the_end_and_changes_signals_safely_without_being_refused(
    scenario: str, controller: str, parameters: str
) -> None:
    outcome = one_run(scenario, controller, parameters)
    assert outcome["end_s"] == SCENARIOS[scenario]
    assert outcome["controlled"] == {"resco/cologne1": 1, "grid/2x2": 4}[scenario]
    assert outcome["commands"] > 0
    assert (outcome["refused"], outcome["violations"], outcome["unsafe"]) == (0, 0, 0)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(("controller", "parameters"), DECIDING)
def test_a_controller_is_shown_what_its_information_class_allows_and_nothing_else(scenario: str, controller: str, parameters: str) -> None:
    outcome = one_run(scenario, controller, parameters)
    assert outcome["shown"] == MAY_SEE[outcome["information"]]
    assert outcome["farthest_m"] <= 200
    assert (outcome["seen_vehicles"] > 0) == (outcome["information"] == "zone")


def test_a_controller_that_asks_for_the_links_between_junctions_is_told_them_before_the_start() -> None:
    # A 2x2 grid is a square: each corner is linked to two others.
    links = one_run("grid/2x2", "rolling_horizon", '{"information": "loops"}')["links"]
    assert len(links) == 8
    assert {source for source, _ in links} == {target for _, target in links}
    assert one_run("resco/cologne1", "rolling_horizon", '{"information": "loops"}')["links"] == []


@pytest.mark.parametrize(("controller", "parameters"), DECIDING)
def test_the_same_seed_gives_the_same_signals(controller: str, parameters: str) -> None:
    first, second = (one_run("resco/cologne1", controller, parameters, repeat)["signals"] for repeat in (0, 1))
    assert first == second


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("controller", PROGRAMS)
def test_a_program_of_sumo_runs_under_the_same_coupling_without_commands(scenario: str, controller: str) -> None:
    outcome = one_run(scenario, controller)
    assert outcome["end_s"] == SCENARIOS[scenario]
    assert (outcome["commands"], outcome["refused"]) == (0, 0)


def test_a_controller_that_knows_nothing_of_designed_signals_runs_them_safely() -> None:
    outcome = one_run("grid/1x1", "max_pressure", signals="designed")
    assert outcome["commands"] > 0
    assert (outcome["refused"], outcome["violations"], outcome["unsafe"]) == (0, 0, 0)
    assert outcome["signals"] != one_run("grid/1x1", "max_pressure")["signals"]


@pytest.mark.parametrize("controller", ["actuated", "delay_based"])  # the start of a run cuts greens of a fixed plan with an offset
def test_a_program_of_sumo_shows_designed_signals_without_a_violation(controller: str) -> None:
    outcome = one_run("grid/1x1", controller, signals="designed")
    assert (outcome["commands"], outcome["refused"], outcome["violations"]) == (0, 0, 0)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_programs_of_sumo_differ_from_each_other_in_what_they_show(scenario: str) -> None:
    assert len({one_run(scenario, controller)["signals"] for controller in PROGRAMS}) == len(PROGRAMS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_controller_that_obeys_no_rule_is_refused_and_never_makes_the_signals_unsafe(scenario: str) -> None:
    outcome = one_run(scenario, "tests.controllers.unruly:Unruly")
    assert outcome["shown"] == []
    assert outcome["refused"] > SCENARIOS[scenario] / 2
    assert outcome["commands"] > 0
    assert (outcome["violations"], outcome["unsafe"]) == (0, 0)
