"""The horizon problem as a constraint model for OR-Tools CP-SAT, in slot form.

A plan has J slots. Slot j holds one stage, is commanded at c_j and green from b_j, and the groups that it closes end their green at times
from c_j to b_j; a slot that is not used repeats the stage of the slot before it at the horizon, so that the last slot always holds the
plan's last stage. Each vehicle is served in one slot, sneaks at the end of one, or is unserved.
Where the least departure times of the model are never dearer than later ones, leaving them to the solver changes no optimum.

The model is written as text, because building it call by call would take longer than solving it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO, WEIGHT_UNIT, HorizonProblem, command_grid_ds, least_green_ds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimizer.horizon.solution import HorizonSolution

_INFINITE = 1 << 40


class OutOfTimeError(Exception):
    """The model could not be written in the time there was."""


class TooLongError(Exception):
    """The model would have had more variables and constraints than it may."""


@dataclass(slots=True)
class ModelText:
    """A CP-SAT model that is being written, with a value hinted for every variable; the negation of literal x is ``-x - 1``.

    Writing ends with an `OutOfTimeError` when ``time.perf_counter()`` passes `until_s`, and with a `TooLongError` when there are more than
    `most_lines` lines.
    """

    until_s: float = math.inf
    most_lines: float = math.inf
    parts: list[str] = field(default_factory=list)
    hints: list[int] = field(default_factory=list)
    objective: dict[int, int] = field(default_factory=dict)
    offset: int = 0

    def variable(self, low: int, high: int, hint: int) -> int:
        """Add an integer variable and return its index."""
        if time.perf_counter() > self.until_s:
            raise OutOfTimeError
        if len(self.parts) > self.most_lines:
            raise TooLongError
        self.parts.append(f"variables{{domain:[{low},{high}]}}")
        self.hints.append(hint)
        return len(self.hints) - 1

    def literal(self, hint: bool) -> int:  # noqa: FBT001 - the value of a truth variable
        """Add a truth variable and return its index."""
        return self.variable(0, 1, int(hint))

    def any_of(self, literals: Iterable[int]) -> None:
        """At least one of the literals is true."""
        self.parts.append(f"constraints{{bool_or{{literals:[{','.join(map(str, literals))}]}}}}")

    def one_of(self, literals: Iterable[int]) -> None:
        """Exactly one of the literals is true."""
        self.parts.append(f"constraints{{exactly_one{{literals:[{','.join(map(str, literals))}]}}}}")

    def bound(self, x: int, domain: str, *when: int) -> None:
        """Keep a variable in a domain (``"low,high,low,high,..."``) where all literals of `when` are true."""
        self.parts.append(
            f"constraints{{enforcement_literal:[{','.join(map(str, when))}] linear{{vars:[{x}] coeffs:[1] domain:[{domain}]}}}}"
        )

    def at_least(self, x: int, value: int, *when: int) -> None:
        """Keep x >= value."""
        self.bound(x, f"{value},{_INFINITE}", *when)

    def at_most(self, x: int, value: int, *when: int) -> None:
        """Keep x <= value."""
        self.bound(x, f"{-_INFINITE},{value}", *when)

    def apart(self, later: int, earlier: int, least: int, *when: int, most: int = _INFINITE) -> None:
        """Keep least <= later - earlier <= most."""
        self.parts.append(
            f"constraints{{enforcement_literal:[{','.join(map(str, when))}]"
            f" linear{{vars:[{later},{earlier}] coeffs:[1,-1] domain:[{least},{most}]}}}}"
        )

    def add_cost(self, x: int, factor: int) -> None:
        """Add factor * x to the objective."""
        if factor:
            self.objective[x] = self.objective.get(x, 0) + factor

    def finish(self, most: int) -> cp_model.CpModel:
        """Return the model with its hint, its objective and the objective's upper limit."""
        columns, factors = list(self.objective), list(self.objective.values())
        lines = [
            *self.parts,
            f"objective{{vars:{columns} coeffs:{factors} offset:{self.offset} domain:[{-_INFINITE},{most - self.offset}]}}",
            f"solution_hint{{vars:{list(range(len(self.hints)))} values:{self.hints}}}",
        ]
        model = cp_model.CpModel()
        model.proto.parse_text_format("\n".join(lines))
        return model


