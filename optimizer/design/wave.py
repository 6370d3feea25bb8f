"""The green wave of a corridor as immutable values: what is given and what is found.

J. D. C. Little, M. D. Kelson and N. H. Gartner, "MAXBAND: a program for setting signals on arteries and triangular networks",
Transportation Research Record 795 (1981); N. H. Gartner, S. F. Assmann, F. Lasaga and D. L. Hou, "A multi-band approach to arterial traffic
signal optimization", Transportation Research B 25 (1991).

Reds, bands, left-turn times and offsets are in *cycles*. "Out" is the direction in which signals and links are listed, "in" the
opposite one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from optimizer.horizon.solution import SolutionStatus

MOST_CYCLES = 1000
"""A link takes no longer to drive: what does is a wrong unit, and beyond what the solver can count."""

AGREED = 1e-6
"""Numbers of an instance that differ by less are meant to be equal."""


class LeftPattern(StrEnum):
    """How free the main road's left turns are in their order.

    Attributes
    ----------
    FIXED
        The reds of both directions keep the places that they have, with the same centre where nothing else is said.
    FREE
        Each left turn may lead or lag the opposing through green; the better one is chosen.
    """

    FIXED = "fixed"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class WaveSignal:
    """One signal of the corridor.

    Attributes
    ----------
    red_out, red_in
        Red of each through direction.
    left_out, left_in
        Green of each direction's left turn, a part of the opposite direction's red: ``red_in - red_out == left_out - left_in`` where the
        pattern is free.
    clearance_out, clearance_in
        Time for which a queue is cleared before the band arrives.
    left_pattern
        Whether the order of the left turns is to be chosen.
    red_shift
        Where the pattern is fixed: centre of the inbound red after that of the outbound one.
    """

    red_out: float
    red_in: float
    left_out: float = 0.0
    left_in: float = 0.0
    clearance_out: float = 0.0
    clearance_in: float = 0.0
    left_pattern: LeftPattern = LeftPattern.FIXED
    red_shift: float = 0.0


@dataclass(frozen=True, slots=True)
class WaveLink:
    """The road from one signal to the next.

    Attributes
    ----------
    distance_out_m, distance_in_m
        Stop line to stop line in each direction.
    speed_m_s
        Least and greatest speed of the band.
    slowness_change_max_s_m
        Greatest change of 1/speed from this link to the next one; no limit where infinite.
    weight_out, weight_in
        Weight of the link's bands where each link has its own (MULTIBAND: (flow / saturation flow)^p).
    """

    distance_out_m: float
    distance_in_m: float
    speed_m_s: tuple[float, float]
    slowness_change_max_s_m: float = math.inf
    weight_out: float = 1.0
    weight_in: float = 1.0


@dataclass(frozen=True, slots=True)
class WaveInstance:
    """A corridor whose signals are to be coordinated.

    Attributes
    ----------
    cycle_s
        Least and greatest common cycle.
    k
        Wanted ratio of the inbound to the outbound band, and the weight of the inbound one; 1 asks for equal bands.
    signals, links
        At least two signals, and one link less.

    Raises
    ------
    DesignError
        If a value makes no sense; the message names the signal or link (counted from 1) and the remedy.
    """

    cycle_s: tuple[float, float]
    k: float
    signals: tuple[WaveSignal, ...]
    links: tuple[WaveLink, ...]

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class Wave:
    """A coordinated corridor.

    Attributes
    ----------
    cycle_s
        The common cycle.
    bands_out, bands_in
        Width of the band on each link, cycles; all the same where one band runs through.
    offsets
        Centre of each signal's outbound red after that of the first, cycles, 0 to below 1.
    red_shifts
        Centre of each signal's inbound red after that of its outbound one, cycles.
    travel_out, travel_in
        Travel time of each link, cycles.
    status
        `OPTIMAL` where the gap that was asked for is proven.
    gap
        Proven relative gap between the value of this wave and that of the best one.
    solve_s
        Time spent.
    """

    cycle_s: float
    bands_out: tuple[float, ...]
    bands_in: tuple[float, ...]
    offsets: tuple[float, ...]
    red_shifts: tuple[float, ...]
    travel_out: tuple[float, ...]
    travel_in: tuple[float, ...]
    status: SolutionStatus
    gap: float
    solve_s: float

    def speeds_out_m_s(self, instance: WaveInstance) -> tuple[float, ...]:
        """Return the speed of the outbound band on each link."""
        return tuple(link.distance_out_m / (t * self.cycle_s) for link, t in zip(instance.links, self.travel_out, strict=True))

    def speeds_in_m_s(self, instance: WaveInstance) -> tuple[float, ...]:
        """Return the speed of the inbound band on each link."""
        return tuple(link.distance_in_m / (t * self.cycle_s) for link, t in zip(instance.links, self.travel_in, strict=True))


def _check(instance: WaveInstance) -> None:
    shortest_s, longest_s = instance.cycle_s
    if not 0 < shortest_s <= longest_s < math.inf:
        raise DesignError(f"cycle_s [{shortest_s:g}, {longest_s:g}] is no range of cycles; give 0 < least <= greatest.")
    if not (math.isfinite(instance.k) and instance.k >= 0):
        raise DesignError(f"k = {instance.k:g} is no ratio of bands; give 0 or more, 1 for equal bands.")
    if len(instance.signals) < 2 or len(instance.links) != len(instance.signals) - 1:
        raise DesignError(
            f"a corridor of {len(instance.signals)} signals with {len(instance.links)} links is not connected; "
            "give at least two signals and one link less."
        )
    for number, signal in enumerate(instance.signals, 1):
        _check_signal(number, signal)
    for number, link in enumerate(instance.links, 1):
        _check_link(number, link, shortest_s)


def _check_signal(number: int, signal: WaveSignal) -> None:
    for name in ("red_out", "red_in", "left_out", "left_in", "clearance_out", "clearance_in"):
        value = getattr(signal, name)
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise DesignError(f"signal {number}: {name} = {value:g} is no part of a cycle; give 0 to 1.")
    if not -1 < signal.red_shift < 1:
        raise DesignError(f"signal {number}: red_shift = {signal.red_shift:g} is no part of a cycle; give more than -1 and less than 1.")
    difference = (signal.red_in - signal.red_out) - (signal.left_out - signal.left_in)
    if signal.left_pattern is LeftPattern.FREE and abs(difference) > AGREED:
        raise DesignError(
            f"signal {number}: red_in - red_out is {signal.red_in - signal.red_out:g}, but left_out - left_in is "
            f"{signal.left_out - signal.left_in:g}; a free left_pattern needs them equal: each left turn is a part of the opposite red."
        )
    if signal.left_pattern is LeftPattern.FREE and signal.left_in > signal.red_out + AGREED:
        raise DesignError(f"signal {number}: left_in = {signal.left_in:g} is longer than red_out = {signal.red_out:g}; shorten it.")


def _check_link(number: int, link: WaveLink, shortest_s: float) -> None:
    slowest, fastest = link.speed_m_s
    if not 0 < slowest <= fastest < math.inf:
        raise DesignError(f"link {number}: speed_m_s [{slowest:g}, {fastest:g}] is no range of speeds; give 0 < least <= greatest.")
    for name in ("distance_out_m", "distance_in_m"):
        value = getattr(link, name)
        if not (math.isfinite(value) and value > 0):
            raise DesignError(f"link {number}: {name} = {value:g} is no distance; give metres above 0.")
        if value / slowest / shortest_s > MOST_CYCLES:
            raise DesignError(
                f"link {number}: {name} = {value:g} takes more than {MOST_CYCLES} cycles of {shortest_s:g} s at {slowest:g} m/s; "
                "give metres, metres per second and seconds."
            )
    for name in ("slowness_change_max_s_m", "weight_out", "weight_in"):
        value = getattr(link, name)
        if not value >= 0:
            raise DesignError(f"link {number}: {name} = {value:g} is negative or no number; give 0 or more.")
