"""What an engine answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SolutionStatus(StrEnum):
    """How good an answer is."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage of a plan: commanded at `command_ds`, green from `start_ds` (for the first: as the problem says)."""

    stage: int
    command_ds: int
    start_ds: int


@dataclass(frozen=True, slots=True)
class HorizonSolution:
    """A plan with its cost.

    Attributes
    ----------
    plan
        The current stage first, then those commanded later.
    departure_ds
        Per vehicle of the problem, when it leaves its stop line; -1 where it is not served within the horizon.
    onward_ds
        Per vehicle, when it leaves the last stop line that it comes to over inner lanes, and that lane; -1 where it leaves none; shape
        ``(vehicles, 2)``.
    cost
        Cost of the plan in the model (weight units times deciseconds).
    bound
        Proven lower bound of the cost of every plan.
    status
        `OPTIMAL` where `cost == bound` is proven.
    engine
        ``"search"`` or ``"cp-sat"``.
    solve_s
        Time spent.
    """

    plan: tuple[PlannedStage, ...]
    departure_ds: NDArray[np.int64]
    onward_ds: NDArray[np.int64]
    cost: int
    bound: int
    status: SolutionStatus
    engine: str
    solve_s: float