@dataclass(frozen=True, slots=True)
class Slots:
    """The variables of the slots.

    Attributes
    ----------
    stage
        Literal of each stage.
    command, start
        Times.
    used
        Whether the slot is used.
    green
        Literal of each group that has vehicles: whether the slot serves it.
    closing
        Time at which the slot ends the green of each group that has vehicles, where it does; the command where that cannot be later.
    options
        Stages that the slot may hold.
    """

    stage: list[list[int]]
    command: list[int]
    start: list[int]
    used: list[int]
    green: list[dict[int, int]]
    closing: list[dict[int, int]]
    options: list[list[int]]


def build_model(
    problem: HorizonProblem, known: HorizonSolution, slots: int, free: int, until_s: float = math.inf, most_lines: float = math.inf
) -> tuple[cp_model.CpModel, Slots]:
    """Build the model with `slots` slots, hinted by a known solution of no more stages.

    Only the first `free` slots may hold any stage; those behind hold what the known solution has there, at any time.

    Raises
    ------
    OutOfTimeError
        If ``time.perf_counter()`` passes `until_s` before all is written.
    TooLongError
        If more than `most_lines` variables and constraints are needed.
    """
    text = ModelText(until_s, most_lines)
    slot_variables = _define_slots(text, problem, known, slots, free)
    _define_vehicles(text, problem, known, slot_variables)
    return text.finish(known.cost), slot_variables


def _define_slots(text: ModelText, problem: HorizonProblem, known: HorizonSolution, slots: int, free: int) -> Slots:
    signals = problem.signals
    service = signals.service
    horizon = signals.horizon_ds
    stages = range(len(service))
    groups = sorted({int(g) for g in problem.group})
    grid = [int(c) for c in command_grid_ds(signals)]
    commands = ",".join(f"{c},{c}" for c in [*grid, horizon])
    plan = known.plan
    result = Slots([], [], [], [], [], [], [])
    changes = [s.command_ds for s in plan[1:]]
    for j in range(slots):
        hinted = plan[min(j, len(plan) - 1)]
        is_used = j < len(plan)
        options = [problem.stage] if j == 0 else [hinted.stage] if j >= free else list(stages)
        result.options.append(options)
        result.stage.append([text.variable(int(options == [s]), int(s in options), int(s == hinted.stage)) for s in stages])
        if j == 0:
            result.command.append(text.variable(-_INFINITE, horizon, -_INFINITE))
            result.start.append(text.variable(problem.green_start_ds, problem.green_start_ds, problem.green_start_ds))
            result.used.append(text.variable(1, 1, 1))
        else:
            result.command.append(text.variable(0, horizon, changes[j - 1] if is_used else horizon))
            result.start.append(
                text.variable(0, horizon + int(signals.interstage_ds.max(initial=0)), hinted.start_ds if is_used else horizon)
            )
            result.used.append(text.literal(is_used))
        green = {}
        for g in groups:
            serving = [s for s in options if service[s, g] != RED]
            if not serving or len(serving) == len(options):
                green[g] = text.variable(int(bool(serving)), int(bool(serving)), int(bool(serving)))
                continue
            green[g] = text.literal(hinted.stage in serving)
            text.any_of([-green[g] - 1, *(result.stage[j][s] for s in serving)])
            for s in serving:
                text.any_of([-result.stage[j][s] - 1, green[g]])
        result.green.append(green)
        if j > 0:
            if len(options) > 1:
                text.one_of(result.stage[j])
            text.bound(result.command[j], commands)
            _define_change(text, problem, result, j, plan, grid)
        result.closing.append({g: _define_closing(text, problem, result, j, plan, g) for g in groups} if j > 0 else {})
    first = max(0, problem.earliest_change_ds, problem.green_start_ds + signals.startup_ds)
    if slots > 1:
        text.at_least(result.command[1], min(first, horizon))
    _define_first_deadline(text, problem, result, first, grid, slots)
    for j in range(1, slots):
        text.add_cost(result.used[j], signals.change_penalty_ds * WEIGHT_UNIT)
    return result


