from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.benchmarks.design_instances import free_corridor
from optimizer.design.band_geometry import through_band
from optimizer.design.bands import widest_band, widest_bands
from optimizer.design.errors import DesignError
from optimizer.design.wave import LeftPattern, Wave, WaveInstance, WaveLink, WaveSignal
from optimizer.horizon.solution import SolutionStatus

SPEED_M_S = 50 / 3.6
GOLDEN_M = (420, 310, 260, 510, 380, 290)
GOLDEN_RED = (0.45, 0.50, 0.40, 0.55, 0.48, 0.52, 0.46)


def fixed(distances_m: tuple[float, ...], reds: tuple[float, ...], cycle_s: float, k: float = 1.0) -> WaveInstance:
    links = tuple(WaveLink(d, d, (SPEED_M_S, SPEED_M_S)) for d in distances_m)
    return WaveInstance((cycle_s, cycle_s), k, tuple(WaveSignal(r, r) for r in reds), links)


def exhaustive_band(instance: WaveInstance) -> float:
    """The widest equal two-way band over all offsets of 0 or half a cycle.

    For equal reds both ways, fixed speed and fixed cycle the greatest equal bands are reached there (Little 1966): shifting the two bands
    to lie symmetrically in time moves the centre of each red, midway between the two crossings of the bands' centre lines, to 0 or 1/2.
    """
    travel = [link.distance_out_m / SPEED_M_S / instance.cycle_s[0] for link in instance.links]
    reds = [signal.red_out for signal in instance.signals]
    best = 0.0
    for pattern in itertools.product((0.0, 0.5), repeat=len(reds) - 1):
        best = max(best, through_band((0.0, *pattern), reds, travel, [0.0] * len(reds))[1])
    return best


Values = tuple[float, ...]


