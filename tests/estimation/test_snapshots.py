"""What an estimator has learnt survives as bytes: afterwards both expect the same, whatever comes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.estimation.loops import LoopEstimator
from optimizer.estimation.snapshots import SnapshotError, packed, unpack_into
from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.observation import JunctionObservation, LoopReadings, SignalStatus
from optimizer.service.description import to_intersection
from optimizer.service.rehearsal import small_junction

JUNCTION = to_intersection(small_junction())
LOOPS = len(JUNCTION.detectors)
readings = st.lists(st.tuples(st.integers(-1, 2), st.sampled_from([0.0, 0.5, 9.0])), min_size=LOOPS, max_size=LOOPS)


def update(estimator: LoopEstimator, time_s: float, read: list[tuple[int, float]]) -> ExpectedTraffic:
    count, covered_s = (np.array(column) for column in zip(*read, strict=True))
    loops = LoopReadings(count.astype(np.int64), np.minimum(covered_s, 1.0), covered_s.astype(np.float64), np.full(LOOPS, np.nan))
    seen = JunctionObservation(SignalStatus(0, 0, 0.0, 0.0), loops=loops)
    return estimator.update(time_s, seen, np.array([time_s, -1.0]))


@given(st.lists(readings, max_size=15), st.lists(readings, min_size=1, max_size=5))
def test_a_restored_estimator_expects_what_the_first_one_does(
    before: list[list[tuple[int, float]]], after: list[list[tuple[int, float]]]
) -> None:
    first, second = LoopEstimator(JUNCTION), LoopEstimator(JUNCTION)
    for k, read in enumerate(before):
        update(first, 1.0 + k, read)
    second.restore(first.snapshot())
    assert second.faults == first.faults
    for k, read in enumerate(after):
        ours, theirs = (update(estimator, 1.0 + len(before) + k, read) for estimator in (first, second))
        for field in fields(ExpectedTraffic):
            np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name))


def test_a_snapshot_of_other_arrays_changes_nothing() -> None:
    kept = {"a": np.arange(3.0), "b": np.ones(2, dtype=np.bool_)}
    for wrong in (packed({"a": np.zeros(3)}), packed({"a": np.zeros(4), "b": kept["b"]}), b"", b"[]\nnothing", packed(kept)[:-3]):
        with pytest.raises(SnapshotError):
            unpack_into(kept, wrong)
    assert kept["a"].tolist() == [0.0, 1.0, 2.0]
