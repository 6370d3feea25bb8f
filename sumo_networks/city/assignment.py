"""Who drives where in a generated city: trips between its edges, spread over the ways that are quick under their load."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sumo_networks.city.streets import ARMS_OF_A_CROSSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from sumolib.net import Net
    from sumolib.net.edge import Edge

SATURATION_VEH_H = 1600.0
UNLIT_VEH_H = 1300.0
"""What a crossing without a light passes, all approaches together."""
ROUNDS = 8
LIGHT_S = 12.0
"""What drivers expect to lose at a light on empty roads."""
ACROSS_S = 8.0
"""What drivers expect to lose by a turn across the oncoming traffic."""
WAITING_ROOM_M = 80.0
VEHICLE_M = 7.5
CYCLE_S = 80.0
STEEPNESS = 3
"""Exponent of the load in the time that drivers expect."""
GREEN_SHARE = 0.4
"""Of the cycle, as drivers expect it on average."""


@dataclass(frozen=True, slots=True)
class Trips:
    """Trips from one road at the edge of the city to another one.

    Attributes
    ----------
    flow_veh_h
        All of them.
    ways
        The edges of each way that is used; each takes the same share.
    """

    flow_veh_h: float
    ways: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn onto an edge.

    Attributes
    ----------
    end
        The edge that it leads to.
    direction
        SUMO's letter: ``l``, ``s``, ``r`` or ``t``.
    lanes
        How many lanes it has.
    """

    end: str
    direction: str
    lanes: int


class RoadGraph:
    """The edges that a class of vehicles may use, and what follows each.

    Parameters
    ----------
    net
        With programs or without.
    vehicle_class
        SUMO's vClass.
    across
        The letter of a turn across the oncoming traffic: ``l`` where vehicles keep right.
    """

    def __init__(self, net: Net, vehicle_class: str, across: str) -> None:
        self.across = across
        self.edges: dict[str, Edge] = {edge.getID(): edge for edge in net.getEdges() if edge.allows(vehicle_class)}
        self.turns = {name: _turns(edge, vehicle_class) for name, edge in self.edges.items()}
        self.onward = {name: [turn.end for turn in turns] for name, turns in self.turns.items()}
        reached = {after for following in self.onward.values() for after in following}
        self.entries = [name for name in self.edges if name not in reached]
        self.exits = [name for name, following in self.onward.items() if not following]
        self.lanes = {name: sum(lane.allows(vehicle_class) for lane in edge.getLanes()) for name, edge in self.edges.items()}

    def lengths_m(self) -> dict[tuple[str, str], float]:
        """Return for each turn the length of the edge that it leads to."""
        return {(edge, turn.end): self.edges[turn.end].getLength() for edge, turns in self.turns.items() for turn in turns}

    def empty_times_s(self) -> dict[tuple[str, str], float]:
        """Return for each turn the time on the edge before it, and what its light and its turning cost, on empty roads."""
        times_s = {}
        for name, turns in self.turns.items():
            edge = self.edges[name]
            waiting_s = LIGHT_S if _is_lit(edge) else 0.0
            for turn in turns:
                turning_s = ACROSS_S if turn.direction == self.across else 0.0
                times_s[name, turn.end] = edge.getLength() / edge.getSpeed() + waiting_s + turning_s
        return times_s

    def capacities_veh_h(self) -> dict[tuple[str, str], float]:
        """Return for each turn what drivers expect to pass."""
        found = {}
        for name, turns in self.turns.items():
            edge = self.edges[name]
            for turn in turns:
                if self.is_waiting_room(name, turn.end):
                    capacity = turn.lanes * edge.getLength() / VEHICLE_M * 3600 / CYCLE_S
                elif _is_lit(edge):
                    capacity = turn.lanes * SATURATION_VEH_H * GREEN_SHARE
                else:
                    capacity = UNLIT_VEH_H / 2 if _is_unlit_crossing(edge) else turn.lanes * SATURATION_VEH_H
                found[name, turn.end] = capacity
        return found

    def is_waiting_room(self, edge: str, after: str) -> bool:
        """Return whether a turn across the oncoming traffic waits on a short edge: once each cycle it fills and empties."""
        direction = next(turn.direction for turn in self.turns[edge] if turn.end == after)
        return (
            direction == self.across
            and _is_lit(self.edges[edge])
            and self.edges[edge].getLength() < WAITING_ROOM_M
            and edge not in self.entries
        )

    def quickest(self, start: str, cost: Mapping[tuple[str, str], float]) -> Callable[[str], tuple[str, ...]]:
        """Return what gives the cheapest way from `start` to an edge, by what each turn costs; empty where there is none."""
        before: dict[str, str] = {start: ""}
        queue = [(0.0, start, "")]
        settled: set[str] = set()
        while queue:
            so_far, edge, previous = heapq.heappop(queue)
            if edge in settled:
                continue
            settled.add(edge)
            before[edge] = previous
            for after in self.onward[edge]:
                if after not in settled:
                    heapq.heappush(queue, (so_far + cost[edge, after], after, edge))

        def way(end: str) -> tuple[str, ...]:
            if end not in settled:
                return ()
            found = [end]
            while before[found[-1]]:
                found.append(before[found[-1]])
            return tuple(reversed(found))

        return way


