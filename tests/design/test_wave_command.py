from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import cli


def golden() -> dict[str, Any]:
    reds = (0.45, 0.50, 0.40, 0.55, 0.48, 0.52, 0.46)
    distances = (420, 310, 260, 510, 380, 290)
    speed = 50 / 3.6
    signal = {"left_out": 0, "left_in": 0, "clearance_out": 0, "clearance_in": 0, "left_pattern": "fixed"}
    link = {"speed_m_s": [speed, speed], "slowness_change_max_s_m": None}
    return {
        "cycle_s": [90, 90],
        "k": 1,
        "signals": [{"red_out": r, "red_in": r, **signal} for r in reds],
        "links": [{"distance_out_m": d, "distance_in_m": d, **link} for d in distances],
    }


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["design", "wave", *arguments])
    return int(end.value.code or 0)


def test_the_golden_instance_becomes_a_result(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    instance, out = tmp_path / "corridor.json", tmp_path / "result.json"
    instance.write_text(json.dumps(golden()), encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(out)) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["band_out"] == pytest.approx(0.176)
    assert result["band_in"] == pytest.approx(0.176)
    assert result["cycle_s"] == pytest.approx(90)
    assert len(result["offsets"]) == 7
    assert (result["status"], result["gap"]) == ("optimal", pytest.approx(0, abs=1e-6))
    assert result["solve_s"] > 0
    assert "0.176" in capfd.readouterr().out


def test_a_band_for_each_link_is_a_list(tmp_path: Path) -> None:
    instance, out = tmp_path / "corridor.json", tmp_path / "result.json"
    instance.write_text(json.dumps(golden()), encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(out), "--bands", "links") == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert len(result["band_out"]) == len(result["band_in"]) == 6
    assert sum(result["band_out"]) / 6 >= 0.176


def spoil(path: list[str | int], value: object) -> dict[str, Any]:
    content = golden()
    place: Any = content
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", "the instance is no table"),
        (json.dumps(spoil(["cycle_s"], KeyError)), "the instance lacks 'cycle_s'"),
        (json.dumps(spoil(["cycle_s"], 90)), "cycle_s is 90; write [least, greatest]"),
        (json.dumps(spoil(["signals", 2, "red_out"], "long")), "signal 3: red_out is 'long'; write a number"),
        (json.dumps(spoil(["signals", 2, "red_out"], 1.2)), "signal 3: red_out = 1.2"),
        (json.dumps(spoil(["signals", 0, "left_pattern"], "leading")), "signal 1: left_pattern 'leading' is unknown; write fixed or free"),
        (json.dumps(spoil(["signals", 0, "colour"], 1)), "signal 1 has the unknown name 'colour'"),
        (json.dumps(spoil(["links", 5], KeyError)), "7 signals with 5 links is not connected"),
        (json.dumps(spoil(["links", 0, "speed_m_s"], [0, 10])), "link 1: speed_m_s [0, 10]"),
        (json.dumps(spoil(["links", 0, "distance_in_m"], float("nan"))), "link 1: distance_in_m is nan"),
        (json.dumps(spoil(["signals"], {})), "signals is no list"),
    ],
)
def test_a_mistake_in_the_instance_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str, sentence: str
) -> None:
    instance, out = tmp_path / "corridor.json", tmp_path / "result.json"
    instance.write_text(content, encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(out)) == 2
    complaint = capfd.readouterr().err
    assert sentence in complaint
    assert str(instance) in complaint
    assert complaint.count("\n") == 1
    assert list(tmp_path.iterdir()) == [instance]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--bands", "wide", "--bands 'wide'"),
        ("--gap", "-1", "--gap -1"),
        ("--time-limit", "0", "--time-limit 0"),
        ("--instance", "nowhere.json", "nowhere.json"),
    ],
)
def test_a_mistake_in_an_option_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], option: str, value: str, sentence: str
) -> None:
    instance, out = tmp_path / "corridor.json", tmp_path / "result.json"
    instance.write_text(json.dumps(golden()), encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(out), option, value) == 2
    assert sentence in capfd.readouterr().err
    assert not out.exists()


def test_a_result_needs_a_folder_that_exists(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    instance = tmp_path / "corridor.json"
    instance.write_text(json.dumps(golden()), encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(tmp_path / "nowhere" / "result.json")) == 2
    assert "name a file in a folder that exists" in capfd.readouterr().err


def test_the_instance_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "plan_design.md").read_text(encoding="utf-8")
    instance, out = tmp_path / "corridor.json", tmp_path / "result.json"
    instance.write_text(page.split("```json\n")[1].split("```")[0], encoding="utf-8")
    assert call("--instance", str(instance), "--out", str(out)) == 0
    named = {word for word in page.split("The result holds ")[1].split("\n\n")[0].split("`") if word.replace("_", "").isalpha()}
    assert set(json.loads(out.read_text(encoding="utf-8"))) <= named
