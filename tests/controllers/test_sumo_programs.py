from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.programs import ShippedPhase, ShippedProgram
from controllers.sumo_programs import Actuated, DelayBased, Static

if TYPE_CHECKING:
    from pathlib import Path

PHASES = (
    ShippedPhase("GGrr", 30.0),
    ShippedPhase("yyrr", 4.0),
    ShippedPhase("rrrr", 2.0),
    ShippedPhase("rrGg", 20.0),
    ShippedPhase("rryy", 4.0),
)
LIGHT = ShippedProgram("light", "0", "static", 7.0, PHASES)


def written(path: Path) -> list[ET.Element]:
    return list(ET.parse(path).getroot())


def test_the_shipped_programs_need_no_file(tmp_path: Path) -> None:
    assert Static().write_programs({"light": LIGHT}, tmp_path / "programs.add.xml") is None
    assert list(tmp_path.iterdir()) == []


def test_green_phases_get_bounds_and_interstages_stay_fixed(tmp_path: Path) -> None:
    (logic,) = written(Actuated().write_programs({"light": LIGHT}, tmp_path / "programs.add.xml"))
    assert (logic.get("id"), logic.get("type"), logic.get("offset")) == ("light", "actuated", "7")
    assert logic.get("programID") != LIGHT.program_id
    bounds = [(p.get("state"), p.get("duration"), p.get("minDur"), p.get("maxDur")) for p in logic]
    assert bounds == [
        ("GGrr", "30", "5", "50"),
        ("yyrr", "4", None, None),
        ("rrrr", "2", None, None),
        ("rrGg", "20", "5", "50"),
        ("rryy", "4", None, None),
    ]


def test_the_bounds_are_parameters(tmp_path: Path) -> None:
    (logic,) = written(DelayBased(minimum_green_s=8, maximum_green_s=40).write_programs({"light": LIGHT}, tmp_path / "programs.add.xml"))
    assert logic.get("type") == "delay_based"
    assert (logic[0].get("minDur"), logic[0].get("maxDur")) == ("8", "40")


def test_the_order_of_phases_is_kept(tmp_path: Path) -> None:
    phases = (ShippedPhase("Gr", 9.0, following=(1, 2)), ShippedPhase("rG", 9.0, following=(0,)), ShippedPhase("GG", 9.0))
    (logic,) = written(Actuated().write_programs({"x": ShippedProgram("x", "0", "static", 0.0, phases)}, tmp_path / "programs.add.xml"))
    assert [p.get("next") for p in logic] == ["1 2", "0", None]


def test_lights_with_one_green_phase_or_rings_stay_on_their_own_program(tmp_path: Path) -> None:
    single = ShippedProgram("single", "0", "static", 0.0, PHASES[:3])
    rings = ShippedProgram("rings", "0", "NEMA", 0.0, PHASES)
    assert written(Actuated().write_programs({"single": single, "rings": rings}, tmp_path / "programs.add.xml")) == []


@pytest.mark.parametrize(
    ("content", "sentence"), [("<additional><tlLogic</additional>", "broken XML"), ("<additional/>", "holds no signal program")]
)
def test_a_file_without_programs_is_told_by_its_name(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "mine.add.xml").write_text(content)
    with pytest.raises(ValueError, match=rf"mine\.add\.xml.*{sentence}"):
        Static(str(tmp_path / "mine.add.xml"))
