"""The plan of a generated city: streets of several kinds that cross each other irregularly, as plain XML for netconvert."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from sumolib.net import Net
    from sumolib.net.edge import Edge

POCKET_M = 75.0
SHORTEST_WITH_POCKET_M = 130.0
APPROACH = ".stop"  # ends the id of the part of a road before a stop line that has lanes of its own
SIDEWALK_M = 2.0
ARMS_OF_A_CROSSING = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """What streets of one kind have in common.

    Attributes
    ----------
    lanes, speed_m_s, priority
        As in SUMO, of each direction.
    pocket
        Whether long approaches to a light widen by a lane for left turns.
    weight
        How much traffic begins and ends at each of its lanes at the edge of the city, relative to other kinds.
    """

    lanes: int
    speed_m_s: float
    priority: int
    pocket: bool
    weight: float


KINDS = {
    "dual": Kind(lanes=2, speed_m_s=13.89, priority=5, pocket=True, weight=1.0),
    "main": Kind(lanes=1, speed_m_s=13.89, priority=4, pocket=True, weight=1.0),
    "oneway": Kind(lanes=2, speed_m_s=13.89, priority=3, pocket=False, weight=0.7),
    "minor": Kind(lanes=1, speed_m_s=8.33, priority=2, pocket=False, weight=0.4),
}


@dataclass(frozen=True, slots=True)
class Street:
    """A street from one edge of the city to the other.

    Attributes
    ----------
    kind
        A name in `KINDS`.
    position_m
        Where it crosses the middle of the city.
    bend_m, bend_phase
        How far it swings to both sides, and where.
    median_m
        Between the middles of its two carriageways; 0 where it has one.
    ways
        The directions that it can be driven in: 1 with growing coordinates, -1 against them.
    bus_lane
        Whether a lane of its own is for buses.
    bus_lane_to_line
        Whether that lane leads up to the stop line; else it ends where the approach widens.
    """

    kind: str
    position_m: float
    bend_m: float
    bend_phase: float
    median_m: float = 0.0
    ways: tuple[int, ...] = (1, -1)
    bus_lane: bool = False
    bus_lane_to_line: bool = False

    def at(self, along_m: float) -> float:
        """Return its position where the other coordinate is `along_m`."""
        return self.position_m + self.bend_m * math.sin(along_m / 260.0 + self.bend_phase)

    def carriageways(self, side: int) -> list[tuple[float, tuple[int, ...]]]:
        """Return the offset, m, and directions of each carriageway, with growing offset.

        Parameters
        ----------
        side
            The sign of the offset at which traffic with growing coordinates keeps right.
        """
        if not self.median_m:
            return [(0.0, self.ways)]
        both = [(side * self.median_m / 2, (1,)), (-side * self.median_m / 2, (-1,))]
        return sorted(both)


@dataclass(frozen=True, slots=True)
class Node:
    """A node; `light` names the traffic light that it belongs to, and is empty where there is none."""

    id: str
    x_m: float
    y_m: float
    type: str
    light: str = ""


@dataclass(frozen=True, slots=True)
class Road:
    """A directed road between two nodes: SUMO's edge.

    Attributes
    ----------
    id, start, end, lanes, speed_m_s, priority
        As in SUMO.
    street
        Which street it is part of.
    inside
        Whether it leads from one node of a crossing to another one.
    bus_lane
        Whether the outermost of its lanes is for buses.
    """

    id: str
    start: str
    end: str
    lanes: int
    speed_m_s: float
    priority: int
    street: str
    inside: bool = False
    bus_lane: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """What a city has: its manners and its size.

    Attributes
    ----------
    columns, rows
        Streets from south to north, and from west to east.
    left_hand
        Whether vehicles keep left.
    pedestrians
        Whether there are pavements and crossings.
    bus_lanes
        Whether the broad streets have bus lanes.
    joined_share
        Share of neighbouring nodes that one traffic light takes together.
    """

    columns: int
    rows: int
    left_hand: bool
    pedestrians: bool
    bus_lanes: bool
    joined_share: float

    @property
    def across(self) -> str:
        """SUMO's letter of a turn across the oncoming traffic."""
        return "r" if self.left_hand else "l"


