"""What runs now against what was designed, both in the model of the design: whether the one deserves to replace the other."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from controllers.sumo.plan_programs import program_plan
from controllers.sumo.programs import NetworkError
from optimizer.design.coordination import CoordinatedJunction, achieved
from optimizer.design.errors import DesignError
from optimizer.design.performance import capacity_factor, performance, weighted_delay_veh
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.design.planning import ScenarioPlan
    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem

TOLERANCE = 0.005
"""A design that is worse by less than this share is as good as what runs now: greens are whole seconds."""


@dataclass(frozen=True, slots=True)
class Merits:
    """What the model of the design says of a plan.

    Attributes
    ----------
    cycle_s
        Its cycle.
    delayed_veh
        Mean number of vehicles (and persons, by their weights) that are delayed, arrivals being even.
    capacity_factor
        Factor on all flows that it carries.
    """

    cycle_s: float
    delayed_veh: float
    capacity_factor: float


@dataclass(frozen=True, slots=True)
class AgainstNow:
    """The merits of all junctions, now and designed.

    Attributes
    ----------
    now
        By junction; None where no fixed cycle runs that one could compare with.
    designed
        By junction.
    gain_now_veh, gain_veh
        What the offsets add to the delayed vehicles of the junctions that can be compared (negative: they save it).
    by_capacity
        Whether the design strives for capacity rather than for little delay.
    """

    now: Mapping[str, Merits | None]
    designed: Mapping[str, Merits]
    gain_now_veh: float
    gain_veh: float
    by_capacity: bool

    @property
    def totals(self) -> tuple[Merits, Merits] | None:
        """Delay and capacity of all junctions that can be compared, now and designed; None where there are none."""
        pairs = [(before, self.designed[name]) for name, before in self.now.items() if before is not None]
        if not pairs:
            return None
        gains = self.gain_now_veh, self.gain_veh
        now, then = (
            Merits(math.nan, sum(m.delayed_veh for m in side) + gain, min(m.capacity_factor for m in side))
            for side, gain in zip(zip(*pairs, strict=True), gains, strict=True)
        )
        return now, then

    @property
    def is_worse(self) -> bool:
        """Whether the design is worse than what runs now, in what it strives for."""
        totals = self.totals
        if totals is None:
            return False
        now, then = totals
        if self.by_capacity:
            return bool(then.capacity_factor < (1 - TOLERANCE) * now.capacity_factor)
        return bool(then.delayed_veh > (1 + TOLERANCE) * now.delayed_veh)

    def sentence(self) -> str:
        """Say in one sentence what the design is worth; empty where nothing can be compared."""
        totals = self.totals
        if totals is None:
            return ""
        now, then = totals
        if self.by_capacity:
            figures = f"it carries {then.capacity_factor:.2f} times the demand, what runs now {now.capacity_factor:.2f} times"
        else:
            figures = f"{then.delayed_veh:.1f} vehicles are delayed on the average, {now.delayed_veh:.1f} by what runs now"
        if self.is_worse:
            return f"This is no design: by its own model it is worse than what runs now ({figures}); keep what runs now."
        return f"By the model of the design {figures}."


def against_now(designed: ScenarioPlan) -> AgainstNow:
    """Compare the programs that run now, read back as plans, with the designed ones."""
    plans = {name: _plan_now(designed, name) for name in designed.results}
    now = {name: None if plan is None else _merits(plan, designed.results[name].problem) for name, plan in plans.items()}
    then = {
        name: Merits(result.plan.cycle_s, weighted_delay_veh(result.performance), capacity_factor(result.performance))
        for name, result in designed.results.items()
    }
    gain_now_veh = gain_veh = 0.0
    for coordination in designed.coordination:
        names = [name for name in coordination.offset_s if name in plans]
        known = {name: plan for name in names if (plan := plans[name]) is not None}
        if len(known) < len(names):
            continue
        gain_veh += coordination.delay_veh - coordination.uncoordinated_veh
        if len({plan.cycle_s for plan in known.values()}) == 1:  # with different cycles platoons meet green and red alike
            members = {
                name: CoordinatedJunction(designed.results[name].problem, plan, designed.demands[name]) for name, plan in known.items()
            }
            found = achieved(members, designed.links)
            gain_now_veh += found.delay_veh - found.uncoordinated_veh
    by_capacity = any(result.objective is Objective.RESERVE for result in designed.results.values())
    return AgainstNow(now, then, gain_now_veh, gain_veh, by_capacity)


def _plan_now(designed: ScenarioPlan, name: str) -> SignalPlan | None:
    try:
        return program_plan(designed.site.reading.shipped[name], designed.results[name].problem.junction)
    except (NetworkError, DesignError):
        return None  # no fixed cycle to compare


def _merits(plan: SignalPlan, problem: DesignProblem) -> Merits:
    rows = performance(plan, problem)
    return Merits(plan.cycle_s, weighted_delay_veh(rows), capacity_factor(rows))


def comparison_csv(found: AgainstNow) -> str:
    """Return one line per junction: the program that runs now against the designed one."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["junction", *(f"{name}_{when}" for when in ("now", "designed") for name in ("cycle_s", "delayed_veh", "capacity_factor"))]
    )
    for name, then in found.designed.items():
        writer.writerow([name, *_cells(found.now[name], ""), *_cells(then, "")])
    return stream.getvalue()


def comparison_table(found: AgainstNow) -> Table:
    """Return the same as a table for the terminal, with the totals."""
    table = Table(title="Now against designed, by the model of the design", title_justify="left")
    for head in ("junction", "cycle, s", "delayed, veh", "carries, times", "cycle, s", "delayed, veh", "carries, times"):
        table.add_column(head, justify="left" if head == "junction" else "right")
    table.add_row("", "now", "now", "now", "designed", "designed", "designed")
    for name, then in found.designed.items():
        table.add_row(name, *_cells(found.now[name], "-"), *_cells(then, "-"))
    if found.gain_now_veh or found.gain_veh:
        table.add_row("offsets", "", f"{found.gain_now_veh:+.2f}", "", "", f"{found.gain_veh:+.2f}", "")
    return table


def _cells(merits: Merits | None, missing: str) -> list[str]:
    if merits is None:
        return [missing] * 3
    return [f"{merits.cycle_s:g}", f"{merits.delayed_veh:.2f}", f"{merits.capacity_factor:.2f}"]
