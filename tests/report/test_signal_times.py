"""From signal changes to spans."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.report.signal_times import ASPECTS, GREEN, PERMISSIVE, green_shares, group_names, signal_spans
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage

R, G = Aspect.RED, Aspect.PROTECTED


def crossing() -> Intersection:
    """Two vehicle groups that conflict, and a crossing for pedestrians beside the first; one signal each."""
    lanes = tuple(Lane(f"{name}_0", 100.0, 14.0, 100.0, approach=name) for name in ("north", "west"))
    return Intersection(
        id="j",
        incoming=lanes,
        outgoing=(Lane("out_0", 100.0, 14.0, 100.0),),
        groups=(
            SignalGroup("north_all", GroupKind.VEHICLE, (0,)),
            SignalGroup("west_left", GroupKind.VEHICLE, (1,)),
            SignalGroup("j_c0", GroupKind.PEDESTRIAN, (2,), yellow_s=0.0),
        ),
        movements=(
            Movement(0, 0, 0, Direction.STRAIGHT, 20.0),
            Movement(0, 0, 0, Direction.RIGHT, 9.0),
            Movement(1, 0, 1, Direction.LEFT, 20.0),
        ),
        stages=(Stage("one", (G, R, G)), Stage("two", (R, G, R))),
        conflicts=(frozenset({1}), frozenset({0}), frozenset()),
        yields_to=(frozenset(), frozenset(), frozenset()),
        intergreen_s=((0.0, 5.0, 0.0), (5.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        signal_count=3,
    )


def log(*rows: tuple[float, str]) -> pd.DataFrame:
    return pd.DataFrame([(time_s, "stage", state) for time_s, state in rows], columns=["time_s", "event", "state"])


def test_spans_are_what_the_letters_say_from_change_to_change_and_end_with_the_window() -> None:
    spans = signal_spans(log((0, "GrG"), (30, "yrr"), (33, "rrr"), (35, "rGr")), crossing(), 0.0, 60.0)
    assert spans[spans["group"] == "north_all"].to_numpy().tolist() == [
        ["north_all", "green", 0, 30],
        ["north_all", "yellow", 30, 33],
        ["north_all", "red", 33, 60.0],
    ]
    assert spans[spans["group"] == "west_left"].to_numpy().tolist() == [["west_left", "red", 0, 35], ["west_left", "green", 35, 60.0]]


def test_the_green_share_is_green_over_the_window() -> None:
    spans = signal_spans(log((0, "GrG"), (30, "yrr"), (33, "rrr"), (35, "rgr")), crossing(), 0.0, 60.0)
    assert green_shares(spans, 0.0, 60.0) == pytest.approx({"north_all": 30 / 60, "west_left": 25 / 60, "j_c0": 30 / 60})


def test_refused_commands_are_no_signals() -> None:
    changes = pd.concat([log((0, "GrG"), (40, "rGr")), pd.DataFrame([(20.0, "refused", "rGr")], columns=["time_s", "event", "state"])])
    spans = signal_spans(changes, crossing(), 0.0, 60.0)
    assert spans[(spans["group"] == "north_all") & (spans["aspect"] == GREEN)]["end_s"].to_list() == [40]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 100), st.text("GgyrRuso", min_size=3, max_size=3)), max_size=12, unique_by=lambda row: row[0]),
    st.integers(0, 50),
)
def test_spans_tile_the_window_and_each_second_shows_the_last_state_before_it(changes: list[tuple[int, str]], begin_s: int) -> None:
    rows = [(0, "GrG"), *sorted(changes)]
    spans = signal_spans(log(*rows), crossing(), float(begin_s), 100.0)
    for index, group in enumerate(crossing().groups):
        own = spans[spans["group"] == group.id].sort_values("start_s")
        assert own["start_s"].iloc[0] == begin_s
        assert own["end_s"].iloc[-1] == 100.0
        assert list(own["start_s"].iloc[1:]) == list(own["end_s"].iloc[:-1])
        for second in range(begin_s, 100):
            state = [shown for time_s, shown in rows if time_s <= second][-1]
            now = own[(own["start_s"] <= second) & (own["end_s"] > second)]["aspect"].iloc[0]
            assert now == ASPECTS.get(state[index], PERMISSIVE)


def test_groups_are_called_by_their_arm_and_where_they_go() -> None:
    assert group_names(crossing(), {"north": "N", "west": "W"}) == {
        "north_all": "N straight + right",
        "west_left": "W left",
        "j_c0": "walk c0",
    }
