"""Figures of estimators: queues as they were believed and as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.report.style import BLUE, INK, VERMILLION, is_narrow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

QUALITY_COLUMNS = ("junction", "approach", "samples", "true_queue_veh", "bias_veh", "mean_error_veh", "correlation")
LARGEST_DOT = 160.0  # points squared


def estimator_quality(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return how good the estimated queues were on each approach.

    Parameters
    ----------
    estimates
        What `experiments.watching.EstimatesWriter` wrote.

    Returns
    -------
    pd.DataFrame
        Columns `QUALITY_COLUMNS`: samples, mean true queue, mean of estimated less true, mean of its absolute value (vehicles), and the
        correlation of the two (empty where one of them never changes); the longest queues first.
    """
    error = estimates.assign(error=estimates["estimated_queue_veh"] - estimates["true_queue_veh"])
    rows = []
    for (junction, approach), some in error.groupby(["junction", "approach"], sort=False):
        varies = bool(some["estimated_queue_veh"].std() > 0 and some["true_queue_veh"].std() > 0)
        correlation = some["estimated_queue_veh"].corr(some["true_queue_veh"]) if varies else float("nan")
        rows.append(
            (junction, approach, len(some), some["true_queue_veh"].mean(), some["error"].mean(), some["error"].abs().mean(), correlation)
        )
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS)).sort_values("true_queue_veh", ascending=False, ignore_index=True)


def estimates(samples: pd.DataFrame, controller: str, names_of: Mapping[str, str], width_in: float) -> Figure:
    """Draw estimated against true queues of all approaches, and both over time on the approach with the longest mean queue.

    Parameters
    ----------
    samples
        What `experiments.watching.EstimatesWriter` wrote.
    controller
        Whose estimator it is.
    names_of
        What each junction is called.
    width_in
        Width of the figure, inches.
    """
    narrow = is_narrow(width_in)
    figure = Figure(figsize=(width_in, 5.4 if narrow else 2.9), layout="constrained")
    against, over_time = figure.subplots(2, 1, height_ratios=(1.5, 1)) if narrow else figure.subplots(1, 2, width_ratios=(1, 1.5))
    _against(against, samples)
    worst = estimator_quality(samples).iloc[0]
    own = samples[(samples["junction"] == worst["junction"]) & (samples["approach"] == worst["approach"])].sort_values("time_s")
    minutes = (own["time_s"] - samples["time_s"].min()) / 60.0
    over_time.plot(minutes, own["true_queue_veh"], color=INK, linewidth=1.0, label="true", gid="true")
    over_time.plot(minutes, own["estimated_queue_veh"], color=BLUE, linewidth=1.0, label="estimated", gid="estimated")
    over_time.set_ylim(0, 1.25 * max(own["true_queue_veh"].max(), own["estimated_queue_veh"].max(), 1))
    over_time.set_xlim(0, minutes.max())
    over_time.set_title(f"{names_of[worst['junction']]}, {worst['approach']}"[: 30 if narrow else 44])
    over_time.set_xlabel("minute")
    over_time.set_ylabel("queue, vehicles")
    over_time.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    over_time.legend(loc="upper left", ncols=2)
    against.set_title(controller)
    return figure


def _against(axis: Axes, samples: pd.DataFrame) -> None:
    counts = samples.groupby(["true_queue_veh", "estimated_queue_veh"]).size().rename("times").reset_index()
    most = float(max(counts["true_queue_veh"].max(), counts["estimated_queue_veh"].max(), 1))
    axis.plot([0, most], [0, most], color=VERMILLION, linewidth=1.0)
    sizes = 3.0 + LARGEST_DOT * counts["times"] / counts["times"].sum() * 4
    axis.scatter(
        counts["true_queue_veh"],
        counts["estimated_queue_veh"],
        s=sizes.clip(upper=LARGEST_DOT),
        marker="s",  # four points where a circle has thirty-two
        color=BLUE,
        alpha=0.55,
        linewidth=0,
        gid="against",
    )
    axis.set_aspect("equal", adjustable="box")
    axis.set_xlim(-0.5, most * 1.03 + 0.5)
    axis.set_ylim(-0.5, most * 1.03 + 0.5)
    axis.set_xlabel("true queue, vehicles")
    axis.set_ylabel("estimated queue, vehicles")
