"""Group-based timing: start and length of each signal group's green, and the order of conflicting greens, all free.

At a cycle C in whole seconds, with the start θ_g in [0, C), the length φ_g and, for each conflicting pair, the order Ω_gh in {0, 1}:

    θ_h + C Ω_gh >= θ_g + φ_g + I_gh,    θ_g + C (1 - Ω_gh) >= θ_h + φ_h + I_hg,

so that each intergreen is kept round the cycle. For every set of services that all conflict, Σ φ + (least lost time) <= C is implied and
added, which makes the linear relaxation tight. Solved by OR-Tools CP-SAT.

Sources: G. Improta and G. E. Cantarella, "Control system design for an individual signalized junction", Transportation Research B 18
(1984); C. K. Wong and S. C. Wong, "Lane-based optimization of signal timings for isolated junctions", Transportation Research B 37 (2003).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from ortools.sat.python import cp_model

from optimizer.design.costs import lower_envelope
from optimizer.design.schedule import Frame, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESERVE_UNITS: Final = 10**8
"""Whole steps of the capacity factor in which the solver counts."""


class GroupBased:
    """Times one junction group by group.

    Parameters
    ----------
    frame
        The problem in whole seconds.
    relative_gap
        Gap with which a cycle's answer is good enough.

    Attributes
    ----------
    reference
        The group whose green begins the cycle.
    """

    def __init__(self, frame: Frame, relative_gap: float = 0.0) -> None:
        self._frame, self._gap = frame, relative_gap
        conflicts = frame.problem.junction.conflicts
        self.reference = max(sorted(frame.timed), key=lambda g: len(conflicts[g] & frame.timed))

    def least_delay(
        self,
        cycle_s: int,
        costs: NDArray[np.float64],
        at_least_s: Sequence[int],
        below: float,
        deadline_s: float,
        orders: Sequence[tuple[int, int]] = (),
    ) -> Schedule | None:
        """See `optimizer.design.schedule.Timing`; of each pair of `orders` the first group is green before the second."""
        model, variables = self._model(cycle_s, at_least_s)
        for earlier, later in orders:
            model.add(variables.starts[earlier] < variables.starts[later])
        total = define_costs(model, variables.served, costs, at_least_s)
        if math.isfinite(below):
            model.add(total <= math.ceil(below) - 1)
        model.minimize(total)
        solver = solve(model, deadline_s, self._gap)
        if solver is None:
            return None
        served = tuple(solver.value(v) for v in variables.served)
        cost = float(sum(costs[i, s] for i, s in enumerate(served)))
        return self._schedule(cycle_s, solver, variables, cost, min(cost, math.ceil(solver.best_objective_bound - 1e-6)))

    def greatest_reserve(self, cycle_s: int, reserve_per_s: Sequence[float], above: float, deadline_s: float) -> Schedule | None:
        """See `optimizer.design.schedule.Timing`."""
        model, variables = self._model(cycle_s, [0] * len(self._frame.services))
        factor = define_reserve(model, variables.served, reserve_per_s, self._frame.gain_s, above)
        model.maximize(factor)
        solver = solve(model, deadline_s, self._gap)
        if solver is None:
            return None
        return self._schedule(
            cycle_s, solver, variables, solver.objective_value / RESERVE_UNITS, solver.best_objective_bound / RESERVE_UNITS
        )

    def _model(self, cycle_s: int, at_least_s: Sequence[int]) -> tuple[cp_model.CpModel, _Variables]:
        frame, model = self._frame, cp_model.CpModel()
        conflicts = frame.problem.junction.conflicts
        starts = {g: model.new_int_var(0, cycle_s - 1, f"start_{g}") for g in sorted(frame.timed)}
        lengths = {
            g: model.new_int_var_from_domain(cp_model.Domain(frame.shortest_s[g], frame.longest_green_s(g, cycle_s)), f"green_{g}")
            for g in sorted(frame.timed)
        }
        # The cycle may be turned: one group begins it.
        model.add(starts[self.reference] == 0)
        for g in sorted(frame.timed):
            for h in sorted(conflicts[g] & frame.timed):
                if g < h:
                    later = model.new_bool_var(f"order_{g}_{h}")
                    if g == self.reference:
                        model.add(later == 0)
                    elif h == self.reference:
                        model.add(later == 1)
                    model.add(starts[h] + cycle_s * later >= starts[g] + lengths[g] + frame.intergreen_s[g][h])
                    model.add(starts[g] + cycle_s * (1 - later) >= starts[h] + lengths[h] + frame.intergreen_s[h][g])
        served = [self._define_service(model, starts, lengths, cycle_s, i) for i in range(len(frame.services))]
        for clique, lost_s in frame.cliques:
            model.add(sum(served[i] for i in clique) <= cycle_s - lost_s)
        for variable, least_s in zip(served, at_least_s, strict=True):
            model.add(variable >= least_s)
        return model, _Variables(starts, lengths, served)

    def _define_service(
        self, model: cp_model.CpModel, starts: dict[int, cp_model.IntVar], lengths: dict[int, cp_model.IntVar], cycle_s: int, index: int
    ) -> cp_model.IntVar:
        """Return the green of a service: a window that lies in the greens of all its groups."""
        groups = self._frame.services[index].groups
        if len(groups) == 1:
            return lengths[groups[0]]
        begin = model.new_int_var(0, cycle_s - 1, f"service_start_{index}")
        length = model.new_int_var(0, cycle_s, f"service_{index}")
        for g in groups:
            wrapped = model.new_bool_var(f"service_wraps_{index}_{g}")
            model.add(begin >= starts[g] - cycle_s * wrapped)
            model.add(begin + length <= starts[g] + lengths[g] - cycle_s * wrapped)
        return length

    def _schedule(self, cycle_s: int, solver: cp_model.CpSolver, variables: _Variables, cost: float, bound: float) -> Schedule:
        return Schedule(
            cycle_s=cycle_s,
            starts_s={g: solver.value(v) for g, v in variables.starts.items()},
            lengths_s={g: solver.value(v) for g, v in variables.lengths.items()},
            served_s=tuple(solver.value(v) for v in variables.served),
            cost=cost,
            bound=bound,
        )


@dataclass(frozen=True, slots=True)
class _Variables:
    """Start and length of each timed group's green, and the green of each service."""

    starts: dict[int, cp_model.IntVar]
    lengths: dict[int, cp_model.IntVar]
    served: list[cp_model.IntVar]


