"""Delay, capacity and queue at a fixed-time signal: the closed forms that engineers work with.

Sources: F. V. Webster, "Traffic signal settings", Road Research Technical Paper 39 (1958); Transportation Research Board, "Highway Capacity
Manual" 2010 and 2016 (6th edition), chapter 19, and 2000, chapter 16 with appendix G (queues).
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from optimizer.design.errors import DesignError

NO_RED = 1e-12
"""Keeps a green of the whole cycle from dividing nothing by nothing."""

FIXED_TIME_K = 0.5
"""HCM's incremental delay factor of fixed-time signals."""

Values = TypeVar("Values", float, NDArray[np.float64])
"""One value, or as many as an array holds."""

ISOLATED_I = 1.0
"""HCM's filtering factor of a junction with random arrivals."""


def webster_cycle_s(lost_s: float, flow_ratio: float) -> float:
    """Return the cycle of about least delay, C0 = (1.5 L + 5) / (1 - Y).

    Parameters
    ----------
    lost_s
        Time lost in each cycle (L), s.
    flow_ratio
        Sum of the critical flow ratios (Y).

    Raises
    ------
    DesignError
        If the flow ratio is 1 or more: no cycle is long enough.

    References
    ----------
    Webster (1958), section on the optimum cycle.
    """
    if flow_ratio >= 1:
        raise DesignError(
            f"the critical flows take {flow_ratio:.2f} of the time; Webster's cycle needs less than 1: lower the demand or add lanes."
        )
    return (1.5 * lost_s + 5) / (1 - flow_ratio)


def webster_delay_s(cycle_s: float, green_s: float, flow_h: float, saturation_h: float) -> float:
    """Return the mean delay per vehicle by Webster's three terms, s.

    d = C (1-λ)² / (2 (1-λx)) + x² / (2 q (1-x)) - 0.65 (C/q²)^(1/3) x^(2+5λ).

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green.
    flow_h, saturation_h
        Flow and saturation flow, vehicles per hour.

    Raises
    ------
    DesignError
        If the flow reaches the capacity, where the formula has a pole.

    References
    ----------
    Webster (1958), section on delays.
    """
    share, flow = green_s / cycle_s, flow_h / 3600
    x = degree_of_saturation(flow_h, capacity_h(cycle_s, green_s, saturation_h))
    if x >= 1:
        raise DesignError(f"Webster's delay holds below capacity only, but the degree of saturation is {x:.2f}; use the HCM's formula.")
    correction: float = 0.65 * (cycle_s / flow**2) ** (1 / 3) * x ** (2 + 5 * share) if flow > 0 else 0.0
    return webster_two_term_delay_s(cycle_s, green_s, flow_h, saturation_h) - correction


def webster_two_term_delay_s(cycle_s: float, green_s: float, flow_h: float, saturation_h: float) -> float:
    """Return Webster's uniform and random delay without the empirical third term, s; infinite at capacity.

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green.
    flow_h, saturation_h
        Flow and saturation flow, vehicles per hour.
    """
    share = green_s / cycle_s
    x = degree_of_saturation(flow_h, capacity_h(cycle_s, green_s, saturation_h))
    if x >= 1:
        return math.inf
    random_s = x**2 / (2 * flow_h / 3600 * (1 - x)) if flow_h > 0 else 0.0
    return cycle_s * (1 - share) ** 2 / (2 * (1 - share * x)) + random_s


def capacity_h(cycle_s: float, green_s: float, saturation_h: float) -> float:
    """Return the capacity c = s g / C, vehicles per hour (HCM 2016, chapter 19)."""
    return saturation_h * green_s / cycle_s


def degree_of_saturation(flow_h: float, capacity: float) -> float:
    """Return flow over capacity, both per hour; 0 without flow, infinite for a flow without capacity."""
    if flow_h == 0:
        return 0.0
    return flow_h / capacity if capacity > 0 else math.inf


def uniform_delay_s(cycle_s: float, green_s: Values, x: Values) -> Values:
    """Return HCM's delay with even arrivals, d1 = 0.5 C (1 - g/C)² / (1 - min(1, X) g/C), s.

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green.
    x
        Degree of saturation.

    References
    ----------
    HCM 2010, chapter 18, and 2016, chapter 19: uniform delay with a progression factor of 1.
    """
    share = green_s / cycle_s
    uniform: Values = 0.5 * cycle_s * (1 - share) ** 2 / np.maximum(1 - np.minimum(1.0, x) * share, NO_RED)
    return uniform


