"""The rolling-horizon controller: each junction plans the next minute every second."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.zone import ZoneEstimator
from optimizer.horizon import search
from optimizer.horizon.parameters import HorizonParameters
from optimizer.observation import InformationClass
from optimizer.planner import JunctionPlanner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.observation import Observation


class RollingHorizon:
    """Plans each junction's next 60 s, every second.

    Parameters
    ----------
    information
        ``"loops"`` or ``"zone"``.
    engine
        ``"search"`` or ``"cp-sat"``.
    parameters
        Fields of `HorizonParameters` that differ from their defaults.
    """

    name = "rolling_horizon"

    def __init__(self, information: str = "loops", engine: str = "search", beam_width: int = 2, node_limit: int = 3000, **parameters: float) -> None:
        self.information = InformationClass(information)
        self.parameters = HorizonParameters(**parameters)
        self._solve = partial(search.solve, beam_width=beam_width, node_limit=node_limit)
        self._planners: dict[str, JunctionPlanner] = {}

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Make a planner for each junction."""
        estimator = ZoneEstimator if self.information is InformationClass.ZONE else LoopEstimator
        self._planners = {name: JunctionPlanner(junction, self.parameters, estimator(junction), self._solve) for name, junction in junctions.items()}

    def decide(self, observation: Observation) -> dict[str, Decision]:
        """Return the decisions of all junctions that change now."""
        decisions = {}
        for name, seen in observation.junctions.items():
            decision = self._planners[name].decide(observation.time_s, seen)
            if decision is not None:
                decisions[name] = decision
        return decisions
