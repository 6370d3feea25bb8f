"""The timeline of the newest answer: what a junction goes along while newer answers are late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUSTED_FOR_S: Final = 30.0
"""So long a plan is gone along. After ten seconds the vehicles that its detectors had seen have reached their stop lines, but the flows
that it expects behind them still fit better than a fixed plan: in outages of 30 s on cologne8, trust of 10, 20 and 30 s gave 19.0, 18.3
and 17.0 s of delay (16.0 s undisturbed)."""


class LastPlan:
    """Stages as the service planned them, taken up where the junction stands."""

    def __init__(self) -> None:
        self._made_s: float | None = None
        self._entries: tuple[tuple[str, float, float], ...] = ()

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take the plan of an answer (JSON of `optimizer.service.messages.DecisionAnswer`) in place of the one before."""
        self._made_s = answer["time_s"]
        self._entries = tuple((entry["stage"], entry["commanded_s"], entry["green_start_s"]) for entry in answer["timeline"])

    def forget(self) -> None:
        """Know no plan any more."""
        self._made_s, self._entries = None, ()

    def next_stage(self, time_s: float, stage: str, green_start_s: float) -> str | None:
        """Return the stage to show now; None where there is no plan, it is too old, or the junction has left it.

        A green that began later than planned ends later, too: it keeps its length.

        Parameters
        ----------
        time_s
            Now.
        stage, green_start_s
            What is green, and since when.
        """
        if self._made_s is None or not self._made_s <= time_s <= self._made_s + TRUSTED_FOR_S:
            return None
        here = [k for k, (planned, commanded_s, _) in enumerate(self._entries) if planned == stage and commanded_s <= time_s]
        if not here:
            return None
        following = self._entries[here[-1] + 1 : here[-1] + 2]
        behind_s = max(0.0, green_start_s - self._entries[here[-1]][2])
        return following[0][0] if following and time_s >= following[0][1] + behind_s else stage
