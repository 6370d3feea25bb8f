"""The horizon problem as plain arrays, which is what compiled code takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.horizon.problem import HorizonProblem, Tandem


class ProblemArrays(NamedTuple):
    """What a decision adds to its signals: the fields of `HorizonProblem` but the first, contiguous and of ``int64`` and ``bool``."""

    stage: int
    green_start_ds: int
    group_green_since_ds: NDArray[np.int64]
    earliest_change_ds: int
    latest_change_ds: int
    lane_start: NDArray[np.int64]
    lane_free_ds: NDArray[np.int64]
    headway_ds: NDArray[np.int64]
    arrival_ds: NDArray[np.int64]
    release_ds: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: NDArray[np.int64]
    moving: NDArray[np.bool_]
    unserved_cost: NDArray[np.int64]
    tandem: Tandem


def arrays_of(problem: HorizonProblem) -> ProblemArrays:
    """Return the arrays of a problem."""
    return ProblemArrays(*(getattr(problem, name) for name in ProblemArrays._fields))
