"""One junction behind the service: calls come in, checked against the clock and the last answer; answers go out past the monitor."""

from __future__ import annotations

import itertools
import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from pydantic_core import to_json

from optimizer.decision import Decision
from optimizer.estimation.snapshots import SnapshotError
from optimizer.observation import InformationClass
from optimizer.service.answered import Reply
from optimizer.service.answers import Outcome, answer_body
from optimizer.service.description import content_hash, to_intersection
from optimizer.service.events import LoopTrace
from optimizer.service.messages import AlarmKind, Command, DecisionRequest, LedBy
from optimizer.service.mind import Mind
from optimizer.service.problems import ProblemError, contradiction, from_validation
from optimizer.service.reports import ReportReader, information_of

if TYPE_CHECKING:
    from optimizer.observation import JunctionObservation
    from optimizer.priority import PriorityRequest
    from optimizer.service.description import JunctionDescription

SNAPSHOT_FORMAT: Final = 2
LEAST_STEP_S: Final = 0.5
"""Calls closer than this are no calls once a second: the estimator counts seconds."""

USUAL_STEP_S: Final = 1.5
LONGEST_GAP_S: Final = 120.0
"""After a longer silence nothing that was expected is still on its way: the junction begins anew."""


@dataclass(slots=True)
class _Last:
    """The last call and its answer."""

    sequence: int
    time_s: float
    body: bytes
    reply: Reply
    command: Command = Command.STAY
    stage: int = 0
    alarms: list[tuple[AlarmKind, str]] = field(default_factory=list)