def _define_first_deadline(text: ModelText, problem: HorizonProblem, slots: Slots, first: int, grid: Sequence[int], count: int) -> None:
    latest = problem.latest_change_ds
    signals = problem.signals
    in_time = any(first <= c <= latest for c in grid) and bool((signals.interstage_ds[problem.stage] >= 0).any())
    if latest < signals.horizon_ds and in_time and count > 1:
        text.at_most(slots.command[1], latest)


def _define_change(text: ModelText, problem: HorizonProblem, slots: Slots, j: int, plan: Sequence, grid: Sequence[int]) -> None:  # type: ignore[type-arg]
    """Tie slot j to the slot before it."""
    signals = problem.signals
    horizon = signals.horizon_ds
    used, command, start = slots.used[j], slots.command[j], slots.start[j]
    before, after = slots.stage[j - 1], slots.stage[j]
    unused = -used - 1
    text.at_least(command, horizon, unused)
    text.at_least(start, horizon, unused)
    text.at_most(start, horizon, unused)
    text.at_most(command, horizon - 1, used)
    text.any_of([unused, slots.used[j - 1]])
    is_hinted = j < len(plan)
    spans = sorted({int(v) for v in signals.interstage_ds.ravel() if v >= 0})
    hinted_span = int(signals.interstage_ds[plan[j - 1].stage, plan[j].stage]) if is_hinted else -1
    span_is = {}
    for span in spans:
        span_is[span] = text.literal(span == hinted_span)
        text.apart(start, command, span, span_is[span], most=span)
    for s in slots.options[j - 1]:
        text.any_of([unused, -before[s] - 1, -after[s] - 1])
        text.any_of([used, -before[s] - 1, after[s]])
        for t in slots.options[j]:
            if s == t:
                continue
            span = int(signals.interstage_ds[s, t])
            if span < 0:
                text.any_of([-before[s] - 1, -after[t] - 1])
            else:
                text.any_of([-before[s] - 1, -after[t] - 1, span_is[span]])
    if j > 1:
        least_green = least_green_ds(signals)
        for s in slots.options[j - 1]:
            text.apart(command, slots.start[j - 1], int(least_green[s]), used, before[s])
        _define_maximum_green(text, problem, slots, j - 1, plan, grid)


def _define_closing(text: ModelText, problem: HorizonProblem, slots: Slots, j: int, plan: Sequence, g: int) -> int:  # type: ignore[type-arg]
    """Return the variable of the time at which slot j, if it closes the group, ends its green."""
    signals = problem.signals
    service, lead = signals.service[:, g], signals.closing_lead_ds[:, :, g]
    changes = [(s, t) for s in slots.options[j - 1] for t in slots.options[j] if signals.interstage_ds[s, t] >= 0]
    closings = [(s, t) for s, t in changes if service[s] != RED and service[t] == RED]
    leads = sorted({int(lead[s, t]) for s, t in closings})
    if not leads or leads == [0]:
        return slots.command[j]
    horizon = signals.horizon_ds
    known = j < len(plan)
    hinted_lead = int(lead[plan[j - 1].stage, plan[j].stage]) if known else 0
    end = text.variable(0, horizon + leads[-1], plan[j].command_ds + hinted_lead if known else horizon)
    for value in leads:
        is_lead = text.literal(known and hinted_lead == value)
        text.apart(end, slots.command[j], value, is_lead, most=value)
        for s, t in closings:
            if lead[s, t] == value:
                text.any_of([-slots.stage[j - 1][s] - 1, -slots.stage[j][t] - 1, is_lead])
    return end


def _define_maximum_green(text: ModelText, problem: HorizonProblem, slots: Slots, j: int, plan: Sequence, grid: Sequence[int]) -> None:  # type: ignore[type-arg]
    """Slot j is left before its maximum green ends, unless that is after the horizon or no change is possible by then."""
    signals = problem.signals
    horizon = signals.horizon_ds
    least_green = least_green_ds(signals)
    for s in slots.options[j]:
        most = int(signals.maximum_green_ds[s])
        if most >= horizon or not (signals.interstage_ds[s] >= 0).any():
            continue
        for r in slots.options[j - 1]:
            span = int(signals.interstage_ds[r, s])
            if span < 0:
                continue
            free = [
                c for c in grid if c + span + most >= horizon or not any(c + span + least_green[s] <= k <= c + span + most for k in grid)
            ]
            here = [slots.stage[j - 1][r], slots.stage[j][s], slots.used[j]]
            is_hinted = j < len(plan) and plan[j].stage == s and plan[j - 1].stage == r
            may_stay = text.literal(not is_hinted or plan[j].command_ds in free)
            text.bound(slots.command[j], ",".join(f"{c},{c}" for c in free) if free else "-2,-2", may_stay, *here)
            text.apart(slots.command[j + 1], slots.start[j], -_INFINITE, -may_stay - 1, *here, most=most)


