"""The rolling horizon before a designed plan: held to it while it works, and replaced by it where it fails."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from controllers.plan_pilot import PlanPilot, plan_runs
from controllers.registry import ControllerError
from optimizer.background import BackgroundGuard, BackgroundPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controllers.designed_plans import DesignedPlan
    from optimizer.decision import Decision
    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation
    from optimizer.planner import JunctionPlanner

_log = logging.getLogger(__name__)


class BackedPlanner:
    """A planner, and from its first failure on the plan in its place.

    Parameters
    ----------
    planner
        The planner of one junction.
    pilot
        Follows the junction's plan.
    """

    def __init__(self, planner: JunctionPlanner, pilot: PlanPilot) -> None:
        self._planner, self._pilot = planner, pilot
        self._failed = False

    @property
    def estimated(self) -> ExpectedTraffic | None:
        """What the planner's estimator said last."""
        return self._planner.estimated

    def decide(self, time_s: float, observation: JunctionObservation) -> Decision | None:
        """Return the planner's decision, or that of the plan."""
        if not self._failed:
            try:
                return self._planner.decide(time_s, observation)
            except Exception:  # noqa: BLE001 - whatever it is, the signals go on by the plan
                _log.exception("%s: planning failed at %g s; from here on it runs its background plan", self._planner.junction.id, time_s)
                self._failed = True
        return self._pilot.decide(time_s, observation.signal, None)


def planned_timings(junctions: Mapping[str, Intersection], planned: Mapping[str, DesignedPlan]) -> dict[str, Intersection]:
    """Return the junctions that have a plan with its yellows and intergreens: with others its greens would not fit into its cycle.

    Raises
    ------
    ControllerError
        If a plan was made for another junction.
    """
    try:
        return {name: planned[name].timed(junction) for name, junction in junctions.items() if name in planned}
    except ValueError as error:
        raise ControllerError(f"The background plan does not fit: {error}") from error


def background_guards(
    junctions: Mapping[str, Intersection], planned: Mapping[str, DesignedPlan], tolerance_s: float
) -> dict[str, BackgroundGuard]:
    """Return a guard for each junction whose plan has coordinated greens to keep to; none where the tolerance is half a cycle or more.

    Raises
    ------
    ControllerError
        If a plan was made for another junction.
    """
    found = {}
    binding = {name: plan for name, plan in planned.items() if 2 * tolerance_s < plan.cycle_s}
    try:
        for name, junction in junctions.items():
            groups = binding[name].coordinated_in(junction) if name in binding else ()
            if groups:
                guard = BackgroundGuard(junction, BackgroundPlan(binding[name].plan_with_requests(junction), groups, tolerance_s))
                if guard.binds:
                    found[name] = guard
    except ValueError as error:
        raise ControllerError(f"The background plan does not fit: {error}") from error
    if binding and not found:
        _log.warning("No junction is bound to greens of the background plan: it only brings its yellows and intergreens.")
    return found


def plan_pilot(junction: Intersection, planned: DesignedPlan) -> PlanPilot:
    """Return who follows a junction's plan to the letter.

    Raises
    ------
    ControllerError
        If the plan was made for another junction.
    """
    try:
        plan = planned.plan_with_requests(junction)
    except ValueError as error:
        raise ControllerError(f"The background plan does not fit: {error}") from error
    return PlanPilot(junction, *plan_runs(plan, junction), plan.offset_s)
