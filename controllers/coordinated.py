"""Coordinated control: a fixed-time plan whose side greens end early when nobody comes any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.designed_plans import read_designed_plans
from controllers.plan_pilot import PlanPilot, equal_runs, plan_runs
from controllers.registry import ControllerError
from controllers.request_calls import RequestCalls
from controllers.request_stages import request_service
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controllers.designed_plans import DesignedPlan
    from controllers.request_stages import RequestService
    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.observation import Observation


class Coordinated:
    """Runs a plan; each stage but the longest (the coordinated one) ends as soon as its own lanes have had a gap.

    The plan's yellows and intergreens take the place of the network's. A stage never ends later than planned, and the coordinated stage
    never earlier: what the others leave over, it gets at its start. So platoons meet their green wave, while a side road without traffic
    takes no time. Trams on request are the exception: where the plan has them, the stages are the network's without these trams, and one
    with a tram is inserted between two others when it has reported, early enough for the second one to end as planned.

    Parameters
    ----------
    plan
        A ``design.json`` of ``ampelwerk design``; the plans of the designed signals (``--signals``) where None. Junctions without a plan
        show each stage for `stage_s`.
    gap_s
        Time without a vehicle on any loop of a stage's own lanes after which it ends.
    stage_s
        Green of each stage where there is no plan.

    Raises
    ------
    ValueError
        If a time is not positive or the plan cannot be read.
    """

    name = "coordinated"
    information = InformationClass.LOOPS

    def __init__(self, plan: str | None = None, gap_s: float = 3.0, stage_s: float = 15.0) -> None:
        if not gap_s > 0 or not stage_s > 0:
            raise ValueError(f"coordinated: gap_s={gap_s} and stage_s={stage_s} must both be positive.")
        self.gap_s, self.stage_s = gap_s, stage_s
        self._planned = {} if plan is None else read_designed_plans(plan)
        self._pilots: dict[str, PlanPilot] = {}
        self._services: dict[str, RequestService] = {}

    def retimed(self, junctions: Mapping[str, Intersection]) -> dict[str, Intersection]:
        """Return the junctions with the yellows and intergreens of the plan, and with stages for its requests; others as they are.

        Raises
        ------
        ControllerError
            If the plan was made for other junctions.
        """
        try:
            timed = {name: self._planned[name].timed(junction) for name, junction in junctions.items() if name in self._planned}
            found = {
                name: request_service(self._planned[name].plan(junction), junction, self._planned[name].requests_in(junction))
                for name, junction in timed.items()
            }
        except ValueError as error:
            raise ControllerError(f"Controller 'coordinated': {error}") from error
        self._services = {name: service for name, service in found.items() if service is not None}
        return {**junctions, **timed, **{name: service.junction for name, service in self._services.items()}}

    def follow(self, plans: Mapping[str, DesignedPlan]) -> None:
        """Take in the plans of the designed signals; they hold where none was named."""
        self._planned = self._planned or dict(plans)

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Take over the junctions (by id) before the first decision.

        Raises
        ------
        ControllerError
            If the plan was made for other junctions.
        """
        try:
            plans = {
                name: self._planned[name].plan_with_requests(junction) for name, junction in junctions.items() if name in self._planned
            }
        except ValueError as error:
            raise ControllerError(f"Controller 'coordinated': {error}") from error
        self._pilots = {}
        for name, junction in junctions.items():
            plan, service = plans.get(name), self._services.get(name)
            if plan is not None and service is not None:
                calls = RequestCalls(junction, {g for insertion in service.insertions for g in insertion.groups})
                self._pilots[name] = PlanPilot(
                    junction, service.runs, service.cycle_s, plan.offset_s, self.gap_s, service.insertions, calls
                )
                continue
            runs, cycle_s, offset_s = equal_runs(junction, self.stage_s) if plan is None else (*plan_runs(plan, junction), plan.offset_s)
            self._pilots[name] = PlanPilot(junction, runs, cycle_s, offset_s, self.gap_s)

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction whose stage is to change."""
        decisions = {}
        for name, seen in observation.junctions.items():
            decision = self._pilots[name].decide(observation.time_s, seen.signal, seen.loops)
            if decision is not None:
                decisions[name] = decision
        return decisions
