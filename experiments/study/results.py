"""Reading a results folder: the study, its tables and its runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.errors import ExperimentError
from experiments.folders import read_record
from experiments.requests import controller_choice
from experiments.study.definition import Case, ControllerVariant, Study
from experiments.study.reading import study_from_text
from experiments.study.store import RUNS, StudyIdentity, read_identity

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class StudyChoice:
    """What was chosen on the command line beside the study's file.

    Attributes
    ----------
    quick
        Whether the quick form is wanted.
    also
        Further controllers, as in ``ampelwerk compare``.
    scenarios
        Only these; all where empty.
    """

    quick: bool = False
    also: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"quick": self.quick, "also": list(self.also), "scenarios": list(self.scenarios)}

    def applied(self, study: Study) -> Study:
        """Return the study as it was chosen.

        Raises
        ------
        ExperimentError
            If a scenario is not the study's, or a further controller is in it already.
        """
        for name in self.scenarios:
            if name not in study.scenarios:
                raise ExperimentError(f"--scenarios: {name!r} is none of the study's; choose from {', '.join(study.scenarios)}.")
        if self.scenarios:
            study = replace(study, scenarios=tuple(name for name in study.scenarios if name in self.scenarios))
            kept = tuple(name for name in study.quick.scenarios or () if name in self.scenarios)
            study = replace(study, quick=replace(study.quick, scenarios=kept or None))
        if self.quick:
            study = study.in_quick_form()
        known = {variant.label for variant in study.controllers}
        for label in self.also:
            if label in known:
                raise ExperimentError(f"--also: {label!r} is one of the study's controllers already; leave it out.")
        return replace(study, controllers=(*study.controllers, *(ControllerVariant(one, controller_choice(one)) for one in self.also)))


def study_of(identity: StudyIdentity) -> Study:
    """Return the study whose results a folder holds.

    Raises
    ------
    ExperimentError
        If it cannot be read any more.
    """
    choice = identity.choice
    chosen = StudyChoice(choice["quick"], tuple(choice["also"]), tuple(choice["scenarios"]))
    return chosen.applied(study_from_text(identity.text, identity.file, Path(identity.folder)))


class StudyResults:
    """A results folder, read.

    Attributes
    ----------
    root
        The folder.
    study
        The study.
    """

    def __init__(self, root: Path, study: Study, versions: Mapping[str, str]) -> None:
        self.root, self.study, self._versions = root, study, versions

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row for each run that has ended."""
        return self._table("runs")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for each case and metric."""
        return self._table("summary")

    @cached_property
    def differences(self) -> pd.DataFrame:
        """A row for each case and metric: the paired difference to the baseline."""
        return self._table("differences")

    @cached_property
    def minutes(self) -> pd.DataFrame:
        """A row for each run and minute."""
        return self._table("minutes")

    @cached_property
    def signals(self) -> pd.DataFrame:
        """A row for each run and change of a signal."""
        return self._table("signals")

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases in the order of the study."""
        return tuple(self.study.cases())

    @property
    def quick(self) -> str:
        """What every output has to say where this is the quick form; else empty."""
        return self.study.quick_note

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions that decide the figures, and how many runs were planned, finished and failed."""
        status = self.runs["status"]
        return {
            "versions": dict(self._versions),
            "planned": len(self.cases) * len(self.study.seeds),
            "finished": int((status == "finished").sum()),
            "failed": int((status == "failed").sum()),
        }

    def folder(self, key: str) -> Path:
        """Return the folder of a run."""
        return self.root / RUNS / key

    def record(self, key: str) -> dict[str, Any]:
        """Return the record of a run.

        Raises
        ------
        ExperimentError
            If there is none.
        """
        found = read_record(self.folder(key))
        if found is None:
            raise ExperimentError(f"{self.folder(key)} holds no whole run; resume the study.")
        return found

    def _table(self, name: str) -> pd.DataFrame:
        path = self.root / f"{name}.parquet"
        if not path.is_file():
            raise ExperimentError(f"{path} does not exist; resume the study, which writes it.")
        return pd.read_parquet(path)


def read_results(folder: Path) -> StudyResults:
    """Read a results folder.

    Raises
    ------
    ExperimentError
        If it holds no study, or one of another form.
    """
    identity = read_identity(folder)
    return StudyResults(folder, study_of(identity), identity.versions)
