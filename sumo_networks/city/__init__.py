"""Generated cities, ``city/<seed>``: networks of the kinds that no bundled map has, as many as there are numbers.

Streets are irregular, some in two carriageways, one-way, interrupted or staggered; traffic lights take several nodes together, or lie
a few car lengths apart; some cities have bus lanes, people on foot, or traffic on the left. Everything in them is drawn, nothing is
surveyed.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import sumolib

from sumo_networks.cache import built
from sumo_networks.city import assignment, traffic
from sumo_networks.city.programs import TimedCity
from sumo_networks.city.streets import APPROACH, KINDS, Features, Plan, random_plan, write_connections, write_plain
from sumo_networks.configuration import read_configuration
from sumo_networks.scenario import Scenario, ScenarioError
from sumo_networks.sumo_programs import build_network, sumo_version, write_configuration

if TYPE_CHECKING:
    from sumolib.net import Net

END_S = 1800.0
LIGHTS = range(6, 31)
LEAST_LOAD, GREATEST_LOAD = 0.4, 1.1
GREATEST_LOAD_ELSEWHERE = 0.9
GOLDEN = 0.6180339887498949  # its multiples fill the range of loads evenly, however many cities there are
DEMAND_ROUNDS = 10
ATTEMPTS = 100
_SOURCES = Path(__file__).parent


def city(name: str) -> Scenario:
    """Return the scenario ``city/<seed>``, built on first use.

    Raises
    ------
    ScenarioError
        If the seed is no whole number, or a program of SUMO fails.
    """
    match = re.fullmatch(r"city/(0|[1-9]\d{0,8})", name)
    if match is None:
        raise ScenarioError(f"{name!r} is no city; write city/<seed> with a whole number from 0 to 999999999, for example city/7.")
    seed = int(match[1])
    made_from: list[str | Path] = [sumo_version(), *sorted(_SOURCES.glob("*.py")), _SOURCES.parent / "turning_demand.py"]
    folder = built(f"city-{seed}", made_from, lambda folder: _build(seed, folder))
    return read_configuration(
        folder / "city.sumocfg", name, licence="Apache-2.0", source="generated with netconvert", label="generated city and demand"
    )


def features(chance: Random) -> Features:
    """Draw what a city has."""
    return Features(
        columns=chance.randint(2, 5),
        rows=chance.randint(2, 5),
        left_hand=chance.random() < 0.2,
        pedestrians=chance.random() < 0.5,
        bus_lanes=chance.random() < 0.5,
        joined_share=chance.uniform(0.5, 1.0),
    )


def load(seed: int) -> float:
    """Return how full the fullest lane at a light of a city is meant to be, as a share of what the plan in the street passes."""
    return LEAST_LOAD + (GREATEST_LOAD - LEAST_LOAD) * (((seed + 1) * GOLDEN) % 1.0)


def _build(seed: int, folder: Path) -> None:
    network = folder / "city.net.xml"
    for attempt in range(ATTEMPTS):
        chance = Random(f"city {seed} {attempt}")  # noqa: S311 (traffic, no secrets)
        plan = random_plan(chance, features(chance))
        cycle_s = chance.choice((70, 80, 90))
        net = _network(plan, cycle_s, folder, network)
        if len(net.getTrafficLights()) in LIGHTS:
            break
    else:
        raise ScenarioError(f"city/{seed} finds no plan of {LIGHTS.start} to {LIGHTS.stop - 1} lights; take another seed.")
    _demand(plan, net, network, cycle_s, seed, chance)
    write_configuration(folder / "city.sumocfg", network.name, "city.rou.xml", ("stops.add.xml",), 0.0, END_S)


def _network(plan: Plan, cycle_s: int, folder: Path, network: Path) -> Net:
    with tempfile.TemporaryDirectory(prefix="plain-", dir=folder) as name:
        plain = Path(name)
        nodes, roads, draft = plain / "city.nod.xml", plain / "city.edg.xml", plain / "draft.net.xml"
        write_plain(plan, nodes, roads)
        options = ["--node-files", str(nodes), "--edge-files", str(roads), "--no-turnarounds", "true"]
        options += ["--tls.yellow.time", "3", "--tls.allred.time", "2", "--tls.cycle.time", str(cycle_s)]
        if plan.features.pedestrians:
            options += ["--crossings.guess", "--crossings.guess.speed-threshold", "14", "--walkingareas"]
        if plan.features.left_hand:
            options.append("--lefthand")
        build_network("netconvert", options, draft)
        connections = plain / "city.con.xml"
        write_connections(plan, sumolib.net.readNet(str(draft)), connections)
        build_network("netconvert", [*options, "--connection-files", str(connections)], network)
    return sumolib.net.readNet(str(network))


def _demand(plan: Plan, net: Net, network: Path, cycle_s: int, seed: int, chance: Random) -> None:
    across = plan.features.across
    graph = assignment.RoadGraph(net, "passenger", across)
    weights = {
        name: KINDS[plan.streets[plan.roads[name].street].kind].weight * graph.lanes[name] for name in (*graph.entries, *graph.exits)
    }

    def turns_back(entry: str, leaving: str) -> bool:
        first, last = plan.roads[entry], plan.roads[leaving]
        return (first.street, _end(first.start)) == (last.street, _end(last.end))

    shares = assignment.wishes(graph, weights, turns_back, chance)
    lights = TimedCity(net, network, cycle_s, across)
    total_veh_h = 300.0 * sum(graph.lanes[name] for name in graph.entries)
    for _ in range(DEMAND_ROUNDS):  # greens and ways follow the demand, and the demand the greens
        trips = assignment.assigned(graph, shares, total_veh_h)
        flows = assignment.turning_flows(trips)
        shares = assignment.thinned(trips, assignment.loads_elsewhere(graph, flows), GREATEST_LOAD_ELSEWHERE)
        total_veh_h *= load(seed) / lights.time(flows)
    level = {edge for road in plan.roads.values() if road.street.startswith("r") for edge in (road.id, road.id + APPROACH)}
    lights.align(level.__contains__)
    lights.write()
    stops: dict[str, str] = {}
    lines = list(traffic.vehicles(trips, f"city {seed}", END_S))
    with_bus_lanes = [road.id for road in plan.roads.values() if road.bus_lane and not road.id.endswith(APPROACH)]
    stops, text = traffic.bus_stops(net, with_bus_lanes[::2])
    (network.parent / "stops.add.xml").write_text(text, encoding="utf-8")
    if plan.features.bus_lanes:
        buses = assignment.RoadGraph(net, "bus", across)
        ends = _bus_ends(plan, buses)
        lines += traffic.buses(traffic.bus_lines(buses, ends), stops, chance, END_S)
    if plan.features.pedestrians:
        lines += traffic.walkers(net, network, round(chance.uniform(10, 40) * len(lights.lights)), chance, END_S)
    traffic.write_routes(lines, network.with_name("city.rou.xml"))


def _bus_ends(plan: Plan, graph: assignment.RoadGraph) -> dict[str, tuple[str, str]]:
    """Return first and last edge of a line each way along each street with bus lanes."""
    ends = {}
    for name, street in plan.streets.items():
        if street.bus_lane:
            starts = [edge for edge in graph.entries if plan.roads[edge].street == name]
            leaving = [edge for edge in graph.exits if plan.roads[edge].street == name]
            for start in starts:
                far = [edge for edge in leaving if _end(plan.roads[edge].end) != _end(plan.roads[start].start)]
                if far:
                    ends[f"{name}.{start}"] = (start, far[0])
    return ends


def _end(node: str) -> str:
    """Return at which of its two ends a street meets the edge of the city."""
    return node.split("_")[1][:4]
