"""Figures of key figures: every run's value, differences to the baseline, what stood in queues over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.report.style import GRID, INK, MUTED, Roles, is_narrow
from experiments.statistics import two_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

BOX_FROM = 8
"""Runs from which on quartiles mean something and a box is drawn."""

LOGARITHMIC_FROM = 12.0
"""Ratio of the greatest to the least value from which on a linear axis would hide most of them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of the table of runs and what its axis says."""

    column: str
    title: str


FULL_DELAY = Metric("full_delay_s", "full delay, s/vehicle due")
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))
METRICS = (FULL_DELAY, Metric("stops", "stops per vehicle"), Metric("co2_g", "CO2, g/vehicle"))


def strips(runs: pd.DataFrame, metrics: Sequence[Metric], roles: Roles, width_in: float) -> Figure:
    """Draw each run as a dot and each controller's mean as a bar, the controller with the least mean of the first figure on top.

    Where the runs of a controller fall into two groups each group has its bar.

    Parameters
    ----------
    runs
        Finished runs of one case each: ``controller`` and a column for each metric.
    metrics
        A panel each.
    roles
        Who is pointed out by colour.
    width_in
        Width of the figure, inches.
    """
    order = list(runs.groupby("controller")[metrics[0].column].mean().sort_values().index)
    narrow = is_narrow(width_in)
    height_in = 0.55 + 0.26 * len(order)
    figure = Figure(figsize=(width_in, height_in * len(metrics) if narrow else height_in), layout="constrained")
    axes = figure.subplots(len(metrics) if narrow else 1, 1 if narrow else len(metrics), sharey=True, squeeze=False).flat
    for axis, metric in zip(axes, metrics, strict=True):
        _strip(axis, [runs.loc[runs["controller"] == name, metric.column].dropna().to_numpy() for name in order], order, roles)
        axis.set_xlabel(metric.title)
        _name_rows(axis, order, roles)
    return figure


def _strip(axis: Axes, values: Sequence[np.ndarray], order: Sequence[str], roles: Roles) -> None:
    for row, (name, of_name) in enumerate(zip(order, values, strict=True)):
        if not len(of_name):
            continue
        colour = roles.colour(name)
        if len(of_name) >= BOX_FROM:
            box = {"facecolor": "none", "edgecolor": colour, "linewidth": 0.8}
            median, whisker = {"color": colour, "linewidth": 0.8}, {"color": colour, "linewidth": 0.8}
            axis.boxplot(
                of_name, positions=[row], orientation="horizontal", widths=0.6, showfliers=False, showcaps=False, patch_artist=True,
                boxprops=box, medianprops=median, whiskerprops=whisker, manage_ticks=False,
            )  # fmt: skip
        axis.plot(of_name, np.full(len(of_name), row), "o", color=colour, alpha=0.55, markersize=4.5, markeredgewidth=0, gid=f"runs:{name}")
        groups = two_groups(of_name.tolist())
        means = [of_name.mean()] if groups is None else [np.mean(groups.lower), np.mean(groups.upper)]
        axis.plot(means, np.full(len(means), row), "|", color=colour, markersize=13, markeredgewidth=2.0, gid=f"mean:{name}")
    known = np.concatenate([np.asarray(of_name, dtype=float) for of_name in values]) if values else np.zeros(0)
    if len(known) and known.min() > 0 and known.max() > LOGARITHMIC_FROM * known.min():
        axis.set_xscale("log")
        axis.set_xlim(known.min() / 1.25, known.max() * 1.25)
        plain_decades(axis)
    else:
        axis.set_xlim(0.0, (known.max() if len(known) and known.max() > 0 else 1.0) * 1.07)
        axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x")


def plain_decades(axis: Axes) -> None:
    """Put plain numbers on a logarithmic axis, at 1, 2 and 5 of each decade."""
    low, high = axis.get_xlim()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside: list[float] = []
    for steps in ((1, 2, 5), (1, 5), (1,)):
        inside = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(inside) <= 5:
            break
    axis.set_xticks(inside, [f"{tick:g}" for tick in inside])
    axis.minorticks_off()


def _name_rows(axis: Axes, order: Sequence[str], roles: Roles) -> None:
    axis.set_yticks(range(len(order)), order)
    axis.set_ylim(len(order) - 0.4, -0.6)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    for tick, name in zip(axis.yaxis.get_major_ticks(len(order)), order, strict=True):
        if name in roles.drawn():
            tick.label1.set(color=roles.colour(name), fontweight="bold")


def differences(table: pd.DataFrame, of_seeds: Mapping[str, Sequence[float]], baseline: str, best: str, width_in: float) -> Figure:
    """Draw the paired differences of full delay to the baseline: each seed's, and their mean with its confidence interval.

    The axis covers all means and intervals; seeds beyond it are told at its edge, so that one locked run does not hide the rest.

    Parameters
    ----------
    table
        A row per controller, from top to bottom: ``controller``, ``difference``, ``low``, ``high`` (s per vehicle due; a mean that speaks
        for no run and an interval that is not known are empty).
    of_seeds
        The differences with each seed, by controller, s per vehicle due.
    baseline, best
        As in `Roles`.
    width_in
        Width of the figure, inches.
    """
    rows = table.reset_index(drop=True)
    roles = Roles(baseline, best)
    figure = Figure(figsize=(width_in, 0.7 + 0.26 * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0.0, color=INK, linewidth=0.9)
    axis.set_xlim(*_around(rows[["difference", "low", "high"]].to_numpy(dtype=float), of_seeds))
    for row, one in rows.iterrows():
        colour = roles.colour(one["controller"])
        _seeds(axis, row, one["controller"], of_seeds.get(one["controller"], ()), colour)
        axis.plot(
            [one["low"], one["high"]], [row, row], color=colour, linewidth=1.8, solid_capstyle="butt", gid=f"interval:{one['controller']}"
        )
        axis.plot([one["difference"]], [row], "o", color=colour, markersize=5.5, gid=f"difference:{one['controller']}")
    _name_rows(axis, list(rows["controller"]), roles)
    axis.grid(axis="x")
    axis.locator_params(axis="x", nbins=6)
    axis.set_xlabel(
        f"difference of full delay to {baseline}, s/vehicle due" if not is_narrow(width_in) else f"full delay less {baseline}'s, s"
    )
    return figure


def _around(known_s: np.ndarray, of_seeds: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """Return limits around 0 and all means and intervals; around the seeds where there is no mean at all."""
    values_s = known_s[~np.isnan(known_s)]
    if not len(values_s):
        values_s = np.array([value_s for some in of_seeds.values() for value_s in some])
    low_s, high_s = min(values_s.min(initial=0.0), 0.0), max(values_s.max(initial=0.0), 0.0)
    aside_s = 0.12 * (high_s - low_s) or 1.0
    return low_s - aside_s, high_s + aside_s


def _seeds(axis: Axes, row: int, controller: str, values_s: Sequence[float], colour: str) -> None:
    low_s, high_s = axis.get_xlim()
    inside = [value_s for value_s in values_s if low_s <= value_s <= high_s]
    look = {"color": colour, "alpha": 0.45, "markersize": 3.5, "markeredgewidth": 0}
    axis.plot(inside, np.full(len(inside), row), "o", gid=f"seeds:{controller}", **look)
    for beyond, at_s, towards, aside_pt in (
        ([value_s for value_s in values_s if value_s > high_s], high_s, "right", -8),
        ([value_s for value_s in values_s if value_s < low_s], low_s, "left", 8),
    ):
        if beyond:
            axis.plot([at_s], [row], ">" if towards == "right" else "<", color=colour, markersize=5, clip_on=False)
            told = ", ".join(f"{value_s:+.0f}" for value_s in sorted(beyond)).replace("-", "\N{MINUS SIGN}")
            place = {"xytext": (aside_pt, 0), "textcoords": "offset points", "ha": towards, "va": "center"}
            axis.annotate(f"{told} s", (at_s, row), color=colour, fontsize="small", **place)


def queues(minutes: pd.DataFrame, roles: Roles, width_in: float) -> Figure:
    """Draw the vehicles that stand in the network or wait outside it, minute by minute, a panel for each controller.

    The thick line is the median over the seeds, a thin one each seed, so that a network that locks with some of them is seen to do so; the
    other controllers' medians are grey.

    Parameters
    ----------
    minutes
        ``controller``, ``seed``, ``minute``, ``queue_veh``, ``backlog_veh``.
    roles
        Who is pointed out by colour.
    width_in
        Width of the figure, inches.
    """
    stood = minutes.assign(standing_veh=minutes["queue_veh"] + minutes["backlog_veh"])
    spread = stood.groupby(["controller", "minute"])["standing_veh"].agg(["median", "max"]).reset_index()
    order = list(spread.groupby("controller")["median"].mean().sort_values().index)
    columns = min(2 if is_narrow(width_in) else 4, len(order))
    rows = math.ceil(len(order) / columns)
    figure = Figure(figsize=(width_in, 0.35 + 1.25 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(order) :]:
        axis.set_visible(False)
    for place, (axis, name) in enumerate(zip(axes.flat, order, strict=False)):
        for other in order:
            if other != name:
                of_other = spread[spread["controller"] == other]
                axis.plot(of_other["minute"], of_other["median"], color=GRID, linewidth=0.8)
        own = spread[spread["controller"] == name]
        colour = roles.colour(name) if name in roles.drawn() else INK
        for _, of_seed in stood[stood["controller"] == name].groupby("seed"):
            axis.plot(of_seed["minute"], of_seed["standing_veh"], color=colour, linewidth=0.5, alpha=0.55)
        axis.plot(own["minute"], own["median"], color=colour, gid=f"queue:{name}")
        axis.set_title(_broken(name, 20), color=colour)
        axis.set_ylim(0, 1.05 * max(spread["max"].max(), 1.0))
        axis.set_xlim(0, max(spread["minute"].max(), 1))
        axis.tick_params(axis="x", labelbottom=place + columns >= len(order))
        axis.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    figure.supxlabel("minute of the simulated window", fontsize="medium", color=MUTED)
    figure.supylabel("standing vehicles", fontsize="medium", color=MUTED)
    return figure


def _broken(name: str, most: int) -> str:
    """Return a name in two lines where it is too long for one."""
    return name.replace("@", "\n@", 1) if len(name) > most else name


def over(runs: pd.DataFrame, column: str, roles: Roles, width_in: float) -> Figure:
    """Draw full delay over a column of the table of runs, a panel for each scenario: dots are runs, lines join the means.

    A line is broken where the runs fall into two groups.

    Parameters
    ----------
    runs
        Finished runs: ``scenario``, ``controller``, ``full_delay_s`` and the column, numbers or names.
    column
        What is varied.
    roles
        Who is pointed out by colour.
    width_in
        Width of the figure, inches.
    """
    scenarios = list(dict.fromkeys(runs["scenario"]))
    levels = list(dict.fromkeys(runs[column].sort_values() if column == "demand_scale" else runs[column]))
    columns = 1 if is_narrow(width_in) else min(2, len(scenarios))
    rows = math.ceil(len(scenarios) / columns)
    figure = Figure(figsize=(width_in, 0.6 + 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(scenarios) :]:
        axis.set_visible(False)
    names = list(dict.fromkeys(runs["controller"]))
    for axis, scenario in zip(axes.flat, scenarios, strict=False):
        for place, name in enumerate(names):
            own = runs[(runs["scenario"] == scenario) & (runs["controller"] == name)]
            places = own[column].map(levels.index)
            colour = roles.colour(name)
            axis.plot(places, own[FULL_DELAY.column], "o", color=colour, alpha=0.55, markersize=3.5, markeredgewidth=0)
            means = own.groupby(places)[FULL_DELAY.column].agg(lambda some: math.nan if two_groups(some.tolist()) else some.mean())
            look = {"color": colour, "linestyle": _DASHES[place % len(_DASHES)], "linewidth": 1.8 if name in roles.drawn() else 1.1}
            axis.plot(means.index, means, label=name, gid=f"over:{scenario}:{name}", **look)
        axis.set_title(scenario)
        axis.set_xticks(range(len(levels)), [f"{one:g}" if isinstance(one, float) else str(one) for one in levels])
        if column == "loops":
            axis.tick_params(axis="x", rotation=30)
            for label in axis.get_xticklabels():
                label.set_horizontalalignment("right")
        axis.set_xlabel("demand, share of the scenario's own" if column == "demand_scale" else "")
        axis.set_ylabel(FULL_DELAY.title)
        axis.set_ylim(bottom=0)
        axis.grid(axis="y")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower left", ncols=1 if is_narrow(width_in) else 3)
    return figure
