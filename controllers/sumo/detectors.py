"""Induction loops: the user's own where they lie, virtual ones elsewhere, and what they read each second."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from controllers.sumo.approaches import Section, downstream, upstream
from controllers.sumo.loop_faults import BrokenLoops
from controllers.sumo.xml_reading import InputFileError, elements_by_file
from optimizer.intersection import Detector, DetectorRole, GroupKind
from optimizer.observation import LoopReadings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sumolib.net import Net

    from controllers.sumo.loop_faults import LoopFaults
    from optimizer.intersection import Intersection

VIRTUAL_PREFIX = "ampelwerk"

KEPT_S = 60
"""SUMO forgets after one to two times as long who crossed a virtual loop. It looks through all of them whenever a loop is read."""

LANE_START_M = 10.0
"""No virtual loop lies nearer than this to the start of a lane: vehicles that enter the network there appear beyond it."""


@dataclass(frozen=True, slots=True)
class DetectorLayout:
    """Where virtual loops are placed on each approach.

    Attributes
    ----------
    stop_line_m
        Distance of the stop-line loop from the stop line.
    near_m
        Distance of the near loop: 40 to 60 m give the best short view (100 m is worse, 200 m useless alone).
    far_m
        Distance of the far loop, or `far_start_m` behind the start of the street where it is shorter.
    far_start_m
        See `far_m`: vehicles that enter the network appear with their whole length on the lane, and must still cross the loop.
    far_least_gap_m
        The far loop is left out where it would lie nearer than this to the near one.
    exit_m
        Distance of the exit loop behind the junction.
    shortest_lane_m
        On a shorter lane a standing vehicle may not cover any loop: its loop is moved to the lane before.
    """

    stop_line_m: float = 3.0
    near_m: float = 50.0
    far_m: float = 300.0
    far_start_m: float = 10.0
    far_least_gap_m: float = 30.0
    exit_m: float = 8.0
    shortest_lane_m: float = 5.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop in SUMO: its id, lane and position."""

    id: str
    lane: str
    position_m: float
    virtual: bool


@dataclass(frozen=True, slots=True)
class PlacedDetectors:
    """Junctions with their detectors, and the SUMO loop behind each of them.

    Attributes
    ----------
    junctions
        Descriptions with `Intersection.detectors` filled.
    loops
        Per junction, the loop of each detector.
    """

    junctions: dict[str, Intersection]
    loops: dict[str, tuple[Loop, ...]]


def user_loops(additional_files: Iterable[Path]) -> list[Loop]:
    """Return the induction loops in a user's additional files.

    Raises
    ------
    InputFileError
        If a file cannot be read, or a loop in it says not where it lies.
    """
    found = []
    for path in additional_files:
        for file, element in elements_by_file(path):
            if element.tag in {"inductionLoop", "e1Detector"}:
                found.append(_loop(element, file))
    return found


def _loop(element: ET.Element, file: Path) -> Loop:
    try:
        return Loop(element.attrib["id"], element.attrib["lane"], float(element.attrib["pos"]), virtual=False)
    except (KeyError, ValueError) as error:
        raise InputFileError(
            f"{file}: <{element.tag} id={element.get('id')!r}> has no readable id, lane or pos ({error}); give it all three."
        ) from error


def place_detectors(
    net: Net, junctions: Mapping[str, Intersection], layout: DetectorLayout, existing: Sequence[Loop] = ()
) -> PlacedDetectors:
    """Give each junction its loops: the existing one nearest to each wanted place, a virtual one where there is none."""
    by_lane: dict[str, list[Loop]] = {}
    for loop in existing:
        length_m = net.getLane(loop.lane).getLength() if _has_lane(net, loop.lane) else 0.0
        position_m = loop.position_m if loop.position_m >= 0 else length_m + loop.position_m
        by_lane.setdefault(loop.lane, []).append(replace(loop, position_m=position_m))
    placed: dict[str, Intersection] = {}
    loops: dict[str, tuple[Loop, ...]] = {}
    for junction in junctions.values():
        detectors, behind = _place(net, junction, layout, by_lane)
        placed[junction.id] = replace(junction, detectors=tuple(detectors))
        loops[junction.id] = tuple(behind)
    return PlacedDetectors(placed, loops)


