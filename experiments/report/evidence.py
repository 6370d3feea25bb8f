"""The figure that stands in the README: full delay by map, relative to the best controller of today."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from experiments.report.style import BLUE, INK, MUTED, SKY, is_narrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_OURS = ((BLUE, "o"), (SKY, "D"), (BLUE, "s"), (SKY, "^"))
MOST = 8.0
"""Greater ratios stand at the right edge, with their value beside them."""


def relative_delays(means: pd.DataFrame, ours: Sequence[str]) -> pd.DataFrame:
    """Return each controller's mean full delay on each map over the least of the controllers of today.

    Parameters
    ----------
    means
        ``scenario``, ``controller``, ``full_delay_s`` (mean over the seeds).
    ours
        The controllers that are not of today.

    Returns
    -------
    pd.DataFrame
        `means` with ``best_of_today`` (s) and ``ratio``.
    """
    today = means[~means["controller"].isin(list(ours))].groupby("scenario")["full_delay_s"].min().rename("best_of_today")
    joined = means.merge(today, on="scenario", how="left")
    return joined.assign(ratio=joined["full_delay_s"] / joined["best_of_today"])


def evidence(means: pd.DataFrame, ours: Sequence[str], width_in: float) -> Figure:
    """Draw full delay by map and controller, relative to the best of today's controllers on that map.

    Parameters
    ----------
    means, ours
        As for `relative_delays`.
    width_in
        Width of the figure, inches.
    """
    table = relative_delays(means, ours)
    maps = list(dict.fromkeys(table["scenario"]))
    today = [name for name in dict.fromkeys(table["controller"]) if name not in ours]
    narrow = is_narrow(width_in)
    figure = Figure(figsize=(width_in, 1.1 + 0.3 * len(maps) + (0.5 if narrow else 0.0)), layout="constrained")
    axis = figure.subplots()
    axis.set_xscale("log")
    axis.axvline(1.0, color=INK, linewidth=0.9)
    styles = {name: (MUTED, _MARKERS[place % len(_MARKERS)]) for place, name in enumerate(today)}
    styles |= {name: _OURS[place % len(_OURS)] for place, name in enumerate(ours)}
    for name, (colour, marker) in styles.items():
        own = table[table["controller"] == name].set_index("scenario")["ratio"].reindex(maps)
        is_ours = name in ours
        look = {"markersize": 6.5, "alpha": 1.0, "zorder": 3} if is_ours else {"markersize": 4.2, "alpha": 0.75, "zorder": 2}
        look |= {"color": colour, "markerfacecolor": colour if is_ours else "none", "clip_on": False}
        axis.plot(own.clip(upper=MOST), range(len(maps)), marker, label=name, gid=f"ratio:{name}", **look)
        for row, ratio in enumerate(own):
            if ratio > MOST:
                place = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
                axis.annotate(f"{ratio:.0f} times", (MOST, row), color=colour, fontsize="small", **place)
    low = min(0.8, float(table["ratio"].min()) / 1.08) if len(table) else 0.5
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
    axis.set_xlabel(
        "full delay ÷ best of today's on the map"
        if narrow
        else "full delay ÷ that of the best of today's controllers (in brackets, s/vehicle)"
    )
    figure.legend(loc="outside lower left", ncols=2 if narrow else 4, handletextpad=0.2, columnspacing=1.2)
    return figure


def _seconds(value_s: float) -> str:
    return "-" if math.isnan(value_s) else f"{value_s:.0f} s" if value_s >= 100 else f"{value_s:.1f} s"
