"""Corridors of a green wave: one is found wherever one can be designed, and where none can, it is said at once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from experiments import cli
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {"w": (-200, 0), "a": (0, 0), "b": (300, 0), "an": (0, 200), "as": (0, -200), "bn": (300, 200), "bs": (300, -200)}
SIDES = [("an", "a"), ("a", "as"), ("bn", "b"), ("b", "bs")]


def town(folder: Path, ways: list[tuple[str, str]], flows: list[tuple[str, str, int]], lights: str = "ab") -> Path:
    """Return a scenario with the signals a and b on a road from w to e (at b + 300 m), and one-way side roads."""
    places = PLACES | {"e": (600, 0)}
    nodes = "".join(
        f'<node id="{name}" x="{x}" y="{y}" type="{"traffic_light" if name in lights else "priority"}"/>' for name, (x, y) in places.items()
    )
    edges = "".join(f'<edge id="{a}_{b}" from="{a}" to="{b}" numLanes="1"/>' for a, b in ways)
    (folder / "t.nod.xml").write_text(f"<nodes>{nodes}</nodes>")
    (folder / "t.edg.xml").write_text(f"<edges>{edges}</edges>")
    sources = ["-n", str(folder / "t.nod.xml"), "-e", str(folder / "t.edg.xml")]
    nets.run("netconvert", *sources, "--no-turnarounds", "true", "-o", str(folder / "t.net.xml"))
    rows = "".join(f'<flow id="{a}{b}" from="{a}" to="{b}" begin="0" end="600" vehsPerHour="{flow}"/>' for a, b, flow in flows)
    (folder / "t.rou.xml").write_text(f"<routes>{rows}</routes>")
    text = '<input><net-file value="t.net.xml"/><route-files value="t.rou.xml"/></input><time><begin value="0"/><end value="600"/></time>'
    (folder / "t.sumocfg").write_text(f"<configuration>{text}</configuration>")
    return folder / "t.sumocfg"


def along(*names: str) -> list[tuple[str, str]]:
    return list(pairwise(names))


def design_wave(scenario: Path, corridor: str = "auto") -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["design", "wave", str(scenario), "--corridor", corridor, "--cycle", "60", "--out", str(scenario.parent / "out")])
    return int(end.value.code or 0)


SIDE_FLOWS = [("an_a", "a_as", 200), ("bn_b", "b_bs", 200)]


@pytest.mark.parametrize("corridor", ["auto", "w_a,a_b,b_e"])
def test_a_one_way_street_gets_a_wave_in_its_direction(tmp_path: Path, corridor: str) -> None:
    scenario = town(tmp_path, [*along("w", "a", "b", "e"), *SIDES], [("w_a", "b_e", 500), *SIDE_FLOWS])
    assert design_wave(scenario, corridor) == 0
    wave = json.loads((tmp_path / "out" / "wave.json").read_text(encoding="utf-8"))
    assert [signal["junction"] for signal in wave["signals"]] == ["a", "b"]
    assert list(wave["bands_s"]) == ["out"]
    assert wave["bands_s"]["out"] > 0
    coordinated = json.loads((tmp_path / "out" / "design.json").read_text(encoding="utf-8"))["junctions"]["b"]["coordinated"]
    assert len(coordinated) == 1


def test_a_road_that_ends_at_a_t_junction_is_coordinated_both_ways(tmp_path: Path) -> None:
    ways = [*along("w", "a", "b"), *along("b", "a", "w"), *SIDES]
    flows = [("w_a", "b_bs", 400), ("bn_b", "a_w", 300), *SIDE_FLOWS]
    scenario = town(tmp_path, [way for way in ways if "e" not in way], [*flows])
    assert design_wave(scenario) == 0
    wave = json.loads((tmp_path / "out" / "wave.json").read_text(encoding="utf-8"))
    assert sorted(signal["junction"] for signal in wave["signals"]) == ["a", "b"]
    assert min(wave["bands_s"].values()) > 0
    assert sorted(wave["bands_s"]) == ["in", "out"]


def test_one_signal_alone_is_no_corridor(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scenario = town(tmp_path, [*along("w", "a", "b", "e"), *SIDES], [("w_a", "b_e", 500), *SIDE_FLOWS], lights="a")
    assert design_wave(scenario) == 2
    complaint = capfd.readouterr().err
    assert "no road leads from one signal that can be timed to another" in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()
