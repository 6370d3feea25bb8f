"""The monitor between every controller and the signals: what it refuses never reaches a signal.

It knows nothing but the junction's description and what it has seen being shown. It works on two levels: `Monitor.admit` judges each
command before it is carried out, `Monitor.watch` judges each signal state before it is sent, whoever composed it.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from optimizer.intersection import Aspect
from optimizer.presence import WaitClock
from optimizer.red_limits import UNREACHABLE, RedLimits, Reds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.observation import SignalStatus

TOLERANCE_S: Final = 1e-3
"""Simulation clocks add up step lengths; differences below this are rounding."""

_GREEN: Final = frozenset("Gg")
_OFF: Final = frozenset("Oo")
"""A signal that is off rules nobody: it is no red, and going off and on again is judged by nothing."""
_GOES: Final = _GREEN | _OFF
_STOP: Final = frozenset("rus")
_KNOWN: Final = _GREEN | _STOP | {"y"}
_PLAIN: Final = str.maketrans("Y", "y")
"""SUMO's two yellows differ in who goes first, which is no matter of the signal."""


class Rule(StrEnum):
    """What a command or a signal state can break."""

    TIME = "time"
    UNKNOWN_STAGE = "unknown stage"
    FORBIDDEN_CHANGE = "forbidden change"
    RUNNING_INTERSTAGE = "running interstage"
    MINIMUM_GREEN = "minimum green"
    MAXIMUM_GREEN = "maximum green"
    MAXIMUM_RED = "maximum red"
    UNKNOWN_SIGNAL = "unknown signal"
    CONFLICT = "conflict"
    INTERGREEN = "intergreen"
    YELLOW = "yellow"
    RED_YELLOW = "red-yellow"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The monitor's answer to a command.

    Attributes
    ----------
    allowed
        Whether the command may be carried out as it stands.
    stage
        The stage to go to or stay in: the commanded one where allowed, a safe replacement where not (then at once, without `earliest_s`).
    rule
        The rule that the command breaks; None where it is allowed.
    sentence
        What is wrong, for the log.
    """

    allowed: bool
    stage: int
    rule: Rule | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a signal state breaks.

    Attributes
    ----------
    rule
        Which one.
    time_s
        When the state was about to be sent.
    groups
        Indices of the signal groups concerned.
    sentence
        What is wrong, for the log.
    """

    rule: Rule
    time_s: float
    groups: tuple[int, ...]
    sentence: str

    @property
    def is_safety(self) -> bool:
        """Whether the state must not be sent. A red that lasts too long is bad service, but sending green is what ends it."""
        return self.rule is not Rule.MAXIMUM_RED