class JunctionSite:
    """One junction: its description and all that is learnt about it.

    Parameters
    ----------
    description
        Of the junction.

    Raises
    ------
    DescriptionError
        If it contradicts itself.
    """

    def __init__(self, description: JunctionDescription) -> None:
        self.description = description
        self.junction = to_intersection(description)
        self.hash = content_hash(description)
        self.seen: JunctionObservation | None = None
        self.shown = ""
        self.answered_at = 0.0
        self._reader = ReportReader(self.junction)
        self._states = [self.junction.state(stage) for stage in range(len(self.junction.stages))]
        self._mind: Mind | None = None
        self._prepared: Mind | None = None
        self._last: _Last | None = None
        self._trace = LoopTrace()

    @property
    def last_body(self) -> bytes | None:
        """The last answer, None before the first."""
        return None if self._last is None or not self._last.reply.body else self._last.reply.body

    @property
    def disbelieved(self) -> frozenset[str]:
        """Detectors that cannot be right (those that are silent are another matter)."""
        return frozenset() if self._mind is None else frozenset(fault.loop for fault in self._mind.disbelieved)

    def prepare(self) -> None:
        """Make ready what a first call with loops needs."""
        if self._mind is None and self._prepared is None:
            self._prepared = Mind(self.junction, self.description, InformationClass.LOOPS)

    def answer(self, body: bytes, received_s: float) -> Reply:
        """Answer a call.

        Parameters
        ----------
        body
            JSON of a `DecisionRequest`.
        received_s
            When it came in, on the clock `time.monotonic`; the deadline counts from here.

        Raises
        ------
        ProblemError
            If the call cannot be answered; nothing is changed then.
        """
        try:
            request = DecisionRequest.model_validate_json(body)
        except ValidationError as error:
            raise from_validation(error) from None
        last = self._last
        if last is not None and request.sequence == last.sequence:
            return self._repeat(last, body)
        begins_anew = self._check_order(request)
        self._reader.check_states(request)
        requests = self._reader.priorities(request)
        trace = LoopTrace() if begins_anew else self._trace.copy()
        missed = self._missed(request, trace)
        seen = self._reader.observation(request, trace)
        alarms: list[tuple[AlarmKind, str]] = []
        mind = self._ready(request, seen, missed, begins_anew, alarms)
        self._check_states(request, seen, mind, alarms)
        for time_s, earlier in missed:
            mind.tell(time_s, earlier)
        mind.hear(request.time_s, request.neighbours)
        mind.engine.begin(request.engine, None if request.deadline_ms is None else received_s + request.deadline_ms / 1000)
        outcome = self._decide(request.time_s, seen, requests, mind, alarms)
        reply = Reply(
            body=to_json(answer_body(self, request, seen.signal, outcome, mind)),
            engine=outcome.engine,
            solve_s=outcome.solve_s,
            refused=outcome.rule,
            alarms=tuple(kind.value for kind, _ in alarms),
            led_by=_led_otherwise(request, {time_s for time_s, _ in missed}),
        )
        self._last = _Last(request.sequence, request.time_s, body, reply, outcome.command, outcome.decision.stage, alarms)
        self._trace = trace
        self.seen, self.shown, self.answered_at = seen, request.shown[-1].state, time.time()
        return reply

    def snapshot(self) -> bytes | None:
        """Return what would be lost with the process; None before the first call."""
        if self._mind is None or self._last is None:
            return None
        kept = {
            "format": SNAPSHOT_FORMAT,
            "description": self.hash,
            "sequence": self._last.sequence,
            "time_s": self._last.time_s,
            "covered_since_s": self._trace.covered_since_s,
            "mind": self._mind.snapshot(),
        }
        return json.dumps(kept).encode()

    def restore(self, snapshot: bytes) -> None:
        """Take up what was kept before.

        Raises
        ------
        SnapshotError
            If it belongs to another description or version; nothing is changed then.
        """
        try:
            kept = json.loads(snapshot)
            if kept["format"] != SNAPSHOT_FORMAT or kept["description"] != self.hash:
                raise SnapshotError("the kept state belongs to another description or version; it is left out.")
            mind = Mind(self.junction, self.description, InformationClass(kept["mind"]["information"]))
            mind.restore(kept["mind"])
            last = _Last(int(kept["sequence"]), float(kept["time_s"]), b"", Reply(b""))
            covered = {str(name): float(since_s) for name, since_s in kept["covered_since_s"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SnapshotError(str(error)) from error
        self._mind, self._last = mind, last
        self._trace = LoopTrace(covered, last.time_s if covered else None)

    def _repeat(self, last: _Last, body: bytes) -> Reply:
        """Return the stored answer to a call that came before: a client that lost an answer asks again."""
        if body == last.body:
            return Reply(last.reply.body, repeated=True)
        raise self._order_problem(
            last, "sequence-reused", f"sequence {last.sequence} was used for a different call; count on with each new one"
        )

    def _check_order(self, request: DecisionRequest) -> bool:
        """Return whether the junction begins anew; raise where the call comes out of order."""
        last = self._last
        if last is None:
            return True
        if request.sequence < last.sequence:
            raise self._order_problem(
                last, "out-of-order", f"sequence {request.sequence} comes after {last.sequence}: an old call came late or again; count on"
            )
        if request.begin_anew:
            return True
        if request.time_s < last.time_s:
            sentence = f"the clock went back from {last.time_s:.15g} s to {request.time_s:.15g} s; if it was set, call once with begin_anew"
            raise self._order_problem(last, "clock-went-back", sentence)
        if request.time_s < last.time_s + LEAST_STEP_S:
            raise self._order_problem(last, "too-soon", f"the last call was for {last.time_s:.15g} s; call once a second")
        return False

    @staticmethod
    def _order_problem(last: _Last, kind: str, sentence: str) -> ProblemError:
        more = {"last_sequence": last.sequence, "last_time_s": last.time_s}
        return ProblemError(409, kind, "The call does not follow the last one", f"{sentence[0].upper()}{sentence[1:]}.", more=more)

    def _missed(self, request: DecisionRequest, trace: LoopTrace) -> list[tuple[float, JunctionObservation]]:
        """Return the earlier seconds that nobody has told of yet."""
        known_s = -math.inf if self._last is None or request.begin_anew else self._last.time_s
        before_s, found = -math.inf, []
        for index, second in enumerate(request.missed):
            if not before_s < second.time_s < request.time_s:
                raise contradiction(f"/missed/{index}/time_s", "missed seconds must follow each other and lie before now; order them")
            if (second.vehicles is None) != (request.vehicles is None):
                raise contradiction(f"/missed/{index}", "it reports loops where the call reports vehicles, or the reverse; report one kind")
            before_s = second.time_s
            is_new = second.time_s >= known_s + LEAST_STEP_S
            earlier = self._reader.observation(second, trace if is_new else LoopTrace(), f"/missed/{index}")
            if is_new:
                found.append((second.time_s, earlier))
        return found

    def _ready(
        self,
        request: DecisionRequest,
        seen: JunctionObservation,
        missed: list[tuple[float, JunctionObservation]],
        begins_anew: bool,  # noqa: FBT001
        alarms: list[tuple[AlarmKind, str]],
    ) -> Mind:
        """Return the mind that takes the call: the present one, or a new one where the past is of no use."""
        information = information_of(seen)
        if not begins_anew and self._last is not None:
            told_s = [self._last.time_s, *(time_s for time_s, _ in missed), request.time_s]
            gap_s = max(later - earlier for earlier, later in itertools.pairwise(told_s))
            if gap_s > LONGEST_GAP_S:
                alarms.append((AlarmKind.CLOCK_JUMP, f"{gap_s:.0f} s are missing: the junction begins anew"))
                begins_anew = True
            elif gap_s > USUAL_STEP_S:
                alarms.append((AlarmKind.GAP, f"{gap_s:.0f} s lie between two reports"))
        if self._mind is None or begins_anew or self._mind.information is not information:
            prepared, self._prepared = self._prepared, None
            fresh = prepared if prepared is not None and prepared.information is information else None
            fresh = fresh or Mind(self.junction, self.description, information)
            if self._mind is not None:
                fresh.take_habits(self._mind)
            self._mind = fresh
        return self._mind

    def _check_states(self, request: DecisionRequest, seen: JunctionObservation, mind: Mind, alarms: list[tuple[AlarmKind, str]]) -> None:
        """Note where what is shown is unsafe, contradicts the reported stage, or is not what was commanded."""
        for shown in request.shown:
            alarms.extend(
                (AlarmKind.UNSAFE_STATE if violation.is_safety else AlarmKind.MAXIMUM_RED, violation.sentence)
                for violation in mind.watch(shown.since_s, shown.state)
            )
        status, state = seen.signal, request.shown[-1].state
        if request.time_s > status.green_start_s and state != self._states[status.stage]:
            name = self.junction.stages[status.stage].id
            alarms.append((AlarmKind.CONTRADICTION, f"stage {name!r} is reported but its signals are not shown"))
        last = self._last
        if (
            last is not None
            and last.command is Command.CHANGE
            and not request.begin_anew
            and (status.stage != last.stage or status.commanded_s < last.time_s)
        ):
            alarms.append((AlarmKind.NOT_FOLLOWED, f"stage {self.junction.stages[last.stage].id!r} was commanded at {last.time_s:.15g} s"))
        silent = [] if seen.loops is None else [d.id for d, n in zip(self.junction.detectors, seen.loops.count, strict=True) if n < 0]
        if silent:
            alarms.append((AlarmKind.SILENT_DETECTOR, f"{len(silent)} detectors are silent: {', '.join(silent[:5])}"))

    def _decide(
        self,
        time_s: float,
        seen: JunctionObservation,
        requests: tuple[PriorityRequest, ...],
        mind: Mind,
        alarms: list[tuple[AlarmKind, str]],
    ) -> Outcome:
        """Ask the planner, and the monitor about its wish."""
        status = seen.signal
        stay = Decision(status.stage, reason="stay")
        if any(kind in {AlarmKind.UNSAFE_STATE, AlarmKind.CONTRADICTION} for kind, _ in alarms):
            # What is really shown is unknown, so nothing is planned upon it; the junction's own plan is the safer guide.
            mind.tell(time_s, seen)
            return Outcome(Command.STAY, Decision(status.stage, reason="what is shown is in doubt"), "none", alarms=alarms)
        wish = mind.decide(time_s, seen, requests)
        failed = [f"{fault.loop} ({fault.kind})" for fault in mind.disbelieved]
        if failed:
            alarms.append((AlarmKind.FAILED_DETECTOR, f"{len(failed)} detectors are not believed: {', '.join(failed[:5])}"))
        if mind.engine.late:
            alarms.append((AlarmKind.DEADLINE, "no time was left to solve: the last plan holds"))
        engine = mind.engine.solution.engine if mind.engine.solution is not None else "last plan" if mind.engine.late else "none"
        solve_s = mind.engine.solution.solve_s if mind.engine.solution is not None else 0.0
        verdict = mind.monitor.admit(time_s, wish or stay, status)
        decision = wish or stay
        if not verdict.allowed:
            decision = Decision(verdict.stage, reason=verdict.sentence)
        command = Command.CHANGE
        if decision.stage == status.stage:
            command = Command.EXTEND if decision.earliest_s > status.green_start_s else Command.STAY
        rule = "" if verdict.rule is None else verdict.rule.value
        return Outcome(command, decision, engine, solve_s, rule, verdict.sentence, alarms)


def _led_otherwise(request: DecisionRequest, new_s: set[float]) -> tuple[str, ...]:
    """Return what led the junction in place of the service, for each second that was not known yet."""
    told = [second.led_by for second in (*request.missed, request) if second is request or second.time_s in new_s]
    return tuple(by.value for by in told if by is not None and by is not LedBy.SERVICE)
