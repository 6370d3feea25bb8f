"""The rolling-horizon controller: each junction plans the next minute every second."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np

from controllers.background import BackedPlanner, background_guards, plan_pilot, planned_timings
from controllers.designed_plans import read_designed_plans
from optimizer.connectors import connector_guards
from optimizer.design.parameters import DEFAULTS
from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.traffic import room_for_traffic
from optimizer.estimation.zone import ZoneEstimator
from optimizer.horizon.engines import ENGINES, NODE_LIMIT, Engine
from optimizer.horizon.parameters import HorizonParameters
from optimizer.neighbours import NeighbourTraffic, loops_reach_m, no_departures
from optimizer.observation import ZONE_M, InformationClass, JunctionObservation, LoopReadings, SignalStatus, VehicleViews
from optimizer.planner import JunctionPlanner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controllers.designed_plans import DesignedPlan
    from optimizer.decision import Decision
    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from optimizer.observation import Observation

NEIGHBOURS = ("none", "plans")
BACKGROUND_TOLERANCE_S = 6.0
DESIGNED_DISCHARGE = {
    "startup_s": DEFAULTS.startup_loss_s - DEFAULTS.yellow_used_s + 1800 / DEFAULTS.saturation_veh_h,
    "headway_s": 3600 / DEFAULTS.saturation_veh_h,
    "yellow_used_s": 0.0,
}
"""What plans are designed with, in the words of the horizon: as many vehicles leave in a green, 2 in 5 s and 16 in 33 s."""

DESIGNED_LONG_INTERSTAGE_S = 5.0
"""Designed intergreens are short for the traffic that they were designed for: from here on plans must look far."""

ESTIMATORS = {InformationClass.LOOPS: LoopEstimator, InformationClass.ZONE: ZoneEstimator}


class RollingHorizon:
    """Plans each junction's next 60 s, every second.

    Parameters
    ----------
    information
        ``"loops"`` or ``"zone"``.
    engine
        ``"search"`` or ``"cp-sat"``.
    neighbours
        ``"plans"``: each junction counts on what the others plan to send; ``"none"``: it plans for itself.
    beam_width, node_limit
        Of the search; see `optimizer.horizon.search.solve`. None: as each junction needs it (`optimizer.horizon.engines.usual_beam_width`).
    background
        A ``design.json`` of ``ampelwerk design``, or its folder: the greens that carry its green wave are kept to, and where planning fails
        the plan goes on alone. None: the horizon is free, and a failure ends the run.
    background_tolerance_s
        By how much these greens may begin later or end earlier than planned.
    parameters
        Fields of `HorizonParameters` that differ from their defaults (with designed signals, from those of `follow`).

    Raises
    ------
    ValueError
        If there is no such information class, engine or way to heed the neighbours, or the plan cannot be read.
    TypeError
        If a parameter is no number.
    """

    name = "rolling_horizon"

    def __init__(
        self,
        information: str = "loops",
        engine: str = "search",
        neighbours: str = "plans",
        beam_width: int | None = None,
        node_limit: int = NODE_LIMIT,
        background: str | None = None,
        background_tolerance_s: float = BACKGROUND_TOLERANCE_S,
        **parameters: float,
    ) -> None:
        if information not in ESTIMATORS:
            raise ValueError(f"there is no estimator for the information {information!r}; choose from {', '.join(ESTIMATORS)}.")
        if engine not in ENGINES:
            raise ValueError(f"there is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
        if neighbours not in NEIGHBOURS:
            raise ValueError(f"there is no way {neighbours!r} to heed the neighbours; choose from {', '.join(NEIGHBOURS)}.")
        width = {} if beam_width is None else {"beam_width": beam_width}
        for parameter, value in {**width, "node_limit": node_limit, **parameters}.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{parameter} = {value!r} is no number; give one.")
        self.information = InformationClass(information)
        self.engine = engine
        self.beam_width, self.node_limit = beam_width, node_limit
        self.parameters, self._given = HorizonParameters(**parameters), parameters
        self.neighbours = neighbours
        if not background_tolerance_s >= 0:
            raise ValueError(f"background_tolerance_s = {background_tolerance_s:g} is no tolerance; give 0 s or more.")
        self._background = {} if background is None else read_designed_plans(background)
        self._background_tolerance_s = background_tolerance_s
        self._links: tuple[Link, ...] = ()
        self._planners: dict[str, JunctionPlanner | BackedPlanner] = {}

    def connect(self, links: Iterable[Link]) -> None:
        """Take in which junction sends its traffic to which; before `start`."""
        self._links = tuple(links)

    def retimed(self, junctions: Mapping[str, Intersection]) -> dict[str, Intersection]:
        """Return the junctions with the yellows and intergreens of the background plan; others as they are.

        Raises
        ------
        ControllerError
            If the plan was made for other junctions.
        """
        return {**junctions, **planned_timings(junctions, self._background)}

    def follow(self, plans: Mapping[str, DesignedPlan]) -> None:
        """Count on the discharge that the plans of the designed signals were designed with."""
        if plans:
            designed = {**DESIGNED_DISCHARGE, "long_interstage_s": DESIGNED_LONG_INTERSTAGE_S}
            self.parameters = HorizonParameters(**{**designed, **self._given})

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Make a planner for each junction.

        Raises
        ------
        ControllerError
            If the background plan was made for other junctions.
        """
        make_estimator = ESTIMATORS[self.information]
        for name in [link.target for link in self._links][:1] or list(junctions)[:1]:
            self._rehearse(junctions[name], self._neighbours(junctions).get(name))
        neighbours = self._neighbours(junctions)
        connectors = connector_guards(junctions)
        guards = background_guards(junctions, self._background, self._background_tolerance_s)
        planners = {
            name: JunctionPlanner(
                junction,
                make_estimator(junction),
                self.make_engine(junction),
                neighbours.get(name),
                guards.get(name),
                connectors.get(name),
            )
            for name, junction in junctions.items()
        }
        self._planners = {
            name: BackedPlanner(planner, plan_pilot(planner.junction, self._background[name])) if name in self._background else planner
            for name, planner in planners.items()
        }
        # What is loaded by now lasts to the end. To look through all of it for garbage once more takes longer than a decision may.
        gc.collect()
        gc.freeze()

    def make_engine(self, junction: Intersection) -> Engine:
        """Return an engine for a junction."""
        return ENGINES[self.engine](junction, self.parameters, self.beam_width, self.node_limit)

    def estimated(self) -> dict[str, ExpectedTraffic]:
        """Return what each junction's estimator said last, by junction; for those who judge the estimators."""
        return {name: planner.estimated for name, planner in self._planners.items() if planner.estimated is not None}

    def decide(self, observation: Observation) -> dict[str, Decision]:
        """Return the decisions of all junctions that change now."""
        decisions = {}
        time_s = observation.time_s
        for name, seen in observation.junctions.items():
            decision = self._planners[name].decide(time_s, seen)
            if decision is not None:
                decisions[name] = decision
        return decisions

    def _neighbours(self, junctions: Mapping[str, Intersection]) -> dict[str, NeighbourTraffic]:
        """Return what each junction is sent; nothing where junctions plan for themselves, or know neither each other nor mean flows."""
        if self.neighbours == "none" or not (self._links or any(map(self.parameters.looks_far, junctions.values()))):
            return {}
        rows = {name: row for row, name in enumerate(junctions)}
        departures = no_departures(len(rows))
        found = {}
        for name, junction in junctions.items():
            sight_m = loops_reach_m(junction) if self.information is InformationClass.LOOPS else [ZONE_M] * len(junction.incoming)
            seen = self.information is InformationClass.ZONE
            found[name] = NeighbourTraffic(junction, self._links, departures, rows, sight_m, self.parameters, room_is_seen=seen)
        return found

    def _rehearse(self, junction: Intersection, neighbours: NeighbourTraffic | None) -> None:
        """Let numba load the compiled code before the clock runs: estimate and plan once for a junction, and forget it."""
        status = SignalStatus(stage=0, previous=0, green_start_s=0.0, commanded_s=0.0)
        loops, groups = len(junction.detectors), len(junction.groups)
        none, nothing, outgoing = np.zeros(0, dtype=np.int64), np.zeros(0), len(junction.outgoing)
        seen = JunctionObservation(
            signal=status,
            loops=LoopReadings(np.zeros(loops, dtype=np.int64), np.zeros(loops), np.zeros(loops), np.full(loops, np.nan)),
            vehicles=VehicleViews(
                none,
                none,
                nothing,
                nothing,
                nothing,
                np.zeros(groups, dtype=np.int64),
                np.zeros(outgoing, dtype=np.int64),
                np.zeros(outgoing),
            ),
        )
        ESTIMATORS[self.information](junction).update(0.0, seen, np.full(groups, -1.0))
        first = junction.movements[0].incoming
        movements = [i for i, m in enumerate(junction.movements) if m.incoming == first]
        arrays = room_for_traffic(len(movements), len(junction.incoming), outgoing, groups, len(junction.movements))
        arrays.lane_start[first + 1 :] = len(movements)
        arrays.movement[:] = movements
        arrays.moving[:] = True
        arrays.room_veh[:] = 1.0
        traffic = arrays.first(len(movements))
        long_ago_s = np.full(groups, -1000.0)
        engine = self.make_engine(junction)
        if neighbours is not None:
            traffic = neighbours.expect(1000.0, traffic)
        engine.choose(1000.0, status, long_ago_s, long_ago_s, traffic)
        if neighbours is not None:
            neighbours.record(1000.0, traffic, *engine.departures)