class Monitor:
    """Watches one junction.

    Parameters
    ----------
    junction
        Its description; nothing else is known or trusted.

    Notes
    -----
    A group's green ends where its yellow (or, without one, its red) starts; intergreens and maximum reds count from there.
    At the first state nothing is known about what came before: greens count as started, and reds as begun, at that moment.
    """

    def __init__(self, junction: Intersection) -> None:
        groups = range(len(junction.groups))
        self._junction = junction
        self._limits = RedLimits(junction)
        self._stays = tuple(Verdict(allowed=True, stage=s) for s in range(len(junction.stages)))
        self._conflicts = tuple(sum(1 << h for h in junction.conflicts[g]) for g in groups)
        # A protected green beside a stream it must give way to is shown only where a stage of the description does so.
        self._priority = tuple(
            sum(1 << h for h in junction.yields_to[g] if not any(s.aspects[g] is Aspect.PROTECTED and s.serves(h) for s in junction.stages))
            for g in groups
        )
        self._turns_on_red = tuple(junction.turns_on_red(g) for g in groups)
        grouped = {link for group in junction.groups for link in group.links}
        self._spare_links = tuple(link for link in range(junction.signal_count) if link not in grouped)
        # The record of what was shown.
        self._now_s = -math.inf
        self._state: str | None = None
        self._letters = [""] * len(junction.groups)
        self._letter_since_s = [-math.inf] * len(junction.groups)
        self._green_since_s = [math.inf] * len(junction.groups)
        self._green_end_s = [-math.inf] * len(junction.groups)
        self._red_since_s = [math.inf] * len(junction.groups)
        self._waits = WaitClock(junction)
        self._reds = Reds(self._red_since_s, self._waits.since_s)
        self._red_told = [False] * len(junction.groups)
        self._due: dict[int, float] = {}  # by stage: until when it may be stayed in, worked out when it is asked for

    # Commands

    def see(self, time_s: float, waited_s: NDArray[np.float64] | None) -> None:
        """Take note for how long somebody may have been standing before each group, as who reads the detectors says, not the controller.

        To be called each second. A maximum red counts from when somebody may be waiting; where nobody tells, from the start of each red.
        """
        self._waits.see(time_s, waited_s)

    def admit(self, time_s: float, decision: Decision, signal: SignalStatus) -> Verdict:
        """Judge a command. To be asked for every decision, and once a second for *stay* where the controller said nothing.

        Parameters
        ----------
        time_s
            Now.
        decision
            The command.
        signal
            What the signals show, as the executing state machine sees it.

        Returns
        -------
        Verdict
            Whether it may be carried out, and what to do instead if not.
        """
        stage = signal.stage
        if (
            decision.stage == stage
            and self._now_s <= time_s < self._latest_change_s(time_s, stage)
            and time_s < signal.green_start_s + self._limits.green_limit_s[stage]
            and decision.earliest_s <= time_s
            and decision.latest_s >= time_s
        ):
            return self._stays[stage]
        return self._judge(time_s, decision, signal)

    def _judge(self, time_s: float, decision: Decision, signal: SignalStatus) -> Verdict:
        stage, stages = signal.stage, self._junction.stages
        if not math.isfinite(time_s) or time_s < self._now_s - TOLERANCE_S:
            return _refusal(Rule.TIME, stage, f"the command is dated {time_s} s, but the monitor has seen {self._now_s} s")
        if math.isnan(decision.earliest_s) or decision.earliest_s == math.inf or math.isnan(decision.latest_s):
            return _refusal(Rule.TIME, stage, f"earliest_s={decision.earliest_s} and latest_s={decision.latest_s} name no time")
        try:
            target = operator.index(decision.stage)
        except TypeError:
            target = -1
        if not 0 <= target < len(stages):
            return _refusal(Rule.UNKNOWN_STAGE, stage, f"stage {decision.stage!r} does not exist; there are stages 0 to {len(stages) - 1}")
        if time_s < signal.green_start_s - TOLERANCE_S:
            return self._judge_in_interstage(target, decision, signal)
        if target != stage and not self._junction.change_allowed(stage, target):
            sentence = f"stage {stages[target].id!r} may not follow stage {stages[stage].id!r} at this junction"
            return self._refuse_now(time_s, signal, Rule.FORBIDDEN_CHANGE, sentence)
        # A change whose interstage need not start within this second is a stay for now, and will be asked about again.
        now = stage if decision.earliest_s - math.ceil(self._junction.interstage_s(stage, target)) >= time_s + 1.0 else target
        early = self._too_early(time_s, stage, now, signal)
        if early:
            return _refusal(Rule.MINIMUM_GREEN, stage, early)
        rule, sentence = self._overdue(time_s, now, signal)
        if rule is None:
            return Verdict(allowed=True, stage=target)
        refused = self._refuse_now(time_s, signal, rule, sentence)
        # Where staying is all that can be done at the moment, staying is no mistake.
        return Verdict(allowed=True, stage=target) if now == refused.stage == stage else refused

    def _judge_in_interstage(self, target: int, decision: Decision, signal: SignalStatus) -> Verdict:
        if target != signal.stage:
            sentence = f"the interstage to stage {self._junction.stages[signal.stage].id!r} runs until {signal.green_start_s:g} s"
            return _refusal(Rule.RUNNING_INTERSTAGE, signal.stage, sentence)
        for group in self._junction.opening(signal.previous, target):
            deadline_s = self._waits.since_s[group] + self._junction.groups[group].maximum_red_s
            if decision.earliest_s > max(deadline_s, signal.green_start_s):
                sentence = (
                    f"a green from {decision.earliest_s:g} s on exceeds the maximum red of group {self._names(group)} at {deadline_s:g} s"
                )
                return _refusal(Rule.MAXIMUM_RED, target, sentence)
        latest_s = self._latest_change_s(signal.green_start_s, target) - self._junction.stage_minimum_green_s(target)
        if decision.earliest_s > max(latest_s, signal.green_start_s):
            sentence = f"a green from {decision.earliest_s:g} s on makes another group wait longer than its maximum red"
            return _refusal(Rule.MAXIMUM_RED, target, sentence)
        return Verdict(allowed=True, stage=target)

    def _too_early(self, time_s: float, stage: int, target: int, signal: SignalStatus) -> str:
        """Say which green would end before its minimum; empty where none does."""
        for group in self._junction.closing(stage, target):
            since_s = self._green_since_s[group]
            if self._state is None:
                since_s = signal.green_start_s  # nothing was watched yet: there is only the state machine's word
            elif since_s == math.inf and self._junction.groups[group].links:
                return f"group {self._junction.groups[group].id!r} has not been shown green yet"
            until_s = since_s + self._junction.groups[group].minimum_green_s
            if since_s < math.inf and time_s < until_s - TOLERANCE_S:
                return f"group {self._junction.groups[group].id!r} must stay green until {until_s:g} s"
        return ""

    def _overdue(self, time_s: float, target: int, signal: SignalStatus) -> tuple[Rule | None, str]:
        """Say which limit of service the command lets pass."""
        stage = signal.stage
        if target == stage:
            is_late = time_s >= self._latest_change_s(time_s, stage)
        else:
            is_late = not self._limits.keeps(time_s, stage, self._reds, target)
        if is_late:
            first = self._limits.deadlines(stage, self._reds)[0][1]
            return Rule.MAXIMUM_RED, f"group {self._junction.groups[first].id!r} nears its maximum red and must be served"
        if target == stage and time_s >= signal.green_start_s + self._limits.green_limit_s[stage]:
            return Rule.MAXIMUM_GREEN, f"stage {self._junction.stages[stage].id!r} has reached its maximum green"
        return None, ""

    def _latest_change_s(self, time_s: float, stage: int) -> float:
        """Return until when a stage may be stayed in so that all reds can still end in time."""
        # Where nobody has waited meanwhile it comes later than it was worked out.
        if time_s >= self._due.get(stage, -math.inf):
            latest_s = self._limits.latest_change_s(stage, self._reds)
            self._due[stage] = math.floor(latest_s + TOLERANCE_S) if math.isfinite(latest_s) else latest_s
        return self._due[stage]

    def _refuse_now(self, time_s: float, signal: SignalStatus, rule: Rule, sentence: str) -> Verdict:
        """Refuse a command during green; instead go where a limit of service calls, or stay."""
        stage = signal.stage
        if self._overdue(time_s, stage, signal)[0] is None:
            return _refusal(rule, stage, sentence)
        way_out = self._limits.relief(stage, self._reds)
        if way_out == UNREACHABLE or self._too_early(time_s, stage, way_out, signal):
            return _refusal(rule, stage, sentence)
        return _refusal(rule, way_out, sentence)

    # What is shown

    def watch(self, time_s: float, state: str) -> tuple[Violation, ...]:
        """Judge a signal state that is about to be sent. To be asked whenever the state changes.

        Parameters
        ----------
        time_s
            Now.
        state
            The field device's state string, one letter per signal (``r y G g s u``).

        Returns
        -------
        tuple of Violation
            Where any of them `is_safety` the state must not be sent: the one shown before stays, and so does the record.
        """
        return self._judge_state(time_s, state, foreign=False)

    def _judge_state(self, time_s: float, state: str, *, foreign: bool) -> tuple[Violation, ...]:
        if not math.isfinite(time_s) or time_s < self._now_s - TOLERANCE_S:
            return (Violation(Rule.TIME, time_s, (), f"the state is dated {time_s} s, but the monitor has seen {self._now_s} s"),)
        if state == self._state:
            self._now_s = time_s
            return self._long_reds(time_s, self._letters)
        unreadable = self._unreadable(time_s, state, foreign=foreign)
        if unreadable:
            return unreadable
        letters = self._group_letters(state)
        violations = self._conflicting(time_s, letters)
        if self._state is not None:
            for group, letter in enumerate(letters):
                if letter != self._letters[group]:
                    violations += self._changed(time_s, group, letters)
        if violations:
            return tuple(violations)
        late = self._long_reds(time_s, letters)
        self._record(time_s, state, letters)
        return late

    def witness(self, time_s: float, state: str) -> tuple[Violation, ...]:
        """Judge a state like `watch`, but take it into the record even so: for programs that cannot be refused (SUMO's own).

        These may switch signals off (``O o``), and show what they like where nobody looks.
        """
        violations = self._judge_state(time_s, state, foreign=True)
        if any(v.is_safety for v in violations) and len(state) == self._junction.signal_count and time_s >= self._now_s:
            self._record(time_s, state, self._group_letters(state))
        return violations

    def _group_letters(self, state: str) -> list[str]:
        return [state[group.links[0]].translate(_PLAIN) if group.links else "" for group in self._junction.groups]

    def _unreadable(self, time_s: float, state: str, *, foreign: bool) -> tuple[Violation, ...]:
        count = self._junction.signal_count
        if len(state) != count:
            return (Violation(Rule.UNKNOWN_SIGNAL, time_s, (), f"the state {state!r} has {len(state)} letters for {count} signals"),)
        found = []
        for index, group in enumerate(self._junction.groups):
            shown = "".join(sorted({state[link].translate(_PLAIN) for link in group.links}))
            if len(shown) > 1:
                found.append(Violation(Rule.UNKNOWN_SIGNAL, time_s, (index,), f"group {group.id!r} shows different signals: {shown!r}"))
            elif shown and shown not in _KNOWN and not (foreign and shown in _OFF):
                found.append(Violation(Rule.UNKNOWN_SIGNAL, time_s, (index,), f"group {group.id!r} shows the unknown signal {shown!r}"))
            elif shown == Aspect.RED_THEN_GO.value and not self._turns_on_red[index] and not foreign:
                sentence = f"group {group.id!r} shows the permission to turn on red, which no stage gives it"
                found.append(Violation(Rule.UNKNOWN_SIGNAL, time_s, (index,), sentence))
        found += [
            Violation(Rule.UNKNOWN_SIGNAL, time_s, (), f"signal {link} belongs to no group but shows {state[link]!r}")
            for link in self._spare_links
            if state[link] != "r" and not foreign
        ]
        return tuple(found)

    def _conflicting(self, time_s: float, letters: list[str]) -> list[Violation]:
        green = sum(1 << g for g, letter in enumerate(letters) if letter in _GREEN)
        found = []
        for g, letter in enumerate(letters):
            if letter not in _GREEN:
                continue
            # Each conflicting pair once; priority is not symmetric.
            together = _members(self._conflicts[g] & green & ~((1 << g) - 1))
            found += [Violation(Rule.CONFLICT, time_s, (g, h), f"the groups {self._names(g, h)} conflict but are green") for h in together]
            ignored = _members(self._priority[g] & green) if letter == "G" else []
            why = "is protected although it must give way to"
            found += [Violation(Rule.CONFLICT, time_s, (g, h), f"group {self._names(g)} {why} {self._names(h)}") for h in ignored]
        return found

    def _changed(self, time_s: float, group: int, letters: list[str]) -> list[Violation]:
        """Judge the change of one group's signal."""
        letter = letters[group]
        before, since_s = self._letters[group], self._letter_since_s[group]
        described = self._junction.groups[group]
        lasted_s = time_s - since_s + TOLERANCE_S
        found: list[Violation] = []

        def break_(rule: Rule, sentence: str) -> None:
            found.append(Violation(rule, time_s, (group,), f"group {described.id!r} {sentence}"))

        if letter in _OFF:
            return found
        if before in _GREEN and letter not in _GREEN:
            green_s = time_s - self._green_since_s[group]
            if green_s < described.minimum_green_s - TOLERANCE_S:
                break_(Rule.MINIMUM_GREEN, f"was green for {green_s:g} s of its minimum of {described.minimum_green_s:g} s")
            if letter != "y" and described.yellow_s > 0:
                break_(Rule.YELLOW, f"goes from {before!r} to {letter!r} without yellow")
        elif before == "y":
            if letter not in _STOP:
                break_(Rule.YELLOW, f"goes from yellow to {letter!r} without red")
            elif lasted_s < described.yellow_s:
                break_(Rule.YELLOW, f"was yellow for {time_s - since_s:g} s of {described.yellow_s:g} s")
        elif letter == "y" and before not in _OFF:
            break_(Rule.YELLOW, f"goes from {before!r} to yellow without green")
        if letter in _GREEN and before in _STOP:
            if described.red_yellow_s > 0 and (before != "u" or lasted_s < described.red_yellow_s):
                break_(Rule.RED_YELLOW, f"turns green without {described.red_yellow_s:g} s of red-yellow")
            found += self._intergreens(time_s, group, letters)
        return found

    def _intergreens(self, time_s: float, starting: int, letters: list[str]) -> list[Violation]:
        found = []
        for ending, letter in enumerate(letters):
            if letter in _GOES:
                continue  # the conflict matrix decides
            end_s = time_s if self._letters[ending] in _GREEN else self._green_end_s[ending]
            needed_s = self._junction.intergreen_s[ending][starting]
            if time_s - end_s < needed_s - TOLERANCE_S:
                sentence = f"between the groups {self._names(ending, starting)} lie {time_s - end_s:g} s of an intergreen of {needed_s:g} s"
                found.append(Violation(Rule.INTERGREEN, time_s, (ending, starting), sentence))
        return found

    def _long_reds(self, time_s: float, letters: list[str]) -> tuple[Violation, ...]:
        """Report each red beyond its maximum once."""
        found = []
        for group, since_s in enumerate(self._waits.since_s):
            limit_s = self._junction.groups[group].maximum_red_s
            served = self._limits.notice_s[group] >= 0
            if served and since_s < math.inf and time_s - since_s > limit_s + TOLERANCE_S and not self._red_told[group]:
                self._red_told[group] = True
                what = "was" if letters[group] in _GREEN else "has been"
                sentence = f"group {self._junction.groups[group].id!r} {what} red for {time_s - since_s:g} s of at most {limit_s:g} s"
                found.append(Violation(Rule.MAXIMUM_RED, time_s, (group,), sentence))
        return tuple(found)

    def _record(self, time_s: float, state: str, letters: list[str]) -> None:
        for group, letter in enumerate(letters):
            before = self._letters[group]
            if letter == before:
                continue
            self._letter_since_s[group] = time_s
            if letter in _GOES and before not in _GREEN:
                self._green_since_s[group], self._red_since_s[group], self._red_told[group] = time_s, math.inf, False
                self._waits.green(group)
            elif letter not in _GOES and (before in _GOES or not before):
                self._green_since_s[group], self._red_since_s[group] = math.inf, time_s
                self._waits.red(group, time_s)
                if before in _GREEN:
                    self._green_end_s[group] = time_s
        self._now_s, self._state, self._letters = time_s, state, letters
        self._due.clear()

    def _names(self, *groups: int) -> str:
        return " and ".join(repr(self._junction.groups[g].id) for g in groups)


def _refusal(rule: Rule, stage: int, sentence: str) -> Verdict:
    return Verdict(allowed=False, stage=stage, rule=rule, sentence=sentence)


def _members(mask: int) -> list[int]:
    return [index for index in range(mask.bit_length()) if mask >> index & 1]
