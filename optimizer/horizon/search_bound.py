"""Lower bounds of what the vehicles left in a search node will cost."""

# ruff: noqa: C901, PLR0912, PLR0913  # kernels: one loop with all its cases, and arrays as arguments

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.compiling import compiled
from optimizer.horizon.search_dynamics import (
    ARRIVAL,
    BEGIN,
    BITS,
    END,
    GROUP,
    HEADWAY,
    MASK,
    RED_LANE,
    RELEASE,
    STOP_COST,
    STOP_FROM,
    UNHINDERED,
    UNIFORM,
    UNSERVED_LEAST,
    WEIGHT,
)
from optimizer.horizon.search_tables import FAR, NEVER, STARTUP, H

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COMPONENTS = 62
"""As many components as bits in a number; further lanes are left out of the bound."""


@compiled
def least_cost(vehicles: NDArray[np.int64], i: int, d: int, horizon: int) -> int:
    """Return the least cost of vehicle i where it departs at d or later or never."""
    least: int = vehicles[i, UNSERVED_LEAST]
    if d < horizon:
        cost = vehicles[i, WEIGHT] * (d - vehicles[i, ARRIVAL])
        if d > vehicles[i, STOP_FROM]:
            cost += vehicles[i, STOP_COST]
        least = min(least, cost)
    return least


@compiled
def fill_unhindered(numbers: NDArray[np.int64], lanes: NDArray[np.int64], vehicles: NDArray[np.int64]) -> None:
    """Fill the vehicles' column UNHINDERED, from the last vehicle of each lane to its first."""
    for lane in range(lanes.shape[0]):
        for first in range(lanes[lane, END] - 1, lanes[lane, BEGIN] - 1, -1):
            d = vehicles[first, RELEASE]
            bound = 0
            for i in range(first, lanes[lane, END]):
                if i > first and d <= vehicles[i, RELEASE]:
                    bound += vehicles[i, UNHINDERED]
                    break
                bound += least_cost(vehicles, i, d, numbers[H])
                d += lanes[lane, HEADWAY]
            vehicles[first, UNHINDERED] = bound


@compiled
def lane_bound(
    reach: NDArray[np.int64],
    numbers: NDArray[np.int64],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    now: NDArray[np.int32],
    stage: int,
    t: int,
) -> int:
    """Return a lower bound of the cost of all vehicles left at t in a stage that may be left.

    Each lane is served first in first out, as if the group of each vehicle were green as soon as the signals allow.
    """
    horizon = numbers[H]
    opening = t + numbers[STARTUP]
    bound = 0
    for lane in range(lanes.shape[0]):
        i = now[lane] >> BITS
        end = lanes[lane, END]
        if i >= end:
            continue
        headway = lanes[lane, HEADWAY]
        uniform = lanes[lane, UNIFORM] != 0
        d = max(MASK - (now[lane] & MASK), t)
        while i < end:
            wait = reach[stage, vehicles[i, GROUP]]
            if wait > 0:
                d = max(d, opening + wait)
            if uniform and d <= vehicles[i, RELEASE]:
                # From here on nobody waits for the signals, only for those in front.
                bound += vehicles[i, UNHINDERED]
                break
            d = max(d, vehicles[i, RELEASE])
            least = vehicles[i, UNSERVED_LEAST]
            if d < horizon:
                cost = vehicles[i, WEIGHT] * (d - vehicles[i, ARRIVAL])
                if d > vehicles[i, STOP_FROM]:
                    cost += vehicles[i, STOP_COST]
                least = min(least, cost)
            bound += least
            d += headway
            i += 1
    return bound


@compiled
def turn_bound(
    reach: NDArray[np.int64],
    numbers: NDArray[np.int64],
    component: NDArray[np.int64],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    now: NDArray[np.int32],
    stage: int,
    t: int,
    step: int,
    extra: NDArray[np.int64],
) -> int:
    """Return what must be added to `lane_bound` because lanes that are red now cannot all be next.

    The red lanes fall into components of which no two can ever be served by one stage (`component`, -1 for lanes that are not red, shape
    ``(stages, lanes)``). The one that is served p-th (p = 0, 1, ...) starts at least p * `step` later than the signals allow the first, so
    the sum over
    p of the least that any component loses by being p-th is a lower bound. `extra` is scratch, shape ``(lanes, lanes)``.
    """
    horizon = numbers[H]
    opening = t + numbers[STARTUP]
    present = 0
    soonest = FAR
    turns = 0
    for lane in range(lanes.shape[0]):
        c = component[stage, lane]
        i = now[lane] >> BITS
        if c >= 0 and i < lanes[lane, END]:
            soonest = min(soonest, reach[stage, vehicles[i, GROUP]])
            if not present >> c & 1:
                present |= 1 << c
                turns += 1
    if turns < 2:
        return 0  # one alone need not wait for another
    for c in range(lanes.shape[0]):
        for p in range(1, turns):
            extra[c, p] = 0
    for lane in range(lanes.shape[0]):
        c = component[stage, lane]
        begin = now[lane] >> BITS
        end = lanes[lane, END]
        if c < 0 or begin >= end:
            continue
        headway = lanes[lane, HEADWAY]
        freed = max(MASK - (now[lane] & MASK), t)
        for p in range(1, turns):
            d = freed
            late = opening + soonest + p * step
            lost = 0
            for i in range(begin, end):
                d = max(d, opening + reach[stage, vehicles[i, GROUP]], vehicles[i, RELEASE])
                late = max(late, d)
                if late == d:
                    break
                if d < horizon:
                    if late < horizon:
                        lost += vehicles[i, WEIGHT] * (late - d)
                        if d <= vehicles[i, STOP_FROM] < late:
                            lost += vehicles[i, STOP_COST]
                    else:
                        cost = vehicles[i, WEIGHT] * (d - vehicles[i, ARRIVAL])
                        if d > vehicles[i, STOP_FROM]:
                            cost += vehicles[i, STOP_COST]
                        lost += vehicles[i, UNSERVED_LEAST] - cost
                d += headway
                late += headway
            extra[c, p] += lost
    total = 0
    for p in range(1, turns):
        lightest = NEVER
        for c in range(lanes.shape[0]):
            if present >> c & 1:
                lightest = min(lightest, extra[c, p])
        total += lightest
    return total


@compiled
def find_components(lane_kind: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return, for each stage, the components of the lanes that it leaves red: no stage serves lanes of two of them; -1 for other lanes."""
    stages, count = lane_kind.shape
    component = np.full((stages, count), -1, dtype=np.int64)
    together = np.zeros((count, count), dtype=np.bool_)
    for s in range(stages):
        for a in range(count):
            if lane_kind[s, a] != RED_LANE:
                for b in range(count):
                    if lane_kind[s, b] != RED_LANE:
                        together[a, b] = True
    stack = np.empty(count, dtype=np.int64)
    for s in range(stages):
        found = 0
        for seed in range(count):
            if lane_kind[s, seed] != RED_LANE or component[s, seed] >= 0 or found >= MOST_COMPONENTS:
                continue
            component[s, seed] = found
            stack[0] = seed
            size = 1
            while size > 0:
                size -= 1
                a = stack[size]
                for b in range(count):
                    if together[a, b] and lane_kind[s, b] == RED_LANE and component[s, b] < 0:
                        component[s, b] = found
                        stack[size] = b
                        size += 1
            found += 1
    return component
