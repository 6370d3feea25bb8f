"""Reading a results folder: the study, its tables and its runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.errors import ExperimentError
from experiments.folders import read_record
from experiments.study.choosing import study_of
from experiments.study.store import RUNS, read_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from experiments.study.definition import Case, Study


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
    runs = folder / "runs.parquet"
    ran = set(pd.read_parquet(runs, columns=["controller"])["controller"]) if runs.is_file() else set()
    return StudyResults(folder, study_of(identity, ran), identity.versions)
