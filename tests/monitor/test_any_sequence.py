"""Whatever is commanded, and whatever state machine composes the states: nothing unsafe reaches a signal.

What was shown is judged afterwards by a checker that knows nothing of the monitor: it looks at the whole history at once.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.decision import Decision
from optimizer.intersection import Aspect, GroupKind, Intersection, SignalGroup, Stage
from optimizer.monitor import Monitor, Rule
from optimizer.observation import SignalStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

History = list[tuple[float, str]]
END_S = 1e9


def faults(junction: Intersection, history: History) -> list[str]:
    """Check a whole history of shown states, naively: spans of each signal first, then every rule for every span or pair of spans."""
    spans = [_spans(history, group.links[0]) for group in junction.groups]
    greens = [[(a, b) for letter, a, b in runs if letter == "G"] for runs in spans]
    found = []
    for g, group in enumerate(junction.groups):
        found += _sequence_faults(group, spans[g])
        for h in range(len(junction.groups)):
            for _, end_s in greens[g]:
                found += [f"{g}-{h}: intergreen" for start_s, _ in greens[h] if 0 <= start_s - end_s < junction.intergreen_s[g][h] - 1e-6]
            if h in junction.conflicts[g]:
                found += [f"{g}-{h}: conflict" for a, b in greens[g] for c, d in greens[h] if a < d and c < b]
    return found


def _spans(history: History, link: int) -> list[tuple[str, float, float]]:
    """Letter, start and end of everything one signal showed, without a gap."""
    runs: list[tuple[str, float, float]] = []
    ends_s = [time_s for time_s, _ in history[1:]] + [END_S]
    for (start_s, state), end_s in zip(history, ends_s, strict=True):
        if runs and runs[-1][0] == state[link]:
            runs[-1] = (state[link], runs[-1][1], end_s)
        else:
            runs.append((state[link], start_s, end_s))
    return runs


def _sequence_faults(group: SignalGroup, runs: list[tuple[str, float, float]]) -> list[str]:
    found = []
    for (letter, start_s, end_s), (after, _, _) in pairwise(runs):
        lasted_s = end_s - start_s + 1e-6
        if letter == "G" and lasted_s < group.minimum_green_s:
            found.append(f"{group.id}: short green")
        if letter == "G" and group.yellow_s > 0 and after != "y":
            found.append(f"{group.id}: no yellow")
        if letter == "y" and (lasted_s < group.yellow_s or after not in "ru"):
            found.append(f"{group.id}: short yellow")
        if after == "G" and group.red_yellow_s > 0 and (letter != "u" or lasted_s < group.red_yellow_s):
            found.append(f"{group.id}: short red-yellow")
    return found


@st.composite
def junctions(draw: st.DrawFn) -> Intersection:
    count = draw(st.integers(2, 4))
    pairs = [(a, b) for a in range(count) for b in range(a)]
    hostile = {pair for pair in pairs if draw(st.booleans())} or {pairs[0]}
    conflicts = tuple(frozenset(h for h in range(count) if (g, h) in hostile or (h, g) in hostile) for g in range(count))
    seconds = st.integers(0, 6)
    groups = tuple(
        SignalGroup(
            id=f"group {g}",
            kind=GroupKind.VEHICLE,
            links=(g,),
            minimum_green_s=draw(seconds),
            yellow_s=draw(st.sampled_from([0, 2, 3])),
            red_yellow_s=draw(st.sampled_from([0, 1])),
            maximum_red_s=draw(st.sampled_from([30, 60, 300])),
        )
        for g in range(count)
    )
    stages = []
    for index in range(draw(st.integers(2, 4))):
        served: set[int] = set()
        for g in draw(st.permutations(range(count))):
            if served.isdisjoint(conflicts[g]):
                served.add(g)
        aspects = tuple(Aspect.PROTECTED if g in served else Aspect.RED for g in range(count))
        stages.append(Stage(f"stage {index}", aspects, draw(st.sampled_from([20, 300]))))
    intergreen_s = tuple(tuple(draw(seconds) if h in conflicts[g] else 0 for h in range(count)) for g in range(count))
    return Intersection("any", (), (), groups, (), tuple(stages), conflicts, (frozenset(),) * count, intergreen_s, signal_count=count)


class Signals:
    """Executes commands second by second as a controller's coupling would; `hurry_s` cuts its interstages short."""

    def __init__(self, junction: Intersection, hurry_s: float = 0) -> None:
        self.junction, self.hurry_s = junction, hurry_s
        self.monitor = Monitor(junction)
        self.status = SignalStatus(0, 0, 0, 0)
        self.history: History = [(0, junction.state(0))]
        self.kept_back: list[Rule] = []
        self.late: list[Rule] = []
        self.monitor.watch(0, junction.state(0))

    def second(self, time_s: float, decision: Decision) -> None:
        verdict = self.monitor.admit(time_s, decision, self.status)
        earliest_s = decision.earliest_s if verdict.allowed else -math.inf
        status = self.status
        if time_s < status.green_start_s:
            self.status = replace(status, green_start_s=max(status.green_start_s, earliest_s))
        elif verdict.stage != status.stage:
            span_s = max(math.ceil(self.junction.interstage_s(status.stage, verdict.stage)) - self.hurry_s, 0)
            if earliest_s - span_s < time_s + 1:
                self.status = SignalStatus(verdict.stage, status.stage, max(time_s + span_s, earliest_s), time_s)
        state = self.state(time_s)
        if state != self.history[-1][1]:
            violations = self.monitor.watch(time_s, state)
            if any(v.is_safety for v in violations):
                self.kept_back += [v.rule for v in violations]
            else:
                self.late += [v.rule for v in violations]
                self.history.append((time_s, state))

    def state(self, time_s: float) -> str:
        status, letters = self.status, []
        if time_s >= status.green_start_s:
            return self.junction.state(status.stage)
        for g, group in enumerate(self.junction.groups):
            old, new = (self.junction.stages[s].serves(g) for s in (status.previous, status.stage))
            if old and new:
                letters.append("G")
            elif old:
                letters.append("y" if time_s < status.commanded_s + group.yellow_s else "r")
            else:
                letters.append("u" if new and group.red_yellow_s and time_s >= status.green_start_s - group.red_yellow_s else "r")
        return "".join(letters)


