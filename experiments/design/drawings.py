"""Drawings of plans as offices print them: the signal timing diagram and the time-space diagram (SVG or PDF, by the file's ending)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from optimizer.design.plan import SignalPlan
    from optimizer.intersection import Intersection

COLOURS: Final = {"green": "#2e9e4f", "yellow": "#f2c230", "red": "#c8372d", "red_yellow": "#ee8a2b"}
BANDS: Final = ("#3b6fb6", "#b65e3b")
INCH_PER_GROUP: Final = 0.32
KINDS: Final = {GroupKind.VEHICLE: "", GroupKind.PEDESTRIAN: " (foot)", GroupKind.BICYCLE: " (cycle)", GroupKind.TRAM: " (tram)"}
LONGEST_NAME: Final = 34


def draw_timing(plan: SignalPlan, junction: Intersection, path: Path) -> None:
    """Draw the signal timing diagram: a row for each group over one cycle, with the seconds of its greens.

    Intergreens that are just kept, and so decide the plan, are drawn as arrows from the end of the one green to the start of the other.

    Parameters
    ----------
    plan, junction
        The plan and what it is for.
    path
        The file; its ending says whether SVG, PDF or PNG.
    """
    count = len(junction.groups)
    figure = _figure(1.3 + INCH_PER_GROUP * count)
    axes = figure.add_subplot()
    for row, group in enumerate(junction.groups):
        axes.plot([0, plan.cycle_s], [row, row], color=COLOURS["red"], linewidth=1.4, zorder=1)
        for window in plan.greens[row]:
            end_s = window.start_s + window.length_s
            _bar(axes, plan, row, window.start_s, window.length_s, "green")
            if window.length_s < plan.cycle_s:
                _bar(axes, plan, row, end_s, group.yellow_s, "yellow")
                _bar(axes, plan, row, window.start_s - group.red_yellow_s, group.red_yellow_s, "red_yellow")
                _note(axes, plan, row, window.start_s, "left")
                _note(axes, plan, row, end_s, "right")
    for ending, starting, end_s, gap_s in _decisive(plan, junction):
        axes.annotate(
            "",
            xy=(end_s + gap_s, starting),
            xytext=(end_s, ending),
            arrowprops={"arrowstyle": "->", "color": "0.35", "linewidth": 0.7, "shrinkA": 4, "shrinkB": 4},
            zorder=3,
        )
        # Near its head, so that the labels of arrows that begin together do not cover each other.
        place = end_s + 0.75 * gap_s, ending + 0.75 * (starting - ending)
        axes.annotate(
            f"{gap_s:g}", place, fontsize=6.5, color="0.2", ha="center", va="center", bbox={"fc": "white", "ec": "none", "pad": 0.4}
        )
    axes.set_yticks(range(count), [_short(group.id) + KINDS[group.kind] for group in junction.groups], fontsize=8)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xlim(0, plan.cycle_s)
    axes.set_xticks(range(0, int(plan.cycle_s) + 1, 5))
    axes.grid(axis="x", color="0.88", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("second of the cycle", fontsize=8)
    axes.set_title(f"{_short(junction.id)}   cycle {plan.cycle_s:g} s   offset {plan.offset_s:g} s", fontsize=10, loc="left")
    figure.savefig(path, metadata=None if path.suffix != ".svg" else {"Date": None})


@dataclass(frozen=True, slots=True)
class Stop:
    """A signal on a corridor, for the time-space diagram.

    Attributes
    ----------
    name
        What stands beside it.
    position_m
        Place along the corridor, outbound.
    plan
        Its plan.
    out, back
        Groups whose green lets the through traffic pass, outbound and inbound; None where that direction has none.
    """

    name: str
    position_m: float
    plan: SignalPlan
    out: int | None
    back: int | None


@dataclass(frozen=True, slots=True)
class Band:
    """A band of the green wave.

    Attributes
    ----------
    outbound
        Its direction.
    begin_s, width_s
        When its front passes each signal (in the order of the stops), and how wide it is on the way from each to the next, s.
    """

    outbound: bool
    begin_s: tuple[float, ...]
    width_s: tuple[float, ...]


def draw_time_space(stops: Sequence[Stop], bands: Sequence[Band], path: Path, cycles: int = 3) -> None:
    """Draw the time-space diagram: the reds of both directions at each signal and the bands that run between them.

    Parameters
    ----------
    stops
        The signals in their order, outbound.
    bands
        Bands of both directions.
    path
        The file; its ending says whether SVG, PDF or PNG.
    cycles
        How many cycles to draw.
    """
    cycle_s = stops[0].plan.cycle_s
    span_m = max(stop.position_m for stop in stops) - min(stop.position_m for stop in stops)
    figure = _figure(7.5)
    axes = figure.add_subplot()
    for band in bands:
        for turn in range(-cycles, 2 * cycles):
            _draw_band(axes, stops, band, turn * cycle_s)
    for stop in stops:
        for group, side in ((stop.out, 1), (stop.back, -1)):
            if group is not None:
                _draw_reds(axes, stop, group, stop.position_m + side * 0.006 * span_m, cycles)
        axes.annotate(
            f"{stop.plan.offset_s:g} s",
            (cycles * cycle_s, stop.position_m),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
        )
    axes.set_xlim(0, cycles * cycle_s)
    axes.set_yticks([stop.position_m for stop in stops], [f"{_short(stop.name)}\n{stop.position_m:.0f} m" for stop in stops], fontsize=8)
    axes.set_xlabel("time, s", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    handles = [axes.plot([], [], color=BANDS[not band.outbound], linewidth=6, alpha=0.4)[0] for band in bands]
    labels = [_band_words(band, cycle_s) for band in bands]
    axes.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
    figure.savefig(path, metadata=None if path.suffix != ".svg" else {"Date": None})


def _band_words(band: Band, cycle_s: float) -> str:
    widths = sorted({round(width, 1) for width in band.width_s})
    width = f"{widths[0]:g}" if len(widths) == 1 else f"{widths[0]:g} to {widths[-1]:g}"
    share = f"{100 * widths[0] / cycle_s:.0f} %" if len(widths) == 1 else "of the cycle on each link"
    return f"{'outbound' if band.outbound else 'inbound'} band {width} s ({share})"


def _draw_band(axes: Axes, stops: Sequence[Stop], band: Band, shift_s: float) -> None:
    for k in range(len(stops) - 1):
        here, there = stops[k].position_m, stops[k + 1].position_m
        first, second, width = band.begin_s[k] + shift_s, band.begin_s[k + 1] + shift_s, band.width_s[k]
        axes.fill(
            [first, first + width, second + width, second],
            [here, here, there, there],
            color=BANDS[not band.outbound],
            alpha=0.22,
            linewidth=0,
        )
        for edge in (0.0, width):
            axes.plot([first + edge, second + edge], [here, there], color=BANDS[not band.outbound], linewidth=0.8)


def _draw_reds(axes: Axes, stop: Stop, group: int, place_m: float, cycles: int) -> None:
    plan = stop.plan
    end_s = cycles * plan.cycle_s
    axes.plot([0, end_s], [place_m, place_m], color=COLOURS["red"], linewidth=3.2, solid_capstyle="butt", zorder=2)
    for window in plan.greens[group]:
        for turn in range(-2, cycles + 1):
            begin_s = plan.offset_s + window.start_s + turn * plan.cycle_s
            left, right = max(begin_s, 0.0), min(begin_s + window.length_s, end_s)
            if right > left:
                axes.plot([left, right], [place_m, place_m], color="white", linewidth=3.6, solid_capstyle="butt", zorder=3)
                axes.plot([left, right], [place_m, place_m], color=COLOURS["green"], linewidth=1.0, solid_capstyle="butt", zorder=4)


def _figure(height_inch: float) -> Figure:
    from matplotlib.figure import Figure as NewFigure  # noqa: PLC0415 - half a second that only who draws should pay

    return NewFigure(figsize=(11.0, height_inch), layout="constrained")


def _bar(axes: Axes, plan: SignalPlan, row: int, start_s: float, length_s: float, colour: str) -> None:
    if length_s <= 0:
        return
    start_s %= plan.cycle_s
    spans = [(start_s, min(length_s, plan.cycle_s - start_s))]
    if length_s > spans[0][1]:
        spans.append((0.0, length_s - spans[0][1]))
    axes.broken_barh(spans, (row - 0.28, 0.56), facecolors=COLOURS[colour], edgecolor="0.3", linewidth=0.4, zorder=2)


def _note(axes: Axes, plan: SignalPlan, row: int, time_s: float, side: str) -> None:
    second = time_s % plan.cycle_s
    if side == "right":
        second = second or plan.cycle_s
    away = (2 if side == "left" else -2, 0)
    axes.annotate(f"{second:g}", (second, row), away, textcoords="offset points", fontsize=7, color="white", ha=side, va="center", zorder=4)


def _decisive(plan: SignalPlan, junction: Intersection) -> list[tuple[int, int, float, float]]:
    """Return (ending, starting, end of green, gap) for each pair whose intergreen is just kept, without those across the cycle's end."""
    found = []
    for g, others in enumerate(junction.conflicts):
        for h in others:
            for window in plan.greens[g]:
                for other in plan.greens[h]:
                    end_s = (window.start_s + window.length_s) % plan.cycle_s
                    gap_s = (other.start_s - end_s) % plan.cycle_s
                    if 0 < gap_s <= junction.intergreen_s[g][h] + 0.5 and end_s + gap_s <= plan.cycle_s:
                        found.append((g, h, end_s, gap_s))
    return found


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}...{name[-6:]}"
