"""Generated cities: reproducible, of the kinds that they are made for, and fit to drive in."""

import itertools
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sumolib
from hypothesis import given
from hypothesis import strategies as st

from experiments.provenance import scenario_hash
from sumo_networks import Scenario, ScenarioError, names, scenario, vehicles_due
from sumo_networks.city import LIGHTS, load
from sumo_networks.city.programs import Link, TimedLight, evened
from tests.sumo_networks.test_generated import number, plain_sumo

SEEDS = (0, 1, 3, 4)


@pytest.fixture(scope="module")
def cities() -> dict[int, Scenario]:
    return {seed: scenario(f"city/{seed}") for seed in SEEDS}


def _inner_lanes(net: sumolib.net.Net) -> dict[str, set[str]]:
    """Return for each light the lanes that lead from one of its stop lines to another one."""
    found = {}
    for light in net.getTrafficLights():
        before = {start.getID() for start, _, _ in light.getConnections()}
        behind = {end.getID() for _, end, _ in light.getConnections()}
        found[light.getID()] = before & behind
    return found


def test_a_city_is_the_same_to_the_byte_when_it_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes, contents = [], []
    for attempt in ("first", "second"):
        monkeypatch.setenv("AMPELWERK_CACHE", str(tmp_path / attempt))
        found = scenario("city/9")  # one with buses and people on foot
        hashes.append(scenario_hash(found))
        contents.append({file.name: file.read_bytes() for file in found.configuration.parent.iterdir()})
    assert hashes[0] == hashes[1]
    assert contents[0] == contents[1]


def test_four_cities_show_what_the_family_is_for(cities: dict[int, Scenario]) -> None:
    seen: Counter[str] = Counter()
    for found in cities.values():
        net = sumolib.net.readNet(str(found.network), withPrograms=True)
        lights = net.getTrafficLights()
        assert len(lights) in LIGHTS
        inner = [net.getLane(lane).getLength() for lanes in _inner_lanes(net).values() for lane in lanes]
        assert all(5 <= length_m <= 60 for length_m in inner)
        seen["inner lanes"] += bool(inner)
        seen["short inner lanes"] += any(length_m < 25 for length_m in inner)
        lit = {edge.getToNode().getID() for light in lights for edge in light.getEdges()}
        seen["links between lights"] += any(
            edge.getFromNode().getID() in lit and edge.getToNode().getID() in lit and edge.getLength() < 60 for edge in net.getEdges()
        )
        seen["bus lanes"] += any(set(lane.getPermissions()) == {"bus"} for edge in net.getEdges() for lane in edge.getLanes())
        seen["crossings"] += 'function="crossing"' in found.network.read_text(encoding="utf-8")
        seen["left-hand"] += ET.parse(found.network).getroot().get("lefthand") in {"1", "true"}
        seen["unlit"] += any(node.getType() != "traffic_light" and len(node.getNeighboringNodes()) > 2 for node in net.getNodes())
        routes = found.route_files[0].read_text(encoding="utf-8")
        seen["buses"] += 'type="bus"' in routes
        seen["walkers"] += "<walk " in routes
    assert seen["inner lanes"] == len(cities)
    for what in ("short inner lanes", "links between lights", "bus lanes", "crossings", "left-hand", "unlit", "buses", "walkers"):
        assert seen[what] > 0, what


def test_loads_lie_evenly_from_light_to_ten_percent_over_capacity() -> None:
    loads = sorted(load(seed) for seed in range(40))
    assert 0.4 <= loads[0] < 0.45
    assert 1.05 < loads[-1] <= 1.1
    assert max(after - before for before, after in itertools.pairwise(loads)) < 0.04


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_city_is_driven_in_under_its_own_plan(seed: int, cities: dict[int, Scenario], tmp_path: Path) -> None:
    warnings, statistics = plain_sumo(cities[seed], tmp_path, "--end", "120", "--seed", "0")
    assert "Error" not in warnings
    assert not re.search(r"no connection|has no valid route|No connection", warnings)
    assert number(statistics, "vehicles", "inserted") > 50
    assert number(statistics, "vehicles", "waiting") <= 0.1 * number(statistics, "vehicles", "inserted")
    assert number(statistics, "teleports", "total") == 0


def test_departures_lie_in_the_window_and_in_order(cities: dict[int, Scenario]) -> None:
    for found in cities.values():
        due = [float(element.get("depart", "nan")) for element in ET.parse(found.route_files[0]).getroot() if element.tag != "vType"]
        assert due == sorted(due)
        assert 0 <= due[0] <= due[-1] < found.end_s == 1800
        assert vehicles_due(found) > 500


@pytest.mark.parametrize("name", ["city/x", "city/-1", "city/", "city/1.5", "city/007", "city/1234567890"])
def test_a_seed_that_is_none_is_told_how_to_write_one(name: str) -> None:
    with pytest.raises(ScenarioError, match="city/<seed>"):
        scenario(name)


def test_the_catalogue_lists_the_family_in_one_line() -> None:
    assert sum(name.startswith("city/") for name in names()) == 1


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=6), st.floats(0, 3000))
def test_a_flow_is_poured_onto_the_emptiest_lanes(filled: list[float], flow: float) -> None:
    added = evened(filled, flow)
    assert sum(added) == pytest.approx(flow, abs=1e-6)
    levels = [before + more for before, more in zip(filled, added, strict=True)]
    highest = max((level for level, more in zip(levels, added, strict=True) if more > 1e-9), default=0.0)
    assert all(level >= highest - 1e-6 for level in levels)


def test_greens_are_shared_as_the_flows_ask() -> None:
    # 90 s with 20 s of change leave 70 s. The sum of (q / g)^8 is least where the greens are as q^(8/9): as 2^(8/9) = 1.85 to 1.
    light = TimedLight(["Gr", "yr", "rr", "rG", "ry", "rr"], [30, 5, 5, 30, 5, 5], {0: Link("a", 1.0, 1.0), 1: Link("b", 1.0, 1.0)}, 90)
    fullest = light.time({0: 800.0, 1: 400.0})
    assert light.durations_s == [45, 5, 5, 25, 5, 5]
    assert fullest == pytest.approx(800 / (1600 * 45 / 90))
    light.shift_to_middle({1})
    assert light.offset_s == pytest.approx(90 - (45 + 10 + 25 / 2), abs=1)
