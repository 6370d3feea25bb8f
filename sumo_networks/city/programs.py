"""The plans in the streets of a generated city: netconvert's stages, their greens timed to the demand as a traffic engineer would."""

from __future__ import annotations

import cmath
import math
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sumo_networks.city.assignment import SATURATION_VEH_H

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sumolib.net import Net

LEAST_GREEN_S = 8
CLEARANCE_S = 5
"""Green phases up to this long are netconvert's clearing of crossings; they stay as they are."""
TURN_FACTOR = 0.87
YIELDING_FACTOR = 0.75
"""Of a turn that lets people on foot pass."""
YIELDING_ACROSS_FACTOR = 0.35
"""Of a turn that lets the oncoming traffic pass."""
EVENNESS = 8
"""Exponent of the sum of loads that is made least: high, so that the greatest of them counts."""


@dataclass(frozen=True, slots=True)
class Link:
    """What passes over one place in a light's states.

    Attributes
    ----------
    lane
        The lane before it.
    factor, yielding_factor
        Its saturation flow with green of its own, and where it lets others pass, relative to driving straight on.
    """

    lane: str
    factor: float
    yielding_factor: float


class TimedLight:
    """The phases of one light and the loads of its lanes.

    Attributes
    ----------
    durations_s
        Of each phase.
    offset_s
        When the first of them begins.
    """

    def __init__(self, states: Sequence[str], durations_s: Sequence[int], links: Mapping[int, Link], cycle_s: int) -> None:
        self.states = states
        self.links = links
        free = [index for index, state in enumerate(states) if "y" not in state and "G" in state and durations_s[index] > CLEARANCE_S]
        self.durations_s = [LEAST_GREEN_S if index in free else duration_s for index, duration_s in enumerate(durations_s)]
        self.free = free
        # for each link the phases in which it is green, and how much of its lane's saturation flow passes then
        self.greens = {
            link: [
                (index, one.factor if state[link] == "G" else one.yielding_factor)
                for index, state in enumerate(states)
                if state[link] in "Gg"
            ]
            for link, one in links.items()
        }
        self.offset_s = 0
        self.cycle_s = max(cycle_s, sum(self.durations_s))

    def time(self, demand: Mapping[int, float]) -> float:
        """Give greens where they are needed most and return the load of the fullest lane then.

        Parameters
        ----------
        demand
            Flow over each link, veh/h.
        """
        needs = [(link, flow_veh_h) for link, flow_veh_h in demand.items() if flow_veh_h > 0]
        for index in self.free:
            self.durations_s[index] = LEAST_GREEN_S
        while self.free and sum(self.durations_s) < self.cycle_s:
            best = min(self.free, key=lambda index: self._unevenness(needs, index))
            self.durations_s[best] += 1
        return max(self._loads(needs).values(), default=0.0)

    def shift_to_middle(self, links: set[int]) -> None:
        """Set the offset so that the middle of the links' greens lies at time 0."""
        cycle_s = sum(self.durations_s)
        total = 0j
        begin_s = 0
        for state, duration_s in zip(self.states, self.durations_s, strict=True):
            weight = duration_s * sum(state[link] in "Gg" for link in links)
            total += weight * cmath.exp(2j * math.pi * (begin_s + duration_s / 2) / cycle_s)
            begin_s += duration_s
        middle_s = cmath.phase(total) / (2 * math.pi) * cycle_s if abs(total) > 1.0 else 0.0
        self.offset_s = round(-middle_s) % cycle_s

    def _unevenness(self, needs: Sequence[tuple[int, float]], longer: int) -> float:
        self.durations_s[longer] += 1
        total = sum(load**EVENNESS for load in self._loads(needs).values())
        self.durations_s[longer] -= 1
        return float(total)

    def _loads(self, needs: Sequence[tuple[int, float]]) -> dict[str, float]:
        """Return for each lane its flow as a share of what its greens pass."""
        loads: dict[str, float] = defaultdict(float)
        for link, flow_veh_h in needs:
            passed = sum(self.durations_s[index] * factor for index, factor in self.greens[link])
            loads[self.links[link].lane] += flow_veh_h / (SATURATION_VEH_H * max(passed, 1.0) / self.cycle_s)
        return loads


