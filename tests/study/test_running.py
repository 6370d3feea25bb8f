"""Studies on real SUMO: what they leave, what they say, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from experiments.errors import ExperimentError
from experiments.study.results import read_results
from experiments.study.store import StudyIdentity, StudyStore
from tests.study.folders import ROOT, environment, records, study

if TYPE_CHECKING:
    from pathlib import Path

TINY = """
name = "tiny"
scenarios = ["rilsa/1"]
controllers = ["static", "rolling_horizon@loops"]
seeds = "0-1"
length_s = 120
metrics = ["full_delay_s", "stops", "queue_95_veh"]

[[loops]]
label = "good"

[[loops]]
label = "half of them dead"
faulty_share = 0.5
fault = "silent"

[quick]
seeds = 1
loops = ["good"]
length_s = 60
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.toml").write_text(TINY)
    done = study("run", "tiny.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs finished" in done.stdout
    return folder / "results" / "tiny"


def test_what_makes_no_difference_is_run_once_and_told_in_every_row(finished: Path) -> None:
    runs = pd.read_parquet(finished / "runs.parquet")
    assert len(runs) == 8
    keys = runs.groupby(["controller", "seed"])["key"].nunique()
    assert keys["static"].tolist() == [1, 1]  # fixed time does not know of loops
    assert keys["rolling_horizon@loops"].tolist() == [2, 2]
    planner = runs[runs.controller != "static"].set_index(["loops", "seed"])["full_delay_s"]
    assert (planner["good"] != planner["half of them dead"]).all()


def test_every_key_figure_of_the_trips_is_found_again_with_pandas(finished: Path) -> None:
    runs = pd.read_parquet(finished / "runs.parquet")
    for row in runs.itertuples():
        trips = pd.read_xml(finished / "runs" / row.key / "tripinfo.xml.gz", xpath="tripinfo", parser="etree")
        co2 = pd.read_xml(finished / "runs" / row.key / "tripinfo.xml.gz", xpath="tripinfo/emissions", parser="etree")["CO2_abs"]
        inserted = trips["depart"] >= 0
        due = trips[inserted | (trips["departDelay"] > 0)]
        assert row.full_delay_s == pytest.approx((due["timeLoss"] + due["departDelay"]).mean(), rel=1e-12)
        assert row.travel_time_s == pytest.approx((due["duration"] + due["departDelay"]).mean(), rel=1e-12)
        assert row.stops == pytest.approx(trips[inserted]["waitingCount"].mean(), rel=1e-12)
        assert row.waiting_s == pytest.approx(trips[inserted]["waitingTime"].mean(), rel=1e-12)
        assert row.co2_g == pytest.approx(co2[inserted.to_numpy()].mean() / 1000, rel=1e-12)
        assert (row.vehicles_due, row.unfinished) == (len(due), (trips[inserted]["arrival"] < 0).sum())
        assert row.never_inserted == (~inserted & (trips["departDelay"] > 0)).sum()


def test_the_minutes_agree_with_the_trips(finished: Path) -> None:
    results = read_results(finished)
    case = ["scenario", "controller", "demand_scale", "loops", "seed"]
    runs, minutes = results.runs.set_index(case).sort_index(), results.minutes.groupby(case)
    assert (minutes["minute"].count() == 2).all()
    assert (minutes["arrived"].sum() == runs["vehicles_inserted"] - runs["unfinished"]).all()
    assert (minutes["backlog_veh"].last() == runs["never_inserted"]).all()
    for key, seconds in (minutes["vehicles"].sum() * 60).items():
        trips = pd.read_xml(results.folder(runs.loc[key]["key"]) / "tripinfo.xml.gz", xpath="tripinfo", parser="etree")
        inside = trips[trips["depart"] >= 0]
        # a vehicle is sampled from the step after its departure on, and for the part of the step in which it leaves
        assert seconds == pytest.approx(inside["duration"].sum(), abs=len(inside))
        loss = minutes.get_group(key)
        backlog_s = (60 * loss["backlog_veh"]).sum()
        assert loss["delay_s"].sum() - backlog_s == pytest.approx(inside["timeLoss"].sum(), rel=0.1)


def test_the_signal_changes_of_all_runs_are_in_one_table(finished: Path) -> None:
    results = read_results(finished)
    one = results.signals[(results.signals.controller != "static") & (results.signals.seed == 1) & (results.signals.loops == "good")]
    key = results.runs[(results.runs.controller != "static") & (results.runs.seed == 1) & (results.runs.loops == "good")]["key"].iloc[0]
    own = pd.read_parquet(results.folder(key) / "signals.parquet")
    assert one[own.columns].reset_index(drop=True).equals(own)
    assert set(own["event"]) >= {"stage", "interstage"}


def test_a_study_run_has_the_figures_of_the_same_plain_run(finished: Path, tmp_path: Path) -> None:
    order = ["run", "rilsa/1", "--controller", "rolling_horizon", "--information", "loops", "--seed", "1", "--end", "120", "--out", "plain"]
    done = subprocess.run([sys.executable, "-m", "experiments", *order], cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    plain = json.loads((tmp_path / "plain" / "run.json").read_text())
    runs = read_results(finished).runs
    key = runs[(runs.controller == "rolling_horizon@loops") & (runs.seed == 1) & (runs.loops == "good")]["key"].iloc[0]
    assert read_results(finished).record(key)["kpis"] == plain["kpis"]


def test_resuming_a_finished_study_makes_nothing_again_and_writes_the_same_tables(finished: Path) -> None:
    before = records(finished)
    tables = {path.name: path.read_bytes() for path in finished.glob("*.parquet")}
    assert set(tables) == {"runs.parquet", "summary.parquet", "differences.parquet", "minutes.parquet", "signals.parquet"}
    done = study("resume", str(finished), cwd=finished)
    assert done.returncode == 0, done.stderr
    assert records(finished) == before
    assert {path.name: path.read_bytes() for path in finished.glob("*.parquet")} == tables
    (finished / "runs.parquet").unlink()
    assert study("resume", str(finished), cwd=finished).returncode == 0
    assert {path.name: path.read_bytes() for path in finished.glob("*.parquet")} == tables


def test_the_differences_are_those_of_the_seeds(finished: Path) -> None:
    results = read_results(finished)
    runs = results.runs.set_index(["loops", "controller", "seed"]).sort_index()["full_delay_s"]
    table = results.differences.set_index(["loops", "metric"])
    for loops in ("good", "half of them dead"):
        found = runs[loops, "rolling_horizon@loops"] - runs[loops, "static"]
        assert table.loc[(loops, "full_delay_s"), "difference"] == pytest.approx(found.mean())
        assert table.loc[(loops, "full_delay_s"), "seeds"] == 2


def test_the_quick_form_says_so_in_every_output(finished: Path) -> None:
    folder = finished.parents[1]
    done = study("run", "tiny.toml", "--quick", cwd=folder)
    assert done.returncode == 0, done.stderr
    left_out = "1 of 2 seeds, 1 of 2 states of the loops, the first 60 s of each window"
    assert f"Quick form: {left_out}. A first answer, no evidence." in done.stdout
    quick = folder / "results" / "tiny-quick"
    assert set(pq.read_table(quick / "runs.parquet")["study"].to_pylist()) == {"tiny (quick)"}
    assert "tiny (quick)" in (quick / "runs.csv").read_text()
    assert read_results(quick).quick.startswith("Quick form: ")


def test_another_study_another_form_and_another_version_are_said_before_anything_runs(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "tiny.toml").write_text(TINY)
    before = records(tmp_path / "copy")

    def refused(*words: str) -> None:
        done = study("run", "tiny.toml", "--out", "copy", cwd=tmp_path)
        assert done.returncode == 2
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1
        for word in words:
            assert word in lines[0]
        assert records(tmp_path / "copy") == before

    (tmp_path / "tiny.toml").write_text(TINY.replace('name = "tiny"', 'name = "small"'))
    refused("holds another study ('tiny', not 'small')", "name a new folder")
    (tmp_path / "tiny.toml").write_text(TINY.replace('"0-1"', '"0-2"'))
    refused("another form of the study 'tiny'", "--extend")
    (tmp_path / "tiny.toml").write_text(TINY)
    told = json.loads((tmp_path / "copy" / "study.json").read_text())
    (tmp_path / "copy" / "study.json").write_text(json.dumps({**told, "versions": {**told["versions"], "libsumo": "1.27.0"}}))
    refused("made with another libsumo (1.27.0, not 1.28.0)", "name a new folder")
    (tmp_path / "copy" / "study.json").write_text(json.dumps({**told, "format": 0}))
    refused("form 0", "form 1", "name a new results folder")
    (tmp_path / "copy" / "study.json").write_text("{")
    refused("study.json is damaged")


def test_a_study_that_grows_keeps_its_runs(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    before = records(tmp_path / "copy")
    (tmp_path / "tiny.toml").write_text(TINY)
    done = study("run", "tiny.toml", "--out", "copy", "--extend", "--also", "greedy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = records(tmp_path / "copy")
    assert {key: after[key] for key in before} == before
    assert len(after) == len(before) + 2  # greedy sees the zone, not the loops: once per seed
    assert "greedy" in set(pq.read_table(tmp_path / "copy" / "summary.parquet")["controller"].to_pylist())
    assert study("resume", "copy", cwd=tmp_path).returncode == 0  # the folder knows of its new form


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("tiny.toml", ["is a file"]),
        ("full", ["already holds other.txt"]),
        ("/proc/ampelwerk", ["cannot be written", "that you may write to"]),
    ],
)
def test_a_folder_that_cannot_be_used_is_said_before_anything_runs(tmp_path: Path, out: str, words: list[str]) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other.txt").write_text("")
    done = study("run", "tiny.toml", "--out", out, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "other.txt", "tiny.toml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "mine").mkdir(mode=0o500)
    done = study("run", "tiny.toml", "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be written (Permission denied)" in done.stderr


def test_a_disk_without_room_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = StudyStore(tmp_path / "results")
    with store.opened(StudyIdentity("x", "", "x.toml", "", {}, {}), extend=False):
        store.check_room(3)
        usage = shutil.disk_usage(tmp_path)._replace(free=51_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(ExperimentError, match=r"51 MB of room, and 3 runs may need 56 MB"):
            store.check_room(3)
        store.check_room(0)


BROKEN = """
import os, signal
from optimizer.observation import InformationClass

class Killed:
    information = InformationClass.NONE
    def start(self, junctions): ...
    def decide(self, observation):
        with open("tries", "a") as stream:
            stream.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

class Faulty(Killed):
    def decide(self, observation):
        if os.path.exists("mended"):
            return {}
        raise KeyError("lane 7")
"""


def test_a_run_that_fails_is_recorded_with_its_error_and_does_not_stop_the_study(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "broken.toml").write_text(
        'scenarios = ["rilsa/1"]\ncontrollers = ["broken:Killed", "broken:Faulty", "static"]\nbaseline = "static"\n'
        "seeds = [0]\nlength_s = 60\n"
    )
    done = study("run", "broken.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "broken:Killed, seed 0: its process was ended by signal 9" in done.stderr
    assert "broken:Faulty, seed 0: Controller 'broken:Faulty' failed in line" in done.stderr
    assert "1 of 3 runs finished, 2 failed" in done.stdout
    assert (tmp_path / "tries").read_text() == "xx"  # a signal may come from outside: it is tried once more
    runs = pd.read_parquet(tmp_path / "out" / "runs.parquet").set_index("controller")
    assert runs["status"].to_dict() == {"broken:Killed": "failed", "broken:Faulty": "failed", "static": "finished"}
    assert "lane 7" in runs.loc["broken:Faulty", "error"]
    assert study("resume", "out", cwd=tmp_path).returncode == 2
    assert (tmp_path / "tries").read_text() == "xx"  # what failed is not run twice
    (tmp_path / "mended").touch()
    done = study("resume", "out", "--retry-failed", cwd=tmp_path)
    assert "2 of 3 runs finished, 1 failed" in done.stdout


def test_the_key_follows_the_source_of_someone_elses_controller_only(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    code = (
        "import sys; sys.path.append('.')\n"
        "from experiments.study.planning import plan_study\n"
        "from experiments.study.reading import study_from_text\n"
        'text = \'scenarios = ["rilsa/1"]\\ncontrollers = ["static", "mine:Faulty"]\\nseeds = [0]\'\n'
        "print(*(row.key for row in plan_study(study_from_text(text, 'x.toml')).rows))\n"
    )

    def keys() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    before = keys()
    assert keys() == before
    (tmp_path / "mine.py").write_text(BROKEN + "# changed\n")
    after = keys()
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
