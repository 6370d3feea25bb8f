"""The figure that stands in the README: full delay by map, relative to the best controller of today.

Made by ``python -m experiments.report.evidence SUMMARY.csv FILE.svg rolling_horizon@loops rolling_horizon@zone``.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from experiments.report.style import BLUE, INK, MUTED, SKY, WIDE_IN, is_narrow, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_OURS = ((BLUE, "o"), (SKY, "D"), (BLUE, "s"), (SKY, "^"))
MOST = 8.0
"""Greater ratios stand at the right edge, with their value beside them."""


def relative_delays(summary: pd.DataFrame, ours: Sequence[str]) -> pd.DataFrame:
    """Return each controller's mean full delay on each map over the least of the controllers of today.

    Parameters
    ----------
    summary
        Rows of a study's ``summary`` for ``full_delay_s``: ``scenario``, ``controller``, ``mean``, and where the runs fall into two
        groups ``lower_mean`` and ``upper_mean`` instead, s per vehicle due.
    ours
        The controllers that are not of today.

    Returns
    -------
    pd.DataFrame
        `summary` with ``best_of_today`` (s), ``ratio``, ``lower_ratio`` and ``upper_ratio``. A controller whose runs fall into two groups
        is no best of today.
    """
    today = summary[~summary["controller"].isin(list(ours))].groupby("scenario")["mean"].min().rename("best_of_today")
    joined = summary.merge(today, on="scenario", how="left")
    best_s = joined["best_of_today"]
    return joined.assign(
        ratio=joined["mean"] / best_s, lower_ratio=joined["lower_mean"] / best_s, upper_ratio=joined["upper_mean"] / best_s
    )


def evidence(summary: pd.DataFrame, ours: Sequence[str], width_in: float) -> Figure:
    """Draw full delay by map and controller, relative to the best of today's controllers on that map.

    Where the runs of a controller fall into two groups both are drawn, joined by a line.

    Parameters
    ----------
    summary, ours
        As for `relative_delays`.
    width_in
        Width of the figure, inches.
    """
    table = relative_delays(summary, ours)
    maps = list(dict.fromkeys(table["scenario"]))
    today = [name for name in dict.fromkeys(table["controller"]) if name not in ours]
    narrow = is_narrow(width_in)
    figure = Figure(figsize=(width_in, 1.1 + 0.3 * len(maps) + (0.6 if narrow else 0.0)), layout="constrained")
    axis = figure.subplots()
    axis.set_xscale("log")
    axis.axvline(1.0, color=INK, linewidth=0.9)
    styles = {name: (MUTED, _MARKERS[place % len(_MARKERS)]) for place, name in enumerate(today)}
    styles |= {name: _OURS[place % len(_OURS)] for place, name in enumerate(ours)}
    for name, (colour, marker) in styles.items():
        own = table[table["controller"] == name].set_index("scenario").reindex(maps)
        is_ours = name in ours
        look = {"markersize": 6.5, "alpha": 1.0, "zorder": 3} if is_ours else {"markersize": 4.2, "alpha": 0.75, "zorder": 2}
        look |= {"color": colour, "markerfacecolor": colour if is_ours else "none", "clip_on": False}
        axis.plot(own["ratio"].clip(upper=MOST), range(len(maps)), marker, label=name, gid=f"ratio:{name}", **look)
        for row, (ratio, lower, upper) in enumerate(zip(own["ratio"], own["lower_ratio"], own["upper_ratio"], strict=True)):
            if not math.isnan(lower):
                ends = np.minimum([lower, upper], MOST)
                axis.plot(ends, [row, row], f"{marker}:", linewidth=0.9, gid=f"groups:{name}:{row}", **look)
            beyond = upper if math.isnan(ratio) else ratio
            if beyond > MOST:
                place = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
                axis.annotate(f"{beyond:.0f} times", (MOST, row), color=colour, fontsize="small", **place)
    least = float(table[["ratio", "lower_ratio"]].min().min()) if len(table) else 1.0
    low = min(0.8, least / 1.08)
    axis.set_xlim(low, MOST)
    axis.set_xticks([tick for tick in (0.25, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8) if low <= tick])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    best = table.drop_duplicates("scenario").set_index("scenario")["best_of_today"]
    axis.set_yticks(range(len(maps)), [f"{name.removeprefix('resco/')}  ({_seconds(float(best[name]))})" for name in maps])
    axis.set_ylim(len(maps) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="both")
    told = (
        "full delay ÷ best of today's on the map"
        if narrow
        else "full delay ÷ that of the best of today's controllers (in brackets, s/vehicle)"
    )
    axis.set_xlabel(told)
    figure.legend(loc="outside lower left", ncols=2 if narrow else 4, handletextpad=0.2, columnspacing=1.2)
    return figure


def _seconds(value_s: float) -> str:
    return "-" if math.isnan(value_s) else f"{value_s:.0f} s" if value_s >= 100 else f"{value_s:.1f} s"


def main() -> None:
    """Draw the figure from a study's ``summary.csv``; the controllers that are named are ours."""
    source, target, *ours = sys.argv[1:]
    summary = pd.read_csv(source)
    with mpl.rc_context(settings(WIDE_IN)):
        evidence(summary[summary["metric"] == "full_delay_s"], ours, WIDE_IN).savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