@dataclass(slots=True)
class Plan:
    """Nodes, roads and streets of a city."""

    features: Features
    streets: dict[str, Street]
    nodes: dict[str, Node] = field(default_factory=dict)
    roads: dict[str, Road] = field(default_factory=dict)


def random_plan(chance: Random, features: Features) -> Plan:
    """Draw a city."""
    upright = _streets(chance, features, ["dual", *_kinds(chance, features.columns - 1)], "c")
    level = _streets(chance, features, _kinds(chance, features.rows), "r")
    plan = Plan(features, {**upright, **level})
    _Drawing(chance, plan, upright, level).draw()
    return plan


def _kinds(chance: Random, number: int) -> list[str]:
    return chance.choices(["dual", "main", "oneway", "minor"], [3, 4, 3, 3], k=number)


def _streets(chance: Random, features: Features, kinds: list[str], letter: str) -> dict[str, Street]:
    streets: dict[str, Street] = {}
    position_m = 0.0
    chance.shuffle(kinds)
    way = chance.choice((1, -1))
    for index, kind in enumerate(kinds):
        is_dual = kind == "dual"
        bus_lane = features.bus_lanes and (is_dual or (kind == "oneway" and chance.random() < 0.5))
        street = Street(
            kind=kind,
            position_m=position_m,
            bend_m=chance.uniform(5.0, 30.0),
            bend_phase=chance.uniform(0.0, 2 * math.pi),
            median_m=chance.uniform(20.0, 62.0) if is_dual else 0.0,
            ways=(way,) if kind == "oneway" else (1, -1),
            bus_lane=bus_lane,
            bus_lane_to_line=bus_lane and chance.random() < 0.4,
        )
        streets[f"{letter}{index}"] = street
        if kind == "oneway":
            way = -way  # the next one leads back
        position_m += chance.uniform(150.0, 290.0) + street.median_m / 2 + 25.0
    return streets