def incremental_delay_s(x: Values, capacity: Values, analysis_h: float, k: float = FIXED_TIME_K, i: float = ISOLATED_I) -> Values:
    """Return HCM's delay by random arrivals and overflow, d2 = 900 T ((X-1) + sqrt((X-1)² + 8 k I X / (c T))), s.

    Parameters
    ----------
    x
        Degree of saturation.
    capacity
        Capacity, vehicles per hour.
    analysis_h
        Length of the analysed period (T).
    k, i
        Incremental delay factor and filtering factor.

    References
    ----------
    HCM 2010, chapter 18, and 2016, chapter 19: incremental delay.
    """
    incremental: Values = 900 * analysis_h * _overflow(x, 8 * k * i * x / (capacity * analysis_h))
    return incremental


def _overflow(x: Values, scatter: Values) -> Values:
    """Return what a queue that grows over a period and one that only scatters have in common, (X-1) + sqrt((X-1)² + scatter)."""
    rising: Values = (x - 1) + np.sqrt((x - 1) ** 2 + scatter)
    return rising


def control_delay_s(cycle_s: float, green_s: float, flow_h: float, saturation_h: float, analysis_h: float = 0.25) -> float:
    """Return HCM's control delay d1 + d2 without coordination and without a queue at the start, s; infinite for a flow without green.

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green.
    flow_h, saturation_h
        Flow and saturation flow, vehicles per hour.
    analysis_h
        Length of the analysed period.

    References
    ----------
    HCM 2016, chapter 19: d = d1 PF + d2 + d3 with PF = 1 and d3 = 0.
    """
    return float(control_delays_s(cycle_s, np.array([green_s]), flow_h, saturation_h, analysis_h)[0])


def control_delays_s(
    cycle_s: float, greens_s: NDArray[np.float64], flow_h: float, saturation_h: float, analysis_h: float = 0.25
) -> NDArray[np.float64]:
    """Return `control_delay_s` for each of many greens, shape ``(greens,)``."""
    capacity = saturation_h * greens_s / cycle_s
    delays = np.full(len(greens_s), math.inf if flow_h > 0 else cycle_s / 2)
    open_ = greens_s > 0
    x = flow_h / capacity[open_]
    delays[open_] = uniform_delay_s(cycle_s, greens_s[open_], x) + incremental_delay_s(x, capacity[open_], analysis_h)
    return delays


def crossing_delay_s(cycle_s: float, green_s: Values) -> Values:
    """Return the mean wait of persons who arrive evenly and all cross at once, (C - g)² / (2 C), s (HCM 2016, chapter 19)."""
    return (cycle_s - green_s) ** 2 / (2 * cycle_s)


def back_of_queue_veh(cycle_s: float, green_s: float, flow_h: float, saturation_h: float, analysis_h: float = 0.25) -> float:
    """Return the mean farthest reach of the queue in a cycle, vehicles.

    Q1 = (v C / 3600) (1 - g/C) / (1 - min(1, X) g/C) and Q2 = 0.25 c T ((X-1) + sqrt((X-1)² + 8 kB X / (c T))) with
    kB = 0.12 I (s g / 3600)^0.7.

    Parameters
    ----------
    cycle_s, green_s
        Cycle and effective green.
    flow_h, saturation_h
        Flow and saturation flow of one lane, vehicles per hour.
    analysis_h
        Length of the analysed period.

    References
    ----------
    HCM 2000, chapter 16, appendix G: back of queue at fixed-time signals, without a queue at the start.
    """
    capacity, share = capacity_h(cycle_s, green_s, saturation_h), green_s / cycle_s
    x = degree_of_saturation(flow_h, capacity)
    if math.isinf(x):
        return flow_h * analysis_h
    first = flow_h * cycle_s / 3600 * (1 - share) / (1 - min(1.0, x) * share) if share < 1 else 0.0
    if x == 0:
        return 0.0
    k_b = 0.12 * ISOLATED_I * (saturation_h * green_s / 3600) ** 0.7
    room = capacity * analysis_h
    return first + 0.25 * room * float(_overflow(x, 8 * k_b * x / room))


def queue95_veh(mean_veh: float) -> float:
    """Return the 95th percentile of the back of queue from its mean, Q (1.6 + exp(-Q/5)), vehicles.

    References
    ----------
    HCM 2000, chapter 16, appendix G: percentile factor p1 + p2 exp(-Q/p3) of fixed-time signals.
    """
    return mean_veh * (1.6 + math.exp(-mean_veh / 5))
