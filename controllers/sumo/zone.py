"""The zone: every vehicle within 200 m of a junction's stop lines, as cameras or connected vehicles would show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controllers.sumo.approaches import downstream
from optimizer.observation import ZONE_M, VehicleViews

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sumolib.net import Net

    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

ROOM_M = 100.0
"""Reach of the look at the room behind the junction: more than one green can fill."""

SLOW_M_S = 2.0
"""Below this a vehicle counts as slow: it blocks the room behind it, or the junction it stands in."""


class ZoneReader:
    """Reads the vehicles in the zones of all junctions of a running simulation.

    Parameters
    ----------
    backend
        The module ``libsumo`` or ``traci``.
    net
        The network.
    junctions
        Descriptions by id; their ids and lane ids are SUMO's.
    """

    def __init__(self, backend: object, net: Net, junctions: Mapping[str, Intersection]) -> None:
        self._vehicle = backend.vehicle  # type: ignore[attr-defined]
        self._lane = backend.lane  # type: ignore[attr-defined]
        self._junctions = dict(junctions)
        # (junction, link) -> {incoming lane id: (lane index, movement index)}; two lanes may share a link
        self._by_link: dict[tuple[str, int], dict[str, tuple[int, int]]] = {}
        self._inside: dict[str, list[tuple[int, str]]] = {}
        self._outgoing: dict[str, list[list[tuple[str, float, float]]]] = {}
        for junction in self._junctions.values():
            self._register(net, junction)
        self._seen: dict[str, list[tuple[int, float, int, float, float]]] = {}

    def read(self) -> None:
        """Sort all vehicles of the simulation to the junctions they come to next."""
        seen: dict[str, list[tuple[int, float, int, float, float]]] = {name: [] for name in self._junctions}
        vehicle = self._vehicle
        for name in vehicle.getIDList():
            ahead = vehicle.getNextTLS(name)
            if not ahead:
                continue
            junction, link, distance_m, _ = ahead[0]
            if distance_m > ZONE_M:
                continue
            lanes = self._by_link.get((junction, link))
            if lanes is None:
                continue
            place = next(iter(lanes.values())) if len(lanes) == 1 else lanes.get(vehicle.getLaneID(name)) or next(iter(lanes.values()))
            seen[junction].append((place[0], distance_m, place[1], vehicle.getSpeed(name), vehicle.getLength(name)))
        self._seen = seen

    def views(self, junction: str, signal: SignalStatus, time_s: float) -> VehicleViews:
        """Return what one junction sees. The junction's inside is looked at during interstages only, where it matters."""
        rows = sorted(self._seen[junction])
        description = self._junctions[junction]
        inside = np.zeros(len(description.groups), dtype=np.int64)
        if time_s <= signal.green_start_s:
            for group, lane in self._inside[junction]:
                inside[group] += sum(self._vehicle.getSpeed(v) < SLOW_M_S for v in self._lane.getLastStepVehicleIDs(lane))
        room_m, count = self._behind(junction)
        columns = list(zip(*rows, strict=True)) if rows else [()] * 5
        return VehicleViews(
            lane=np.array(columns[0], dtype=np.int64),
            movement=np.array(columns[2], dtype=np.int64),
            distance_m=np.array(columns[1], dtype=np.float64),
            speed_m_s=np.array(columns[3], dtype=np.float64),
            length_m=np.array(columns[4], dtype=np.float64),
            in_junction=inside,
            outgoing_vehicles=count,
            outgoing_room_m=room_m,
        )

    def _behind(self, junction: str) -> tuple[np.ndarray, np.ndarray]:
        chains = self._outgoing[junction]
        room_m = np.empty(len(chains))
        count = np.zeros(len(chains), dtype=np.int64)
        for index, chain in enumerate(chains):
            room_m[index] = ZONE_M
            for lane, start_m, _ in chain:
                vehicles = self._lane.getLastStepVehicleIDs(lane)
                if not vehicles:
                    continue
                count[index] += len(vehicles)
                for name in vehicles:
                    if self._vehicle.getSpeed(name) < SLOW_M_S:
                        rear_m = start_m + self._vehicle.getLanePosition(name) - self._vehicle.getLength(name)
                        room_m[index] = min(room_m[index], max(rear_m, 0.0))
        return room_m, count

    def _register(self, net: Net, junction: Intersection) -> None:
        for index, movement in enumerate(junction.movements):
            lane = junction.incoming[movement.incoming].id
            for link in junction.groups[movement.group].links:
                if self._leads(lane, junction, movement.outgoing, link, net):
                    self._by_link.setdefault((junction.id, link), {})[lane] = movement.incoming, index
        self._inside[junction.id] = self._internal_lanes(junction)
        self._outgoing[junction.id] = [
            [(s.lane, s.distance_m, s.length_m) for s in downstream(net, lane.id, ROOM_M)] for lane in junction.outgoing
        ]

    @staticmethod
    def _leads(lane: str, junction: Intersection, outgoing: int, link: int, net: Net) -> bool:
        """Whether `lane` is the one that the signal `link` governs towards the outgoing lane."""
        target = junction.outgoing[outgoing].id
        return any(
            c.getTLSID() == junction.id and c.getTLLinkIndex() == link and c.getToLane().getID() == target
            for c in net.getLane(lane).getOutgoing()
        )

    def _internal_lanes(self, junction: Intersection) -> list[tuple[int, str]]:
        """Return (group, internal lane) of all movements of vehicles."""
        found = []
        for movement in junction.movements:
            lane, target = junction.incoming[movement.incoming].id, junction.outgoing[movement.outgoing].id
            via = next((link[4] for link in self._lane.getLinks(lane) if link[0] == target), "")
            while via:
                found.append((movement.group, via))
                via = next((link[4] for link in self._lane.getLinks(via)), "")
        return found
