"""The ways that a scenario's vehicles and walkers take: routes, trips and flows alike, found by SUMO's own duarouter."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from controllers.sumo.xml_reading import top_level_elements
from sumo_networks.scenario import ScenarioError
from sumo_networks.sumo_programs import sumo_home

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from sumo_networks.scenario import Scenario


_ROUTED_BY: Final = frozenset(
    {
        *("vType", "vTypeDistribution", "route", "routeDistribution", "taz", "tazs"),
        *("vehicle", "trip", "flow", "person", "personFlow", "container", "containerFlow"),
        *("busStop", "trainStop", "containerStop", "chargingStation", "parkingArea"),
    }
)
"""What decides on ways in additional files."""

_CALIBRATOR: Final = "calibrator"
_ANY_TYPE: Final = ET.Element("vType")
_WITHOUT_WAY: Final = re.compile(r"(?:vehicle|for flow) '([^']+)' (?:has no valid route|has no edges|is not known)")


@dataclass(frozen=True, slots=True)
class Journey:
    """The way of one vehicle.

    Attributes
    ----------
    depart_s
        Scheduled departure.
    vehicle_class
        SUMO's vClass, such as ``passenger`` or ``tram``.
    edges
        The edges it drives along.
    leaving_s
        When it leaves each edge on empty roads without signals.
    vehicles
        How many vehicles SUMO makes of it: the scenario's scale times that of the vehicle's type.
    """

    depart_s: float
    vehicle_class: str
    edges: tuple[str, ...]
    leaving_s: tuple[float, ...]
    vehicles: float = 1.0


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way on foot, up to where the person rides or stays.

    Attributes
    ----------
    depart_s
        When the person sets out; the same for a later walk of the same person.
    edges
        The edges beside which it leads.
    persons
        How many persons SUMO makes of it.
    """

    depart_s: float
    edges: tuple[str, ...]
    persons: float = 1.0


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of all vehicles and walkers due in a scenario's window, in the order of their departures.

    Attributes
    ----------
    driven, walked
        Of the vehicles, and of persons on foot.
    without
        Ids of the vehicles and flows that have no way.
    calibrators
        Ids of the calibrators, which make and remove vehicles while a simulation runs; none of that is in `driven`.
    """

    driven: list[Journey]
    walked: list[Walk]
    without: tuple[str, ...]
    calibrators: tuple[str, ...] = ()


def ways(scenario: Scenario) -> Ways:
    """Return the ways of all vehicles and walkers due in the scenario's window.

    Given routes stay as they are; trips and flows between edges or junctions get the fastest way on empty roads, as SUMO itself chooses it
    at their departure when it knows no better.

    Raises
    ------
    ScenarioError
        If duarouter cannot read the files.
    """
    if not scenario.route_files:
        raise ScenarioError(f"{scenario.configuration} names no route files, so there is no demand to read; add them, or give counts.")
    home = sumo_home()
    with tempfile.TemporaryDirectory(prefix="ampelwerk-") as folder:
        out = Path(folder) / "ways.rou.xml"
        options = ["-n", str(scenario.network), "-r", ",".join(map(str, scenario.route_files)), "-o", str(out)]
        options += ["--skip-new-routes", "--ignore-errors", "--exit-times", "--no-step-log"]
        options += ["--begin", f"{scenario.begin_s:g}"]
        if math.isfinite(scenario.end_s):
            options += ["--end", f"{scenario.end_s:g}"]
        if scenario.has_junction_zones:
            options.append("--junction-taz")
        added = [
            element
            for file in scenario.additional_files
            for element in top_level_elements(file)
            if element.tag in _ROUTED_BY or element.tag == _CALIBRATOR
        ]
        calibrators = tuple(element.get("id", "") for element in added if element.tag == _CALIBRATOR)
        if added:
            needed = Path(folder) / "needed.add.xml"
            _write_needed(added, needed)
            options += ["-a", str(needed)]
        binary = home / "bin" / ("duarouter.exe" if sys.platform == "win32" else "duarouter")
        environment = {**os.environ, "SUMO_HOME": str(home)}
        done = subprocess.run([str(binary), *options], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not out.is_file():
            reason = next((line for line in done.stderr.splitlines() if line.startswith("Error")), done.stderr.strip()[-200:])
            said = reason.removeprefix("Error: ").rstrip(" .") or f"duarouter ended with code {done.returncode}"
            raise ScenarioError(f"The routes of {scenario.name} cannot be read ({said}); mend the route files.")
        without = tuple(dict.fromkeys(_WITHOUT_WAY.findall(done.stderr)))
        return Ways(*_read(out, scenario), without, calibrators)


def _write_needed(added: Iterable[Element], path: Path) -> None:
    """Write what duarouter needs of additional files; there is much in such files that only SUMO itself can read."""
    root = ET.Element("additional")
    root.extend(element for element in added if element.tag in _ROUTED_BY)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _read(path: Path, scenario: Scenario) -> tuple[list[Journey], list[Walk]]:
    types: dict[str, Element] = {}
    driven: list[Journey] = []
    walked: list[Walk] = []
    for element in top_level_elements(path):
        if element.tag == "vType":
            types[element.get("id", "")] = element
        elif element.tag == "vehicle":
            journey = _journey(element, types, scenario.scale)
            if journey is not None and scenario.begin_s <= journey.depart_s < scenario.end_s:
                driven.append(journey)
        elif element.tag == "person":
            depart_s = float(element.get("depart", "0"))
            if scenario.begin_s <= depart_s < scenario.end_s:
                persons = scenario.scale * float(types.get(element.get("type", ""), _ANY_TYPE).get("scale", "1"))
                walked += [Walk(depart_s, tuple(walk.get("edges", "").split()), persons) for walk in element.iter("walk")]
    return driven, walked


def _journey(element: Element, types: dict[str, Element], scale: float) -> Journey | None:
    route = element.find("route")
    if route is None:
        return None
    kind = types.get(element.get("type", ""), _ANY_TYPE)
    edges = tuple(route.get("edges", "").split())
    leaving_s = tuple(map(float, route.get("exitTimes", "").split()))
    depart_s, vehicles = float(element.get("depart", "0")), scale * float(kind.get("scale", "1"))
    return Journey(depart_s, kind.get("vClass", "passenger"), edges, leaving_s, vehicles)