def bands_left_open(
    instance: WaveInstance, offsets: Values, red_shifts: Values, travel_out: Values, travel_in: Values
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The widest outbound and inbound band that given offsets leave open, each as by `through_band`."""
    signals = instance.signals
    outbound = through_band(offsets, [s.red_out for s in signals], travel_out, [s.clearance_out for s in signals])
    centers = [offset + shift for offset, shift in zip(offsets, red_shifts, strict=True)]
    backwards = signals[::-1]
    inbound = through_band(centers[::-1], [s.red_in for s in backwards], travel_in[::-1], [s.clearance_in for s in backwards])
    return outbound, inbound


def assert_bands_are_open(instance: WaveInstance, wave: Wave) -> None:
    """The bands that are promised are there when all reds are laid over each other, with speeds and cycle within their bounds."""
    out, back = bands_left_open(instance, wave.offsets, wave.red_shifts, wave.travel_out, wave.travel_in)
    assert out[1] >= wave.bands_out[0] - 1e-6
    assert back[1] >= wave.bands_in[0] - 1e-6
    assert instance.cycle_s[0] - 1e-6 <= wave.cycle_s <= instance.cycle_s[1] + 1e-6
    for speeds in (wave.speeds_out_m_s(instance), wave.speeds_in_m_s(instance)):
        for link, speed in zip(instance.links, speeds, strict=True):
            assert link.speed_m_s[0] - 1e-6 <= speed <= link.speed_m_s[1] + 1e-6
        for link, (a, b) in zip(instance.links, itertools.pairwise(speeds), strict=False):
            assert abs(1 / a - 1 / b) <= link.slowness_change_max_s_m + 1e-6


def test_the_golden_corridor_has_its_band() -> None:
    instance = fixed(GOLDEN_M, GOLDEN_RED, 90)
    wave = widest_band(instance)
    assert wave.bands_out == wave.bands_in == pytest.approx((0.176,) * 6)
    assert exhaustive_band(instance) == pytest.approx(0.176)
    assert wave.status is SolutionStatus.OPTIMAL
    assert_bands_are_open(instance, wave)


@pytest.mark.parametrize(("part", "lost"), [(2, 0.0), (4, 1 / 4), (6, 1 / 3), (8, 3 / 8)])
@pytest.mark.parametrize("green", [0.45, 0.55])
def test_eight_signals_at_equal_distances_have_the_band_of_the_closed_form(part: int, lost: float, green: float) -> None:
    # Travel time C/2: alternate signals, nothing is lost. C/4: pairs of signals alternate, the band loses the way between the two of a
    # pair. C/6 and C/8: groups of three and four alternate and lose (3-1)/6 and (4-1)/8.
    instance = fixed((80 / part * SPEED_M_S,) * 7, (1 - green,) * 8, 80)
    assert widest_band(instance).bands_out[0] == pytest.approx(green - lost)


@pytest.mark.parametrize("seed", range(100))
def test_the_program_finds_what_an_exhaustive_search_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    signals = int(rng.integers(3, 8))
    reds = tuple(float(r) for r in rng.uniform(0.3, 0.6, signals))
    instance = fixed(tuple(float(d) for d in rng.uniform(100, 700, signals - 1)), reds, float(rng.uniform(50, 110)))
    wave = widest_band(instance)
    assert wave.bands_out[0] == pytest.approx(exhaustive_band(instance), abs=1e-6)
    assert_bands_are_open(instance, wave)


@given(seed=st.integers(0, 10_000), signals=st.integers(2, 6))
@settings(max_examples=15, deadline=None)
def test_promised_bands_are_open_whatever_is_variable(seed: int, signals: int) -> None:
    instance = free_corridor(seed, signals)
    wave = widest_band(instance)
    assert_bands_are_open(instance, wave)
    b, back, k = wave.bands_out[0], wave.bands_in[0], instance.k
    if k == 1:
        assert b == pytest.approx(back, abs=1e-6)
    else:
        assert (1 - k) * back >= (1 - k) * k * b - 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_multiband_with_equal_bands_is_maxband_and_free_it_is_no_worse(seed: int) -> None:
    instance = free_corridor(seed, 4)
    through, equal, free = widest_band(instance), widest_bands(instance, equal=True), widest_bands(instance)
    k = instance.k
    value = through.bands_out[0] + k * through.bands_in[0]
    assert equal.bands_out[0] + k * equal.bands_in[0] == pytest.approx(value, abs=1e-5)
    assert np.mean(free.bands_out) + k * np.mean(free.bands_in) >= value - 1e-5


def test_each_band_of_multiband_is_open_on_its_link() -> None:
    instance = fixed(GOLDEN_M, GOLDEN_RED, 90)
    wave = widest_bands(instance)
    for i in range(len(instance.links)):
        link = WaveInstance(instance.cycle_s, 1.0, instance.signals[i : i + 2], instance.links[i : i + 1])
        pieces = wave.offsets[i : i + 2], wave.red_shifts[i : i + 2], wave.travel_out[i : i + 1], wave.travel_in[i : i + 1]
        out, back = bands_left_open(link, *pieces)
        assert out[1] >= wave.bands_out[i] - 1e-6
        assert back[1] >= wave.bands_in[i] - 1e-6


def test_weights_move_the_bands_to_where_the_traffic_is() -> None:
    # One link only can be served well in one direction: three signals, the reds of the middle one twice as long.
    signals = tuple(WaveSignal(r, r) for r in (0.4, 0.6, 0.4))
    bands = []
    for out, back in ((1.0, 0.01), (0.01, 1.0)):
        links = tuple(WaveLink(250, 250, (SPEED_M_S, SPEED_M_S), weight_out=out, weight_in=back) for _ in range(2))
        wave = widest_bands(WaveInstance((80, 80), 0.99, signals, links))
        bands.append((sum(wave.bands_out), sum(wave.bands_in)))
    assert bands[0][0] >= bands[1][0]
    assert bands[1][1] >= bands[0][1]


def test_free_left_turns_never_narrow_the_band() -> None:
    instance = free_corridor(5, 5)
    lanes = [(s.red_out, s.red_in, s.left_out, s.left_in, s.clearance_out, s.clearance_in) for s in instance.signals]
    patterns = []
    for pattern in LeftPattern:
        signals = tuple(WaveSignal(*values, left_pattern=pattern) for values in lanes)
        wave = widest_band(WaveInstance(instance.cycle_s, 1.0, signals, instance.links))
        patterns.append(wave.bands_out[0])
        shifts = {round(abs(shift), 6) for shift in wave.red_shifts}
        assert (shifts == {0}) == (pattern is LeftPattern.FIXED)
    assert patterns[1] >= patterns[0] - 1e-6


def test_a_shorter_cycle_of_choice_never_narrows_the_band() -> None:
    narrow = fixed(GOLDEN_M, GOLDEN_RED, 90)
    wide = WaveInstance((60, 110), 1.0, narrow.signals, narrow.links)
    assert widest_band(wide).bands_out[0] >= 0.176 - 1e-6


def test_reds_that_are_shifted_against_each_other_are_taken_as_they_are() -> None:
    # Two signals, half a cycle apart in travel out and none in travel back (a very short way back): equal reds of 0.5 leave both bands
    # whole only if the inbound red of the second one is shifted by half a cycle.
    bands = []
    for shift in (0.0, 0.5):
        signals = (WaveSignal(0.5, 0.5), WaveSignal(0.5, 0.5, red_shift=shift))
        link = WaveLink(400, 800, (10, 10))
        wave = widest_band(WaveInstance((80, 80), 1.0, signals, (link,)))
        assert_bands_are_open(WaveInstance((80, 80), 1.0, signals, (link,)), wave)
        bands.append(wave.bands_out[0])
    assert bands == pytest.approx([0.25, 0.5])


def test_a_red_of_the_whole_cycle_leaves_no_band() -> None:
    assert through_band((0.0, 0.3), (0.5, 1.0), (0.1,), (0, 0)) == (0.0, 0.0)
    assert through_band((0.0, 0.3), (0.0, 0.0), (0.1,), (0, 0)) == (0.0, 1.0)


def test_a_band_begins_where_red_ends() -> None:
    # Red from 0.9 to 0.1 at the first signal; at the second one, 0.2 later, from 0.5 to 0.7 (0.3 to 0.5 as seen at the first).
    begin, width = through_band((0.0, 0.6), (0.2, 0.2), (0.2,), (0, 0))
    assert (begin, width) == pytest.approx((0.5, 0.4))


def test_speeds_that_contradict_each_other_allow_no_wave() -> None:
    signals = (WaveSignal(0.5, 0.5),) * 3
    links = (WaveLink(300, 300, (8, 8), 0.001), WaveLink(300, 300, (16, 16)))
    with pytest.raises(DesignError, match="allows no wave"):
        widest_band(WaveInstance((80, 80), 1.0, signals, links))


def test_free_left_turns_are_parts_of_the_opposite_reds() -> None:
    with pytest.raises(DesignError, match=r"signal 1: red_in - red_out is 0, but left_out - left_in is 0\.1"):
        WaveInstance((60, 90), 1.0, (WaveSignal(0.5, 0.5, 0.1, left_pattern=LeftPattern.FREE),) * 2, (WaveLink(300, 300, (10, 15)),))
    with pytest.raises(DesignError, match=r"left_in = 0\.6 is longer than red_out"):
        WaveInstance((60, 90), 1.0, (WaveSignal(0.5, 0.5, 0.6, 0.6, left_pattern=LeftPattern.FREE),) * 2, (WaveLink(300, 300, (10, 15)),))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cycle_s": (90, 60)}, "no range of cycles"),
        ({"k": -1}, "no ratio of bands"),
        ({"links": ()}, "3 signals with 0 links is not connected"),
        ({"signals": (WaveSignal(1.5, 0.5), WaveSignal(0.5, 0.5), WaveSignal(0.5, 0.5))}, "signal 1: red_out = 1.5"),
        ({"links": (WaveLink(300, 300, (10, 10)), WaveLink(0, 300, (10, 10)))}, "link 2: distance_out_m = 0"),
        ({"links": (WaveLink(300, 300, (10, 10)), WaveLink(300, 300, (10, 9)))}, "link 2: speed_m_s"),
        (
            {"links": (WaveLink(300, 300, (10, 10)), WaveLink(300, 1e308, (10, 10)))},
            "link 2: distance_in_m = 1e.308 takes",
        ),
        ({"links": (WaveLink(300, 300, (1e-308, 10)), WaveLink(300, 300, (10, 10)))}, "link 1: distance_out_m = 300 takes more than"),
        ({"links": (WaveLink(300, 300, (10, 10), math.nan), WaveLink(300, 300, (10, 10)))}, "link 1: slowness_change_max_s_m"),
    ],
)
def test_what_makes_no_sense_is_named(changes: dict[str, object], sentence: str) -> None:
    values: dict[str, object] = {
        "cycle_s": (60, 90),
        "k": 1.0,
        "signals": (WaveSignal(0.5, 0.5),) * 3,
        "links": (WaveLink(300, 300, (10, 15)),) * 2,
    }
    with pytest.raises(DesignError, match=sentence):
        WaveInstance(**(values | changes))  # type: ignore[arg-type]
