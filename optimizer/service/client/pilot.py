"""One junction's side of the calls: what was reported and not yet answered, when to give up, and what to show then.

It does no input or output and knows no clock but the junction's own.
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from optimizer.service.client.last_plan import LastPlan
from optimizer.service.client.own_plan import OwnPlan
from optimizer.service.messages import MOST_MISSED, LedBy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimizer.service.description import JunctionDescription

PATIENCE_S: Final = 3.0
"""So long the junction stays as it is without an answer and without a plan of the service; then its own plan takes over."""

OPENS_AFTER: Final = 3
"""So many calls in a row without an answer open the circuit: the service is left alone for a while."""

CLOSED_FOR_S: Final = 4.0
"""With an open circuit one call in this time tries whether the service is back."""

RETRIES_PER_CALL: Final = 0.2
"""Part of the calls that may be repeated, so that a weak service is not called to death."""

MOST_RETRIES: Final = 5.0
MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the junction is to show.

    Attributes
    ----------
    stage
        Id of the stage to show: the present one, or the one to change to.
    green_not_before_s
        With the present stage during its interstage: its green starts no earlier than this; else None.
    source, reason
        Who says so, and why.
    """

    stage: str
    green_not_before_s: float | None
    source: LedBy
    reason: str


class Pilot:
    """What one junction's client remembers.

    Parameters
    ----------
    description
        The junction's description; its fallback is the junction's own plan.
    engine
        ``"search"`` or ``"cp-sat"``.
    deadline_ms
        Asked of the service; None: it may take its time.
    begin_anew
        Whether the service is to forget what it was told before (of an earlier simulation, for instance).

    Attributes
    ----------
    outflow
        What the junction sends to its neighbours, from the last answer.
    last_answer
        As it came, in time or late.
    lost
        Seconds without an answer in time so far.
    late
        Answers that came too late for their second, but told of a newer plan.
    """

    def __init__(
        self, description: JunctionDescription, engine: str = "search", deadline_ms: float | None = None, *, begin_anew: bool = False
    ) -> None:
        self.description = description
        self.outflow: Mapping[str, Any] | None = None
        self.last_answer: Mapping[str, Any] | None = None
        self.lost, self.late = 0, 0
        self._engine, self._deadline_ms, self._begin_anew = engine, deadline_ms, begin_anew
        self._plan = OwnPlan([(step.stage, step.green_s) for step in description.fallback])
        self._ways = {(link.source, link.lane) for link in description.links}
        self._exits = {(exit_.junction, exit_.lane) for exit_ in description.exits}
        self._last_plan = LastPlan()
        self._sequence = int(time.time() * 1000)  # grows over a restart of the client, too
        self._taken_sequence = self._sequence
        self._arrived: deque[Mapping[str, Any]] = deque()  # by threads, too: nothing but whole operations on it
        self._second: dict[str, Any] = {}
        self._shown: list[dict[str, Any]] = []
        self._missed: deque[dict[str, Any]] = deque(maxlen=MOST_MISSED)
        self._answered_s: float | None = None
        self._failures = 0
        self._led_by: str | None = None
        self._tried_s = 0.0
        self._retries = MOST_RETRIES

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open: the service has not answered for several calls."""
        return self._failures >= OPENS_AFTER

    def report(
        self,
        second: Mapping[str, Any],
        state: str,
        state_since_s: float,
        neighbours: Iterable[Mapping[str, Any]] = (),
        priorities: Iterable[Mapping[str, Any]] = (),
    ) -> bytes | None:
        """Take note of a second; return the call to make, None while the service is left alone.

        Parameters
        ----------
        second
            JSON of `optimizer.service.messages.Second`.
        state, state_since_s
            What the signals really show, and since when.
        neighbours
            Outflows of the junctions around, from their last answers.
        priorities
            JSON of the `optimizer.service.messages.PriorityReport` that hold now.
        """
        while self._arrived:
            self._take_late(self._arrived.popleft())
        self._second = {**second, "led_by": self._led_by}
        if not self._shown or self._shown[-1]["since_s"] < state_since_s:
            self._shown = [*self._shown[1 - MOST_SHOWN :], {"since_s": state_since_s, "state": state}]
        time_s = self._second["time_s"]
        if self._answered_s is None:
            self._answered_s = time_s
        if self.is_open and time_s < self._tried_s + CLOSED_FOR_S:
            return None
        self._tried_s = time_s
        self._sequence += 1
        self._retries = min(MOST_RETRIES, self._retries + RETRIES_PER_CALL)
        call = {
            **self._second,
            "sequence": self._sequence,
            "shown": self._shown,
            "missed": list(self._missed),
            "neighbours": [self._coming_here(outflow) for outflow in neighbours],
            "priorities": list(priorities),
            "engine": self._engine,
            "deadline_ms": self._deadline_ms,
            "begin_anew": self._begin_anew,
        }
        return json.dumps(call, allow_nan=False).encode()

    def _coming_here(self, outflow: Mapping[str, Any]) -> dict[str, Any]:
        """Return a neighbour's outflow without the vehicles that neither come here nor make room: the service passes over them."""
        source, ways = outflow["junction"], self._ways
        froms = outflow.get("from_lanes") or [""] * len(outflow["lanes"])
        coming = [
            (time_s, lane, from_lane)
            for time_s, lane, from_lane in zip(outflow["times_s"], outflow["lanes"], froms, strict=True)
            if (source, lane) in ways or (source, from_lane) in self._exits
        ]
        times_s, lanes, from_lanes = map(list, zip(*coming, strict=True)) if coming else ([], [], [])
        return {**outflow, "times_s": times_s, "lanes": lanes, "from_lanes": from_lanes if outflow.get("from_lanes") else []}

    def may_retry(self) -> bool:
        """Take a retry from the budget, if there is one."""
        if self.is_open or self._retries < 1.0:
            return False
        self._retries -= 1.0
        return True

    def answered(self, answer: Mapping[str, Any]) -> Guidance:
        """Take an answer to the last call; one to another call, or for another second, is no answer."""
        time_s = self._second["time_s"]
        if answer.get("sequence") != self._sequence or answer.get("valid_until_s", time_s) < time_s:
            return self.unanswered("the answer came too late")
        self._missed.clear()
        self._shown = self._shown[-1:]
        self._take(answer)
        if answer["stage"] not in {stage.id for stage in self.description.stages}:
            return self.unanswered(f"the answer names the unknown stage {answer['stage']!r}")
        return self._led(Guidance(answer["stage"], answer["green_not_before_s"], LedBy.SERVICE, answer["reason"]))

    def came_late(self, answer: Mapping[str, Any]) -> None:
        """Take note of an answer to an earlier call, from any thread: its command is void, but the next second may go along its plan."""
        self._arrived.append(answer)

    def unanswered(self, why: str) -> Guidance:
        """Do without an answer to the last call: go along the service's last plan or wait a little, then follow the junction's own."""
        self.lost += 1
        self._failures += 1
        self._missed.append(self._second)
        return self._led(self._alone(why))

    def _alone(self, why: str) -> Guidance:
        signal, time_s = self._second["signal"], self._second["time_s"]
        stage = str(signal["stage"])
        if time_s < signal["green_start_s"]:
            return Guidance(stage, None, LedBy.WAITING, why)
        planned = self._last_plan.next_stage(time_s, stage, signal["green_start_s"])
        if planned is not None:
            return Guidance(planned, None, LedBy.LAST_PLAN, f"last plan: {why}")
        if self._answered_s is None or time_s < self._answered_s + PATIENCE_S:
            return Guidance(stage, None, LedBy.WAITING, why)
        following = self._plan.next_stage(time_s, stage, signal["green_start_s"])
        return Guidance(following, None, LedBy.OWN_PLAN, f"own plan: {why}")

    def rejected(self, problem: Mapping[str, Any]) -> Guidance:
        """Take a problem that the service tells of: it counts on, and where the clock was set back, it begins anew."""
        if problem.get("status") == 409:
            self._sequence = max(self._sequence, int(problem.get("last_sequence", 0)))
            if str(problem.get("type", "")).endswith("clock-went-back"):
                self._begin_anew = True
                self._taken_sequence = self._sequence  # what was answered before was told on another clock
                self._last_plan.forget()
        return self.unanswered(str(problem.get("detail", "the service refused the call")))

    def _led(self, guidance: Guidance) -> Guidance:
        self._led_by = guidance.source
        return guidance

    def _take_late(self, answer: Mapping[str, Any]) -> None:
        if answer.get("sequence", 0) <= self._taken_sequence:
            return
        self.late += 1
        told_s = answer["time_s"]
        self._missed = deque((second for second in self._missed if second["time_s"] > told_s), maxlen=MOST_MISSED)
        known = sum(shown["since_s"] <= told_s for shown in self._shown)
        self._shown = self._shown[max(0, known - 1) :]
        self._take(answer)

    def _take(self, answer: Mapping[str, Any]) -> None:
        self._failures, self._answered_s, self._begin_anew = 0, answer["time_s"], False
        self._taken_sequence = answer["sequence"]
        self.outflow, self.last_answer = answer["outflow"], answer
        self._last_plan.take(answer)
