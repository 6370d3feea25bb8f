"""From a scenario to what the service takes: junctions with their detectors, neighbours, fallback plans and places on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.sumo.detectors import DetectorLayout, place_detectors, user_loops
from controllers.sumo.fallback import fallback_plan
from controllers.sumo.neighbours import links_between
from controllers.sumo.network import read_network
from controllers.sumo.positions import position_m
from optimizer.service.description import describe
from sumo_networks import scenario

if TYPE_CHECKING:
    from optimizer.service.description import JunctionDescription


def junction_descriptions(name: str) -> list[JunctionDescription]:
    """Return the descriptions of all junctions of a scenario that can be controlled.

    Raises
    ------
    ScenarioError, NetworkError
        If the scenario or its network cannot be read.
    """
    place = scenario(name)
    reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
    placed = place_detectors(reading.net, reading.junctions, DetectorLayout(), user_loops(place.additional_files))
    links = links_between(reading.net, placed.junctions)
    return [
        describe(
            junction,
            placed.junctions,
            links,
            fallback_plan(junction, reading.shipped[junction.id]),
            position_m(reading.net, junction.id),
        )
        for junction in placed.junctions.values()
    ]
