"""Greens on request in the controller `coordinated`: inserted when called, in step with the plan, through the monitor."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.coordinated import Coordinated
from controllers.sumo.signals import JunctionSignals
from optimizer.intersection import Detector, DetectorRole
from optimizer.monitor import Monitor
from optimizer.observation import JunctionObservation, LoopReadings, Observation
from tests.design.test_requests import TRAM, crossing_with_tram

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from optimizer.intersection import Intersection

CYCLE_S = 60
RECORD = {
    "cycle_s": CYCLE_S,
    "offset_s": 0,
    "greens": {"main": [[0, 30]], "side": [[35, 20]], "tram": []},
    "coordinated": ["main"],
    "yellow_s": {},
    "intergreen_s": {a: {b: 5 for b in ("main", "side", "tram") if b != a} for a in ("main", "side", "tram")},
    # Main ends at 20 instead of 30 for it.
    "requests": {"tram": {"start_s": 25, "green_s": 5, "taken_s": {"main": 10}}},
}


def with_loops() -> Intersection:
    """The crossing with a loop at each stop line and one 50 m before it."""
    place = crossing_with_tram()
    rows = [(lane, role, 3.0 if role is DetectorRole.STOP_LINE else 50.0) for lane in range(3) for role in ("stop_line", "near")]
    return replace(place, detectors=tuple(Detector(f"{lane} {role}", DetectorRole(role), (lane,), far, 13.9) for lane, role, far in rows))


def driven(folder: Path, calls: dict[int, str], until_s: int, *, busy: bool = True) -> tuple[JunctionSignals, list[str]]:
    """Run the signals with vehicles on the roads' loops, and in some seconds on one of the tram's; return each second's letters as well."""
    (folder / "design.json").write_text(json.dumps({"junctions": {"junction": RECORD}}))
    made = Coordinated(str(folder / "design.json"))
    place = made.retimed({"junction": with_loops()})["junction"]
    made.start({"junction": place})
    signals = JunctionSignals(place, Monitor(place), 0, 0.0)
    letters = []
    for now_s in range(until_s):
        count = np.zeros(6, dtype=np.int64)
        if busy:
            count[:4] = 1
        if now_s in calls:
            count[4 if calls[now_s] == "stop_line" else 5] = 1
        readings = LoopReadings(count, count.astype(float), np.zeros(6), np.full(6, math.nan))
        decision = made.decide(Observation(float(now_s), {"junction": JunctionObservation(signals.status, readings)})).get("junction")
        if decision is None:
            signals.stay(now_s)
        else:
            signals.command(now_s, decision)
        signals.advance(now_s)
        letters.append(signals.state)
    return signals, letters


def greens(letters: list[str], group: int) -> list[tuple[int, int]]:
    """Return begin and end of each green."""
    row = ["r", *(state[group] for state in letters), "r"]
    begins = [t for t in range(len(letters) + 1) if row[t + 1 if t + 1 < len(row) else t] in "Gg" and row[t] not in "Gg"]
    ends = [t for t in range(1, len(letters) + 1) if row[t] in "Gg" and row[t + 1] not in "Gg"]
    return list(zip(begins, ends, strict=True))


def test_without_a_call_the_plan_runs_as_if_there_were_no_tram(tmp_path: Path) -> None:
    signals, letters = driven(tmp_path, {}, 180)
    assert greens(letters, TRAM) == []
    assert greens(letters, 0)[:3] == [(0, 30), (60, 90), (120, 150)]
    assert signals.refused == signals.violations == 0


def test_a_tram_is_served_where_the_plan_has_room_for_it_and_the_next_green_ends_as_planned(tmp_path: Path) -> None:
    signals, letters = driven(tmp_path, {70: "near", 86: "stop_line"}, 240)
    # Reported in second 10 of the second cycle: main ends in second 20, the tram is green from 25 to 30, side from 35 to 55 as ever.
    assert greens(letters, TRAM) == [(85, 90)]
    assert greens(letters, 0) == [(0, 30), (60, 80), (120, 150), (180, 210)]
    assert greens(letters, 1) == [(35, 55), (95, 115), (155, 175), (215, 235)]
    assert signals.refused == signals.violations == 0


def test_a_tram_that_reports_late_takes_the_time_from_the_following_green(tmp_path: Path) -> None:
    signals, letters = driven(tmp_path, {87: "near", 93: "stop_line"}, 240)
    # Main ends when it is heard, at 87 instead of 90: the side road begins at 102 instead of 95 and ends as planned.
    assert greens(letters, TRAM) == [(92, 97)]
    assert greens(letters, 1)[:3] == [(35, 55), (102, 115), (155, 175)]
    assert signals.refused == signals.violations == 0


def test_a_green_is_held_for_a_tram_that_is_still_to_come_and_no_longer_than_the_next_green_can_bear(tmp_path: Path) -> None:
    held, letters = driven(tmp_path, {70: "near", 92: "stop_line", 93: "stop_line"}, 180)
    assert greens(letters, TRAM) == [(85, 94)]  # it has left the loop at the stop line in second 94
    assert greens(letters, 1)[1] == (99, 115)
    missing, letters = driven(tmp_path, {70: "near"}, 240)
    assert greens(letters, TRAM) == [(85, 100)]  # 5 s and 10 s; a tram that stays at its stop calls in vain once
    assert greens(letters, 1)[1:3] == [(105, 115), (155, 175)]
    assert held.refused == missing.refused == 0


def test_a_tram_that_was_not_there_in_time_is_served_in_the_next_cycle(tmp_path: Path) -> None:
    _, letters = driven(tmp_path, {70: "near", **dict.fromkeys(range(110, 153), "stop_line")}, 240)
    assert greens(letters, TRAM) == [(85, 100), (145, 153)]


@given(
    calls=st.dictionaries(st.integers(0, 500), st.sampled_from(["near", "stop_line"]), max_size=12),
    busy=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_whenever_trams_come_nobody_is_refused_and_none_is_green_without_a_call(
    tmp_path_factory: pytest.TempPathFactory,
    calls: dict[int, str],
    busy: bool,  # noqa: FBT001
) -> None:
    signals, letters = driven(tmp_path_factory.mktemp("run"), calls, 700, busy=busy)
    assert signals.refused == signals.violations == 0
    shown, last_s = greens(letters, TRAM), 0
    for begin_s, end_s in shown:
        assert any(last_s <= call_s <= begin_s for call_s in calls)
        last_s = end_s
    for call_s in calls:
        assert any(begin_s - call_s <= CYCLE_S + 25 and call_s <= end_s for begin_s, end_s in shown)
    # The side road's green never begins before planned unless main has ended early, and main never lasts beyond its planned end.
    assert all(end_s % CYCLE_S <= 30 for _, end_s in greens(letters, 0)[:-1])
    assert all(end_s % CYCLE_S <= 55 for _, end_s in greens(letters, 1)[:-1])
