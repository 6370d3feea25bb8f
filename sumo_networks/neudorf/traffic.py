"""The synthetic demand of the main road: vehicles by turning shares, trams by headway, walkers across every arm."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import sumolib

from sumo_networks.turning_demand import VEHICLE_TYPES, TurningDemand, vehicles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TRAM_TYPE = '    <vType id="tram" vClass="tram" length="30" maxSpeed="13.89"/>\n'
SECTIONS = 7  # of the main road, west to east: numbered 0 to 6
TRAM_STOPS = {"e": ("east_1", "east_3", "east_5"), "w": ("west_5", "west_3", "west_1")}
WALK_M = 40.0  # walkers start and end this far from the junction


def write_traffic(settings: Mapping[str, Any], variant: str, network: Path, output: Path) -> None:
    """Write the route file of a variant.

    Parameters
    ----------
    settings
        Content of ``demand.toml``.
    variant
        Name of its table of entry flows.
    network
        The built network.
    output
        Route file to write, sorted by departure as SUMO wants it.
    """
    shares = {
        edge.getID(): settings["shares"]["main"] for edge in sumolib.net.readNet(str(network)).getEdges() if edge.getID()[:4] == "main"
    }
    demand = TurningDemand(
        settings[variant],
        {**shares, "": settings["shares"]["side"]},
        trucks=settings["trucks"],
        begin_s=settings["begin_s"],
        end_s=settings["end_s"],
        seed=settings["seed"],
    )
    lines = [*vehicles(demand, network), *_trams(settings, network), *_walkers(settings, variant, network)]
    text = "".join(line for _, line in sorted(lines))
    output.write_text(f"<routes>\n{VEHICLE_TYPES}{TRAM_TYPE}{text}</routes>\n", encoding="utf-8")


def _trams(settings: Mapping[str, Any], network: Path) -> Iterator[tuple[float, str]]:
    edges = {edge.getID() for edge in sumolib.net.readNet(str(network)).getEdges()}
    for way, sections in (("e", range(SECTIONS)), ("w", reversed(range(SECTIONS)))):
        route = [part for i in sections for part in (f"main_{way}{i}", f"main_{way}{i}_pocket") if part in edges]
        stops = "".join(f'<stop busStop="{stop}" duration="{settings["tram_dwell_s"]}"/>' for stop in TRAM_STOPS[way])
        first_s = settings["begin_s"] + (30 if way == "e" else 255)  # the two directions are half a headway apart
        for number, depart_s in enumerate(range(first_s, settings["end_s"], settings["tram_headway_s"])):
            yield (
                float(depart_s),
                (
                    f'    <vehicle id="901_{way}.{number}" type="tram" depart="{depart_s}" departLane="best" departSpeed="max">'
                    f'<route edges="{" ".join(route)}"/>{stops}</vehicle>\n'
                ),
            )


def _walkers(settings: Mapping[str, Any], variant: str, network: Path) -> Iterator[tuple[float, str]]:
    """Yield walkers between the arms of each junction: across the main road and along it."""
    net = sumolib.net.readNet(str(network))
    span_s = settings["end_s"] - settings["begin_s"]
    for signal in net.getTrafficLights():
        node = net.getNode(signal.getID())
        arms = {_arm(edge.getID()): edge for edge in node.getIncoming()}
        chance = random.Random(f"{settings['seed']} {variant} {signal.getID()}")  # noqa: S311 (traffic, no secrets)
        pairs = {"across": [("north", "south"), ("south", "north")], "along": [("main_e", "main_w"), ("main_w", "main_e")]}
        for kind, ways in pairs.items():
            for number in range(round(settings[f"walkers_{kind}_per_h"] * span_s / 3600)):
                depart_s = settings["begin_s"] + chance.random() * span_s
                start, end = ways[number % 2]
                if start not in arms or end not in arms:  # a junction without a northern arm: cross to the other pavement of the road
                    start, end = ("main_e", "south") if number % 2 else ("south", "main_w")
                yield depart_s, _walker(f"{signal.getID()}.{kind}.{number}", depart_s, arms[start].getID(), arms[end].getID())


def _walker(name: str, depart_s: float, start: str, end: str) -> str:
    # an approach's pavement lies on its right side; walking against the traffic is allowed there
    return (
        f'    <person id="{name}" depart="{depart_s:.2f}" departPos="-{WALK_M:g}">'
        f'<walk from="{start}" to="{end}" arrivalPos="-{WALK_M:g}"/></person>\n'
    )


def _arm(edge: str) -> str:
    """Return which arm of a junction an approach edge is: ``north``, ``south``, ``main_e`` or ``main_w``."""
    return edge[:6] if edge.startswith("main_") else edge[:5]
