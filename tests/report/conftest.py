"""One small real study, run and reported once for all tests of this folder."""

from pathlib import Path

import pytest

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
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results folder of a study with its report."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.toml").write_text(STUDY, encoding="utf-8")
    for arguments in (("run", "small.toml", "--out", "results"), ("report", "results")):
        done = study(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "results"


@pytest.fixture(scope="session")
def results(reported: Path) -> StudyResults:
    return read_results(reported)
