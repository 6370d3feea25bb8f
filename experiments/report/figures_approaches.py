"""Figures of approaches: delay with its level of service, degree of saturation, and a map of both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from sumolib import geomhelper

from experiments.report.figures_kpis import plain_decades
from experiments.report.style import GRID, INK, MUTED, PAPER, Roles, is_narrow
from optimizer.design.levels import HCM_VEHICLE_S, LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from experiments.report.streets import Streets

LOGARITHMIC_FROM_S = 200.0
MOST_ROWS = 24
"""More approaches than these are left to the table."""

COLOURS = ListedColormap(colormaps["viridis_r"](np.linspace(0.04, 0.96, len(LEVELS))))
NORM = BoundaryNorm((0.0, *HCM_VEHICLE_S, 2 * HCM_VEHICLE_S[-1]), COLOURS.N, extend="neither")


def approaches(tables: Mapping[str, pd.DataFrame], names_of: Mapping[str, str], roles: Roles, width_in: float) -> Figure:
    """Draw delay and degree of saturation of each approach, those with the greatest delay under the baseline on top.

    Parameters
    ----------
    tables
        By controller, a table of `experiments.report.approaches.approach_table` (or a mean of several).
    names_of
        What each junction is called.
    roles
        The baseline and the best; both are in `tables`.
    width_in
        Width of the figure, inches.
    """
    first = tables[roles.baseline].sort_values("delay_s", ascending=False, ignore_index=True).head(MOST_ROWS)
    keys = list(zip(first["junction"], first["approach"], strict=True))
    several = len(names_of) > 1
    names = [f"{names_of[name]} {arm}" if several else arm for name, arm in zip(first["junction"], first["arm"], strict=True)]
    figure = Figure(figsize=(width_in, 1.0 + 0.2 * len(keys)), layout="constrained")
    delay, load = figure.subplots(1, 2, sharey=True, width_ratios=(1.7, 1.0))
    least_s, greatest_s, greatest_x = math.inf, 0.0, 1.0
    for controller in roles.drawn():
        table = tables[controller].set_index(["junction", "approach"])
        delays_s = [float(table.loc[key, "delay_s"]) for key in keys]
        loads = [float(table.loc[key, "saturation"]) for key in keys]
        marker = {
            "marker": "o" if controller == roles.best else "D",
            "color": roles.colour(controller),
            "linestyle": "none",
            "markersize": 4.5,
        }
        delay.plot(delays_s, range(len(keys)), gid=f"delay:{controller}", label=controller, **marker)
        load.plot(loads, range(len(keys)), gid=f"saturation:{controller}", **marker)
        known_s = [delay_s for delay_s in delays_s if math.isfinite(delay_s)]
        least_s, greatest_s = min([least_s, *known_s]), max([greatest_s, *known_s])
        greatest_x = max([greatest_x, *(v for v in loads if math.isfinite(v))])
    _level_lines(delay, least_s, greatest_s)
    delay.set_yticks(range(len(keys)), names)
    delay.set_ylim(len(keys) - 0.4, -0.6)
    delay.set_xlabel("delay, s/vehicle; letters: level, HCM" if not is_narrow(width_in) else "delay, s/vehicle")
    load.axvline(1.0, color=INK, linewidth=0.9)
    load.set_xlim(0.0, 1.06 * max(greatest_x, 1.1))
    load.set_xlabel("degree of saturation" if not is_narrow(width_in) else "saturation")
    for axis in (delay, load):
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="y", color=GRID, linewidth=0.5)
        axis.spines["left"].set_visible(False)
    load.locator_params(axis="x", nbins=4)
    figure.legend(*delay.get_legend_handles_labels(), loc="outside upper left", ncols=1 if is_narrow(width_in) else 2, handletextpad=0.2)
    return figure


def _level_lines(axis: Axes, least_s: float, greatest_s: float) -> None:
    """Mark the bounds of the HCM's levels, and name the levels at the top. Where delays differ much the axis is logarithmic."""
    logarithmic = greatest_s > LOGARITHMIC_FROM_S
    left_s, right_s = (min(max(0.7 * least_s, 1.0), 7.0) if logarithmic else 0.0), 1.08 * max(greatest_s, 24.0)
    if logarithmic:
        axis.set_xscale("log")
        axis.set_xlim(left_s, 1.2 * right_s)
        plain_decades(axis)
    else:
        axis.set_xlim(left_s, right_s)
    low_px, high_px = (axis.transData.transform((place_s, 0.0))[0] for place_s in axis.get_xlim())
    edges_s = [axis.get_xlim()[0], *(bound_s for bound_s in HCM_VEHICLE_S if bound_s < right_s), axis.get_xlim()[1]]
    for low_s, high_s, letter in zip(edges_s, edges_s[1:], LEVELS, strict=False):
        if letter != LEVELS[0]:
            axis.axvline(low_s, color=MUTED, linewidth=0.5, linestyle=(0, (2, 2)))
        places = [(axis.transData.transform((edge_s, 0.0))[0] - low_px) / (high_px - low_px) for edge_s in (low_s, high_s)]
        if places[1] - places[0] > 0.03:
            axis.text(sum(places) / 2, 1.005, letter, transform=axis.transAxes, ha="center", va="bottom", color=MUTED)


