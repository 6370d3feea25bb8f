"""One small real study, run and reported once for all tests of this folder."""

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from experiments.study.results import StudyResults, read_results
from tests.study.folders import study

STUDY = """
name = "small"
title = "A small study"
scenarios = ["rilsa/1"]
controllers = ["static", "longest_queue", "rolling_horizon@loops"]
seeds = "0-1"
baseline = "static"
metrics = ["full_delay_s", "stops", "co2_g"]
length_s = 480
"""


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return this process's copy of the results folder of a study with its report, which one of the processes makes for all."""
    own = tmp_path_factory.getbasetemp()
    made = (own if worker_id == "master" else own.parent) / "reported"
    with FileLock(made.with_suffix(".lock")):
        if not made.exists():
            _make(tmp_path_factory.mktemp("study")).rename(made)
    return Path(shutil.copytree(made, own / "reported_copy" / "results"))


def _make(folder: Path) -> Path:
    (folder / "small.toml").write_text(STUDY, encoding="utf-8")
    for arguments in (("run", "small.toml", "--out", "results"), ("report", "results")):
        done = study(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "results"


@pytest.fixture(scope="session")
def results(reported: Path) -> StudyResults:
    return read_results(reported)
