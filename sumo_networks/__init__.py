"""The scenario catalogue and the sources of the bundled networks.

A name or a path gives a :class:`Scenario`; ``catalogue()`` lists the names.
"""

from sumo_networks.catalogue import CatalogueEntry, catalogue, names, scenario
from sumo_networks.demand import vehicles_due
from sumo_networks.scenario import Scenario, ScenarioError

__all__ = ["CatalogueEntry", "Scenario", "ScenarioError", "catalogue", "names", "scenario", "vehicles_due"]
