"""The route file of a generated city: cars and trucks by their ways, buses along their streets, people on foot."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from controllers.sumo.xml_reading import top_level_elements
from sumo_networks.scenario import ScenarioError
from sumo_networks.sumo_programs import sumo_home
from sumo_networks.turning_demand import VEHICLE_TYPES, arrivals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sumolib.net import Net

    from sumo_networks.city.assignment import RoadGraph, Trips

BUS_TYPE = '    <vType id="bus" vClass="bus"/>\n'
TRUCKS = 0.05
STOP_M = 25.0
DWELL_S = 15
WALKED_M = 400.0
"""As far apart, at most, begin and end of a walk."""
STREET_WITH_DOORS_M = 50.0

Line = tuple[float, str]


def vehicles(trips: Mapping[tuple[str, str], Trips], seed: str, end_s: float) -> Iterator[Line]:
    """Yield each car and truck with its departure, s: Poisson arrivals for each pair of entry and exit."""
    for (entry, leaving), trip in trips.items():
        chance = Random(f"{seed} {entry} {leaving}")  # noqa: S311 (traffic, no secrets)
        for number, depart_s in enumerate(arrivals(chance, trip.flow_veh_h, 0.0, end_s)):
            kind = "truck" if chance.random() < TRUCKS else "car"
            way = trip.ways[chance.randrange(len(trip.ways))]
            yield (
                depart_s,
                (
                    f'    <vehicle id="{entry}..{leaving}.{number}" type="{kind}" depart="{depart_s:.2f}" '
                    'departLane="best" departSpeed="max">'
                    f'<route edges="{" ".join(way)}"/></vehicle>\n'
                ),
            )


def buses(lines: Mapping[str, tuple[str, ...]], stops: Mapping[str, str], chance: Random, end_s: float) -> Iterator[Line]:
    """Yield the buses of each line, evenly spaced.

    Parameters
    ----------
    lines
        The edges of each line.
    stops
        The bus stop on an edge, where there is one.
    chance
        Draws headways.
    end_s
        Departures lie before it.
    """
    for line, way in lines.items():
        headway_s = chance.randrange(240, 481, 60)
        first_s = chance.randrange(headway_s)
        halts = "".join(f'<stop busStop="{stops[edge]}" duration="{DWELL_S}"/>' for edge in way if edge in stops)
        for number, depart_s in enumerate(range(first_s, round(end_s), headway_s)):
            yield (
                float(depart_s),
                (
                    f'    <vehicle id="bus.{line}.{number}" type="bus" depart="{depart_s:.2f}" departLane="best" departSpeed="max">'
                    f'<route edges="{" ".join(way)}"/>{halts}</vehicle>\n'
                ),
            )


def bus_stops(net: Net, edges: list[str]) -> tuple[dict[str, str], str]:
    """Return the stop on each of the edges, on its outermost lane for buses, and the additional file's text."""
    stops, lines = {}, []
    for name in edges:
        lane = next(lane for lane in net.getEdge(name).getLanes() if lane.allows("bus"))
        start_m = lane.getLength() / 2
        stops[name] = f"stop.{name}"
        lines.append(f'    <busStop id="stop.{name}" lane="{lane.getID()}" startPos="{start_m:.2f}" endPos="{start_m + STOP_M:.2f}"/>\n')
    return stops, f"<additional>\n{''.join(lines)}</additional>\n"


def walkers(net: Net, network: Path, number: int, chance: Random, end_s: float) -> list[Line]:
    """Return people who walk between streets near each other, on ways that SUMO's own router finds.

    Raises
    ------
    ScenarioError
        If the router fails.
    """
    streets = [edge for edge in net.getEdges() if edge.allows("pedestrian") and edge.getLength() >= STREET_WITH_DOORS_M]
    places = {edge.getID(): edge.getLanes()[0].getShape()[0] for edge in streets}
    wanted = []
    for index in range(number):
        start = chance.choice(streets).getID()
        near = [name for name, (x_m, y_m) in places.items() if _within(places[start], (x_m, y_m)) and name != start]
        if near:
            wanted.append((chance.random() * end_s, f"walker.{index}", start, chance.choice(near)))
    lines = [
        f'    <person id="{name}" depart="{depart_s:.2f}"><walk from="{start}" to="{end}"/></person>\n'
        for depart_s, name, start, end in sorted(wanted)
    ]
    return _routed(lines, network)


def _routed(lines: list[str], network: Path) -> list[Line]:
    home = sumo_home()
    binary = home / "bin" / ("duarouter.exe" if sys.platform == "win32" else "duarouter")
    walks: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="ampelwerk-") as folder:
        asked, found = Path(folder) / "asked.rou.xml", Path(folder) / "found.rou.xml"
        asked.write_text(f"<routes>\n{''.join(lines)}</routes>\n", encoding="utf-8")
        options = ["-n", str(network), "-r", str(asked), "-o", str(found), "--ignore-errors", "--no-warnings", "--no-step-log"]
        done = subprocess.run(
            [str(binary), *options], env={**os.environ, "SUMO_HOME": str(home)}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not found.is_file():
            raise ScenarioError(f"duarouter found no ways for people on foot ({done.stderr.strip()[-200:]}); reinstall eclipse-sumo.")
        for element in top_level_elements(found):
            walk = element.find("walk")
            if element.tag == "person" and walk is not None and walk.get("edges"):
                name, depart_s = element.get("id"), float(element.get("depart", "0"))
                walks.append((depart_s, f'    <person id="{name}" depart="{depart_s:.2f}"><walk edges="{walk.get("edges")}"/></person>\n'))
    return walks


def bus_lines(graph: RoadGraph, ends: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the quickest way of each line from its first to its last edge; lines without any are left out."""
    cost = graph.lengths_m()
    ways = {line: graph.quickest(start, cost)(end) for line, (start, end) in ends.items()}
    return {line: way for line, way in ways.items() if way}


def write_routes(lines: list[Line], output: Path) -> None:
    """Write a route file, sorted by departure as SUMO wants it."""
    text = "".join(line for _, line in sorted(lines))
    output.write_text(f"<routes>\n{VEHICLE_TYPES}{BUS_TYPE}{text}</routes>\n", encoding="utf-8")


def _within(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 <= WALKED_M**2
