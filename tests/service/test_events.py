"""Raw detector events: the same answers as from readings that are made of the same events."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.service.problems import ProblemError
from tests.service.calls import ask, call, kinds, site

if TYPE_CHECKING:
    from optimizer.service.site import JunctionSite

LOOPS = ("a loop", "b loop")
BEGIN_S = 100.0

# Times on a grid of 1/8 s are exact in binary, so sums do not depend on their order.
covers = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), max_size=8)


def spans(drawn: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """When a loop is covered: from and to, one after the other."""
    found, clock = [], BEGIN_S
    for free, covered in drawn:
        found.append((clock + free / 8, clock + (free + covered) / 8))
        clock = found[-1][1]
    return found


def reading(covered: list[tuple[float, float]], time_s: float) -> tuple[int, float, float]:
    """Count, occupancy and covered time of the second that ends at `time_s`, straight from their definitions."""
    count = sum(time_s - 1 < begin <= time_s for begin, _ in covered)
    occupancy = sum(max(0.0, min(end, time_s) - max(begin, time_s - 1)) for begin, end in covered)
    on = [time_s - begin for begin, end in covered if begin <= time_s < end]
    return count, occupancy, on[0] if on else 0.0


def events_of(covered: dict[str, list[tuple[float, float]]], after_s: float, time_s: float) -> list[dict[str, Any]]:
    every = [
        {"detector": loop, "time_s": at_s, "on": on}
        for loop in LOOPS
        for span in covered[loop]
        for at_s, on in zip(span, (True, False), strict=True)
    ]
    return sorted((each for each in every if after_s < each["time_s"] <= time_s), key=lambda each: each["time_s"])


def without_time(answer: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in answer.items() if name != "solve_s"})


@given(covers, covers, st.integers(3, 12), st.data())
@settings(max_examples=40)
def test_events_and_readings_made_of_them_have_the_same_answers(
    first: list[tuple[int, int]], second: list[tuple[int, int]], seconds: int, data: st.DataObject
) -> None:
    covered = dict(zip(LOOPS, (spans(first), spans(second)), strict=True))
    by_events, by_readings = site(), site()
    missed: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for n in range(1, seconds + 1):
        time_s = BEGIN_S + n
        rows = [reading(covered[loop], time_s) for loop in LOOPS]
        readings = {"count": [r[0] for r in rows], "occupancy": [r[1] for r in rows], "occupied_s": [r[2] for r in rows]}
        told = {"events": events_of(covered, time_s - 1, time_s)}
        calls = [call(n, time_s, since_s=90.0) for _ in range(2)]
        calls[0]["loops"] = None
        calls[0]["events"] = told
        calls[1]["loops"] = {**readings, "speed_m_s": [None, None]}
        if n < seconds and data.draw(st.booleans()):  # no answer comes: the second is told with the next call
            missed.append(tuple({k: v for k, v in each.items() if k in {"time_s", "signal", "loops", "events"}} for each in calls))  # type: ignore[arg-type]
            continue
        for each, place in zip(calls, range(2), strict=True):
            each["missed"] = [pair[place] for pair in missed]
        missed = []
        assert without_time(ask(by_events, calls[0])) == without_time(ask(by_readings, calls[1]))


def told(sequence: int, time_s: float, *events: tuple[str, float, bool], **more: object) -> dict[str, Any]:
    rows = [{"detector": loop, "time_s": at_s, "on": on} for loop, at_s, on in events]
    return call(sequence, time_s, since_s=90.0, loops=None, events={"events": rows, **more})


def seen(at: JunctionSite) -> list[list[float]]:
    assert at.seen is not None
    assert at.seen.loops is not None
    loops = at.seen.loops
    return [loops.count.tolist(), loops.occupancy.tolist(), loops.occupied_s.tolist()]


def test_lost_events_are_made_up_for() -> None:
    at = site()
    # Freed without having been covered: it was covered from the start of the second.
    ask(at, told(1, 101.0, ("a loop", 100.25, False)))
    assert seen(at) == [[0, 0], [0.25, 0.0], [0.0, 0.0]]
    # Covered twice: freed in between, so two vehicles have come.
    ask(at, told(2, 102.0, ("b loop", 101.25, True), ("b loop", 101.5, True)))
    assert seen(at) == [[0, 2], [0.0, 0.75], [0.0, 0.5]]
    # Seconds that nobody told of: all vehicles count, covered time within the last second only.
    ask(at, told(3, 105.0, ("b loop", 103.0, False), ("a loop", 103.5, True), ("a loop", 104.25, False)))
    assert seen(at) == [[1, 0], [0.25, 0.0], [0.0, 0.0]]


def test_what_covers_a_loop_is_known_after_a_restart_and_a_refused_call_changes_nothing() -> None:
    before = site()
    ask(before, told(1, 101.0, ("a loop", 100.5, True)))
    with pytest.raises(ProblemError):
        ask(before, told(2, 102.0, ("a loop", 101.5, False), ("nowhere", 101.75, True)))
    snapshot = before.snapshot()
    assert snapshot is not None
    after = site()
    after.restore(snapshot)
    for at in (before, after):
        ask(at, told(2, 102.0))
        assert seen(at) == [[0, 0], [1.0, 0.0], [1.5, 0.0]]


def test_silent_loops_are_silent() -> None:
    at = site()
    assert "silent-detector" in kinds(ask(at, told(1, 101.0, silent=["b loop"])))
    assert at.seen is not None
    assert at.seen.loops is not None
    assert at.seen.loops.count.tolist() == [0, -1]
    assert math.isnan(at.seen.loops.speed_m_s[1])


@pytest.mark.parametrize(
    ("events", "field", "words"),
    [
        ([("a loop", 102.5, True)], "/events/events/0/time_s", "102.5 s lies after the call's time, 102 s"),
        ([("a loop", 101.0, True)], "/events/events/0/time_s", "101 s does not come after the call before, which told all up to 101 s"),
        ([("a loop", 101.75, True), ("b loop", 101.5, True)], "/events/events/1/time_s", "the event before it, at 101.75 s"),
        ([("nowhere", 101.5, True)], "/events/events/0/detector", "nowhere"),
    ],
)
def test_events_that_make_no_sense_are_refused_with_the_field(events: list[tuple[str, float, bool]], field: str, words: str) -> None:
    at = site()
    ask(at, told(1, 101.0))
    with pytest.raises(ProblemError) as error:
        ask(at, told(2, 102.0, *events))
    assert (error.value.status, error.value.errors[0][0]) == (422, field)
    assert words in error.value.detail


def test_a_second_is_told_in_one_way() -> None:
    with pytest.raises(ProblemError) as error:
        ask(site(), call(1, 100.0, events={"events": []}))
    assert "one of loops, events and vehicles" in error.value.detail
