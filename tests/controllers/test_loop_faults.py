"""Loops broken on purpose: exactly the chosen ones, in exactly the way asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.sumo.loop_faults import NOISE_GHOST, NOISE_LOST, BrokenLoops, LoopFaults

IDS = [f"loop {i}" for i in range(20)]


def second() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return np.ones(20, dtype=np.int64), np.full(20, 0.4), np.full(20, 2.0), np.full(20, 9.0)


@pytest.mark.parametrize(
    ("kind", "count", "occupancy", "occupied_s"), [("off", 0, 0.0, 0.0), ("on", 0, 1.0, 77.0), ("silent", -1, 0.0, 0.0)]
)
def test_a_dead_loop_reads_what_its_fault_says_and_the_others_stay(kind: str, count: int, occupancy: float, occupied_s: float) -> None:
    loops = BrokenLoops(IDS, LoopFaults(0.25, kind, seed=3))
    readings = second()
    loops.apply(77.0, *readings)
    assert len(loops.broken) == 5
    others = np.setdiff1d(np.arange(20), loops.broken)
    for reading, broken, sound in zip(readings, (count, occupancy, occupied_s, np.nan), (1, 0.4, 2.0, 9.0), strict=True):
        assert np.array_equal(reading[loops.broken], np.full(5, broken, dtype=reading.dtype), equal_nan=True)
        assert (reading[others] == sound).all()


@given(st.floats(0, 1), st.integers(0, 99))
def test_the_broken_loops_depend_on_the_seed_and_not_on_their_order(share: float, seed: int) -> None:
    forth, back = BrokenLoops(IDS, LoopFaults(share, "off", seed)), BrokenLoops(IDS[::-1], LoopFaults(share, "off", seed))
    assert len(forth.broken) == round(share * 20)
    assert {IDS[i] for i in forth.broken} == {IDS[::-1][i] for i in back.broken}


def test_noise_loses_and_invents_vehicles_with_its_probabilities() -> None:
    # n loops that each read one vehicle: lost with p, a ghost with q, independently; the mean count is 1 - p + q with the variance
    # (p (1 - p) + q (1 - q)) / n, so 6 standard deviations of it are a bound that chance does not reach
    many = 200_000
    loops = BrokenLoops([str(i) for i in range(many)], LoopFaults(1.0, "noisy", seed=1))
    count, occupancy, occupied_s, speed_m_s = np.ones(many, dtype=np.int64), np.full(many, 0.4), np.zeros(many), np.full(many, 9.0)
    loops.apply(1.0, count, occupancy, occupied_s, speed_m_s)
    bound = 6 * np.sqrt((NOISE_LOST * (1 - NOISE_LOST) + NOISE_GHOST * (1 - NOISE_GHOST)) / many)
    assert count.mean() == pytest.approx(1 - NOISE_LOST + NOISE_GHOST, abs=bound)
    assert np.isnan(speed_m_s).mean() == pytest.approx(NOISE_LOST, abs=bound)  # a vehicle that is lost has no speed
    assert ((occupancy >= 0.4) & (occupancy <= 1)).all()
    assert (occupied_s == 0).all()
