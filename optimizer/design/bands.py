# ruff: noqa: ANN401 - MathOpt ships no types for its variables and expressions
"""Green waves as mixed-integer linear programs: MAXBAND (one band each way) and MULTIBAND (a band on each link).

With times in cycles and z = 1/C, for each signal i with the reds r_i, r̄_i and each link i to the next signal:

    1/C_max <= z <= 1/C_min,    d_i z / v_max <= t_i <= d_i z / v_min,    |(d_i / d_i+1) t_i+1 - t_i| <= d_i z Δ_i, the same inbound;
    (w_i + w̄_i) - (w_i+1 + w̄_i+1) + (t_i + t̄_i) + s_i - s_i+1 - m_i = (r_i+1 + r̄_i+1 - r_i - r̄_i) / 2 + τ̄_i + τ_i+1,  m_i integer;
    s_i = δ_i L_i - δ̄_i L̄_i - (L_i - L̄_i) / 2 with binary δ_i, δ̄_i where the order of the left turns is free, else given;
    (1 - k) b̄ >= (1 - k) k b, and b̄ = b for k = 1.

s_i is the shift between the centres of the two reds; with r̄ - r = L - L̄ the second line is Little's equation with r_i+1 - r_i on its
right. MAXBAND maximises b + k b̄ with w_i + b <= 1 - r_i, w being the time from the end of red to the band. MULTIBAND lets w be
the band's centre line, b_i/2 <= w <= 1 - r - b_i/2 at both ends of the link, and maximises the weighted sum of all b_i + k b̄_i.

The offset of a signal follows from the band: o_i+1 = o_i + r_i/2 + w_i + t_i - r_i+1/2 - w_i+1 - τ_i+1 (centres of the outbound reds).

Solved by OR-Tools' MathOpt with SCIP, on one thread. For the sources see `optimizer.design.wave`.
"""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import Any, Final

from ortools.math_opt.python import mathopt

from optimizer.design.errors import DesignError
from optimizer.design.wave import LeftPattern, Wave, WaveInstance, WaveSignal
from optimizer.horizon.solution import SolutionStatus

TINY: Final = 1e-9


def widest_band(instance: WaveInstance, *, relative_gap: float = 1e-6, time_limit_s: float = 300.0) -> Wave:
    """Return the wave with the widest band through the whole corridor (MAXBAND).

    Parameters
    ----------
    instance
        The corridor.
    relative_gap
        Gap with which the answer is good enough.
    time_limit_s
        The best wave so far is returned when it is over.

    Raises
    ------
    DesignError
        If the corridor allows no wave at all: a red as long as the cycle, or speeds and their changes that contradict each other.
    """
    began = time.perf_counter()
    program = _Program(instance)
    band_out, band_in = program.variable(0, 1), program.variable(0, 1)
    program.hold_ratio(band_out, band_in)
    for i, signal in enumerate(instance.signals):
        program.add(program.wait_out[i] + band_out <= 1 - signal.red_out)
        program.add(program.wait_in[i] + band_in <= 1 - signal.red_in)
    links = len(instance.links)
    return program.solve(band_out + instance.k * band_in, ([band_out] * links, [band_in] * links), (relative_gap, time_limit_s), began)


def widest_bands(instance: WaveInstance, *, equal: bool = False, relative_gap: float = 1e-6, time_limit_s: float = 300.0) -> Wave:
    """Return the wave with the greatest weighted sum of bands, one for each link and direction (MULTIBAND).

    Parameters
    ----------
    instance
        The corridor with the weights of its links.
    equal
        Force all bands of a direction to be equal, which is MAXBAND.
    relative_gap, time_limit_s
        See `widest_band`.

    Raises
    ------
    DesignError
        See `widest_band`.
    """
    began = time.perf_counter()
    program = _Program(instance)
    bands_out = [program.variable(0, 1) for _ in instance.links]
    bands_in = [program.variable(0, 1) for _ in instance.links]
    value: Any = 0
    for i, link in enumerate(instance.links):
        program.hold_ratio(bands_out[i], bands_in[i])
        for j in (i, i + 1):
            program.center(program.wait_out[j], bands_out[i], instance.signals[j].red_out)
            program.center(program.wait_in[j], bands_in[i], instance.signals[j].red_in)
        value += (link.weight_out * bands_out[i] + instance.k * link.weight_in * bands_in[i]) / len(instance.links)
        if equal and i:
            program.add(bands_out[i] == bands_out[0])
            program.add(bands_in[i] == bands_in[0])
    return program.solve(value, (bands_out, bands_in), (relative_gap, time_limit_s), began)


