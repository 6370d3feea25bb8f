"""The bundled main road is what its description says, and flows under its own plan."""

import math
import os
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sumolib

from sumo_networks import Scenario, scenario, vehicles_due
from sumo_networks.neudorf import VARIANTS
from sumo_networks.sumo_programs import sumo_home

GO = "Gg"


@pytest.fixture(scope="module")
def road() -> Scenario:
    return scenario("neudorf")


@pytest.fixture(scope="module")
def net(road: Scenario) -> sumolib.net.Net:
    return sumolib.net.readNet(str(road.network), withPrograms=True, withInternal=True, withPedestrianConnections=True)


def _programs(road: Scenario) -> dict[str, list[tuple[float, str]]]:
    """Return for each signal its phases, once round: length, s, and state."""
    root = ET.parse(road.network).getroot()
    return {
        logic.get("id", ""): [(float(phase.get("duration", "nan")), phase.get("state", "")) for phase in logic.findall("phase")]
        for logic in root.findall("tlLogic")
    }


def _seconds(phases: list[tuple[float, str]]) -> list[str]:
    return [state for duration_s, state in phases for _ in range(round(duration_s))]


def test_it_is_labelled_a_schematic_in_every_variant() -> None:
    for name in ("neudorf", *(f"neudorf/{variant}" for variant in VARIANTS)):
        found = scenario(name)
        assert found.name == name
        assert found.label == "schematic, uncalibrated"
        assert (found.begin_s, found.end_s) == (0.0, 3600.0)


def test_its_six_signals_stand_180_to_420_m_apart(net: sumolib.net.Net) -> None:
    places = sorted(net.getNode(signal.getID()).getCoord() for signal in net.getTrafficLights())
    assert len(places) == 6
    gaps = [math.dist(a, b) for a, b in pairwise(places)]
    assert min(gaps) == pytest.approx(180)
    assert max(gaps) == pytest.approx(420)


def test_the_main_road_has_two_lanes_a_rail_lane_and_pavements(net: sumolib.net.Net) -> None:
    for section in range(7):
        for way in "ew":
            lanes = net.getEdge(f"main_{way}{section}").getLanes()
            assert [lane.getPermissions() == {"pedestrian"} for lane in lanes] == [True, False, False, False]
            assert [lane.allows("passenger") for lane in lanes] == [False, True, True, False]
            assert [lane.allows("tram") for lane in lanes] == [False, False, False, True]
            assert lanes[1].getSpeed() == pytest.approx(50 / 3.6, abs=0.01)


def test_every_arm_of_every_junction_has_a_signalled_crossing(road: Scenario, net: sumolib.net.Net) -> None:
    root = ET.parse(road.network).getroot()
    signalled = {c.get("to") for c in root.findall("connection") if c.get("tl") and "_c" in c.get("to", "")}
    crossings = {edge.get("id"): set(edge.get("crossingEdges", "").split()) for edge in root.findall("edge") if edge.get("crossingEdges")}
    assert signalled == set(crossings)
    crossed = set().union(*crossings.values())
    for signal in net.getTrafficLights():
        node = net.getNode(signal.getID())
        assert {edge.getID() for edge in (*node.getIncoming(), *node.getOutgoing()) if edge.getFunction() == ""} <= crossed


def test_every_program_runs_100_s_round(road: Scenario) -> None:
    for phases in _programs(road).values():
        assert sum(duration_s for duration_s, _ in phases) == 100


def test_the_interstages_are_german(road: Scenario) -> None:
    # 3 s of yellow after a vehicle's green, at least 2 s of all-red, 1 s of red-yellow before a vehicle's green
    for signal, phases in _programs(road).items():
        seconds = _seconds(phases)
        for link in range(len(seconds[0])):
            shown = "".join(second[link] for second in seconds)
            round_the_clock = shown * 2
            runs = [round_the_clock[i:] for i in range(1, 101) if round_the_clock[i - 1] in GO and round_the_clock[i] not in GO]
            assert len(runs) == 1, f"{signal} link {link} is green {len(runs)} times"
            if "y" in shown:
                assert runs[0].startswith("yyyr")
        all_red = [duration_s for duration_s, state in phases if set(state) == {"r"}]
        assert len(all_red) >= 2
        assert min(all_red) >= 2
        assert {duration_s for duration_s, state in phases if "u" in state} == {1.0}


def test_walkers_can_clear_the_road_before_conflicting_traffic_starts(road: Scenario, net: sumolib.net.Net) -> None:
    # RiLSA clears walkers at 1.2 m/s: from the end of their green the whole length of the crossing, before protected traffic across it
    programs = _programs(road)
    root = ET.parse(road.network).getroot()
    checked = 0
    for connection in root.findall("connection"):
        if not connection.get("tl") or "_c" not in connection.get("to", ""):
            continue
        signal, link = connection.get("tl", ""), int(connection.get("linkIndex", "-1"))
        crossing = net.getEdge(connection.get("to", ""))
        seconds = _seconds(programs[signal]) * 2
        shown = "".join(second[link] for second in seconds)
        end = next(i for i in range(1, 101) if shown[i - 1] in GO and shown[i] not in GO)
        foes = _protected_links_across(root, signal, link, programs[signal])
        start = next(i for i in range(end, end + 100) if any(seconds[i][foe] == "G" and seconds[i - 1][foe] != "G" for foe in foes))
        assert start - end >= crossing.getLength() / 1.2
        green_s = shown[:100].count("G")
        assert green_s >= max(5.0, crossing.getLength() / 2 / 1.2)
        checked += 1
    assert checked == 23  # four arms at five junctions, three at the one without a northern arm


