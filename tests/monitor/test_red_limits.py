"""How a controller keeps track of the limits that the monitor will hold it to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.observation import SignalStatus
from optimizer.red_limits import RedClock, RedLimits

if TYPE_CHECKING:
    from optimizer.intersection import Intersection


def set_reds(clock: RedClock, since_s: list[float]) -> None:
    """Let the groups have been red, and waited for, since these times."""
    clock.red_since_s[:] = since_s
    clock.reds.waiting_since_s[:] = since_s  # type: ignore[index] # it is a list of the clock's own


def test_red_counts_from_the_end_of_each_green(crossing: Intersection) -> None:
    clock = RedClock(crossing)
    clock.follow(100, SignalStatus(stage=0, previous=0, green_start_s=100, commanded_s=100))
    assert clock.red_since_s == [math.inf, 100, math.inf, math.inf]
    clock.follow(121, SignalStatus(stage=1, previous=0, green_start_s=128, commanded_s=120))
    # Only the walk, which needs 8 s to clear, ends with the command: 128 - 4, 128 - 8 and 128 - 5 s.
    assert clock.red_since_s == [124, math.inf, 120, 123]
    clock.follow(141, SignalStatus(stage=2, previous=1, green_start_s=145, commanded_s=140))
    assert clock.red_since_s == [124, 140, 120, math.inf]


def test_nothing_is_due_while_the_minimum_green_runs_and_the_longest_wait_comes_first_after_it(crossing: Intersection) -> None:
    clock = RedClock(crossing)
    status = SignalStatus(stage=1, previous=1, green_start_s=0, commanded_s=0)
    clock.follow(0, status)
    set_reds(clock, [-85.0, math.inf, -85.0, -88.0])
    closing = crossing.closing(1, RedLimits(crossing).hop(1, 3))
    least_s = max(crossing.groups[group].minimum_green_s for group in closing)
    assert clock.stage_due(least_s - 1, status) is None
    due = clock.stage_due(least_s, status)
    assert due is not None
    assert crossing.stages[due].serves(3), "the left turn has waited longest"


def test_a_stage_that_ends_nobodys_green_may_be_due_within_the_minimum_green(crossing: Intersection) -> None:
    clock = RedClock(crossing)
    status = SignalStatus(stage=2, previous=2, green_start_s=0, commanded_s=0)
    clock.follow(0, status)
    set_reds(clock, [-88.0, -70.0, -88.0, math.inf])
    assert crossing.closing(2, 0) == ()
    assert clock.stage_due(0, status) == 0, "main and walk have waited longer than the side road"


def test_a_change_is_due_shortly_before_the_maximum_green(crossing: Intersection) -> None:
    # every stage of the crossing keeps the side road or all others waiting
    assert RedLimits(crossing).green_limit_s == (60, 40, 40)
    clock = RedClock(crossing)
    status = SignalStatus(stage=1, previous=1, green_start_s=0, commanded_s=0)
    clock.follow(0, status)
    assert next(t for t in range(45) if clock.stage_due(t, status) is not None) == 38, "2 s before the maximum green of 40 s"
