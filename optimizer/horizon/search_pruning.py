"""Which changes of stage the search may leave out without losing the optimum.

Each rule replaces a plan by one that is no dearer and has fewer stages, an earlier change, or a better stage in one place; so no two rules
can wait for each other.
"""

# ruff: noqa: PLR0913  # kernels take arrays as arguments

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.compiling import compiled
from optimizer.horizon.problem import RED
from optimizer.horizon.search_dynamics import BEGIN, BITS, END, GROUP, GROUPS_BEHIND, HEADWAY, MASK, RED_LANE, RELEASE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@compiled
def groups_left(lanes: NDArray[np.int64], vehicles: NDArray[np.int64], now: NDArray[np.int32]) -> int:
    """Return the groups of all vehicles left, as bits."""
    left = 0
    for lane in range(lanes.shape[0]):
        i = now[lane] >> BITS
        if i < lanes[lane, END]:
            left |= vehicles[i, GROUPS_BEHIND]
    return left


@compiled
def choose_changes(
    interstages: NDArray[np.int64],
    bypass: NDArray[np.bool_],
    keeps: NDArray[np.int64],
    instead: NDArray[np.bool_],
    needs: NDArray[np.int64],
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
        chosen[new] = interstages[stage, new] >= 0 and new != stage and not (bypass[stage, new] and not keeps[stage, new] & left)
    for new in range(chosen.size):
        if not chosen[new]:
            continue
        sneakers = sneaks[stage] & ~serves[new]
        for other in range(chosen.size):
            if other == new or not chosen[other] or not instead[new, other] or needs[new, other] & left or sneakers & serves[other] & left:
                continue
            sooner = interstages[stage, new] - interstages[stage, other]
            if sooner == 0 or (sooner > 0 and earlier_is_better[stage, other]):
                chosen[new] = False
                break


@compiled
def loses_nothing_by_earlier_change(
    service: NDArray[np.int64],
    lane_kind: NDArray[np.int8],
    lanes: NDArray[np.int64],
    vehicles: NDArray[np.int64],
    now: NDArray[np.int32],
    old: int,
    new: int,
    closed_before: int,
    closed: int,
) -> bool:
    """Whether a change now (used yellow up to `closed`) loses nothing where it comes earlier (used yellow up to `closed_before`)."""
    for lane in range(lanes.shape[0]):
        if lane_kind[old, lane] == RED_LANE:
            continue
        i = now[lane] >> BITS
        free = MASK - (now[lane] & MASK)
        if i > lanes[lane, BEGIN] and free - lanes[lane, HEADWAY] >= closed_before and service[new, vehicles[i - 1, GROUP]] == RED:
            return False
        if i < lanes[lane, END] and max(free, vehicles[i, RELEASE]) < closed:
            g = vehicles[i, GROUP]
            if service[old, g] != RED and service[new, g] == RED:
                return False
    return True
