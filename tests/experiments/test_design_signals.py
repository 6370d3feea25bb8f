"""``ampelwerk design signals`` on a real scenario: what it writes passes the check, runs under any controller, fits no other network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from controllers.designed_signals import SignalsError, read_designed_signals
from controllers.sumo.network import read_network
from experiments.checking import check
from experiments.design.planning import PlanRequest, plan_scenario
from experiments.design.signals import write_signals
from experiments.exports import junction_descriptions
from experiments.requests import controller_choice, with_signals
from sumo_networks import scenario
from tests.commands import ampelwerk, mistake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("signals")
    write_signals(plan_scenario(scenario("rilsa/1"), PlanRequest()), out)
    return out


def test_plans_and_every_change_between_two_stages_pass_the_safety_check(designed: Path) -> None:
    found = check("rilsa/1", [designed / "stages.add.xml", designed / "programs.add.xml"])
    assert found.programs == 4
    assert not [finding for finding in found.findings if finding.program in ("ampelwerk_stages", "ampelwerk_design")]
    assert json.loads((designed / "signals.json").read_text())["findings"] == []


def test_designed_stages_are_compatible_and_serve_every_group_with_the_computed_intergreens(designed: Path) -> None:
    place = scenario("rilsa/1")
    shipped = read_network(place.network, place.additional_files).junctions
    for name, junction in read_designed_signals(designed).applied(shipped).items():
        for stage in junction.stages:
            green = {g for g in range(len(junction.groups)) if stage.serves(g)}
            assert not any(junction.conflicts[g] & green for g in green)
        assert all(any(stage.serves(g) for stage in junction.stages) for g in range(len(junction.groups)))
        assert (junction.longest_interstage_s, shipped[name].longest_interstage_s) == (5.0, 10.0)


@pytest.mark.parametrize("controller", ["rolling_horizon", "coordinated"])
def test_a_controller_runs_designed_signals_without_a_refused_command_or_a_violation(
    designed: Path, tmp_path: Path, controller: str
) -> None:
    given = ["--controller", controller, "--signals", str(designed), "--end", "200", "--out", str(tmp_path / "run")]
    done = ampelwerk("run", "rilsa/1", *given)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["kpis"]["refused_commands"], record["kpis"]["violations"]) == (0, 0)
    assert record["simulated"]["changes"] > 0
    assert (tmp_path / "run" / "signals.json").read_bytes() == (designed / "signals.json").read_bytes()


def test_signals_of_another_network_are_refused(designed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = mistake(capfd, "run", "rilsa/2", "--controller", "static", "--signals", str(designed), "--out", str(tmp_path / "run"))
    assert "signals.json: was designed for another network" in told
    assert "ampelwerk design signals" in told


def test_a_group_with_other_places_in_the_state_is_another_group(designed: Path, tmp_path: Path) -> None:
    content = json.loads((designed / "signals.json").read_text())
    entry = content["junctions"]["0"]["designed"]["signals"]
    first = next(iter(entry))
    entry[first] = [place + 1 for place in entry[first]]
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(content))
    place = scenario("rilsa/1")
    with pytest.raises(SignalsError, match=rf"changed\.json: the group '{first}' of junction '0' has other signals in this network"):
        read_designed_signals(changed).applied(read_network(place.network, place.additional_files).junctions)


@pytest.mark.parametrize(
    ("text", "told"),
    [("{}", "it lacks 'signals_format'"), ("[", "it is no JSON"), ('{"signals_format": 99, "network_sha256": ""}', "its form is 99")],
)
def test_a_file_that_holds_no_signals_is_told_apart(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "signals.json").write_text(text)
    with pytest.raises(SignalsError, match=told):
        read_designed_signals(tmp_path)


def test_the_service_takes_the_junctions_with_their_designed_signals(designed: Path) -> None:
    (description,) = junction_descriptions("rilsa/1", str(designed))
    stages = json.loads((designed / "signals.json").read_text())["junctions"]["0"]["designed"]["stages"]
    assert [stage.id for stage in description.stages] == list(stages)
    assert {step.stage for step in description.fallback} == set(stages)


def test_a_file_goes_to_those_who_are_to_have_designed_signals(designed: Path) -> None:
    file = str(designed / "signals.json")
    some = with_signals([controller_choice("static"), controller_choice("static@designed")], file)
    assert [choice.signals for choice in some] == ["shipped", file]
    assert [str(choice) for choice in some] == ["static", "static@designed"]
    assert [choice.signals for choice in with_signals([controller_choice("static")], file)] == [file]


def test_programs_of_their_own_leave_no_place_for_designed_signals(
    designed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = tmp_path / "parameters.toml"
    parameters.write_text(f'[static]\nprograms = "{designed / "programs.add.xml"}"\n')
    common = ["--controller", "static", "--signals", str(designed), "--parameters", str(parameters)]
    assert "leave no place for designed signals" in mistake(capfd, "run", "rilsa/1", *common, "--out", str(tmp_path / "run"))
