"""Synthetic traffic from entry flows and turning shares: Poisson arrivals, each vehicle turning at random until it leaves."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sumolib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LONGEST_ROUTE = 60  # edges; who is still driving in circles then, is left out

VEHICLE_TYPES = """\
    <vType id="car" vClass="passenger"/>
    <vType id="truck" vClass="truck"/>
"""


@dataclass(frozen=True, slots=True)
class TurningDemand:
    """Where vehicles come in and how they turn.

    Attributes
    ----------
    entries_veh_h
        Flow into each entry edge.
    shares
        For an approach edge the weight of each direction (``left``, ``straight``, ``right``); the key ``""`` is for all others.
        Directions that an approach lacks are left out and the rest scaled up.
    trucks
        Share of trucks.
    begin_s, end_s
        Departures lie in this window.
    seed
        Same seed, same vehicles.
    """

    entries_veh_h: Mapping[str, float]
    shares: Mapping[str, Mapping[str, float]]
    trucks: float
    begin_s: float
    end_s: float
    seed: int


_DIRECTIONS = {"l": "left", "L": "left", "s": "straight", "r": "right", "R": "right"}


def vehicles(demand: TurningDemand, network: Path) -> list[tuple[float, str]]:
    """Return each vehicle's departure, s, and its line of XML, in the order of departure."""
    turns = _turns(network)
    found: list[tuple[float, str]] = []
    for entry, flow_veh_h in demand.entries_veh_h.items():
        chance = random.Random(f"{demand.seed} {entry}")  # noqa: S311 (a stream of its own per entry: changing one leaves the others as they are)
        for depart_s in arrivals(chance, flow_veh_h, demand.begin_s, demand.end_s):
            kind = "truck" if chance.random() < demand.trucks else "car"
            route = _route(chance, entry, turns, demand.shares)
            number = len(found)
            if len(route) < LONGEST_ROUTE:
                found.append(
                    (
                        depart_s,
                        (
                            f'    <vehicle id="{entry}.{number}" type="{kind}" depart="{depart_s:.2f}" departLane="best" departSpeed="max">'
                            f'<route edges="{" ".join(route)}"/></vehicle>\n'
                        ),
                    )
                )
    return sorted(found)


def arrivals(chance: random.Random, flow_veh_h: float, begin_s: float, end_s: float) -> Iterator[float]:
    """Yield the times, s, of Poisson arrivals."""
    time_s = begin_s
    while flow_veh_h > 0:
        time_s -= math.log(1.0 - chance.random()) * 3600 / flow_veh_h
        if time_s >= end_s:
            return
        yield time_s


def _route(
    chance: random.Random, entry: str, turns: Mapping[str, list[tuple[str, str]]], shares: Mapping[str, Mapping[str, float]]
) -> list[str]:
    route = [entry]
    while len(route) < LONGEST_ROUTE and (onward := turns[route[-1]]):
        weight = shares.get(route[-1], shares[""])
        weights = [weight[direction] for direction, _ in onward]
        position = bisect.bisect(list(itertools.accumulate(weights)), chance.random() * sum(weights))
        route.append(onward[min(position, len(onward) - 1)][1])
    return route


def _turns(network: Path) -> dict[str, list[tuple[str, str]]]:
    """Return for each edge the directions and edges that a car can go on to, turning round left out."""
    turns: dict[str, list[tuple[str, str]]] = {}
    for edge in sumolib.net.readNet(str(network)).getEdges():
        onward = {
            (_DIRECTIONS[connection.getDirection()], target.getID())
            for target, connections in edge.getOutgoing().items()
            for connection in connections
            if connection.getDirection() in _DIRECTIONS and connection.getFromLane().allows("passenger")
        }
        turns[edge.getID()] = sorted(onward)
    return turns
