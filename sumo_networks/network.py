"""What the catalogue wants to know of a network file: its signals and its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controllers.sumo.xml_reading import top_level_elements
from sumo_networks.scenario import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class NetworkContents:
    """Names found in a network.

    Attributes
    ----------
    signals
        Ids of its traffic lights.
    edges
        Ids of its edges, those inside junctions left out.
    """

    signals: frozenset[str]
    edges: frozenset[str]


def network_contents(path: Path) -> NetworkContents:
    """Read the names of signals and edges.

    Raises
    ------
    ScenarioError
        If the file is missing, broken, or no SUMO network.
    """
    signals: set[str] = set()
    edges: set[str] = set()
    for element in top_level_elements(path):
        if element.tag == "tlLogic":
            signals.add(element.get("id", ""))
        elif element.tag == "edge" and element.get("function") != "internal":
            edges.add(element.get("id", ""))
    if not edges:
        raise ScenarioError(f"{path} holds no <edge>, so it is no SUMO network; name a .net.xml file made by netconvert or netedit.")
    return NetworkContents(frozenset(signals), frozenset(edges))