def write_virtual_loops(placed: PlacedDetectors, path: Path) -> None:
    """Write the virtual loops as a SUMO additional file (they are read from the running simulation, no output file is wanted)."""
    root = ET.Element("additional")
    for loops in placed.loops.values():
        for loop in loops:
            if loop.virtual:
                ET.SubElement(
                    root,
                    "inductionLoop",
                    id=loop.id,
                    lane=loop.lane,
                    pos=f"{loop.position_m:.2f}",
                    period=str(KEPT_S),
                    file="NUL",
                    friendlyPos="true",
                )
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


class LoopReader:
    """Reads all loops of a running simulation: watches them in each of its steps, and makes readings of what they saw.

    Parameters
    ----------
    backend
        The module ``libsumo`` or ``traci``.
    placed
        The junctions' detectors.
    faults
        Loops that are broken on purpose.

    Attributes
    ----------
    broken
        How each broken loop fails, by its id.
    """

    def __init__(self, backend: object, placed: PlacedDetectors, faults: LoopFaults | None = None) -> None:
        self._since_detection = _direct(backend, "inductionloop", "getTimeSinceDetection")
        self._vehicle_data = _direct(backend, "inductionloop", "getVehicleData")
        self._speed_of = _direct(backend, "vehicle", "getSpeed")
        self._ids = [loop.id for loops in placed.loops.values() for loop in loops]
        self._slices: dict[str, slice] = {}
        start = 0
        for junction, loops in placed.loops.items():
            self._slices[junction] = slice(start, start + len(loops))
            start += len(loops)
        self._faults = BrokenLoops(self._ids, faults) if faults is not None else None
        self.broken = self._faults.kind_of if self._faults is not None else {}
        self._readings: dict[str, LoopReadings] = {}
        self._start_afresh()

    def watch(self, time_s: float, step_s: float) -> None:
        """Take what the loops saw in SUMO's step that ends now: they tell of no more than one."""
        step_start_s = time_s - step_s
        self._watched_s += step_s
        self._occupied_s[:] = 0.0
        for index, free_s in enumerate(map(self._since_detection, self._ids)):
            if free_s >= step_s:
                continue
            for vehicle, length_m, entry_s, leave_s, _ in self._vehicle_data(self._ids[index]):
                left = leave_s >= 0
                # 1e-9: an entry exactly at the end of the last step was counted there
                if entry_s > step_start_s + 1e-9:
                    self._count[index] += 1
                    # A double loop knows the speed as soon as the front has crossed it; SUMO's loop only when the rear has.
                    self._speed[index] = length_m / max(leave_s - entry_s, 0.1) if left else self._speed_of(vehicle)
                self._covered_s[index] += (leave_s if left else time_s) - max(entry_s, step_start_s)
                if not left:
                    self._occupied_s[index] = max(self._occupied_s[index], time_s - entry_s)

    def read(self, time_s: float) -> None:
        """Make the readings of all steps watched since the last time."""
        occupancy = np.clip(self._covered_s / self._watched_s, 0.0, 1.0)
        if self._faults is not None:
            self._faults.apply(time_s, self._count, occupancy, self._occupied_s, self._speed)
        self._readings = {
            junction: LoopReadings(self._count[part], occupancy[part], self._occupied_s[part], self._speed[part])
            for junction, part in self._slices.items()
        }
        self._start_afresh()

    def _start_afresh(self) -> None:
        total = len(self._ids)
        self._watched_s = 0.0
        self._count = np.zeros(total, dtype=np.int64)
        self._covered_s = np.zeros(total)
        self._occupied_s = np.zeros(total)
        self._speed = np.full(total, math.nan)

    def readings(self, junction: str) -> LoopReadings:
        """Return the readings of one junction's loops taken last."""
        return self._readings[junction]


def _direct(backend: object, domain: str, name: str) -> Callable[[str], Any]:
    """Return a function of the backend; in libsumo without the Python function around it, which takes about as long again."""
    around = getattr(getattr(backend, domain), name)
    inner: Callable[[str], Any] = getattr(getattr(backend, "_libsumo", None), f"{domain}_{name}", around)
    return inner


