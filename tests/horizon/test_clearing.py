"""The junction is cleared before the next green: whoever stands inside when a green has ended is let out first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.traffic import ExpectedTraffic, room_for_traffic
from optimizer.estimation.zone import ZoneEstimator
from optimizer.horizon.engines import Change, PlannedDepartures
from optimizer.observation import JunctionObservation, SignalStatus
from optimizer.planner import JunctionPlanner
from tests.estimation.one_lane import one_lane

if TYPE_CHECKING:
    from optimizer.intersection import Aspect

STRAIGHT, LEFT = 0, 1
COMMANDED_S, GREEN_S = 100.0, 105.0


class Content:
    """Someone of the straight group stands inside, and the engine has no wishes."""

    def __init__(self, told: tuple[Aspect, ...], until_s: float) -> None:
        self.longest_clearing_s, self.tells_inside_after, self._until_s = 6.0, told, until_s
        self.departures = PlannedDepartures(np.zeros(2, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 2), dtype=np.int64))

    def update(self, time_s: float, *_: object) -> ExpectedTraffic:
        traffic = room_for_traffic(0, 1, 2, 2, 1).first(0)
        traffic.inside[STRAIGHT] = time_s < self._until_s
        return traffic

    def choose(self, *_: object) -> Change | None:
        return None


def opened_s(told: tuple[Aspect, ...], until_s: float) -> float:
    """Return when the left group's green begins after a change from the straight one."""
    content = Content(told, until_s)
    planner = JunctionPlanner(one_lane(), content, content)
    green_s = GREEN_S
    for second in range(int(COMMANDED_S) - 20, int(COMMANDED_S) + 30):
        before = second < COMMANDED_S
        status = SignalStatus(STRAIGHT, STRAIGHT, 0.0, 0.0) if before else SignalStatus(LEFT, STRAIGHT, green_s, COMMANDED_S)
        decision = planner.decide(float(second), JunctionObservation(status))
        if decision is not None:
            assert decision.stage == LEFT
            green_s = decision.earliest_s
    return green_s


@pytest.mark.parametrize(("until_s", "green_s"), [(0.0, GREEN_S), (GREEN_S + 3, GREEN_S + 3), (GREEN_S + 60, GREEN_S + 6)])
def test_the_next_green_waits_for_who_was_held_up_after_a_protected_green_but_not_for_ever(until_s: float, green_s: float) -> None:
    assert opened_s(ZoneEstimator.tells_inside_after, until_s) == green_s


def test_what_loops_guess_of_a_protected_green_delays_nobody() -> None:
    assert opened_s(LoopEstimator.tells_inside_after, GREEN_S + 60) == GREEN_S
