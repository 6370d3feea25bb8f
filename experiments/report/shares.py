"""In what share of its scenarios a study sees our controller ahead: the summary of the study ``cities``, as two tables.

Made by ``python -m experiments.report.shares results/cities docs/evidence/cities.csv rolling_horizon@loops``; the second table lies beside
the first, as ``cities-shares.csv``. A study that was interrupted will do: scenarios count by the seeds that all compared controllers have.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from experiments.errors import ExperimentError
from experiments.exits import complain, ended_with_code

if TYPE_CHECKING:
    from collections.abc import Sequence

BASELINES = ("static", "actuated", "delay_based", "max_pressure")
STREET = ("static", "actuated")
"""What is found in the street: nowhere may we be clearly worse than the better of these."""
DESIGNED = "designed"
"""The fixed-time plans of `ampelwerk design`, where a study has them under this label."""
CLEARLY = 0.05
METRIC = "full_delay_s"
COUNTS = ("unfinished", "never_inserted", "refused_commands")
USAGE = (
    "Usage: python -m experiments.report.shares FOLDER RATIOS.csv CONTROLLER, with the folder of a study and the controller that is ours."
)


def ratios(runs: pd.DataFrame, ours: str) -> pd.DataFrame:
    """Return the means of each scenario and controller over the seeds that all controllers to be compared have there.

    Parameters
    ----------
    runs
        A study's table ``runs``.
    ours
        Label of the controller that is ours.

    Returns
    -------
    pd.DataFrame
        Rows of ``scenario`` and ``controller``: ``seeds`` (how many), ``full_delay_s``, the `COUNTS`, and ``ratio``, the full delay over
        that of the best of the `BASELINES`. Scenarios without a seed that ours and all baselines have are left out.

    Raises
    ------
    ExperimentError
        If ours or a baseline is none of the study's controllers.
    """
    there = set(runs["controller"])
    for label in (ours, *BASELINES):
        if label not in there:
            raise ExperimentError(f"The study has no runs of {label!r}; it has those of {', '.join(sorted(there))}.")
    finished = runs[runs["status"] == "finished"]
    rows = []
    for scenario, here in finished.groupby("scenario", sort=False):
        seeds = set.intersection(*(set(here.loc[here["controller"] == label, "seed"]) for label in (ours, *BASELINES)))
        for controller, own in here[here["seed"].isin(seeds)].groupby("controller", sort=False):
            if set(own["seed"]) == seeds:
                means = own[[METRIC, *COUNTS]].mean()
                rows.append({"scenario": scenario, "controller": controller, "seeds": len(seeds), **means})
    table = pd.DataFrame(rows, columns=["scenario", "controller", "seeds", METRIC, *COUNTS])
    best = table[table["controller"].isin(BASELINES)].groupby("scenario")[METRIC].min()
    return table.assign(ratio=table[METRIC] / table["scenario"].map(best))


def shares(table: pd.DataFrame, ours: str) -> pd.DataFrame:
    """Return in how many scenarios ours is ahead, and behind, and by how much.

    Parameters
    ----------
    table
        As `ratios` returns it.
    ours
        As there.

    Returns
    -------
    pd.DataFrame
        ``statement``, ``scenarios`` (in how many it could be judged), ``holds_in``, ``share``.
    """
    delays_s = table.pivot_table(index="scenario", columns="controller", values=METRIC)
    own_s, baselines_s = delays_s[ours], delays_s[list(BASELINES)]
    holds = {
        **{f"ahead of {label}": own_s < baselines_s[label] for label in BASELINES},
        f"ahead of the best of {', '.join(BASELINES)}": own_s < baselines_s.min(axis=1),
        f"behind at least one of {', '.join(BASELINES)}": own_s > baselines_s.min(axis=1),
        f"behind all of {', '.join(BASELINES)}": own_s > baselines_s.max(axis=1),
        f"more than {CLEARLY:.0%} worse than the best of {' and '.join(STREET)}": own_s
        > (1 + CLEARLY) * delays_s[list(STREET)].min(axis=1),
    }
    if DESIGNED in delays_s:
        designed_s = delays_s[DESIGNED].dropna()
        holds[f"ahead of {DESIGNED}"] = own_s[designed_s.index] < designed_s
        holds["ahead of the best of all these and of designed"] = own_s[designed_s.index] < baselines_s.min(axis=1)[designed_s.index].clip(
            upper=designed_s
        )
    return pd.DataFrame(
        [
            {"statement": statement, "scenarios": len(true), "holds_in": int(true.sum()), "share": true.mean()}
            for statement, true in holds.items()
        ]
    )


def write(folder: Path, target: Path, ours: str) -> None:
    """Write both tables of a study's folder.

    Raises
    ------
    ExperimentError
        If the folder holds no runs to be compared.
    """
    source = folder / "runs.parquet"
    if not source.is_file():
        raise ExperimentError(
            f"{source} does not exist; name the folder of a study, and write its tables with: ampelwerk study resume {folder}."
        )
    runs = pd.read_parquet(source)
    table = ratios(runs, ours)
    if table.empty:
        raise ExperimentError(
            f"{folder} has no scenario yet with a seed that {ours} and {', '.join(BASELINES)} all have; resume the study first."
        )
    told = {name: runs[name].iloc[0] for name in ("study", "label")}
    for values, path in ((table, target), (shares(table, ours), target.with_stem(f"{target.stem}-shares"))):
        values.assign(**told)[[*told, *values.columns]].to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def main(arguments: Sequence[str]) -> int:
    """Write the tables; a wrong number of arguments is told how it is used."""
    match arguments:
        case (folder, target, ours):
            return ended_with_code(lambda: write(Path(folder), Path(target), ours))
    complain(USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