class _Drawing:
    """Draws the crossings of upright with level streets and the roads between them."""

    def __init__(self, chance: Random, plan: Plan, upright: Mapping[str, Street], level: Mapping[str, Street]) -> None:
        self.chance = chance
        self.plan = plan
        self.upright = upright
        self.level = level
        self.slant = chance.uniform(-0.2, 0.2)
        # for each carriageway the groups of its nodes, in order; the roads of a group are those inside one crossing
        self.chains: dict[tuple[str, int], list[list[str]]] = {}

    def draw(self) -> None:
        for name, street in (*self.upright.items(), *self.level.items()):
            side = 1 if name in self.upright else -1
            for number in range(len(street.carriageways(side))):
                self.chains[name, number] = [[self._edge_of_city(name, number, first=True)]]
        for column in self.upright:
            for row in self.level:
                self._cross(column, row)
        for name, number in self.chains:
            self.chains[name, number].append([self._edge_of_city(name, number, first=False)])
        self._roads()
        self._settle_nodes()
        self._pockets()

    def _cross(self, column: str, row: str) -> None:
        up, across = self.upright[column], self.level[row]
        ways_up, ways_across = up.carriageways(1), across.carriageways(-1)
        stagger_m = 0.0
        kinds = {up.kind, across.kind}
        if len(ways_up) == len(ways_across) == 1 and "minor" in kinds and self.chance.random() < 0.45:
            stagger_m = self.chance.uniform(28.0, 70.0)
        is_lit = self.chance.random() < _LIT_SHARE[min(_RANK[up.kind], _RANK[across.kind])]
        is_joined = self.chance.random() < self.plan.features.joined_share
        names = [[f"{column}{row}_{a}{b}" for b in range(len(ways_across))] for a in range(len(ways_up))]
        if stagger_m:
            names = [[f"{column}{row}_s", f"{column}{row}_n"]] if up.kind == "minor" else [[f"{column}{row}_w"], [f"{column}{row}_e"]]
            shift = self.chance.choice((-1, 1)) * stagger_m / 2
            places = {names[0][0]: -shift, names[-1][-1]: shift}
            for name, by_m in places.items():
                x_m, y_m = self._crossing_point(up, across, by_m if up.kind == "minor" else 0.0, 0.0 if up.kind == "minor" else by_m)
                self._node(name, x_m, y_m, self._light(column, row, name, is_lit=is_lit, is_joined=is_joined))
            (first, last) = places
            in_order = [first, last] if shift > 0 else [last, first]
            through, broken = ((row, 0), (column, 0)) if up.kind == "minor" else ((column, 0), (row, 0))
            self.chains[through].append(in_order)
            self.chains[broken] += [[first], [], [last]]  # the empty group breaks the street
            return
        for a, (up_m, _) in enumerate(ways_up):
            for b, (across_m, _) in enumerate(ways_across):
                x_m, y_m = self._crossing_point(up, across, up_m, across_m)
                self._node(names[a][b], x_m, y_m, self._light(column, row, names[a][b], is_lit=is_lit, is_joined=is_joined))
        for a in range(len(ways_up)):
            self.chains[column, a].append(names[a])
        for b in range(len(ways_across)):
            self.chains[row, b].append([names[a][b] for a in range(len(ways_up))])

    def _light(self, column: str, row: str, node: str, *, is_lit: bool, is_joined: bool) -> str:
        return (f"{column}{row}" if is_joined else node) if is_lit else ""

    def _crossing_point(self, up: Street, across: Street, up_m: float, across_m: float) -> tuple[float, float]:
        x_m, y_m = up.position_m, across.position_m
        for _ in range(8):  # bends are gentle, so this settles at once
            x_m, y_m = up.at(y_m) + up_m, across.at(x_m) + across_m
        return x_m, y_m

    def _edge_of_city(self, name: str, number: int, *, first: bool) -> str:
        is_upright = name in self.upright
        street = self.plan.streets[name]
        others = list((self.level if is_upright else self.upright).values())
        reach_m = self.chance.uniform(220.0, 320.0)
        along_m = others[0].position_m - reach_m if first else others[-1].position_m + reach_m
        offset_m = street.carriageways(1 if is_upright else -1)[number][0]
        across_m = street.at(along_m) + offset_m
        node = f"{name}_{'first' if first else 'last'}{number}"
        self._node(node, *((across_m, along_m) if is_upright else (along_m, across_m)), light="")
        return node

    def _node(self, name: str, x_m: float, y_m: float, light: str) -> None:
        mirror = -1 if self.plan.features.left_hand else 1  # keeping left is the mirror image of keeping right
        self.plan.nodes[name] = Node(name, round(mirror * (x_m + self.slant * y_m), 2), round(y_m, 2), "priority", light)

    def _roads(self) -> None:
        for (name, number), groups in self.chains.items():
            street = self.plan.streets[name]
            ways = street.carriageways(1 if name in self.upright else -1)[number][1]
            gaps = self._gaps(street, len(groups))
            for place, group in enumerate(groups):
                for start, end in itertools.pairwise(group):  # lanes inside a crossing hold who turns next
                    self._both(name, start, end, ways, inside=True)
                if place + 1 < len(groups) and group and groups[place + 1] and place not in gaps:
                    self._both(name, group[-1], groups[place + 1][0], ways, inside=False)

    def _gaps(self, street: Street, groups: int) -> set[int]:
        """Return after which groups a minor street is interrupted."""
        if street.kind != "minor":
            return set()
        return {place for place in range(1, groups - 2) if self.chance.random() < 0.2}

    def _both(self, name: str, start: str, end: str, ways: Sequence[int], *, inside: bool) -> None:
        kind = KINDS[self.plan.streets[name].kind]
        for way in ways:
            first, last = (start, end) if way > 0 else (end, start)
            road = Road(f"{first}-{last}", first, last, kind.lanes + inside, kind.speed_m_s, kind.priority, name, inside)
            self.plan.roads[road.id] = road

    def _settle_nodes(self) -> None:
        """Leave out nodes without roads, and lights where nothing crosses."""
        arms: dict[str, set[str]] = {name: set() for name in self.plan.nodes}
        for road in self.plan.roads.values():
            arms[road.start].add(road.end)
            arms[road.end].add(road.start)
        for name, others in arms.items():
            node = self.plan.nodes[name]
            if not others:
                del self.plan.nodes[name]
            elif node.light and len(others) >= ARMS_OF_A_CROSSING:
                self.plan.nodes[name] = replace(node, type="traffic_light")
            else:
                self.plan.nodes[name] = replace(node, light="")

    def _pockets(self) -> None:
        """Widen long approaches to lights, and lay bus lanes before them."""
        for road in list(self.plan.roads.values()):
            street = self.plan.streets[road.street]
            start, end = self.plan.nodes[road.start], self.plan.nodes[road.end]
            length_m = math.hypot(end.x_m - start.x_m, end.y_m - start.y_m)
            if not end.light or length_m < SHORTEST_WITH_POCKET_M or not (KINDS[street.kind].pocket or street.bus_lane):
                continue
            share = 1 - POCKET_M / length_m
            x_m, y_m = start.x_m + share * (end.x_m - start.x_m), start.y_m + share * (end.y_m - start.y_m)
            middle = Node(f"{road.id}.widens", round(x_m, 2), round(y_m, 2), "priority")
            self.plan.nodes[middle.id] = middle
            lanes = road.lanes + street.bus_lane
            self.plan.roads[road.id] = replace(road, end=middle.id, lanes=lanes, bus_lane=street.bus_lane)
            keeps_bus_lane = street.bus_lane and street.bus_lane_to_line
            before_line = road.lanes + KINDS[street.kind].pocket + keeps_bus_lane
            approach = replace(road, id=road.id + APPROACH, start=middle.id, lanes=before_line, bus_lane=keeps_bus_lane)
            self.plan.roads[approach.id] = approach