def _protected_links_across(root: ET.Element, signal: str, link: int, phases: list[tuple[float, str]]) -> list[int]:
    """Return the links that the right-of-way matrix makes foes of a link and that the program ever shows a protected green."""
    junction = next(j for j in root.findall("junction") if j.get("id") == signal)
    request = next(r for r in junction.findall("request") if r.get("index") == str(link))
    foes = [i for i, letter in enumerate(reversed(request.get("foes", ""))) if letter == "1"]
    return [foe for foe in foes if any(state[foe] == "G" for _, state in phases)]


def test_no_two_foes_are_protected_at_once(road: Scenario) -> None:
    root = ET.parse(road.network).getroot()
    for signal, phases in _programs(road).items():
        for link in range(len(phases[0][1])):
            foes = _protected_links_across(root, signal, link, phases)
            for _, state in phases:
                assert not (state[link] == "G" and any(state[foe] == "G" for foe in foes)), f"{signal} link {link}"


def test_trams_run_every_seven_and_a_half_minutes_and_stop_three_times(road: Scenario) -> None:
    root = ET.parse(road.route_files[0]).getroot()
    for way in ("901_e", "901_w"):
        trams = [vehicle for vehicle in root.findall("vehicle") if vehicle.get("id", "").startswith(way)]
        departures = [float(tram.get("depart", "nan")) for tram in trams]
        assert len(trams) == 8
        assert {b - a for a, b in pairwise(departures)} == {450.0}
        assert {len(tram.findall("stop")) for tram in trams} == {3}


def test_the_peaks_are_heavy_in_opposite_directions() -> None:
    entered = {}
    for variant in VARIANTS:
        found = scenario(f"neudorf/{variant}")
        edges = [route.get("edges", "").split()[0] for route in ET.parse(found.route_files[0]).getroot().iter("route")]
        entered[variant] = edges.count("main_e0"), edges.count("main_w6")
        assert vehicles_due(found) == pytest.approx(4050, rel=0.05)
    assert entered["morning"][1] > 1.2 * entered["morning"][0]
    assert entered["evening"][0] > 1.2 * entered["evening"][1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_its_busiest_approach_is_loaded_to_80_to_90_per_cent(variant: str) -> None:
    # degree of saturation of the main road's two through lanes: flow / (2 lanes * 1800 veh/h * green / cycle)
    found = scenario(f"neudorf/{variant}")
    root = ET.parse(found.network).getroot()
    links = {
        (c.get("from"), c.get("to")): (c.get("tl", ""), int(c.get("linkIndex", "-1"))) for c in root.findall("connection") if c.get("tl")
    }
    passed = Counter(
        pair for route in ET.parse(found.route_files[0]).getroot().iter("route") for pair in pairwise(route.get("edges", "").split())
    )
    flow_veh_h: Counter[tuple[str, int]] = Counter()
    for (start, end), count in passed.items():
        if start.startswith("main") and (start, end) in links and root.find(f"connection[@from='{start}'][@to='{end}']").get("dir") != "l":
            through = next(link for pair, link in links.items() if pair[0] == start and str(pair[1]).startswith("main"))
            flow_veh_h[through] += count
    programs = _programs(found)
    degrees = [
        flow / (2 * 1800 * sum(s[link] in GO for s in _seconds(programs[signal])) / 100) for (signal, link), flow in flow_veh_h.items()
    ]
    assert len(degrees) == 12
    assert 0.8 <= max(degrees) <= 0.9


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_sumo_runs_it_without_complaint_or_gridlock(variant: str, tmp_path: Path) -> None:
    home = sumo_home()
    found = scenario(f"neudorf/{variant}")
    command = [home / "bin" / "sumo", "-c", found.configuration, "--no-step-log", "--time-to-teleport", "-1"]
    command += ["--seed", "3", "--statistic-output", "statistics.xml", "--tripinfo-output", "trips.xml"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "SUMO_HOME": str(home)}, capture_output=True, text=True, check=True)
    # a driver surprised by yellow brakes hard now and then: no fault of the network
    assert [line for line in done.stderr.splitlines() if "emergency braking" not in line] == []
    statistics = ET.parse(tmp_path / "statistics.xml").getroot()
    figures = {element.tag: element for element in statistics}
    assert int(figures["vehicles"].get("waiting", "-1")) <= 20  # of 4050: nobody is kept out
    assert float(figures["vehicleTripStatistics"].get("timeLoss", "nan")) < 120  # mean over a road of 2.1 km with six signals
    assert int(figures["safety"].get("collisions", "-1")) == 0
    assert int(figures["teleports"].get("total", "-1")) == 0
    assert len(ET.parse(tmp_path / "trips.xml").getroot().findall("personinfo")) > 1000
