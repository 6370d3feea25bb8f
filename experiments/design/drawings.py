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
KINDS: Final = {
    GroupKind.VEHICLE: "",
    GroupKind.PEDESTRIAN: " (foot)",
    GroupKind.BICYCLE: " (cycle)",
    GroupKind.BUS: " (bus)",
    GroupKind.TRAM: " (tram)",
}
LONGEST_NAME: Final = 34


def draw_timing(plan: SignalPlan, junction: Intersection, scenario: str, path: Path) -> None:
    """Draw the signal timing diagram: a row for each group over one cycle, with the seconds of its greens.

    For each green whose start an intergreen decides, because it is just kept, an arrow leads there from the end of the nearest such green.

    Parameters
    ----------
    plan, junction
        The plan and what it is for.
    scenario
        Name of the scenario, for the title.
    path
        The file; its ending says whether SVG, PDF or PNG.
    """
    count = len(junction.groups)
    figure = _figure(1.6 + INCH_PER_GROUP * count)
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
        place = end_s + 0.5 * gap_s, 0.5 * (ending + starting)
        box = {"fc": "white", "ec": "none", "pad": 0.4}
        axes.annotate(f"{gap_s:g}", place, fontsize=7, color="0.2", ha="center", va="center", bbox=box, zorder=5)
    axes.set_yticks(range(count), [_short(group.id) + KINDS[group.kind] for group in junction.groups], fontsize=8)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xlim(0, plan.cycle_s)
    axes.set_xticks([*range(0, int(plan.cycle_s) - 2, 5), plan.cycle_s])
    axes.grid(axis="x", color="0.88", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("second of the cycle", fontsize=8)
    title = f"{scenario}, junction {_short(junction.id)}   cycle {plan.cycle_s:g} s   offset {plan.offset_s:g} s"
    axes.set_title(title, fontsize=10, loc="left")
    _explain(figure, any(group.red_yellow_s > 0 for group in junction.groups))
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


def draw_time_space(stops: Sequence[Stop], bands: Sequence[Band], scenario: str, path: Path, cycles: int = 3) -> None:
    """Draw the time-space diagram: the reds of both directions at each signal and the bands that run between them.

    Parameters
    ----------
    stops
        The signals in their order, outbound.
    bands
        Bands of both directions.
    scenario
        Name of the scenario, for the title.
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
        axes.axhspan(stop.position_m - 0.011 * span_m, stop.position_m + 0.011 * span_m, color="white", linewidth=0, zorder=1.5)
        for group, side in ((stop.out, 1), (stop.back, -1)):
            if group is not None:
                _draw_reds(axes, stop, group, stop.position_m + side * 0.006 * span_m, cycles)
        axes.annotate(
            f"offset {stop.plan.offset_s:g} s",
            (cycles * cycle_s, stop.position_m),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
        )
    axes.set_xlim(0, cycles * cycle_s)
    axes.set_yticks([stop.position_m for stop in stops], [f"{_short(stop.name)}\n{stop.position_m:.0f} m" for stop in stops], fontsize=8)
    axes.set_xlabel("time, s   (at each signal: upper bar outbound, lower bar inbound; thick red, thin green)", fontsize=9)
    axes.set_ylabel("distance along the corridor", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    handles = [axes.plot([], [], color=BANDS[not band.outbound], linewidth=6, alpha=0.4)[0] for band in bands]
    labels = [_band_words(band, stops, cycle_s) for band in bands]
    figure.suptitle(f"{scenario}: green wave, cycle {cycle_s:g} s", fontsize=11)
    axes.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
    figure.savefig(path, metadata=None if path.suffix != ".svg" else {"Date": None})


def _band_words(band: Band, stops: Sequence[Stop], cycle_s: float) -> str:
    widths = sorted({round(width, 1) for width in band.width_s})
    width = f"{widths[0]:g}" if len(widths) == 1 else f"{widths[0]:g} to {widths[-1]:g}"
    share = f"{100 * widths[0] / cycle_s:.0f} %" if len(widths) == 1 else "of the cycle on each link"
    ends = [_short(stop.name) for stop in (stops[0], stops[-1])]
    way = " to ".join(ends if band.outbound else reversed(ends))
    took_s = abs(band.begin_s[-1] - band.begin_s[0])
    speed_km_h = 3.6 * abs(stops[-1].position_m - stops[0].position_m) / took_s
    return f"{'outbound' if band.outbound else 'inbound'} ({way}): band {width} s ({share}), {speed_km_h:.0f} km/h"


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
            axes.plot([first + edge, second + edge], [here, there], color=BANDS[not band.outbound], linewidth=0.8, zorder=1)


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


def _explain(figure: Figure, red_yellow: bool) -> None:  # noqa: FBT001 - what there is to explain
    from matplotlib.lines import Line2D  # noqa: PLC0415 - as in `_figure`
    from matplotlib.patches import Patch  # noqa: PLC0415

    names = {"green": "green (seconds of start and end)", **({"red_yellow": "red-amber"} if red_yellow else {}), "yellow": "amber"}
    handles: list[Patch | Line2D] = [Patch(facecolor=COLOURS[key], edgecolor="0.3", label=label) for key, label in names.items()]
    handles.append(Line2D([], [], color=COLOURS["red"], label="red"))
    handles.append(Line2D([], [], color="0.35", linewidth=0.7, marker=">", markersize=4, label="intergreen that decides a start, s"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)


def _decisive(plan: SignalPlan, junction: Intersection) -> list[tuple[int, int, float, float]]:
    """Return (ending, starting, end of green, gap) for each start that an intergreen decides, without those across the cycle's end.

    Where several greens decide it, the one drawn nearest stands for all: arrows of each pair would cover the plan.
    """
    found: dict[tuple[int, float], tuple[int, int, float, float]] = {}
    for g, others in enumerate(junction.conflicts):
        for h in others:
            for window in plan.greens[g]:
                for other in plan.greens[h]:
                    end_s = (window.start_s + window.length_s) % plan.cycle_s
                    gap_s = (other.start_s - end_s) % plan.cycle_s
                    if 0 < gap_s <= junction.intergreen_s[g][h] + 0.5 and end_s + gap_s <= plan.cycle_s:
                        key = (h, other.start_s)
                        if key not in found or abs(g - h) < abs(found[key][0] - h):
                            found[key] = (g, h, end_s, gap_s)
    return list(found.values())


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}...{name[-6:]}"