def _turns(edge: Edge, vehicle_class: str) -> list[Turn]:
    lanes: dict[tuple[str, str], int] = defaultdict(int)
    for target, connections in edge.getOutgoing().items():
        for one in connections:
            if one.getFromLane().allows(vehicle_class) and one.getToLane().allows(vehicle_class):
                lanes[target.getID(), one.getDirection().lower()] += 1
    return [Turn(end, direction, number) for (end, direction), number in sorted(lanes.items())]


def wishes(
    graph: RoadGraph, weights: Mapping[str, float], turns_back: Callable[[str, str], bool], chance: Random
) -> dict[tuple[str, str], float]:
    """Return the share of all trips that leads from each entry to each exit.

    Parameters
    ----------
    graph
        Of cars.
    weights
        Of each entry and exit.
    turns_back
        Whether an entry and an exit are the two directions of one street: nobody drives there.
    chance
        Makes some pairs more popular than others.
    """
    found: dict[tuple[str, str], float] = {}
    cost = graph.lengths_m()
    for entry in graph.entries:
        way = graph.quickest(entry, cost)
        for leaving in graph.exits:
            popular = chance.uniform(0.3, 1.7)
            if not turns_back(entry, leaving) and way(leaving):
                found[entry, leaving] = weights[entry] * weights[leaving] * popular
    total = sum(found.values())
    return {pair: share / total for pair, share in found.items()}


def assigned(graph: RoadGraph, shares: Mapping[tuple[str, str], float], total_veh_h: float) -> dict[tuple[str, str], Trips]:
    """Spread trips over the ways, an eighth of them at a time, each where it is quickest by then."""
    flow: dict[tuple[str, str], float] = defaultdict(float)
    ways: dict[tuple[str, str], list[tuple[str, ...]]] = {pair: [] for pair in shares}
    capacity = graph.capacities_veh_h()
    empty_s = graph.empty_times_s()
    for _ in range(ROUNDS):
        cost = {turn: time_s * (1 + (flow[turn] / capacity[turn]) ** STEEPNESS) for turn, time_s in empty_s.items()}
        for entry, pairs in itertools.groupby(shares, key=lambda pair: pair[0]):
            way = graph.quickest(entry, cost)
            for pair in pairs:
                edges = way(pair[1])
                ways[pair].append(edges)
                for turn in itertools.pairwise(edges):
                    flow[turn] += shares[pair] * total_veh_h / ROUNDS
    return {pair: Trips(shares[pair] * total_veh_h, tuple(ways[pair])) for pair in shares}


def turning_flows(trips: Mapping[tuple[str, str], Trips]) -> dict[tuple[str, str], float]:
    """Return the flow, veh/h, from each edge to each next one."""
    flows: dict[tuple[str, str], float] = defaultdict(float)
    for trip in trips.values():
        for way in trip.ways:
            for turn in itertools.pairwise(way):
                flows[turn] += trip.flow_veh_h / len(trip.ways)
    return flows


def loads_elsewhere(graph: RoadGraph, flows: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Return the loads of turns that no program can help: over crossings without a light, and from short lanes of turning vehicles."""
    entering: dict[str, float] = defaultdict(float)
    for (edge, _), flow_veh_h in flows.items():
        entering[graph.edges[edge].getToNode().getID()] += flow_veh_h
    capacity = graph.capacities_veh_h()
    loads = {}
    for turn, flow_veh_h in flows.items():
        edge = graph.edges[turn[0]]
        if _is_unlit_crossing(edge):
            loads[turn] = entering[edge.getToNode().getID()] / UNLIT_VEH_H
        elif graph.is_waiting_room(*turn):
            loads[turn] = flow_veh_h / capacity[turn]
    return loads


def thinned(
    trips: Mapping[tuple[str, str], Trips], loads: Mapping[tuple[str, str], float], greatest: float
) -> dict[tuple[str, str], float]:
    """Return the shares of all trips where fewer want to pass what is too full: those who meet it go elsewhere.

    Parameters
    ----------
    trips
        As assigned.
    loads
        Of some turns.
    greatest
        The load to come down to.
    """
    kept = {}
    for pair, trip in trips.items():
        worst = [max((loads.get(turn, 0.0) for turn in itertools.pairwise(way)), default=0.0) for way in trip.ways]
        kept[pair] = trip.flow_veh_h * sum(min(1.0, greatest / max(load, 1e-9)) for load in worst) / len(worst)
    total = sum(kept.values())
    return {pair: flow_veh_h / total for pair, flow_veh_h in kept.items()}


def _is_unlit_crossing(edge: Edge) -> bool:
    node = edge.getToNode()
    return node.getType() != "traffic_light" and len(node.getNeighboringNodes()) >= ARMS_OF_A_CROSSING


def _is_lit(edge: Edge) -> bool:
    return bool(edge.getToNode().getType() == "traffic_light")