COMMANDS = st.lists(
    st.tuples(st.integers(-1, 5), st.sampled_from([-math.inf, math.nan, math.inf, 2.0, 5.0, 20.0, 40.0]), st.integers(1, 15)),
    min_size=1,
    max_size=20,
)


def run(signals: Signals, commands: Sequence[tuple[int, float, int]]) -> None:
    """Give each command for some seconds; its earliest start is relative to its first second."""
    time_s = 0
    for stage, delay_s, repeats in commands:
        earliest_s = time_s + delay_s
        for _ in range(repeats):
            time_s += 1
            signals.second(time_s, Decision(stage, earliest_s))


@given(junctions(), COMMANDS)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_commands_carried_out_faithfully_show_nothing_unsafe_and_need_no_intervention(
    junction: Intersection, commands: list[tuple[int, float, int]]
) -> None:
    signals = Signals(junction)
    run(signals, commands)
    assert faults(junction, signals.history) == []
    assert signals.kept_back == []


@given(junctions(), COMMANDS, st.integers(1, 6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_state_machine_that_cuts_interstages_short_shows_nothing_unsafe(
    junction: Intersection, commands: list[tuple[int, float, int]], hurry_s: int
) -> None:
    signals = Signals(junction, hurry_s)
    run(signals, commands)
    assert faults(junction, signals.history) == []


@given(junctions(), st.data())
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_of_any_states_at_any_times_only_safe_ones_pass(junction: Intersection, data: st.DataObject) -> None:
    monitor, history, time_s = Monitor(junction), [], 0.0
    for _ in range(data.draw(st.integers(1, 30))):
        time_s += data.draw(st.sampled_from([0.5, 1, 3, 7]))
        state = list(history[-1][1]) if history else ["r"] * junction.signal_count
        for link in data.draw(st.sets(st.integers(0, junction.signal_count - 1), min_size=1)):
            state[link] = data.draw(st.sampled_from("ryGu"))
        if not any(v.is_safety for v in monitor.watch(time_s, "".join(state))):
            history.append((time_s, "".join(state)))
    assert faults(junction, history) == []


def test_the_checker_of_these_tests_finds_each_kind_of_fault(crossing: Intersection) -> None:
    plain = replace(crossing, stages=(replace(crossing.stages[0], aspects=(Aspect.RED,) * 4),))
    assert faults(plain, [(0, "GGGrrr")]) == ["0-1: conflict", "1-0: conflict"]
    assert faults(plain, [(0, "GGrrrr"), (3, "yyrrrr"), (6, "rrrrrr")]) == ["main: short green"]
    assert faults(plain, [(0, "GGrrrr"), (9, "rrrrrr")]) == ["main: no yellow"]
    assert faults(plain, [(0, "GGrrrr"), (9, "yyrrrr"), (11, "rrrrrr")]) == ["main: short yellow"]
    assert faults(plain, [(0, "rrrrrr"), (9, "rrGrrr")]) == ["side: short red-yellow"]
    assert faults(plain, [(0, "GGrrrr"), (9, "yyrrrr"), (12, "rrurrr"), (12.5, "rrurrr"), (13, "rrGrrr")]) == []
    assert faults(plain, [(0, "rrrGrr"), (9, "rrrrrr"), (11, "rrurrr"), (13, "rrGrrr")]) == ["2-1: intergreen"]


@given(st.lists(st.tuples(st.integers(0, 2), st.just(-math.inf), st.integers(1, 40)), min_size=10, max_size=25))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_sequence_of_commands_keeps_anyone_of_the_crossing_waiting_beyond_the_maximum_red(
    commands: list[tuple[int, float, int]],
) -> None:
    groups = tuple(
        SignalGroup(name, GroupKind.VEHICLE, (link,), minimum_green_s=5, yellow_s=3, maximum_red_s=60)
        for link, name in enumerate(("a", "b", "c"))
    )
    stages = tuple(Stage(f"only {g}", tuple(Aspect.PROTECTED if g == h else Aspect.RED for h in range(3))) for g in range(3))
    others = tuple(frozenset({0, 1, 2} - {g}) for g in range(3))
    intergreen_s = tuple(tuple(0 if g == h else 4 for h in range(3)) for g in range(3))
    junction = Intersection("three", (), (), groups, (), stages, others, (frozenset(),) * 3, intergreen_s, signal_count=3)
    signals = Signals(junction)
    run(signals, commands)
    assert signals.late == []
    waited_s = [0] * 3
    for (start_s, state), (end_s, _) in pairwise(signals.history):
        for g in range(3):
            waited_s[g] = 0 if state[g] == "G" else waited_s[g] + end_s - start_s
            assert waited_s[g] <= 60
