"""Green-wave instances and results as plain values, as they stand in JSON files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from optimizer.design.errors import DesignError
from optimizer.design.wave import LeftPattern, WaveInstance, WaveLink, WaveSignal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.design.wave import Wave

_TOP: Final = {"cycle_s", "k", "signals", "links"}
_SIGNAL: Final = ("red_out", "red_in", "left_out", "left_in", "clearance_out", "clearance_in", "red_shift")
_LINK: Final = ("distance_out_m", "distance_in_m", "slowness_change_max_s_m", "weight_out", "weight_in")
_SIGNAL_NEEDS: Final = {"red_out", "red_in"}
_LINK_NEEDS: Final = {"distance_out_m", "distance_in_m", "speed_m_s"}


def wave_instance(content: object) -> WaveInstance:
    """Make an instance of plain values.

    Parameters
    ----------
    content
        A table with ``cycle_s`` ([least, greatest]), ``k`` (1 where it is missing), ``signals`` and ``links``. Each signal is a table with
        ``red_out`` and ``red_in``, and where wanted ``left_out``, ``left_in``, ``clearance_out``, ``clearance_in``, ``red_shift``, all
        in cycles, and ``left_pattern``, "fixed" or "free". Each link is a table with ``distance_out_m``, ``distance_in_m``,
        ``speed_m_s`` ([least, greatest]), and where wanted ``slowness_change_max_s_m``, ``weight_out``, ``weight_in``. Null stands for a
        value that is not given.

    Raises
    ------
    DesignError
        If a value is missing, unknown, of the wrong kind or makes no sense; the message names it and the remedy.
    """
    top = _table(content, "the instance", _TOP, {"cycle_s", "signals", "links"})
    signals = [_signal(number, entry) for number, entry in enumerate(_list(top["signals"], "signals"), 1)]
    links = [_link(number, entry) for number, entry in enumerate(_list(top["links"], "links"), 1)]
    return WaveInstance(_range(top["cycle_s"], "cycle_s"), _number(top.get("k", 1.0), "k"), tuple(signals), tuple(links))


def wave_content(wave: Wave, instance: WaveInstance, *, bands: str) -> dict[str, Any]:
    """Return a result as plain values.

    Parameters
    ----------
    wave
        The result.
    instance
        What it is the result of.
    bands
        ``"common"`` for one band each way, ``"links"`` for a list of one band per link.
    """
    common = bands == "common"
    return {
        "cycle_s": wave.cycle_s,
        "band_out": wave.bands_out[0] if common else list(wave.bands_out),
        "band_in": wave.bands_in[0] if common else list(wave.bands_in),
        "offsets": list(wave.offsets),
        "red_shifts": list(wave.red_shifts),
        "speeds_out_m_s": list(wave.speeds_out_m_s(instance)),
        "speeds_in_m_s": list(wave.speeds_in_m_s(instance)),
        "status": str(wave.status),
        "gap": wave.gap,
        "solve_s": wave.solve_s,
    }


def _signal(number: int, entry: object) -> WaveSignal:
    place = f"signal {number}"
    table = _table(entry, place, {*_SIGNAL, "left_pattern"}, _SIGNAL_NEEDS)
    numbers = {name: _number(table[name], f"{place}: {name}") for name in _SIGNAL if name in table}
    pattern = table.get("left_pattern", "fixed")
    if pattern not in list(LeftPattern):
        raise DesignError(f"{place}: left_pattern {pattern!r} is unknown; write fixed or free.")
    return WaveSignal(**numbers, left_pattern=LeftPattern(pattern))


def _link(number: int, entry: object) -> WaveLink:
    place = f"link {number}"
    table = _table(entry, place, {*_LINK, "speed_m_s"}, _LINK_NEEDS)
    numbers = {name: _number(table[name], f"{place}: {name}") for name in _LINK if name in table}
    return WaveLink(speed_m_s=_range(table["speed_m_s"], f"{place}: speed_m_s"), **numbers)


def _table(content: object, place: str, known: set[str], needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise DesignError(f"{place} is no table of names and values; write {{...}}.")
    table = {name: value for name, value in content.items() if value is not None}
    unknown = sorted(set(table) - known)
    if unknown:
        raise DesignError(f"{place} has the unknown name {unknown[0]!r}; known are {', '.join(sorted(known))}.")
    missing = sorted(needed - set(table))
    if missing:
        raise DesignError(f"{place} lacks {missing[0]!r}; add it.")
    return table


def _list(content: object, place: str) -> list[object]:
    if not isinstance(content, list):
        raise DesignError(f"{place} is no list; write [...].")
    return content


def _number(content: object, place: str) -> float:
    if isinstance(content, bool) or not isinstance(content, int | float) or not math.isfinite(content):
        raise DesignError(f"{place} is {content!r}; write a number.")
    return float(content)


def _range(content: object, place: str) -> tuple[float, float]:
    if not isinstance(content, list) or len(content) != 2:
        raise DesignError(f"{place} is {content!r}; write [least, greatest].")
    return _number(content[0], place), _number(content[1], place)
