"""From an empty folder to a row in a study: the written example, its own test, and its way into a study."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from experiments.errors import ExperimentError
from experiments.new_controller.writing import write_controller
from tests.study.folders import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def install(package: Path, site: Path) -> None:
    """Do what an installer does with the entry points, without fetching its build tools from anywhere."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    information = site / f"{project['name']}-{project['version']}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["ampelwerk.controllers"]
    (information / "entry_points.txt").write_text("[ampelwerk.controllers]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    (site / project["name"]).symlink_to(package / project["name"])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    install(write_controller("my_rule", folder), folder / "site")
    return folder


def python(own: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, own / "site")))}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=own, env=environment, capture_output=True, text=True, check=False)


def test_the_written_example_passes_its_own_test(own: Path) -> None:
    done = python(own, "pytest", "-q", "-p", "no:cacheprovider", "my_rule")
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_it_becomes_a_row_of_a_study(own: Path) -> None:
    (own / "tiny.toml").write_text('scenarios = ["rilsa/1"]\ncontrollers = ["static"]\nseeds = "0-1"\nlength_s = 60\n')
    done = python(own, "experiments", "study", "run", "tiny.toml", "--also", "my_rule", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "my_rule" in done.stdout
    summary = pd.read_parquet(own / "out" / "summary.parquet").set_index(["controller", "metric"])
    assert summary.loc[("my_rule", "full_delay_s"), "runs"] == 2
    differences = pd.read_parquet(own / "out" / "differences.parquet").set_index(["controller", "metric"])
    assert differences.loc[("my_rule", "full_delay_s"), "baseline"] == "static"


def test_the_example_is_well_formed(own: Path) -> None:
    done = python(own, "ruff", "check", "--isolated", "--line-length", "140", "--select", "E,F,I,W,B", "my_rule")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My-Rule", "such as 'my_rule'"),
        ("4you", "such as 'you'"),
        ("class", "cannot be the name"),
        ("greedy", "a controller 'greedy' already"),
        ("json", "a Python module 'json' already"),
        ("optimizer", "a Python module 'optimizer' already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        write_controller(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "my_rule").mkdir()
    with pytest.raises(ExperimentError, match="exists already"):
        write_controller("my_rule", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["my_rule"]
