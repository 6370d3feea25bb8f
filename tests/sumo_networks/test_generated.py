"""Networks that are made on first use: the cache, and what plain SUMO says of the result."""

import hashlib
import os
import subprocess
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sumo_networks import Scenario, ScenarioError, scenario, vehicles_due
from sumo_networks.cache import built
from sumo_networks.sumo_programs import sumo_home

RILSA_VEHICLES = {1: 2170, 2: 3466, 3: 2715, 4: 2334}  # the sums of the flows in the shipped generators


def plain_sumo(found: Scenario, folder: Path, *options: str) -> tuple[str, ET.Element]:
    """Run the configuration as a user would and return its warnings and its statistics."""
    home = sumo_home()
    statistics = folder / "statistics.xml"
    command = [home / "bin" / "sumo", "-c", found.configuration, "--no-step-log", "--time-to-teleport", "-1"]
    command += ["--statistic-output", statistics, *options]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "SUMO_HOME": str(home)}, capture_output=True, text=True, check=True)
    return done.stderr, ET.parse(statistics).getroot()


def number(statistics: ET.Element, element: str, attribute: str) -> float:
    found = statistics.find(element)
    assert found is not None
    return float(found.get(attribute, "nan"))


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMPELWERK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["neudorf", "rilsa/4", "grid/2x2"])
def test_the_same_files_come_out_of_an_empty_cache_every_time(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for attempt in ("first", "second"):
        monkeypatch.setenv("AMPELWERK_CACHE", str(tmp_path / attempt))
        folder = scenario(name).configuration.parent
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()})
    assert digests[0] == digests[1]


def test_a_failed_build_leaves_nothing_behind(empty_cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.xml").write_text("<net>", encoding="utf-8")
        raise ScenarioError("The source is broken; mend it.")

    with pytest.raises(ScenarioError, match="mend it"):
        built("thing", ["1"], fail)
    assert list(empty_cache.iterdir()) == []


def test_who_finishes_second_takes_what_is_there(empty_cache: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "it").write_text("slow", encoding="utf-8")
        if not any(empty_cache.glob("thing-*")):  # meanwhile another process does the same
            built("thing", ["1"], lambda other: (other / "it").write_text("fast", encoding="utf-8") and None)

    folder = built("thing", ["1"], build)
    assert (folder / "it").read_text(encoding="utf-8") == "fast"
    assert [entry.name for entry in empty_cache.iterdir()] == [folder.name]


def test_what_it_is_made_from_decides_where_it_lies(empty_cache: Path) -> None:
    source = empty_cache.parent / "source.xml"
    folders = []
    for text in ("one", "two", "one"):
        source.write_text(text, encoding="utf-8")
        folders.append(built("thing", ["1", source], lambda _: None))
    assert folders[0] == folders[2] != folders[1]


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("AMPELWERK_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ScenarioError, match="AMPELWERK_CACHE"):
        scenario("grid/2x2")


@pytest.mark.parametrize("example", RILSA_VEHICLES)
def test_a_rilsa_example_sends_the_vehicles_of_its_generator(example: int) -> None:
    found = scenario(f"rilsa/{example}")
    assert (found.begin_s, found.end_s) == (0.0, 5400.0)
    assert vehicles_due(found) == RILSA_VEHICLES[example]


@pytest.mark.parametrize(("example", "time_loss_s"), [(2, 90.7), (4, 30.1)])
def test_a_rilsa_example_runs_as_measured_with_its_shipped_plan(example: int, time_loss_s: float, tmp_path: Path) -> None:
    # mean of the time losses of vehicles that arrived, seed 1, measured independently with the example's own run.sumo.cfg
    _, statistics = plain_sumo(scenario(f"rilsa/{example}"), tmp_path, "--seed", "1", "--tripinfo-output", "trips.xml")
    assert number(statistics, "vehicleTripStatistics", "timeLoss") == pytest.approx(time_loss_s, abs=1.0)


def test_a_grid_has_a_signal_per_crossing_and_the_same_flow_on_every_street() -> None:
    # With left and right turns alike in share, what turns off a street equals what turns into it: each of the 4n entries of an n by n
    # grid brings 600 veh/h, and every street in between carries 600 veh/h in the mean.
    found = scenario("grid/3x3")
    network = ET.parse(found.network).getroot()
    assert len(network.findall("tlLogic")) == 9
    passed = Counter(edge for route in ET.parse(found.route_files[0]).getroot().iter("route") for edge in route.get("edges", "").split())
    streets = {edge.get("id") for edge in network.findall("edge") if edge.get("function") != "internal"}
    assert set(passed) == streets
    assert sum(passed.values()) / len(streets) == pytest.approx(600, rel=0.05)
    assert vehicles_due(found) == pytest.approx(12 * 600, rel=0.05)


def test_a_grid_flows_under_its_own_plan(tmp_path: Path) -> None:
    _, statistics = plain_sumo(scenario("grid/2x2"), tmp_path, "--end", "1200")
    assert number(statistics, "vehicles", "waiting") <= 0.02 * number(statistics, "vehicles", "loaded")
