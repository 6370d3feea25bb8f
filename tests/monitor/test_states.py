"""What the monitor says to a signal state that is about to be sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from optimizer.intersection import Aspect
from optimizer.monitor import Monitor, Rule

if TYPE_CHECKING:
    from optimizer.intersection import Intersection

# From the main road to the side road: the walk's intergreen of 8 s is the longest, the red-yellow lies in its last second.
MAIN_TO_SIDE = [(0, "GGrGgr"), (20, "yyrryr"), (23, "rrrrrr"), (27, "rrurrr"), (28, "rrGrrr")]
# Back again: 5 s for main and left, 4 s would do for the walk.
SIDE_TO_MAIN = [(40, "rryrrr"), (43, "rrrrrr"), (45, "GGrGgr")]


def show(monitor: Monitor, *states: tuple[float, str]) -> list[Rule]:
    """Send all states; return the rules that the last one breaks."""
    for time_s, state in states[:-1]:
        assert monitor.watch(time_s, state) == ()
    return [violation.rule for violation in monitor.watch(*states[-1])]


def test_a_correct_change_and_the_way_back_pass(crossing: Intersection) -> None:
    assert show(Monitor(crossing), *MAIN_TO_SIDE, *SIDE_TO_MAIN) == []


def test_conflicting_greens_are_kept_from_the_signals(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    violations = monitor.watch(0, "GGGrrr")
    assert [(v.rule, v.groups) for v in violations] == [(Rule.CONFLICT, (0, 1))]
    assert violations[0].is_safety
    assert "'main' and 'side'" in violations[0].sentence


def test_a_left_turn_beside_the_stream_it_yields_to_may_be_permissive_but_not_protected(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "GGrGgr")) == []
    assert show(Monitor(crossing), (0, "GGrGGr")) == [Rule.CONFLICT]
    assert show(Monitor(crossing), (0, "rrrrGr")) == []


@pytest.mark.parametrize("state", ["", "GGrGg", "GGrGgrr", "GGrGgG", "GrrGgr", "GGrG?r", "GGOGgr", "GGrGgo"])
def test_states_that_mean_nothing_at_this_junction_are_unknown(crossing: Intersection, state: str) -> None:
    assert show(Monitor(crossing), (0, "rrrrrr"), (1, state)) == [Rule.UNKNOWN_SIGNAL]


def test_an_intergreen_counts_from_the_start_of_yellow_to_the_start_of_green(crossing: Intersection) -> None:
    # left -> side needs 5 s, of which 3 s are yellow; the green may come at 25 s, not at 24.9 s
    steps = [(0.0, "rrrrGr"), (20.0, "rrrryr"), (23.0, "rrrrrr"), (23.5, "rrurrr")]
    assert show(Monitor(crossing), *steps, (24.9, "rrGrrr")) == [Rule.INTERGREEN]
    assert show(Monitor(crossing), *steps, (25.0, "rrGrrr")) == []


def test_each_pair_has_its_own_intergreen(crossing: Intersection) -> None:
    # 5 s after the end of main and left their intergreens are over (4 s and 5 s), the walk's 8 s are not
    steps = [(0, "GGrGgr"), (20, "yyrryr"), (23, "rrrrrr"), (24, "rrurrr")]
    monitor = Monitor(crossing)
    for time_s, state in steps:
        assert monitor.watch(time_s, state) == ()
    assert [v.groups for v in monitor.watch(25, "rrGrrr")] == [(2, 1)]


def test_what_was_red_in_the_first_state_is_taken_as_cleared(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "rrrrrr"), (1, "GGrGgr")) == []


def test_green_may_not_start_in_the_moment_a_conflicting_green_ends(crossing: Intersection) -> None:
    assert Rule.INTERGREEN in show(Monitor(crossing), (0, "rrGrrr"), (20, "rryGrr"))


def test_a_green_ends_after_its_minimum_and_not_before(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "GGrGgr"), (5, "yyrGyr")) == []
    assert show(Monitor(crossing), (0, "GGrGgr"), (4, "yyrGgr")) == [Rule.MINIMUM_GREEN]
    assert show(Monitor(crossing), (0, "GGrGgr"), (5, "yyrryr")) == [Rule.MINIMUM_GREEN], "the walk needs 7 s"


def test_green_is_followed_by_the_whole_yellow_and_then_red(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "rrGrrr"), (9, "rrrrrr")) == [Rule.YELLOW]
    assert show(Monitor(crossing), (0, "rrGrrr"), (9, "rryrrr"), (11, "rrrrrr")) == [Rule.YELLOW]
    assert show(Monitor(crossing), (0, "rrGrrr"), (9, "rryrrr"), (12, "rrGrrr")) == [Rule.YELLOW]
    assert show(Monitor(crossing), (0, "rrrrrr"), (9, "rryrrr")) == [Rule.YELLOW]
    assert show(Monitor(crossing), (0, "rrrGrr"), (9, "rrrrrr")) == [], "a walk has no yellow"


def test_green_comes_after_the_whole_red_yellow(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "rrrrrr"), (9, "rrGrrr")) == [Rule.RED_YELLOW]
    assert show(Monitor(crossing), (0, "rrrrrr"), (9, "rrurrr"), (9.5, "rrGrrr")) == [Rule.RED_YELLOW]
    assert show(Monitor(crossing), (0, "rrrrrr"), (9, "rrurrr"), (10, "rrGrrr")) == []


@pytest.fixture
def turning_on_red(crossing: Intersection) -> Intersection:
    """Return the crossing with the permission to turn left on red beside the side road (as where one drives on the left)."""
    side = replace(crossing.stages[1], aspects=(*crossing.stages[1].aspects[:3], Aspect.RED_THEN_GO))
    return replace(crossing, stages=(crossing.stages[0], side, crossing.stages[2]))


def test_red_with_a_permission_needs_no_yellow_and_no_intergreen_and_counts_as_red(turning_on_red: Intersection) -> None:
    states = [(0, "rrGrsr"), (9, "rryrsr"), (12, "rrrrrr"), (14, "rrrrGr")]
    assert show(Monitor(turning_on_red), *states) == []
    monitor = Monitor(turning_on_red)
    assert monitor.watch(0, "rrGrsr") == ()
    assert [v.rule for v in monitor.watch(95, "rrGrsr") if 3 in v.groups] == [Rule.MAXIMUM_RED]


def test_a_green_ends_with_yellow_before_the_permission(turning_on_red: Intersection) -> None:
    assert show(Monitor(turning_on_red), (0, "rrrrGr"), (10, "rrrrsr")) == [Rule.YELLOW]
    assert show(Monitor(turning_on_red), (0, "rrrrGr"), (10, "rrrryr"), (13, "rrrrsr")) == []
    assert show(Monitor(turning_on_red), (0, "rrrrsr"), (10, "rrrryr")) == [Rule.YELLOW]


def test_a_permission_that_no_stage_gives_is_unknown(crossing: Intersection) -> None:
    assert show(Monitor(crossing), (0, "rrrrrr"), (9, "rrrrsr")) == [Rule.UNKNOWN_SIGNAL]


def test_signals_of_other_programs_may_be_off_and_are_judged_by_nothing_then(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    states = [(0, "OOGOOO"), (10, "OOyOOO"), (13, "rrrrro"), (15, "GGrGgo"), (22, "OOrOOo"), (23, "yyuoOo"), (24, "oooooo")]
    assert [monitor.witness(time_s, state) for time_s, state in states] == [()] * len(states)


def test_what_is_shown_while_others_are_off_is_still_judged(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    assert monitor.witness(0, "OOrGgr") == ()
    assert {v.rule for v in monitor.witness(10, "OOrrrr")} == {Rule.YELLOW}
    assert {v.rule for v in monitor.witness(11, "OOuGgr")} == set()
    assert {v.rule for v in monitor.witness(12, "OOGGgr")} == {Rule.CONFLICT}


def test_both_yellows_of_sumo_are_one(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    assert [monitor.witness(t, s) for t, s in [(0, "GGrrgr"), (10, "YyrrYr"), (12, "yYrryr"), (13, "rrrrrr")]] == [()] * 4


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), 19.0])
def test_a_state_for_no_time_or_for_the_past_is_refused(crossing: Intersection, time_s: float) -> None:
    assert show(Monitor(crossing), (0, "GGrGgr"), (20, "yyrryr"), (time_s, "rrrrrr")) == [Rule.TIME]


def test_a_refused_state_leaves_no_trace_in_the_record(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    assert show(monitor, (0, "GGrGgr"), (20, "rrGrrr")) != []
    # main is still green: it may end now, and its intergreen counts from here
    assert show(monitor, (30, "yyrryr"), (33, "rrrrrr"), (37, "rrurrr"), (38, "rrGrrr")) == []


def test_rounding_of_a_clock_that_adds_up_step_lengths_breaks_nothing(crossing: Intersection) -> None:
    assert show(Monitor(crossing), *MAIN_TO_SIDE[:-1], (28 - 1e-9, "rrGrrr")) == []
    assert show(Monitor(crossing), *MAIN_TO_SIDE[:-1], (28 - 1e-2, "rrGrrr")) != []


def test_a_red_beyond_its_maximum_is_reported_once_and_not_kept_from_the_signals(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    steps = [(0, "GGrGgr"), (100, "yyrryr"), (103, "rrrrrr"), (107, "rrurrr"), (108, "rrGrrr"), (120, "rryrrr")]
    told = [[(v.rule, v.groups, v.is_safety) for v in monitor.watch(t, state)] for t, state in steps]
    assert told == [[], [(Rule.MAXIMUM_RED, (1,), False)], [], [], [], []]


def test_a_program_that_cannot_be_refused_is_judged_against_what_was_really_shown(crossing: Intersection) -> None:
    monitor = Monitor(crossing)
    told = [monitor.witness(t, s) for t, s in [(0, "GGrGgr"), (20, "rrrrrr"), (40, "rrurrr"), (41, "rrGrrr")]]
    assert [[v.rule for v in violations] for violations in told] == [[], [Rule.YELLOW, Rule.YELLOW], [], []]


def test_the_interstages_in_these_tests_are_as_long_as_the_description_says(crossing: Intersection) -> None:
    for steps, change in ((MAIN_TO_SIDE, (0, 1)), (SIDE_TO_MAIN, (1, 0))):
        end_s = next(t for t, state in steps if "y" in state)
        assert steps[-1][0] - end_s == crossing.interstage_s(*change)
        assert all(a[0] < b[0] for a, b in pairwise(steps))
