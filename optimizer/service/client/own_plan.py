"""The junction's own plan: what it shows while nobody answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPLANNED_GREEN_S: Final = 15.0
"""A stage that the plan does not know is left for it after this time."""


class OwnPlan:
    """Stages in a fixed order with fixed greens, taken up wherever the junction happens to be.

    Parameters
    ----------
    steps
        Stages and greens, s. Without any the junction stays as it is.
    """

    def __init__(self, steps: Sequence[tuple[str, float]]) -> None:
        self._steps = tuple(steps)
        self._place = 0

    def next_stage(self, time_s: float, stage: str, green_start_s: float) -> str:
        """Return the stage to show now.

        Parameters
        ----------
        time_s
            Now.
        stage, green_start_s
            What is green (or comes next), and since when (from when on).
        """
        if not self._steps:
            return stage
        count = len(self._steps)
        ahead = next((k for k in range(count) if self._steps[(self._place + k) % count][0] == stage), None)
        if ahead is None:
            return self._steps[self._place][0] if time_s >= green_start_s + UNPLANNED_GREEN_S else stage
        self._place = (self._place + ahead) % count
        following, green_s = self._steps[(self._place + 1) % count][0], self._steps[self._place][1]
        if time_s < green_start_s + green_s or math.isinf(green_start_s):
            return stage
        self._place = (self._place + 1) % count
        return following
