"""What bands given offsets leave open: found by laying all reds over each other, without any program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.design.wave import WaveInstance


def through_band(
    centers: Sequence[float], reds: Sequence[float], travel: Sequence[float], clearance: Sequence[float]
) -> tuple[float, float]:
    """Return the widest band that passes all signals one after the other.

    Parameters
    ----------
    centers
        Centre of each signal's red on the common clock, cycles.
    reds
        Length of each red, cycles.
    travel
        Travel time from each signal to the next, cycles; one less than there are signals.
    clearance
        Queue clearance before each signal (but the first), by which the band moves forward as it passes, cycles.

    Returns
    -------
    tuple
        When the band's front edge passes the first signal, cycles (0 to below 1), and the band's width.
    """
    # As seen by a driver, each red is moved back by the way to it.
    blocked, moved = [], 0.0
    for i, (center, red) in enumerate(zip(centers, reds, strict=True)):
        moved += travel[i - 1] - clearance[i] if i else 0.0
        if red >= 1:
            return 0.0, 0.0
        if red > 0:
            blocked.append(((center - moved - red / 2) % 1.0, red))
    if not blocked:
        return 0.0, 1.0
    blocked.sort()
    begin, width = 0.0, 0.0
    reach = max(start + red for start, red in blocked) - 1.0
    for start, red in [*blocked, (blocked[0][0] + 1.0, 0.0)]:
        if start - reach > width:
            begin, width = reach % 1.0, start - reach
        reach = max(reach, start + red)
    return begin, width


def bands_left_open(
    instance: WaveInstance, offsets: Sequence[float], red_shifts: Sequence[float], travel_out: Sequence[float], travel_in: Sequence[float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the widest outbound and inbound band for given offsets, each as by `through_band`.

    Parameters
    ----------
    instance
        The corridor.
    offsets, red_shifts, travel_out, travel_in
        As in `optimizer.design.wave.Wave`; the inbound band's start is that at the last signal.
    """
    signals = instance.signals
    outbound = through_band(offsets, [s.red_out for s in signals], travel_out, [s.clearance_out for s in signals])
    centers = [offset + shift for offset, shift in zip(offsets, red_shifts, strict=True)]
    backwards = signals[::-1]
    inbound = through_band(centers[::-1], [s.red_in for s in backwards], travel_in[::-1], [s.clearance_in for s in backwards])
    return outbound, inbound