def define_costs(
    model: cp_model.CpModel, served: Sequence[cp_model.LinearExprT], costs: NDArray[np.float64], at_least_s: Sequence[int]
) -> cp_model.LinearExprT:
    """Add the convex pieces below the costs of each service and return their sum, in whole units.

    Parameters
    ----------
    model
        Where to add them.
    served
        Green of each service, s.
    costs
        Cost of each service for each length of green, shape ``(services, cycle + 1)``.
    at_least_s
        Least green of each service.
    """
    terms = []
    for i, row in enumerate(costs):
        first = max(int(np.flatnonzero(np.isfinite(row))[0]), at_least_s[i])
        model.add(served[i] >= first)
        whole = np.where(np.isfinite(row), row, 0).astype(np.int64)
        cost = model.new_int_var(0, int(whole[first]), f"cost_{i}")
        for run, rise, base in lower_envelope(whole, first):
            model.add(run * cost >= rise * served[i] + base)
        terms.append(cost)
    return sum(terms)


def define_reserve(
    model: cp_model.CpModel, served: Sequence[cp_model.LinearExprT], reserve_per_s: Sequence[float], gain_s: float, above: float
) -> cp_model.IntVar:
    """Add the factor on all flows that every service still carries and return it, in `RESERVE_UNITS`.

    Parameters
    ----------
    model
        Where to add it.
    served
        Green of each service, s.
    reserve_per_s
        Factor that each second of effective green of a service carries; infinite where it carries no vehicles.
    gain_s
        Effective green less shown green.
    above
        Factor that it must exceed.
    """
    most = int(max(a for a in reserve_per_s if math.isfinite(a)) * 10_000 * RESERVE_UNITS)
    factor = model.new_int_var(math.floor(above * RESERVE_UNITS) + 1, most, "factor")
    for green, per_s in zip(served, reserve_per_s, strict=True):
        if math.isfinite(per_s):
            model.add(factor <= math.floor(per_s * RESERVE_UNITS) * green + math.floor(per_s * gain_s * RESERVE_UNITS))
    return factor


def solve(model: cp_model.CpModel, deadline_s: float, relative_gap: float) -> cp_model.CpSolver | None:
    """Solve a model on one core with a fixed seed; None where there is no solution (within the time)."""
    left_s = deadline_s - time.perf_counter()
    if left_s <= 0:
        return None
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.relative_gap_limit = relative_gap
    solver.parameters.linearization_level = 2  # the orders' constraints in the relaxation, too: seconds instead of minutes for long cycles
    solver.parameters.max_time_in_seconds = left_s
    status = solver.solve(model)
    return solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None
