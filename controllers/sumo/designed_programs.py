"""The programs of designed signals: the fixed-time plan, and its stages one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controllers.plan_pilot import plan_runs
from controllers.sumo.plan_programs import plan_program
from controllers.sumo.stage_programs import stage_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controllers.designed_signals import DesignedSignals
    from controllers.sumo.programs import ShippedProgram
    from optimizer.intersection import Intersection

PROGRAM_ID: Final = "ampelwerk_design"


def designed_plan_programs(signals: DesignedSignals, junctions: Mapping[str, Intersection]) -> list[ShippedProgram]:
    """Return the fixed-time plans as programs: each group by itself, as it was designed."""
    return [plan_program(plan.plan_with_requests(junctions[name]), junctions[name], PROGRAM_ID) for name, plan in signals.plans.items()]


def designed_stage_programs(signals: DesignedSignals, junctions: Mapping[str, Intersection]) -> dict[str, ShippedProgram]:
    """Return the stages that the plans come closest to, in their order, as programs: for whoever extends or ends the greens of stages."""
    found = {}
    for name, plan in signals.plans.items():
        junction = junctions[name]
        runs, _ = plan_runs(plan.plan_with_requests(junction), junction)
        found[name] = stage_program(junction, [run.stage for run in runs], [run.length_s for run in runs], PROGRAM_ID)
    return found
