"""Stage-based timing: which stages there are, in which order, and how long each is green.

Candidates are the maximal sets of compatible groups, whether the junction has them as stages or not. A closed tour visits the chosen ones;
between two that follow each other lies their interstage, in which the groups that both serve stay green. Each group is green once in a
cycle: in one run of stages that follow each other. Solved by OR-Tools CP-SAT with a circuit constraint.

Intergreens that outlast the stages between two others are kept as well: where an answer breaks one, the stages and interstages on that
path are held to last at least as long, and the cycle is solved again.

Sources: K. E. Stoffers, "Scheduling of traffic lights - a new approach", Transportation Research 2 (1968), for stages as maximal sets;
R. B. Allsop, "Estimating the traffic capacity of a signalized road junction", Transportation Research 6 (1972).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ortools.sat.python import cp_model

from optimizer.design.compatibility import compatible_sets
from optimizer.design.group_based import RESERVE_UNITS, define_costs, define_reserve, solve
from optimizer.design.schedule import Frame, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

MOST_STAGES: Final = 16
"""Candidates; where there are more, those that serve most traffic are kept (and the junction's own)."""

LEAST_STAGE_S: Final = 5
"""Least green of a stage (RiLSA: no green below 5 s)."""


class StageBased:
    """Times one junction stage by stage.

    Parameters
    ----------
    frame
        The problem in whole seconds.
    relative_gap
        Gap with which a cycle's answer is good enough.
    """

    def __init__(self, frame: Frame, relative_gap: float = 0.0) -> None:
        self._frame, self._gap = frame, relative_gap
        self._stages = candidate_stages(frame)

    def least_delay(
        self, cycle_s: int, costs: NDArray[np.float64], at_least_s: Sequence[int], below: float, deadline_s: float
    ) -> Schedule | None:
        """See `optimizer.design.schedule.Timing`."""
        model, variables = self._model(cycle_s)
        total = define_costs(model, variables.served, costs, at_least_s)
        if math.isfinite(below):
            model.add(total <= math.ceil(below) - 1)
        model.minimize(total)
        solver, schedule = self._solve(model, variables, cycle_s, deadline_s)
        if solver is None or schedule is None:
            return None
        cost = float(sum(costs[i, s] for i, s in enumerate(schedule.served_s)))
        return replace(schedule, cost=cost, bound=min(cost, math.ceil(solver.best_objective_bound - 1e-6)))

    def greatest_reserve(self, cycle_s: int, reserve_per_s: Sequence[float], above: float, deadline_s: float) -> Schedule | None:
        """See `optimizer.design.schedule.Timing`."""
        model, variables = self._model(cycle_s)
        factor = define_reserve(model, variables.served, reserve_per_s, self._frame.gain_s, above)
        model.maximize(factor)
        solver, schedule = self._solve(model, variables, cycle_s, deadline_s)
        if solver is None or schedule is None:
            return None
        return replace(schedule, cost=solver.objective_value / RESERVE_UNITS, bound=solver.best_objective_bound / RESERVE_UNITS)

    def _solve(
        self, model: cp_model.CpModel, variables: _Variables, cycle_s: int, deadline_s: float
    ) -> tuple[cp_model.CpSolver | None, Schedule | None]:
        while True:
            solver = solve(model, deadline_s, self._gap)
            if solver is None:
                return None, None
            tour = _tour(solver, variables)
            schedule = self._schedule(cycle_s, solver, variables, tour)
            broken = self._broken_paths(schedule, tour)
            if not broken:
                return solver, schedule
            for path, needed_s in broken:
                pairs = list(pairwise(path))
                lasting = sum(variables.lengths[s] for s in path[1:-1]) + sum(self._interstage_s(a, b) for a, b in pairs)
                model.add(lasting >= needed_s).only_enforce_if([variables.arcs[pair] for pair in pairs])

    def _model(self, cycle_s: int) -> tuple[cp_model.CpModel, _Variables]:
        model, stages, frame = cp_model.CpModel(), self._stages, self._frame
        chosen = [model.new_bool_var(f"stage_{s}") for s in range(len(stages))]
        lengths = [model.new_int_var(0, cycle_s, f"length_{s}") for s in range(len(stages))]
        arcs = {(a, b): model.new_bool_var(f"arc_{a}_{b}") for a in range(len(stages)) for b in range(len(stages)) if a != b}
        model.add_circuit([(a, b, arc) for (a, b), arc in arcs.items()] + [(s, s, ~used) for s, used in enumerate(chosen)])
        for used, length in zip(chosen, lengths, strict=True):
            model.add(length >= LEAST_STAGE_S).only_enforce_if(used)
            model.add(length == 0).only_enforce_if(~used)
        model.add(sum(lengths) + sum(self._interstage_s(a, b) * arc for (a, b), arc in arcs.items()) == cycle_s)
        greens: dict[int, cp_model.LinearExprT] = {}
        for g in sorted(frame.timed):
            greens[g] = self._run_s((g,), lengths, arcs)
            model.add(greens[g] >= frame.shortest_s[g])
            model.add(greens[g] <= frame.longest_green_s(g, cycle_s))
            model.add_exactly_one(arc for (a, b), arc in arcs.items() if g not in stages[a] and g in stages[b])
        served = []
        for i, service in enumerate(frame.services):
            green = model.new_int_var(0, cycle_s, f"service_{i}")
            model.add(green == self._run_s(service.groups, lengths, arcs))
            served.append(green)
        for clique, lost_s in frame.cliques:
            model.add(sum(served[i] for i in clique) <= cycle_s - lost_s)
        return model, _Variables(lengths, arcs, served)

    def _run_s(
        self,
        groups: tuple[int, ...],
        lengths: list[cp_model.IntVar],
        arcs: dict[tuple[int, int], cp_model.IntVar],
    ) -> cp_model.LinearExprT:
        """Return the time in which all of some groups are green: their stages and the interstages between them."""
        serving = {s for s, stage in enumerate(self._stages) if set(groups) <= set(stage)}
        return sum(lengths[s] for s in serving) + sum(
            self._interstage_s(a, b) * arc for (a, b), arc in arcs.items() if a in serving and b in serving
        )

    def _interstage_s(self, old: int, new: int) -> int:
        closing = set(self._stages[old]) - set(self._stages[new])
        opening = set(self._stages[new]) - set(self._stages[old])
        groups = self._frame.problem.junction.groups
        spans = [self._frame.intergreen_s[g][h] for g in closing for h in opening]
        spans += [math.ceil(groups[g].red_yellow_s) for g in opening]
        return max(spans, default=0)

    def _schedule(self, cycle_s: int, solver: cp_model.CpSolver, variables: _Variables, tour: list[int]) -> Schedule:
        begins, second = [], 0
        spans = [solver.value(variables.lengths[s]) for s in tour]
        between = [self._interstage_s(s, tour[(i + 1) % len(tour)]) for i, s in enumerate(tour)]
        for span, interstage in zip(spans, between, strict=True):
            begins.append(second)
            second += span + interstage
        starts, lengths = {}, {}
        for g in sorted(self._frame.timed):
            run = self._run(tour, g)
            starts[g] = begins[run[0]]
            lengths[g] = sum(spans[i] for i in run) + sum(between[i] for i in run[:-1])
        served = tuple(solver.value(v) for v in variables.served)
        return Schedule(cycle_s, starts, lengths, served, 0.0, 0.0, tuple(self._stages[s] for s in tour))

    def _run(self, tour: list[int], group: int) -> list[int]:
        """Return the places in the tour at which a group is green, in their order."""
        serving = [group in self._stages[s] for s in tour]
        first = next(i for i, serves in enumerate(serving) if serves and not serving[i - 1])
        return [(first + k) % len(tour) for k in range(sum(serving))]

    def _broken_paths(self, schedule: Schedule, tour: list[int]) -> list[tuple[tuple[int, ...], int]]:
        """Return the paths of stages on which an intergreen is not kept, with the time that they need."""
        broken = []
        for g in sorted(self._frame.timed):
            for h in sorted(self._frame.problem.junction.conflicts[g] & self._frame.timed):
                gap_s = (schedule.starts_s[h] - schedule.starts_s[g]) % schedule.cycle_s - schedule.lengths_s[g]
                needed_s = self._frame.intergreen_s[g][h]
                if gap_s < needed_s:
                    end, start = self._run(tour, g)[-1], self._run(tour, h)[0]
                    steps = (start - end) % len(tour)
                    broken.append((tuple(tour[(end + k) % len(tour)] for k in range(steps + 1)), needed_s))
        return broken


def _tour(solver: cp_model.CpSolver, variables: _Variables) -> list[int]:
    """Return the chosen stages in their order."""
    follower = {a: b for (a, b), arc in variables.arcs.items() if solver.value(arc)}
    tour = [min(follower)]
    while follower[tour[-1]] != tour[0]:
        tour.append(follower[tour[-1]])
    return tour


@dataclass(frozen=True, slots=True)
class _Variables:
    """Green of each stage, which stage follows which, and the green of each service."""

    lengths: list[cp_model.IntVar]
    arcs: dict[tuple[int, int], cp_model.IntVar]
    served: list[cp_model.IntVar]


def candidate_stages(frame: Frame) -> tuple[tuple[int, ...], ...]:
    """Return the stages to choose among, each as its timed groups: maximal sets, the junction's own ones first."""
    problem = frame.problem
    ratio = [0.0] * len(problem.junction.groups)
    for stream in problem.streams:
        for g, share in zip(stream.groups, stream.shares, strict=True):
            ratio[g] = max(ratio[g], share * stream.flow_h / stream.saturation_h)
    generated = sorted(compatible_sets(problem.junction, frame.timed), key=lambda groups: -sum(ratio[g] for g in groups))
    own = {tuple(g for g in sorted(frame.timed) if stage.serves(g)) for stage in problem.junction.stages}
    stages = sorted(groups for groups in own if groups in generated)
    uncovered = set(frame.timed).difference(*stages)
    for groups in generated:
        if groups not in stages and (len(stages) < MOST_STAGES or uncovered & set(groups)):
            stages.append(groups)
            uncovered -= set(groups)
    return tuple(stages)
