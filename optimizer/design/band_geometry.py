"""What bands given offsets leave open: found by laying all reds over each other, without any program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDING: Final = 1e-6
"""What a band may miss the begin of a green by."""


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


def offset_room(
    green: tuple[float, float], band: tuple[float, float], other_green: tuple[float, float], other_band: tuple[float, float], cycle: float
) -> tuple[float, float]:
    """Return by how much a signal may be shifted without cutting into either band, earliest and latest (0, 0 where there is no room).

    Parameters
    ----------
    green, other_green
        Start and length of the two directions' greens on the common clock.
    band, other_band
        When the front edge of each direction's band passes the signal, and the band's width. All in the same unit of time as the cycle.
    cycle
        The cycle.
    """
    earliest, latest = -cycle, cycle
    for (start, length), (front, width) in ((green, band), (other_green, other_band)):
        wait = (front - start) % cycle
        if wait > cycle - ROUNDING:
            wait = 0.0
        # The green may begin as late as the band, and must not end before it.
        earliest, latest = max(earliest, wait + width - length), min(latest, wait)
    return (min(earliest, 0.0), max(latest, 0.0)) if earliest <= latest else (0.0, 0.0)