_RANK = {"dual": 0, "main": 1, "oneway": 2, "minor": 3}
_LIT_SHARE = (1.0, 0.85, 0.5, 0.15)  # by the higher rank of the two streets


def write_plain(plan: Plan, nodes: Path, roads: Path) -> None:
    """Write the node and edge files that netconvert reads."""
    nodes.write_text(_document("nodes", map(_node_line, plan.nodes.values())), encoding="utf-8")
    pavement = plan.features.pedestrians
    roads.write_text(_document("edges", (_road_lines(road, pavement) for road in plan.roads.values())), encoding="utf-8")


def write_connections(plan: Plan, draft: Net, output: Path) -> None:
    """Write which lane leads where: as netconvert guesses, but who turns across into a crossing takes a lane that leads out of it.

    The lane nearest to the middle there is for the next turn across, and too short to leave it again.

    Parameters
    ----------
    plan
        The city.
    draft
        The network as netconvert guesses it.
    output
        Connection file to write.
    """
    lines = []
    for edge in draft.getEdges():
        for target, connections in edge.getOutgoing().items():
            for one in connections:
                start, end = one.getFromLane(), one.getToLane()
                if not (start.allows("passenger") or start.allows("bus")):
                    continue  # pavements and crossings are guessed anew
                lane, pavements = end.getIndex(), _pavements(target)
                is_innermost = lane == len(target.getLanes()) - 1 > pavements
                if plan.roads[target.getID()].inside and one.getDirection().lower() == plan.features.across and is_innermost:
                    lane -= 1
                lines.append(
                    f'    <connection from="{edge.getID()}" to="{target.getID()}" fromLane="{start.getIndex()}" toLane="{lane}"/>\n'
                )
    output.write_text(_document("connections", iter(dict.fromkeys(lines))), encoding="utf-8")


def _pavements(edge: Edge) -> int:
    return sum(not (lane.allows("passenger") or lane.allows("bus")) for lane in edge.getLanes())


def _document(root: str, lines: Iterator[str]) -> str:
    return f"<{root}>\n{''.join(lines)}</{root}>\n"


def _node_line(node: Node) -> str:
    light = f" tl={quoteattr(node.light)}" if node.light else ""
    return f'    <node id={quoteattr(node.id)} x="{node.x_m:.2f}" y="{node.y_m:.2f}" type="{node.type}"{light}/>\n'


def _road_lines(road: Road, pavement: bool) -> str:  # noqa: FBT001
    attributes = (
        f'id="{road.id}" from="{road.start}" to="{road.end}" numLanes="{road.lanes}" speed="{road.speed_m_s}" priority="{road.priority}"'
    )
    if pavement:
        attributes += f' sidewalkWidth="{SIDEWALK_M:g}"'
    bus = '<lane index="0" allow="bus"/>' if road.bus_lane else ""
    return f'    <edge {attributes} disallow="pedestrian">{bus}</edge>\n'
