"""Putting decisions on a junction's signals: stages, interstages and the monitor before every change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimizer.decision import Decision
from optimizer.intersection import Aspect
from optimizer.observation import SignalStatus

if TYPE_CHECKING:
    from optimizer.intersection import Intersection
    from optimizer.monitor import Monitor

YELLOW = "y"
RED_YELLOW = "u"


@dataclass(frozen=True, slots=True)
class SignalChange:
    """A state that goes to the field device, and why (a row of ``signals.csv``)."""

    time_s: float
    junction: str
    event: str
    stage: str
    state: str
    reason: str


class JunctionSignals:
    """One junction's signals.

    Parameters
    ----------
    junction
        Its description.
    monitor
        Passes or refuses each command and each state.
    stage
        The stage that is green at the start.
    time_s
        Now.

    Attributes
    ----------
    status
        What the state machine is doing.
    state, state_since_s
        What the signals show, one letter per signal, and since when.
    next_event_s
        When `advance` is to be called again; infinite where nothing is under way.
    log
        What has happened since the last `drain_log`.
    """

    def __init__(self, junction: Intersection, monitor: Monitor, stage: int, time_s: float) -> None:
        self.junction = junction
        self.monitor = monitor
        # Whatever was shown before, the first stage has no history: its minimum green counts from the start.
        self.status = SignalStatus(stage=stage, previous=stage, green_start_s=time_s, commanded_s=time_s)
        self.state = junction.state(stage)
        self.state_since_s = time_s
        self.commands = 0
        self.refused = 0
        self.violations = 0
        self.next_event_s = math.inf
        self.log: list[SignalChange] = []
        self._running = False
        self._reason = "start"
        self._states = [junction.state(index) for index in range(len(junction.stages))]
        self._stays = [Decision(index, reason="stay") for index in range(len(junction.stages))]
        self._green_end_s = [-math.inf] * len(junction.groups)
        self.monitor.watch(time_s, self.state)
        self._note(time_s, "stage", self._reason)

    def stay(self, time_s: float) -> None:
        """Keep what is shown, unless the monitor demands a change."""
        self.command(time_s, self._stays[self.status.stage])

    def command(self, time_s: float, decision: Decision) -> None:
        """Carry out a decision, as far as the monitor lets it pass."""
        verdict = self.monitor.admit(time_s, decision, self.status)
        stage = decision.stage
        if not verdict.allowed:
            self.refused += 1
            self._note(time_s, "refused", f"{verdict.sentence} [{decision.reason}]")
            stage = verdict.stage
        earliest_s = decision.earliest_s if verdict.allowed else -math.inf
        if stage == self.status.stage:
            if self._running and earliest_s > self.status.green_start_s:
                self._postpone(earliest_s)
            return
        if self._running:
            return
        span_s = math.ceil(self.junction.interstage_s(self.status.stage, stage))
        if time_s + span_s + 1.0 <= earliest_s:
            return  # too early: the controller asks for a later start and will ask again
        self.commands += 1
        previous = self.status.stage
        green_start_s = max(time_s + span_s, earliest_s, self._cleared_s(time_s, previous, stage))
        for group, end_s in self.junction.green_ends_s(previous, stage, time_s, green_start_s).items():
            self._green_end_s[group] = end_s
        self.status = SignalStatus(stage=stage, previous=previous, green_start_s=green_start_s, commanded_s=time_s)
        self._running = True
        self.next_event_s = time_s
        self._reason = decision.reason if verdict.allowed else verdict.sentence

    def advance(self, time_s: float) -> str | None:
        """Return the state to show from now on where it changes, else None."""
        if time_s < self.next_event_s:
            return None
        state, event = self._due(time_s)
        if state == self.state:
            return None
        violations = self.monitor.watch(time_s, state)
        if any(v.is_safety for v in violations):
            self.violations += 1
            self._note(time_s, "violation", "; ".join(v.sentence for v in violations))
            self.next_event_s = time_s + 1.0
            self._running = True
            return None
        self.state, self.state_since_s = state, time_s
        self._note(time_s, event, self._reason)
        return state

    def drain_log(self) -> list[SignalChange]:
        """Return what has happened since the last call, and forget it."""
        log, self.log = self.log, []
        return log

    def _postpone(self, earliest_s: float) -> None:
        status = self.status
        self.status = SignalStatus(status.stage, status.previous, earliest_s, status.commanded_s)
        self.next_event_s = min(self.next_event_s, math.floor(earliest_s))

    def _cleared_s(self, time_s: float, old: int, new: int) -> float:
        """Return the full second by which all groups that have been green have cleared the way of those that open.

        An intergreen may reach over a whole stage: pedestrians on a long crossing still walk when a short stage after theirs ends.
        """
        for group in self.junction.closing(old, new):
            self._green_end_s[group] = time_s  # the earliest that it can be; the start of green decides
        opening = self.junction.opening(old, new)
        needs_s = [end_s + self.junction.intergreen_s[group][other] for group, end_s in enumerate(self._green_end_s) for other in opening]
        return time_s + math.ceil(max(max(needs_s, default=time_s) - time_s, 0.0) - 1e-6)

    def _due(self, time_s: float) -> tuple[str, str]:
        """Return the state that belongs to `time_s` and the name of the event, and set the next event's time."""
        status, junction = self.status, self.junction
        if time_s >= status.green_start_s:
            self._running = False
            self.next_event_s = math.inf
            return self._states[status.stage], "stage"
        old, new = junction.stages[status.previous], junction.stages[status.stage]
        letters = [Aspect.RED.value] * junction.signal_count
        next_s = status.green_start_s
        for index, group in enumerate(junction.groups):
            # Who may turn on red in both stages, or on one side of its green, may do so in between.
            letter = Aspect.RED_THEN_GO.value if _turns_on_red(old.aspects[index], new.aspects[index]) else Aspect.RED.value
            if old.serves(index) and new.serves(index):
                letter = old.aspects[index].value
            elif old.serves(index):
                green_end_s = self._green_end_s[index]
                yellow_end_s = green_end_s + group.yellow_s
                if time_s < green_end_s:
                    letter = old.aspects[index].value
                    next_s = min(next_s, green_end_s)
                elif time_s < yellow_end_s:
                    letter = YELLOW
                    next_s = min(next_s, yellow_end_s)
            elif new.serves(index) and group.red_yellow_s > 0:
                red_yellow_start_s = status.green_start_s - group.red_yellow_s
                if time_s >= red_yellow_start_s:
                    letter = RED_YELLOW
                else:
                    next_s = min(next_s, red_yellow_start_s)
            for link in group.links:
                letters[link] = letter
        self.next_event_s = next_s
        return "".join(letters), "interstage"

    def _note(self, time_s: float, event: str, reason: str) -> None:
        stage = self.junction.stages[self.status.stage].id
        self.log.append(SignalChange(time_s, self.junction.id, event, stage, self.state, reason))


def _turns_on_red(old: Aspect, new: Aspect) -> bool:
    """Whether a group may turn on red while it is red between two stages: one gives it the permission, the other that or green."""
    return Aspect.RED_THEN_GO in (old, new) and Aspect.RED not in (old, new)