class TimedCity:
    """All lights of a network, to be timed for a demand."""

    def __init__(self, net: Net, network: Path, cycle_s: int, across: str) -> None:
        self.network = network
        self.document = ET.parse(network)
        self.lights: dict[str, TimedLight] = {}
        self.lanes: dict[tuple[str, str], list[tuple[str, str, int]]] = defaultdict(list)
        connections = {
            light.getID(): {link: (start, end) for start, end, link in light.getConnections()} for light in net.getTrafficLights()
        }
        for logic in self.document.getroot().iter("tlLogic"):
            name = logic.get("id", "")
            phases = logic.findall("phase")
            links = {}
            for link, (start, end) in connections[name].items():
                direction = next(one for one in start.getOutgoing() if one.getToLane() is end).getDirection().lower()
                factor = 1.0 if direction == "s" else TURN_FACTOR
                yielding = 1.0 if direction == "s" else YIELDING_ACROSS_FACTOR if direction == across else YIELDING_FACTOR
                links[link] = Link(start.getID(), factor, factor * yielding)
                if start.allows("passenger") and end.allows("passenger"):
                    self.lanes[start.getEdge().getID(), end.getEdge().getID()].append((start.getID(), name, link))
            states = [phase.get("state", "") for phase in phases]
            self.lights[name] = TimedLight(states, [round(float(phase.get("duration", "0"))) for phase in phases], links, cycle_s)

    def time(self, flows: Mapping[tuple[str, str], float]) -> float:
        """Time all lights for the flows between edges and return the load of the fullest lane at any of them."""
        demand: dict[str, dict[int, float]] = {name: defaultdict(float) for name in self.lights}
        filled: dict[str, float] = defaultdict(float)
        # who has the fewest lanes to choose from takes them first; the others even out what is there
        for turn in sorted(self.lanes, key=lambda turn: (len(self.lanes[turn]), turn)):
            choices = self.lanes[turn]
            for (lane, light, link), flow_veh_h in zip(
                choices, evened([filled[lane] for lane, _, _ in choices], flows.get(turn, 0.0)), strict=True
            ):
                filled[lane] += flow_veh_h
                demand[light][link] += flow_veh_h
        return max((light.time(demand[name]) for name, light in self.lights.items()), default=0.0)

    def align(self, is_level: Callable[[str], bool]) -> None:
        """Shift all programs so that the middles of green of the streets from west to east coincide.

        So lights beside each other, which netconvert starts with any of their stages, do not work against each other.

        Parameters
        ----------
        is_level
            Whether an edge is part of such a street.
        """
        for name, light in self.lights.items():
            links = {link for turn, lanes in self.lanes.items() if is_level(turn[0]) for _, owner, link in lanes if owner == name}
            light.shift_to_middle(links)

    def write(self) -> None:
        """Write the durations into the network."""
        for logic in self.document.getroot().iter("tlLogic"):
            logic.set("offset", f"{self.lights[logic.get('id', '')].offset_s:g}")
            for phase, duration_s in zip(logic.findall("phase"), self.lights[logic.get("id", "")].durations_s, strict=True):
                phase.set("duration", f"{duration_s:g}")
        self.document.write(self.network, encoding="utf-8", xml_declaration=True)


def evened(filled: Sequence[float], flow: float) -> list[float]:
    """Pour a flow onto lanes so that the emptiest are filled first."""
    order = sorted(range(len(filled)), key=lambda index: filled[index])
    for count in range(len(order), 0, -1):
        level = (flow + sum(filled[index] for index in order[:count])) / count
        if level >= filled[order[count - 1]]:
            return [max(0.0, level - filled[index]) if index in order[:count] else 0.0 for index in range(len(filled))]
    return [0.0] * len(filled)