def _place(
    net: Net, junction: Intersection, layout: DetectorLayout, existing: Mapping[str, list[Loop]]
) -> tuple[list[Detector], list[Loop]]:
    wanted: dict[tuple[DetectorRole, str], list[int]] = {}
    places: dict[tuple[DetectorRole, str], tuple[float, float, float, bool]] = {}

    def want(role: DetectorRole, section: Section, distance_m: float, index: int, *, on_lane: bool) -> None:
        # A place inside a junction moves to the lane behind it.
        start_m = min(LANE_START_M, section.length_m / 2)
        position_m = round(min(max(section.length_m - (distance_m - section.distance_m), start_m), section.length_m - 0.1), 2)
        distance_m = section.distance_m + section.length_m - position_m
        # Lanes that begin behind one lane upstream share its loop: the first of them says where it lies.
        key = role, section.lane
        wanted.setdefault(key, []).append(index)
        places.setdefault(key, (position_m, distance_m, section.speed_m_s, on_lane))

    vehicle_lanes = {m.incoming for m in junction.movements if junction.groups[m.group].kind is not GroupKind.PEDESTRIAN}
    for index, lane in enumerate(junction.incoming):
        if index not in vehicle_lanes:
            continue
        sections = upstream(net, lane.id, layout.far_m)
        reach_m = sections[-1].distance_m + sections[-1].length_m
        stop = sections[0]
        if stop.length_m < layout.shortest_lane_m and len(sections) > 1:
            stop = sections[1]
        want(DetectorRole.STOP_LINE, stop, stop.distance_m + min(layout.stop_line_m, stop.length_m - 0.1), index, on_lane=True)
        near_m = min(layout.near_m, max(reach_m - layout.far_start_m, 0.75 * reach_m))
        if near_m > layout.stop_line_m + layout.shortest_lane_m:
            section = _at(sections, near_m)
            want(DetectorRole.NEAR, section, near_m, index, on_lane=section.lane == lane.id)
        far_m = min(layout.far_m, reach_m - layout.far_start_m)
        if far_m >= layout.near_m + layout.far_least_gap_m:
            section = _at(sections, far_m)
            want(DetectorRole.FAR, section, far_m, index, on_lane=section.lane == lane.id)
    for index, lane in enumerate(junction.outgoing):
        section = downstream(net, lane.id, 0.0)[0]
        exit_m = min(layout.exit_m, section.length_m / 2)
        key = DetectorRole.EXIT, section.lane
        wanted[key] = [index]
        places[key] = round(exit_m, 2), exit_m, section.speed_m_s, True
    detectors, loops = [], []
    for (role, lane_id), lanes in wanted.items():
        position_m, distance_m, speed_m_s, on_lane = places[role, lane_id]
        loop = _nearest(existing.get(lane_id, []), position_m, tolerance_m=0.3 * max(distance_m, 20.0))
        if loop is None:
            loop = Loop(f"{VIRTUAL_PREFIX}:{junction.id}:{role.value}:{lane_id}", lane_id, position_m, virtual=True)
        else:
            shift_m = loop.position_m - position_m
            distance_m += shift_m if role is DetectorRole.EXIT else -shift_m
        detectors.append(Detector(loop.id, role, tuple(lanes), distance_m, speed_m_s, on_lane))
        loops.append(loop)
    return detectors, loops


def _at(sections: Sequence[Section], distance_m: float) -> Section:
    """Return the section that holds the place `distance_m` before the stop line (the nearer one inside a junction)."""
    return max((s for s in sections if s.distance_m <= distance_m), key=lambda s: s.distance_m)


def _nearest(loops: Sequence[Loop], position_m: float, tolerance_m: float) -> Loop | None:
    near = [loop for loop in loops if abs(loop.position_m - position_m) <= tolerance_m]
    return min(near, key=lambda loop: abs(loop.position_m - position_m), default=None)


def _has_lane(net: Net, lane_id: str) -> bool:
    edge, _, _ = lane_id.rpartition("_")
    return net.hasEdge(edge)
