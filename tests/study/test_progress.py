"""The time left, and how means are shown."""

from __future__ import annotations

import pytest

from experiments.requests import RunRequest, controller_choice
from experiments.study.definition import Case
from experiments.study.planning import PlannedRun
from experiments.study.progress import shown_mean, time_left_s


def planned(scenario: str, controller: str) -> PlannedRun:
    return PlannedRun(Case(scenario, controller, 1.0, "as placed"), 0, "key", RunRequest(scenario, controller_choice(controller)))


def test_the_time_left_is_what_runs_alike_took_at_the_speed_so_far() -> None:
    ended = [(planned("a", "static"), 2.0), (planned("a", "greedy"), 4.0), (planned("b", "static"), 12.0)]
    # 18 s of work took 9 s (two workers). Left: static on a 2, greedy on b as static on b 12, on c the mean of all 6; together 20
    waiting = [planned("a", "static"), planned("b", "greedy"), planned("c", "static")]
    assert time_left_s(waiting, ended, 9.0) == pytest.approx(10.0)
    assert time_left_s([], ended, 9.0) == 0
    assert time_left_s(waiting, [], 9.0) is None


@pytest.mark.parametrize(
    ("values", "shown"),
    [([], "-"), ([20.0], "20.0"), ([20.0, 21.0], "20.5"), ([16.0, 15.0, 17.0, 67.0, 453.0], "16.0 (3/5) | 260.0 (2/5)")],
)
def test_two_groups_are_shown_as_two_means(values: list[float], shown: str) -> None:
    assert shown_mean(values) == shown
