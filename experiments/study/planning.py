"""From a study to its runs: each with its key, and each only once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.errors import ExperimentError
from experiments.runs import check_scenario
from experiments.study.keys import run_key
from sumo_networks import Scenario, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.requests import RunRequest
    from experiments.study.definition import Case, Study


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A row of the table of runs, and what makes it.

    Attributes
    ----------
    case, seed
        What the row is about.
    key
        Of the run; rows that SUMO cannot tell apart share one.
    request
        What is to be run.
    """

    case: Case
    seed: int
    key: str
    request: RunRequest


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """All rows of a study, case by case, and the scenarios they need."""

    study: Study
    rows: tuple[PlannedRun, ...]
    places: Mapping[str, Scenario]

    def runs(self) -> dict[str, PlannedRun]:
        """Return what is to be run, by key, seed by seed: an interrupted study has as many seeds of one case as of another."""
        return {row.key: row for row in sorted(self.rows, key=lambda row: row.seed)}


def plan_study(study: Study) -> StudyPlan:
    """Return all runs of a study. Every scenario is read and every controller made once, so that mistakes come out before anything runs.

    Raises
    ------
    ScenarioError, ControllerError, ExperimentError
        If a scenario, a controller or a window cannot be used.
    """
    places = {name: scenario(study.path_of(name)) for name in study.scenarios}
    rows = []
    for case in study.cases():
        place = places[case.scenario]
        if study.window.length_s is None and place.end_s == float("inf"):
            raise ExperimentError(f"{case.scenario} has no end of its own; give the study a length_s (seconds of simulated time).")
        for seed in study.seeds:
            request = study.request(case, seed, place.begin_s, place.end_s)
            check_scenario(request, place)
            rows.append(PlannedRun(case, seed, run_key(request, place), request))
    return StudyPlan(study, tuple(rows), places)