class _Program:
    """What both programs share: cycle, travel times, the loop of each link, left turns."""

    def __init__(self, instance: WaveInstance) -> None:
        self._instance = instance
        self._model = mathopt.Model()
        shortest_s, longest_s = instance.cycle_s
        self._pace = self.variable(1 / longest_s, 1 / shortest_s)
        self.wait_out = [self.variable(0, max(0.0, 1 - signal.red_out)) for signal in instance.signals]
        self.wait_in = [self.variable(0, max(0.0, 1 - signal.red_in)) for signal in instance.signals]
        self._travel_out = [self._travel(link.distance_out_m, link.speed_m_s) for link in instance.links]
        self._travel_in = [self._travel(link.distance_in_m, link.speed_m_s) for link in instance.links]
        self._limit_slowness_changes()
        self._shifts = [self._shift(signal) for signal in instance.signals]
        for i in range(len(instance.links)):
            self._close_loop(i)

    def variable(self, least: float, most: float) -> Any:
        return self._model.add_variable(lb=least, ub=most)

    def add(self, constraint: Any) -> None:
        self._model.add_linear_constraint(constraint)

    def hold_ratio(self, band_out: Any, band_in: Any) -> None:
        k = self._instance.k
        if k == 1:
            self.add(band_in == band_out)
        elif k > 0:
            self.add((1 - k) * band_in >= (1 - k) * k * band_out)

    def center(self, wait: Any, band: Any, red: float) -> None:
        self.add(wait >= 0.5 * band)
        self.add(wait + 0.5 * band <= 1 - red)

    def _travel(self, distance_m: float, speed_m_s: tuple[float, float]) -> Any:
        shortest_s, longest_s = self._instance.cycle_s
        slowest, fastest = speed_m_s
        travel = self.variable(distance_m / fastest / longest_s, distance_m / slowest / shortest_s)
        self.add(travel >= distance_m / fastest * self._pace)
        self.add(travel <= distance_m / slowest * self._pace)
        return travel

    def _limit_slowness_changes(self) -> None:
        links = self._instance.links
        for i in range(len(links) - 1):
            change = links[i].slowness_change_max_s_m
            if not math.isfinite(change):
                continue
            for travel, d, following in (
                (self._travel_out, links[i].distance_out_m, links[i + 1].distance_out_m),
                (self._travel_in, links[i].distance_in_m, links[i + 1].distance_in_m),
            ):
                difference = d / following * travel[i + 1] - travel[i]
                self.add(difference <= d * change * self._pace)
                self.add(difference >= -d * change * self._pace)

    def _shift(self, signal: WaveSignal) -> Any:
        """Return the time from the centre of the inbound red to that of the outbound one."""
        if signal.left_pattern is LeftPattern.FIXED:
            return -signal.red_shift
        lag_out, lag_in = self._model.add_binary_variable(), self._model.add_binary_variable()
        return signal.left_out * lag_out - signal.left_in * lag_in - (signal.left_out - signal.left_in) / 2

    def _close_loop(self, i: int) -> None:
        here, there = self._instance.signals[i], self._instance.signals[i + 1]
        link, (shortest_s, longest_s) = self._instance.links[i], self._instance.cycle_s
        constant = (there.red_out + there.red_in - here.red_out - here.red_in) / 2 + here.clearance_in + there.clearance_out
        # What the loop can be at all keeps the solver from looking further.
        way_m, shifted = link.distance_out_m + link.distance_in_m, _greatest_shift(here) + _greatest_shift(there)
        least = way_m / link.speed_m_s[1] / longest_s - (2 - there.red_out - there.red_in) - shifted - constant
        most = way_m / link.speed_m_s[0] / shortest_s + (2 - here.red_out - here.red_in) + shifted - constant
        loops = self._model.add_integer_variable(lb=math.ceil(least - TINY), ub=math.floor(most + TINY))
        turning = (self.wait_out[i] + self.wait_in[i]) - (self.wait_out[i + 1] + self.wait_in[i + 1])
        travel = self._travel_out[i] + self._travel_in[i] + self._shifts[i] - self._shifts[i + 1]
        self.add(turning + travel - loops == constant)

    def solve(self, value: Any, bands: tuple[list[Any], list[Any]], limits: tuple[float, float], began: float) -> Wave:
        self._model.maximize(value)
        gap, time_limit_s = limits
        parameters = mathopt.SolveParameters(
            time_limit=timedelta(seconds=max(0.1, time_limit_s - (time.perf_counter() - began))),
            relative_gap_tolerance=gap,
            absolute_gap_tolerance=TINY,
            threads=1,
            random_seed=0,
        )
        result = mathopt.solve(self._model, mathopt.SolverType.GSCIP, params=parameters)
        if not result.has_primal_feasible_solution():
            raise DesignError(
                "the corridor allows no wave: a red fills its cycle, or speeds and slowness_change_max_s_m contradict each other; "
                "shorten the reds or widen the speeds."
            )
        best, bound = result.objective_value(), result.best_objective_bound()
        return self._wave(result.variable_values(), bands, (best, bound, gap), began)

    def _wave(self, values: Any, bands: tuple[list[Any], list[Any]], proof: tuple[float, float, float], began: float) -> Wave:
        signals, cycle_s = self._instance.signals, 1 / values[self._pace]
        best, bound, wanted = proof
        gap = max(0.0, bound - best) / max(abs(best), TINY)
        waits, travel = [values[w] for w in self.wait_out], [values[t] for t in self._travel_out]
        offsets = [0.0]
        for i in range(len(self._instance.links)):
            here, there = signals[i], signals[i + 1]
            step = (here.red_out - there.red_out) / 2 + waits[i] - waits[i + 1] + travel[i] - there.clearance_out
            offsets.append((offsets[-1] + step) % 1.0)
        return Wave(
            cycle_s=cycle_s,
            bands_out=tuple(max(0.0, values[b]) for b in bands[0]),
            bands_in=tuple(max(0.0, values[b]) for b in bands[1]),
            offsets=tuple(round(offset, 9) % 1.0 for offset in offsets),
            red_shifts=tuple(round(-mathopt.evaluate_expression(shift, values), 9) + 0.0 for shift in self._shifts),
            travel_out=tuple(travel),
            travel_in=tuple(values[t] for t in self._travel_in),
            status=SolutionStatus.OPTIMAL if gap <= max(wanted, TINY) + TINY else SolutionStatus.FEASIBLE,
            gap=gap,
            solve_s=time.perf_counter() - began,
        )


def _greatest_shift(signal: WaveSignal) -> float:
    """Return the greatest shift that the centres of the two reds can have."""
    return abs(signal.red_shift) if signal.left_pattern is LeftPattern.FIXED else (signal.left_out + signal.left_in) / 2
