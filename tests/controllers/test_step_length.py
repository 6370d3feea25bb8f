"""Readings of loops where SUMO makes several steps in a second, on real SUMO."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from tests.commands import ampelwerk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("step_length", ["1", "0.5", "0.1"])
def test_loops_count_everybody_once_whatever_the_length_of_a_step(step_length: str, tmp_path: Path) -> None:
    name = "tests.controllers.counting:Counting"
    (tmp_path / "p.toml").write_text(f'["{name}"]\nrecord = "{tmp_path / "record.json"}"\n')
    order = ["run", "rilsa/1", "--controller", name, "--parameters", "p.toml", "--step-length", step_length, "--end", "400", "--out", "run"]
    done = ampelwerk(*order, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "record.json").read_text())
    trips = ET.parse(tmp_path / "run" / "tripinfo.xml").getroot().findall("tripinfo")
    arrived = sum(float(trip.attrib["arrival"]) >= 0 for trip in trips)
    inside = sum(float(trip.attrib["arrival"]) < 0 <= float(trip.attrib["depart"]) for trip in trips)
    assert arrived > 50
    assert arrived <= record["crossed"] <= arrived + inside
    highest, mean = record["occupancy"]
    assert highest <= 1
    assert 0.02 < mean < 0.6
