"""Figures of signals: a timing diagram, and vehicles' ways through the greens of a corridor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from experiments.report.signal_times import GREEN, PERMISSIVE, RED, RED_YELLOW, TURN_ON_RED, YELLOW
from experiments.report.style import BLUE, GRID, MUTED, ORANGE, Roles, is_narrow
from experiments.report.style import GREEN as GO
from experiments.report.style import VERMILLION as STOP
from experiments.report.style import YELLOW as AMBER
from experiments.report.trajectories import visits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.corridors import Corridor

CLOCK_STEPS_S = (5, 10, 15, 30, 60, 120, 300, 600)

# aspect: colour, height of its bar in rows (red is thin, so that greens show without their colour), hatch
_BARS = {
    GREEN: (GO, 0.72, ""),
    PERMISSIVE: (GO, 0.72, "/////"),
    YELLOW: (AMBER, 0.72, ""),
    RED_YELLOW: (ORANGE, 0.72, ""),
    RED: (STOP, 0.12, ""),
    TURN_ON_RED: (STOP, 0.3, "/////"),
}


def timing(
    spans: Mapping[str, pd.DataFrame], names: Mapping[str, str], roles: Roles, window_s: tuple[float, float], width_in: float
) -> Figure:
    """Draw what each signal group of a junction showed, a panel for each controller.

    Parameters
    ----------
    spans
        By controller, a table of `experiments.report.signal_times.signal_spans`.
    names
        What each group is called, in the order of the rows.
    roles
        Who is drawn.
    window_s
        Times at the left and the right end.
    width_in
        Width of the figure, inches.
    """
    drawn = roles.drawn()
    figure = Figure(figsize=(width_in, 0.75 + len(drawn) * (0.3 + 0.19 * len(names))), layout="constrained")
    axes = figure.subplots(len(drawn), 1, sharex=True, squeeze=False).flat
    row = {group: index for index, group in enumerate(names)}
    for axis, controller in zip(axes, drawn, strict=True):
        of_junction = spans[controller]
        seen = of_junction[(of_junction["end_s"] > window_s[0]) & (of_junction["start_s"] < window_s[1])]
        for (group, aspect), some in seen.groupby(["group", "aspect"], sort=False):
            colour, height, hatch = _BARS[aspect]
            bars = [(start_s, end_s - start_s) for start_s, end_s in zip(some["start_s"], some["end_s"], strict=True)]
            look = {"facecolor": "none" if hatch else colour, "edgecolor": colour, "hatch": hatch, "linewidth": 0.6 if hatch else 0.0}
            axis.broken_barh(bars, (row[group] - height / 2, height), gid=f"{controller}:{group}:{aspect}", **look)
        axis.set_title(controller, color=roles.colour(controller))
        axis.set_yticks(range(len(names)), [_cut(name, 19 if is_narrow(width_in) else 30) for name in names.values()])
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.set_xlim(*window_s)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
    _clock(axis, width_in)
    shown = set().union(*(spans[controller]["aspect"] for controller in drawn))
    keys = [
        Patch(facecolor="none" if hatch else colour, edgecolor=colour, hatch=hatch, label=aspect)
        for aspect, (colour, _, hatch) in _BARS.items()
        if aspect in shown or aspect != TURN_ON_RED
    ]
    figure.legend(
        handles=keys, loc="outside upper left", ncols=3 if is_narrow(width_in) else len(keys), handlelength=1.2, columnspacing=1.0
    )
    return figure


def time_space(
    way: Corridor,
    ways: Mapping[str, pd.DataFrame],
    reds: Mapping[str, Sequence[pd.DataFrame]],
    names_of: Mapping[str, str],
    roles: Roles,
    window_s: tuple[float, float],
    width_in: float,
) -> Figure:
    """Draw vehicles' ways along a corridor and the reds on it, a panel for each controller.

    Parameters
    ----------
    way
        The corridor.
    ways
        By controller, where each vehicle was: a table of `experiments.report.trajectories.read_trajectories`.
    reds
        By controller, for each stop line of the corridor the spans in which its through traffic had no green: ``start_s``, ``end_s``.
    names_of
        What each junction is called.
    roles
        Who is drawn.
    window_s
        Times at the left and the right end.
    width_in
        Width of the figure, inches.
    """
    drawn = roles.drawn()
    narrow = is_narrow(width_in)
    figure = Figure(figsize=(width_in, 0.5 + len(drawn) * (2.6 if narrow else 2.9)), layout="constrained")
    axes = figure.subplots(len(drawn), 1, sharex=True, sharey=True, squeeze=False).flat
    low_m, high_m = shown_part(way)
    for axis, controller in zip(axes, drawn, strict=True):
        times_s, places_m = lines(ways[controller])
        axis.plot(times_s, places_m, color=BLUE, linewidth=0.55, alpha=0.8, gid=f"ways:{controller}")
        for line, spans in zip(way.stop_lines, reds[controller], strict=True):
            axis.hlines([line.at_m], *window_s, color=GO, linewidth=1.0)
            axis.hlines(
                np.full(len(spans), line.at_m),
                spans["start_s"],
                spans["end_s"],
                color=STOP,
                linewidth=3.2,
                gid=f"reds:{controller}:{line.junction}",
            )
        axis.set_title(controller, color=roles.colour(controller))
        axis.set_ylim(low_m, high_m)
        axis.set_xlim(*window_s)
        axis.set_ylabel("distance, m")
        beside = axis.secondary_yaxis("right")
        beside.set_yticks([line.at_m for line in way.stop_lines], [names_of[line.junction] for line in way.stop_lines])
        beside.tick_params(length=0, labelcolor=MUTED)
        beside.spines["right"].set_visible(False)
    _clock(axis, width_in)
    return figure


def lines(ways: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return times and distances of all visits as one line, broken by NaN between them, shape ``(points + visits - 1,)`` each."""
    times_s: list[np.ndarray] = []
    places_m: list[np.ndarray] = []
    for visit in visits(ways):
        times_s += [visit["time_s"].to_numpy(), np.array([np.nan])]
        places_m += [visit["distance_m"].to_numpy(), np.array([np.nan])]
    return (np.concatenate(times_s[:-1]), np.concatenate(places_m[:-1])) if times_s else (np.zeros(0), np.zeros(0))


def shown_part(way: Corridor) -> tuple[float, float]:
    """Return the distances between which a corridor is drawn: 300 m before its first stop line to 150 m behind its last."""
    return max(way.stop_lines[0].at_m - 300.0, 0.0), min(way.stop_lines[-1].at_m + 150.0, way.length_m)


def _clock(axis: Axes, width_in: float) -> None:
    low_s, high_s = axis.get_xlim()
    most = 4 if is_narrow(width_in) else 8
    axis.xaxis.set_major_locator(
        MultipleLocator(next((step for step in CLOCK_STEPS_S if (high_s - low_s) / step <= most), CLOCK_STEPS_S[-1]))
    )
    axis.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: f"{int(at_s) // 3600}:{int(at_s) // 60 % 60:02}:{int(at_s) % 60:02}"))
    axis.set_xlabel("simulated time, h:min:s")
    axis.grid(axis="x", color=GRID)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