def _define_vehicles(text: ModelText, problem: HorizonProblem, known: HorizonSolution, slots: Slots) -> None:
    signals = problem.signals
    horizon = signals.horizon_ds
    service = signals.service
    departure: list[int] = []
    unserved: list[int] = []
    yielders: list[tuple[int, dict[int, int]]] = []
    lane_of: list[int] = []
    for lane in range(len(problem.lane_free_ds)):
        earliest = max(0, int(problem.lane_free_ds[lane]))
        headway = int(problem.headway_ds[lane])
        for i in range(int(problem.lane_start[lane]), int(problem.lane_start[lane + 1])):
            lane_of.append(lane)
            g, weight = int(problem.group[i]), int(problem.weight[i])
            earliest = max(earliest, int(problem.release_ds[i]))
            hinted = int(known.departure_ds[i])
            d = text.variable(min(earliest, horizon), horizon, hinted if hinted >= 0 else horizon)
            never = text.literal(hinted < 0)
            text.at_least(d, horizon, never)
            text.at_most(d, horizon - 1, -never - 1)
            if i > problem.lane_start[lane]:
                text.any_of([-unserved[-1] - 1, never])
                text.apart(d, departure[-1], headway, -never - 1)
            served = _define_service(text, problem, known, slots, i, d)
            text.one_of([never, *(y for _, y, _ in served)])
            if (service[:, g] != PROTECTED).any() and signals.yields[g].any():
                yielders.append((i, {j: y for j, y, regular in served if regular}))
            departure.append(d)
            unserved.append(never)
            earliest += headway
            # Cost of delay, of the stop, and of being left.
            arrival = int(problem.arrival_ds[i])
            red_cost, green_cost = (int(v) for v in problem.unserved_cost[i])
            text.offset -= weight * arrival
            text.add_cost(d, weight)
            text.add_cost(never, green_cost - weight * (horizon - arrival))
            left_red = text.literal(hinted < 0 and service[known.plan[-1].stage, g] == RED)
            text.any_of([-never - 1, slots.green[-1][g], left_red])
            text.any_of([-left_red - 1, never])
            text.any_of([-left_red - 1, -slots.green[-1][g] - 1])
            text.add_cost(left_red, red_cost - green_cost)
            if problem.moving[i]:
                stops = text.literal(hinted >= 0 and hinted - arrival > signals.stop_tolerance_ds)
                text.at_most(d, arrival + signals.stop_tolerance_ds, -stops - 1, -never - 1)
                text.add_cost(stops, weight * signals.stop_penalty_ds)
    _define_gaps(text, problem, known, slots, departure, unserved, yielders, lane_of)


