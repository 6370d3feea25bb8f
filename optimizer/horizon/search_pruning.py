"""Which changes of stage the search may leave out without losing the optimum.

Each rule replaces a plan by one that is no dearer and has fewer stages, an earlier change, or a better stage in one place; so no two rules
can wait for each other.
"""

# ruff: noqa: C901, PLR0912, PLR0913  # kernels: one loop with all its cases, and arrays as arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.horizon.problem import RED
from optimizer.horizon.search_dynamics import (
    BEGIN,
    BITS,
    END,
    GROUP,
    GROUPS_AHEAD,
    GROUPS_BEHIND,
    HEADWAY,
    MASK,
    QUEUE,
    RED_LANE,
    RELEASE,
    SERVED_LANE,
    YIELDING_LANE,
)
from optimizer.horizon.search_tables import YELLOW

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@compiled
def groups_left(lanes: NDArray[np.int64], vehicles: NDArray[np.int64], now: NDArray[np.int32]) -> int:
    """Return the groups of all vehicles left, at all stop lines of their ways, as bits."""
    left = 0
    for lane in range(lanes.shape[0]):
        i = now[lane] >> BITS
        if i < lanes[lane, END]:
            left |= vehicles[i, GROUPS_BEHIND]
        head = lanes[lane, QUEUE]
        if head > 0 and now[head] > 1:
            left |= lanes[lane, GROUPS_AHEAD]
    return left


@compiled
def choose_changes(
    interstages: NDArray[np.int64],
    bypass: NDArray[np.bool_],
    keeps: NDArray[np.int64],
    instead: NDArray[np.bool_],
    needs: NDArray[np.int64],
    shortens: NDArray[np.int64],
    serves: NDArray[np.int64],
    sneaks: NDArray[np.int64],
    earlier_is_better: NDArray[np.bool_],
    stage: int,
    left: int,
    chosen: NDArray[np.bool_],
) -> None:
    """Mark the stages that are worth a change from `stage`, where vehicles of the groups `left` are left.

    Not worth it is a stage that serves none of them better than `stage`, or as well as no other stage that could be had instead.
    """
    for new in range(chosen.size):
        needless = bypass[stage, new] and not keeps[stage, new] & left
        chosen[new] = interstages[stage, new] >= 0 and new != stage and not needless
    for new in range(chosen.size):
        if not chosen[new]:
            continue
        sneakers = sneaks[stage] & ~serves[new]
        for other in range(chosen.size):
            if other == new or not chosen[other] or not instead[new, other]:
                continue
            losers = needs[new, other] | shortens[stage, new, other] | (sneakers & serves[other])
            sooner = interstages[stage, new] - interstages[stage, other]
            if not losers & left and (sooner == 0 or (sooner > 0 and earlier_is_better[stage, other])):
                chosen[new] = False
                break


@compiled
def loses_nothing_by_earlier_change(
    service: NDArray[np.int64],
    leads: NDArray[np.int64],
    numbers: NDArray[np.int64],
    lane_kind: NDArray[np.int8],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    now: NDArray[np.int32],
    old: int,
    new: int,
    earlier: int,
    command: int,
) -> bool:
    """Whether a change at `command`, where the lanes stand as in `now`, loses nothing where it comes at `earlier`.

    Nobody of a closing group may leave in the time by which its used green would become shorter.
    """
    yellow = numbers[YELLOW]
    last_close = 0
    for g in range(service.shape[1]):
        if service[old, g] != RED and service[new, g] == RED:
            last_close = max(last_close, command + leads[old, new, g] + yellow)
    for lane in range(lanes.shape[0]):
        if lane_kind[old, lane] == RED_LANE:
            continue
        headway = lanes[lane, HEADWAY]
        begin, end = now[lane] >> BITS, lanes[lane, END]
        free = MASK - (now[lane] & MASK)
        left_by = free
        for i in range(begin - 1, lanes[lane, BEGIN] - 1, -1):
            left_by -= headway  # the vehicle left then, or before
            if left_by < earlier + yellow:
                break
            g = vehicles[i, GROUP]
            if service[new, g] == RED and left_by >= earlier + leads[old, new, g] + yellow:
                return False
        exact = lane_kind[old, lane] == SERVED_LANE and lane_kind[new, lane] != YIELDING_LANE
        d = max(free, command)
        for i in range(begin, end):
            d = max(d, vehicles[i, RELEASE])  # the vehicle leaves then, or later
            if d > last_close:
                break
            g = vehicles[i, GROUP]
            if service[old, g] == RED:
                exact = False
                if service[new, g] == RED:
                    break
            elif service[new, g] == RED:
                closed = command + leads[old, new, g] + yellow
                # A sneaker leaves at the very end of its green.
                if d <= closed and not (exact and d < earlier + leads[old, new, g] + yellow):
                    return False
            d += headway
    return True
