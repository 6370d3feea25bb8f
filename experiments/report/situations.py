"""Situations: one traffic that all controllers met, and who did best in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.report.style import Roles
from experiments.statistics import PairedDifference, far_apart, mean_interval, paired_difference, two_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from experiments.statistics import Groups, Interval

FIGURE = "full_delay_s"


@dataclass(frozen=True, slots=True)
class Standing:
    """One controller's place in a situation.

    Attributes
    ----------
    controller
        Its label.
    mean
        Mean full delay, s per vehicle due, and its confidence interval.
    groups
        The two groups its runs fall into; None where they do not.
    apart
        Its least and greatest run where they lie far apart without falling into two groups; else None.
    to_baseline
        Paired difference to the baseline; None for the baseline, and where no seed is common.
    """

    controller: str
    mean: Interval
    groups: Groups | None
    apart: tuple[float, float] | None
    to_baseline: PairedDifference | None


@dataclass(frozen=True, slots=True)
class Situation:
    """A scenario with a demand and a state of the loops.

    Attributes
    ----------
    scenario, demand_scale, loops
        As in the tables of a study.
    label
        What must be said of the scenario; else empty.
    runs
        Rows of the finished runs.
    failed
        Rows of the failed runs.
    """

    scenario: str
    demand_scale: float
    loops: str
    label: str
    runs: pd.DataFrame
    failed: pd.DataFrame

    def name(self, *, with_demand: bool, with_loops: bool) -> str:
        """Return how it is called, with what tells it from the others of its study."""
        parts = [self.scenario]
        parts += [f"demand × {self.demand_scale:g}"] if with_demand else []  # noqa: RUF001 - the sign of multiplication
        parts += [f"loops: {self.loops}"] if with_loops else []
        return ", ".join(parts)

    def by_seed(self, controller: str) -> dict[int, float]:
        """Return the full delay of each finished run of a controller, by seed."""
        own = self.runs[(self.runs["controller"] == controller) & self.runs[FIGURE].notna()]
        return {int(seed): float(value) for seed, value in zip(own["seed"], own[FIGURE], strict=True)}

    def standings(self, baseline: str) -> list[Standing]:
        """Return all controllers that have a finished run, the least mean full delay first."""
        values = {name: self.by_seed(name) for name in self.runs["controller"].unique()}
        base = values.get(baseline, {})
        found = [
            Standing(
                name,
                mean_interval(list(own.values())),
                two_groups(list(own.values())),
                far_apart(list(own.values())),
                None if name == baseline else paired_difference(own, base),
            )
            for name, own in values.items()
            if own
        ]
        return sorted(found, key=lambda one: (one.mean.mean, one.controller))


def situations(runs: pd.DataFrame) -> list[Situation]:
    """Return the situations of a study's table of runs, in its order."""
    keys = ["scenario", "demand_scale", "loops"]
    return [
        Situation(*key, str(some["label"].iloc[0]), some[some["status"] == "finished"], some[some["status"] != "finished"])
        for key, some in runs.groupby(keys, sort=False)
    ]


def by_mean_place(standings: Sequence[Sequence[Standing]]) -> list[str]:
    """Return all controllers, the one with the least mean place over the situations first; a missing one counts as last."""
    names = sorted({one.controller for of_situation in standings for one in of_situation})
    places = dict.fromkeys(names, 0)
    for of_situation in standings:
        order = [one.controller for one in of_situation]
        for name in names:
            places[name] += order.index(name) if name in order else len(names)
    return sorted(names, key=places.__getitem__)


def references(found: Sequence[Situation]) -> list[Situation]:
    """Return one situation of each scenario, whose streets and signals are drawn: the one with the demand nearest to 1."""
    chosen: dict[str, Situation] = {}
    for one in found:
        known = chosen.get(one.scenario)
        if len(one.runs) and (known is None or abs(one.demand_scale - 1.0) < abs(known.demand_scale - 1.0)):
            chosen[one.scenario] = one
    return list(chosen.values())


def roles_of(standings: Sequence[Standing], baseline: str) -> Roles:
    """Return whom the figures point out: the baseline, and the best of the others, which challenges it where it wins itself.

    A baseline without a finished run gives way to the best.
    """
    names = [one.controller for one in standings]
    best = next((name for name in names if name != baseline), names[0])
    return Roles(baseline if baseline in names else best, best)