def _define_service(
    text: ModelText, problem: HorizonProblem, known: HorizonSolution, slots: Slots, i: int, d: int
) -> list[tuple[int, int, bool]]:
    """Let vehicle i be served in each slot (True) or sneak at its end (False): slots, literals and which of the two."""
    signals = problem.signals
    service = signals.service
    g = int(problem.group[i])
    release = int(problem.release_ds[i])
    plan = known.plan
    hinted_slot, sneaks = _hinted_service(problem, known, i)
    result: list[tuple[int, int, bool]] = []
    for j, options in enumerate(slots.options):
        if all(service[s, g] == RED for s in options):
            continue
        y = text.literal(hinted_slot == j and not sneaks)
        result.append((j, y, True))
        text.any_of([-y - 1, slots.green[j][g]])
        if j == 0:
            text.at_least(d, int(problem.group_green_since_ds[g]) + signals.startup_ds, y)
        else:
            text.any_of([-y - 1, slots.used[j]])
            text.apart(d, slots.start[j], 0, y)
            text.apart(d, slots.start[j], signals.startup_ds, y, -slots.green[j - 1][g] - 1)
        if (service[:, g] == RED_THEN_GO).any():
            for s in options:
                if service[s, g] == RED_THEN_GO:
                    text.at_least(d, release + signals.stop_then_go_ds, y, slots.stage[j][s])
        if j + 1 == len(slots.used):
            continue
        text.apart(slots.start[j + 1], d, 1, y, slots.green[j + 1][g])
        text.apart(slots.closing[j + 1][g], d, 1 - signals.yellow_used_ds, y, -slots.green[j + 1][g] - 1)
        permissive = [slots.stage[j][s] for s in options if service[s, g] == PERMISSIVE]
        if permissive:
            z = text.literal(hinted_slot == j and sneaks)
            result.append((j, z, False))
            text.any_of([-z - 1, *permissive])
            text.any_of([-z - 1, slots.used[j + 1]])
            text.any_of([-z - 1, -slots.green[j + 1][g] - 1])
            text.at_least(slots.closing[j + 1][g], release, z)
            text.apart(d, slots.closing[j + 1][g], signals.yellow_used_ds, z, most=signals.yellow_used_ds)
    if hinted_slot >= len(plan):
        raise AssertionError("the hint serves a vehicle in a slot that it does not have")
    return result


def _hinted_service(problem: HorizonProblem, known: HorizonSolution, i: int) -> tuple[int, bool]:
    """Return the slot in which the known solution serves vehicle i (-1 if in none), and whether it sneaks."""
    d = int(known.departure_ds[i])
    if d < 0:
        return -1, False
    service, g = problem.signals.service, int(problem.group[i])
    signals = problem.signals
    slot = -1
    for j, now in enumerate(known.plan):
        opens = j > 0 and service[known.plan[j - 1].stage, g] == RED
        if (j == 0 or now.start_ds + (signals.startup_ds if opens else 0) <= d) and service[now.stage, g] != RED:
            slot = j
    if slot + 1 == len(known.plan):
        return slot, False
    now, after = known.plan[slot], known.plan[slot + 1]
    end = after.command_ds + int(signals.closing_lead_ds[now.stage, after.stage, g])
    return slot, bool(service[after.stage, g] == RED and d == end + signals.yellow_used_ds)


def _define_gaps(
    text: ModelText,
    problem: HorizonProblem,
    known: HorizonSolution,
    slots: Slots,
    departure: Sequence[int],
    unserved: Sequence[int],
    yielders: Sequence[tuple[int, dict[int, int]]],
    lane_of: Sequence[int],
) -> None:
    """Let every vehicle that gives way find its gaps."""
    signals = problem.signals
    service = signals.service
    minds: dict[tuple[int, int, int], int] = {}
    for i, served in yielders:
        g = int(problem.group[i])
        hinted = int(known.departure_ds[i])
        for v in range(len(lane_of)):
            h = int(problem.group[v])
            closes = int(problem.release_ds[v]) - signals.gap_ds
            if lane_of[v] == lane_of[i] or not signals.yields[g, h] or closes >= signals.horizon_ds - 1:
                continue
            sharing = [s for s in range(len(service)) if service[s, g] in (PERMISSIVE, RED_THEN_GO) and service[s, h] != RED]
            if not sharing:
                continue
            left = int(known.departure_ds[v])
            before = text.literal(0 <= hinted <= closes)
            text.at_most(departure[i], closes, before)
            behind = text.literal(hinted >= 0 and left >= 0 and left + signals.clear_ds <= hinted)
            text.any_of([-behind - 1, -unserved[v] - 1])
            text.apart(departure[i], departure[v], signals.clear_ds, behind)
            for j, y in served.items():
                options = [s for s in sharing if s in slots.options[j]]
                if not options:
                    continue
                if (j, g, h) not in minds:
                    minds[j, g, h] = text.literal(known.plan[min(j, len(known.plan) - 1)].stage in options)
                    for s in options:
                        text.any_of([-slots.stage[j][s] - 1, minds[j, g, h]])
                text.any_of([-y - 1, -minds[j, g, h] - 1, before, behind])
