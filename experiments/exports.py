"""From a scenario to what the service takes: junctions with their detectors, neighbours, fallback plans and places on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.sumo.designed_programs import designed_stage_programs
from controllers.sumo.detectors import DetectorLayout, place_detectors, user_loops
from controllers.sumo.fallback import fallback_plan
from controllers.sumo.neighbours import links_between
from controllers.sumo.network import read_network
from controllers.sumo.positions import position_m
from experiments.design.signals import signals_for
from experiments.requests import SHIPPED
from optimizer.service.description import describe
from sumo_networks import scenario

if TYPE_CHECKING:
    from optimizer.service.description import JunctionDescription


def junction_descriptions(name: str, signals: str = SHIPPED) -> list[JunctionDescription]:
    """Return the descriptions of all junctions of a scenario that can be controlled.

    Parameters
    ----------
    name
        The scenario.
    signals
        ``shipped``, ``designed`` or a file of designed signals.

    Raises
    ------
    ScenarioError, NetworkError, SignalsError
        If the scenario, its network or the designed signals cannot be used.
    """
    place = scenario(name)
    reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
    junctions, programs = dict(reading.junctions), dict(reading.shipped)
    designed = signals_for(place, signals)
    if designed is not None:
        junctions = designed.applied(junctions)
        programs |= designed_stage_programs(designed, junctions)
    placed = place_detectors(reading.net, junctions, DetectorLayout(), user_loops(place.additional_files))
    links = links_between(reading.net, placed.junctions)
    return [
        describe(
            junction,
            placed.junctions,
            links,
            fallback_plan(junction, programs[junction.id]),
            position_m(reading.net, junction.id),
        )
        for junction in placed.junctions.values()
    ]