def delay_map(streets: Streets, tables: Mapping[str, pd.DataFrame], roles: Roles, width_in: float) -> Figure:
    """Draw the network with each approach in the colour of its delay, for the baseline and for the best.

    Parameters
    ----------
    streets
        The network.
    tables
        As for `approaches`.
    roles
        Who is drawn.
    width_in
        Width of the figure, inches.
    """
    (left, low), (right, high) = streets.net.getBBoxXY()
    wide_m, high_m = max(right - left, 1.0), max(high - low, 1.0)
    drawn = roles.drawn()
    beside = not is_narrow(width_in) and wide_m < 1.6 * high_m
    panel_in = (width_in - 0.2) / (len(drawn) if beside else 1)
    panel_high_in = min(max(panel_in * high_m / wide_m, 0.9), 1.25 * panel_in)
    height_in = (panel_high_in + 0.3) * (1 if beside else len(drawn)) + 0.75
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = list(figure.subplots(*((1, len(drawn)) if beside else (len(drawn), 1)), squeeze=False).flat)
    aside_m = 0.006 * max(wide_m, high_m)
    for axis, controller in zip(axes, drawn, strict=True):
        _map_panel(axis, streets, tables[controller], aside_m)
        axis.set_title(controller, color=roles.colour(controller))
    bar = figure.colorbar(ScalarMappable(NORM, COLOURS), ax=axes, location="bottom", aspect=45, shrink=0.8, pad=0.02, spacing="uniform")
    bar.set_ticks(HCM_VEHICLE_S, labels=[f"{bound_s:g}" for bound_s in HCM_VEHICLE_S])
    bar.set_label("delay on the approach, s/vehicle (levels A to F, HCM)")
    bar.outline.set_visible(False)
    return figure


def _map_panel(axis: Axes, streets: Streets, table: pd.DataFrame, aside_m: float) -> None:
    edges = [edge for edge in streets.net.getEdges() if any(lane.allows("passenger") for lane in edge.getLanes())]
    shape = {edge.getID(): _beside([point[:2] for point in edge.getShape()], aside_m) for edge in edges}
    axis.plot(*_as_one(shape.values()), color=GRID, linewidth=1.0, solid_capstyle="round")
    delays_s = table.set_index(["junction", "approach"])["delay_s"]
    lines, values = [], []
    for approach in streets.all_approaches():
        delay_s = float(delays_s.get((approach.junction, approach.edge), math.nan))
        if math.isfinite(delay_s):
            lines += [shape[edge] for edge in approach.edges if edge in shape]
            values += [delay_s for edge in approach.edges if edge in shape]
    axis.plot(*_as_one(lines), color=MUTED, linewidth=4.0, solid_capstyle="butt")
    coloured = LineCollection(lines, cmap=COLOURS, norm=NORM, linewidths=3.0, capstyle="butt", gid="delay")
    coloured.set_array(np.minimum(values, NORM.vmax - 1e-6))
    axis.add_collection(coloured)
    if len(streets.junctions) > 1:
        for name, some in streets.approaches.items():
            ends = np.array([streets.net.getEdge(one.edge).getShape()[-1][:2] for one in some])
            place = {"xytext": (5, 6), "textcoords": "offset points", "fontsize": "small", "zorder": 5}
            axis.annotate(
                streets.names[name], ends.mean(axis=0), color=INK, path_effects=[withStroke(linewidth=2.5, foreground=PAPER)], **place
            )
    axis.autoscale_view()
    axis.set_aspect("equal", adjustable="box")
    axis.set_axis_off()


def _as_one(lines: Iterable[Sequence[tuple[float, float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Return lines as one that is broken between them: a path each would make the page of a large network heavy."""
    points = np.array([point for line in lines for point in (*line, (math.nan, math.nan))]).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _beside(shape: Sequence[Sequence[float]], aside_m: float) -> list[tuple[float, float]]:
    """Return a line moved to its right, so that the two directions of a street do not cover each other."""
    moved = geomhelper.move2side(list(shape), aside_m)
    return [(float(point[0]), float(point[1])) for point in moved]
