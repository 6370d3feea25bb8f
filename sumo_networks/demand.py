"""What route files say of themselves: how many vehicles are due, which of them SUMO leaves out, and whether they fit the network."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import sumolib

from controllers.sumo.xml_reading import top_level_elements
from sumo_networks.scenario import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from sumo_networks.scenario import Scenario

_DEPARTURES = {
    **dict.fromkeys(("vehicle", "trip", "person", "container"), "depart"),
    **dict.fromkeys(("flow", "personFlow", "containerFlow"), "begin"),
}
_TRIGGERED = {"triggered", "containerTriggered", "split", "now"}  # they depart with somebody else, not at a time
CHECKED_ELEMENTS = 50  # a route file of another net betrays itself at once; reading all of a city's would take minutes


def vehicles_due(scenario: Scenario, among: Container[str] | None = None) -> int:
    """Count the vehicles whose departure is scheduled in the scenario's window, ``begin_s <= depart < end_s``.

    Flows count with their number, or with the expected number of those given by rate or probability. Persons are no vehicles;
    vehicles whose departure is triggered count as due.

    Parameters
    ----------
    scenario
        The scenario; its own scale counts.
    among
        Ids of vehicles, trips and flows; all where None.

    Raises
    ------
    ScenarioError
        If a time or a flow in a route file cannot be read.
    InputFileError
        If a route file is missing or broken.
    """
    total = 0.0
    for path in (*scenario.route_files, *scenario.additional_files):
        for element in top_level_elements(path):
            if among is not None and element.get("id") not in among:
                continue
            if element.tag in {"vehicle", "trip"}:
                total += scenario.begin_s <= _time_s(element, "depart", path, scenario.begin_s) < scenario.end_s
            elif element.tag == "flow":
                total += _flow_vehicles(element, path, scenario)
    return round(total * scenario.scale)


class Departure(NamedTuple):
    """An element of a route file, and when it (or its first vehicle or person) departs."""

    tag: str
    id: str
    depart_s: float


def out_of_order(scenario: Scenario) -> list[Departure]:
    """Return what SUMO leaves out of route files because something before it departs later.

    That is SUMO's own rule: it reads a route file once, while the simulation goes on, and warns of what comes too late as far as it has
    read at all. Lines of public transport may stand before what
    departs earlier. Additional files may have any order.

    Raises
    ------
    ScenarioError
        If a departure cannot be read.
    InputFileError
        If a route file is missing or broken.
    """
    left_out: list[Departure] = []
    for path in scenario.route_files:
        last_s = -math.inf
        for element in top_level_elements(path):
            attribute = _DEPARTURES.get(element.tag)
            text = None if attribute is None else element.get(attribute, "begin" if attribute == "begin" else None)
            if attribute is None or text is None or text in _TRIGGERED:
                continue
            depart_s = _time_s(element, attribute, path, scenario.begin_s)
            if depart_s < last_s:
                left_out.append(Departure(element.tag, element.get("id", ""), depart_s))
            elif not element.get("line"):
                last_s = depart_s
    return left_out


def _flow_vehicles(flow: Element, path: Path, scenario: Scenario) -> float:
    begin_s = _time_s(flow, "begin", path, scenario.begin_s)
    end_s = _time_s(flow, "end", path, scenario.end_s)
    span_s = end_s - begin_s
    due_s = max(0.0, min(end_s, scenario.end_s) - max(begin_s, scenario.begin_s))
    number = flow.get("number")
    try:
        if number is not None:
            return float(number) * (due_s / span_s if 0 < span_s < float("inf") else 1.0)
        for name in ("vehsPerHour", "perHour"):
            if name in flow.keys():  # noqa: SIM118 (an Element is no mapping)
                return float(flow.get(name, "0")) * due_s / 3600
        if "probability" in flow.keys():  # noqa: SIM118
            return float(flow.get("probability", "0")) * due_s
        period = flow.get("period", "")
        return due_s * float(period[4:-1]) if period.startswith("exp(") else due_s / float(period)
    except (ValueError, ZeroDivisionError) as error:
        raise ScenarioError(
            f"{path}: <flow id={flow.get('id')!r}> gives no readable number, rate, probability or period; give one of them."
        ) from error


def _time_s(element: Element, attribute: str, path: Path, missing_s: float) -> float:
    text = element.get(attribute)
    if text is None or text == "begin" or text in _TRIGGERED:
        return missing_s
    try:
        return float(sumolib.miscutils.parseTime(text))
    except ValueError as error:
        raise ScenarioError(
            f'{path}: <{element.tag} id={element.get("id")!r}> has {attribute}="{text}", which is no time; give seconds or h:m:s.'
        ) from error


def check_edges(route_files: Iterable[Path], edges: frozenset[str], network: Path) -> None:
    """Check that the first vehicles and persons of each route file move on edges of the network.

    Raises
    ------
    ScenarioError
        If one of them names an edge that the network lacks.
    """
    for path in route_files:
        for element in islice(top_level_elements(path), CHECKED_ELEMENTS):
            for part, edge in _named_edges(element):
                if edge not in edges:
                    raise ScenarioError(
                        f"{path}: <{element.tag} id={element.get('id')!r}> names the edge {edge!r} in its <{part}>, "
                        f"which {network.name} does not have; use the route file made for this network."
                    )


def _named_edges(element: Element) -> Iterator[tuple[str, str]]:
    if element.tag not in {"vehicle", "trip", "flow", "route", "person", "personFlow"}:
        return
    for part in element.iter():
        for attribute in ("edges", "from", "to", "via", "edge"):
            for edge in part.get(attribute, "").split():
                yield part.tag, edge
