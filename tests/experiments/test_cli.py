"""The commands as a user meets them: real processes, real SUMO, short windows."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from experiments.comparison import run_folder
from experiments.folders import read_record
from experiments.requests import ControllerChoice, RunRequest
from sumo_networks import scenario

resource = pytest.importorskip("resource", reason="limits and signals of the kind tested here are a Unix matter")

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--begin", "25200", "--end", "25320"]
PATIENCE_S = 120.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "experiments", *arguments]


def environment(extra: Path | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, filter(None, (ROOT, extra))))}


def ampelwerk(*arguments: str, cwd: Path, limit_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(cwd),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        preexec_fn=limit,
    )


def assert_is_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("ampelwerk: ")
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in lines[0]


def await_sight(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline, f"never saw {path}"
        time.sleep(0.01)


def own_copy_of_cologne(folder: Path) -> Path:
    place = scenario("resco/cologne1")
    for path in (place.network, *place.route_files):
        (folder / path.name).write_bytes(path.read_bytes())
    configuration = folder / "mine.sumocfg"
    write_configuration(configuration)
    return configuration


def write_configuration(path: Path, net: str = "cologne1.net.xml", routes: str = "cologne1.rou.xml", additional: str = "") -> None:
    path.write_text(
        f'<configuration><input><net-file value="{net}"/><route-files value="{routes}"/><additional-files value="{additional}"/></input>'
        '<time><begin value="25200"/><end value="25900"/></time></configuration>'
    )


def test_a_run_leaves_its_whole_record_and_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = ampelwerk("run", "resco/cologne1", "--controller", "greedy", *SHORT, "--seed", seed, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"run.json", "run.log", "signals.csv", "statistics.xml", "tripinfo.xml"}
    records = {name: json.loads((tmp_path / name / "run.json").read_text()) for name in "abc"}
    repeatable = {name: json.dumps({k: v for k, v in r.items() if k not in {"provenance", "timing"}}) for name, r in records.items()}
    assert repeatable["a"] == repeatable["b"]
    assert records["a"]["kpis"] != records["c"]["kpis"]
    assert (tmp_path / "a" / "signals.csv").read_bytes() == (tmp_path / "b" / "signals.csv").read_bytes()
    provenance = records["a"]["provenance"]
    assert provenance["versions"]["libsumo"] == "1.28.0"
    assert provenance["sumo_options"]["seed"] == "3"
    assert provenance["command_line"][-2:] == ["--out", "a"]
    assert records["a"]["kpis"]["co2_g"] > 0


def test_both_backends_give_the_same_indicators(tmp_path: Path) -> None:
    for backend in ("libsumo", "traci"):
        done = ampelwerk("run", "resco/cologne1", "--controller", "greedy", *SHORT, "--backend", backend, "--out", backend, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    first, second = (read_record(tmp_path / backend) for backend in ("libsumo", "traci"))
    assert first["kpis"] == second["kpis"]


def test_a_comparison_prints_its_table_writes_it_as_csv_and_is_not_made_twice(tmp_path: Path) -> None:
    order = ["compare", "resco/cologne1", "--controllers", "static,greedy", "--seeds", "0-1", *SHORT, "--out", "out"]
    done = ampelwerk(*order, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "full delay, s" in done.stdout
    rows = {row["controller"]: row for row in csv.DictReader((tmp_path / "out" / "comparison.csv").open())}
    runs = list(csv.DictReader((tmp_path / "out" / "runs.csv").open()))
    assert [(row["controller"], row["seed"]) for row in runs] == [("static", "0"), ("static", "1"), ("greedy", "0"), ("greedy", "1")]
    for name, row in rows.items():
        delays = [float(run["full_delay_s"]) for run in runs if run["controller"] == name]
        assert float(row["full_delay_s_mean"]) == pytest.approx(sum(delays) / 2)
        assert float(row["full_delay_s_sd"]) == pytest.approx(abs(delays[0] - delays[1]) / 2**0.5)
        assert (row["runs"], row["runs_planned"]) == ("2", "2")
    record = tmp_path / "out" / "greedy" / "seed_1" / "run.json"
    before = record.stat().st_mtime_ns
    again = ampelwerk(*order, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert record.stat().st_mtime_ns == before
    other = ampelwerk(*order[:-4], "--end", "25300", "--out", "out", cwd=tmp_path)
    assert other.returncode == 2
    assert_is_one_sentence(other, "holds another comparison", "name a new folder")


def test_broken_loops_stand_in_the_record_and_change_the_result(tmp_path: Path) -> None:
    order = ["compare", "resco/cologne1", "--controllers", "rolling_horizon,static", "--seeds", "1", *SHORT]
    for name, faults in (("whole", []), ("broken", ["--loop-faults", "0.5:off:3"])):
        done = ampelwerk(*order, *faults, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    whole, broken = (read_record(tmp_path / name / "rolling_horizon" / "seed_1") for name in ("whole", "broken"))
    assert (whole["request"]["loop_faults"], whole["simulated"]["broken_loops"]) == (None, {})
    assert broken["request"]["loop_faults"] == {"share": 0.5, "kind": "off", "seed": 3}
    loops = ET.parse(tmp_path / "broken" / "rolling_horizon" / "seed_1" / "detectors.add.xml").findall("inductionLoop")
    broken_loops = broken["simulated"]["broken_loops"]
    assert broken_loops.keys() <= {loop.get("id") for loop in loops}
    assert len(broken_loops) == round(0.5 * len(loops))
    assert set(broken_loops.values()) == {"off"}
    assert broken["kpis"] != whole["kpis"]
    static = [read_record(tmp_path / name / "static" / "seed_1") for name in ("whole", "broken")]
    assert static[0]["kpis"] == static[1]["kpis"]
    assert static[1]["simulated"]["broken_loops"] == {}
    other = ampelwerk(*order, "--loop-faults", "0.5:on:3", "--out", "broken", cwd=tmp_path)
    assert other.returncode == 2
    assert_is_one_sentence(other, "holds another comparison")


def test_the_label_of_a_scenario_stands_in_every_output(tmp_path: Path) -> None:
    done = ampelwerk("compare", "neudorf", "--controllers", "static", "--seeds", "0", "--end", "60", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "schematic, uncalibrated" in done.stdout
    for name in ("comparison.csv", "runs.csv"):
        assert [row["label"] for row in csv.DictReader((tmp_path / "out" / name).open())] == ["schematic, uncalibrated"]
    assert read_record(tmp_path / "out" / "static" / "seed_0")["label"] == "schematic, uncalibrated"
    listed = ampelwerk("networks", cwd=tmp_path)
    assert listed.returncode == 0
    assert "schematic, uncalibrated" in listed.stdout


def test_ctrl_c_in_a_comparison_keeps_what_is_finished_and_repeating_it_goes_on(tmp_path: Path) -> None:
    order = ["compare", "resco/cologne1", "--controllers", "static", "--seeds", "0-4", "--workers", "1", "--end", "25400", "--out", "out"]
    process = subprocess.Popen(
        command(*order), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    await_sight(tmp_path / "out" / "static" / "seed_0" / "run.json", process)
    process.send_signal(signal.SIGINT)  # to the parent alone: it must stop its runs itself
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"Interrupted" in said
    assert b"Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody of its group is left
    assert not (tmp_path / "out" / "comparison.csv").exists()
    kept = list(csv.DictReader((tmp_path / "out" / "runs.csv").open()))
    assert 1 <= len(kept) < 5
    first = (tmp_path / "out" / "static" / "seed_0" / "run.json").stat().st_mtime_ns
    assert ampelwerk(*order, cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "static" / "seed_0" / "run.json").stat().st_mtime_ns == first
    assert len(list(csv.DictReader((tmp_path / "out" / "runs.csv").open()))) == 5


def test_ctrl_c_in_a_run_leaves_no_result_and_the_folder_can_be_used_again(tmp_path: Path) -> None:
    order = ["run", "resco/cologne1", "--controller", "static", "--out", "out"]
    process = subprocess.Popen(command(*order), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await_sight(tmp_path / "out" / "signals.csv", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert said.decode().strip().splitlines() == ["ampelwerk: Interrupted: out holds no result and may be used again."]
    assert read_record(tmp_path / "out") is None
    assert not (tmp_path / "out" / "run.json").exists()
    assert ampelwerk(*order, "--end", "25260", cwd=tmp_path).returncode == 0
    assert read_record(tmp_path / "out") is not None


BROKEN_CONTROLLERS = """
import os, signal
from optimizer.observation import InformationClass

class Killed:
    information = InformationClass.NONE
    def start(self, junctions): ...
    def decide(self, observation):
        os.kill(os.getpid(), signal.SIGKILL)

class Faulty(Killed):
    def decide(self, observation):
        raise KeyError("lane 7")
"""


def test_runs_that_die_are_shown_and_the_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN_CONTROLLERS)
    order = ["compare", "resco/cologne1", "--controllers", "broken:Killed,broken:Faulty,static", "--seeds", "0", *SHORT, "--out", "out"]
    done = ampelwerk(*order, cwd=tmp_path)
    assert done.returncode == 1
    assert "broken:Killed, seed 0: its process was ended by signal 9" in done.stderr
    assert "broken:Faulty, seed 0: ampelwerk: This is a fault of ours (KeyError: 'lane 7')" in done.stderr
    assert "Traceback" not in done.stderr
    rows = {row["controller"]: row["runs"] for row in csv.DictReader((tmp_path / "out" / "comparison.csv").open())}
    assert rows == {"broken:Killed": "0", "broken:Faulty": "0", "static": "1"}
    assert read_record(tmp_path / "out" / "broken_Killed" / "seed_0") is None


def test_a_fault_of_ours_names_the_file_with_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN_CONTROLLERS)
    done = ampelwerk("run", "resco/cologne1", "--controller", "broken:Faulty", *SHORT, "--out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert_is_one_sentence(done, "KeyError: 'lane 7'", "the details are in ")
    log = Path(done.stderr.partition("the details are in ")[2].partition(", please")[0])
    assert "Traceback" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("limit_bytes", [0, 2_000, 30_000])
def test_a_full_disk_gives_one_sentence_and_no_result(tmp_path: Path, limit_bytes: int) -> None:
    # No file may grow beyond the limit: 0 hits our first file, 2000 hits signals.csv or SUMO's statistics, 30000 only tripinfo.xml,
    # of which SUMO then writes a part and says that all is well.
    done = ampelwerk("run", "resco/cologne1", "--controller", "static", *SHORT, "--out", "out", cwd=tmp_path, limit_bytes=limit_bytes)
    assert done.returncode == 2, done.stderr
    assert_is_one_sentence(done, "out", "room")
    assert read_record(tmp_path / "out") is None


def test_sumo_failing_in_mid_run_gives_sumos_own_reason(tmp_path: Path) -> None:
    own_copy_of_cologne(tmp_path)
    trips = (tmp_path / "cologne1.rou.xml").read_text()
    place = trips.rindex("<trip", 0, trips.index('depart="257'))
    lost = '<trip id="lost" type="pkw" depart="25700" from="nowhere" to="32324544#0"/>'
    (tmp_path / "late.rou.xml").write_text(trips[:place] + lost + trips[place:])
    write_configuration(tmp_path / "late.sumocfg", routes="late.rou.xml")
    done = ampelwerk("run", "late.sumocfg", "--controller", "static", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert_is_one_sentence(done, "in mid-run", "late.sumocfg", "'nowhere'", "'lost'", "run it again")
    assert read_record(tmp_path / "out") is None


def test_a_detector_on_an_unknown_lane_is_named(tmp_path: Path) -> None:
    own_copy_of_cologne(tmp_path)
    (tmp_path / "loops.add.xml").write_text(
        '<additional><inductionLoop id="e1" lane="nowhere_0" pos="3" period="60" file="e1.xml"/></additional>'
    )
    write_configuration(tmp_path / "loops.sumocfg", additional="loops.add.xml")
    done = ampelwerk("run", "loops.sumocfg", "--controller", "static", "--out", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert_is_one_sentence(done, "loops.sumocfg", "'nowhere_0'", "'e1'")


def test_the_folder_of_a_run_is_a_valid_name_for_any_controller(tmp_path: Path) -> None:
    run = RunRequest("x", ControllerChoice("my.package:Mine", "zone"), seed=7)
    assert run_folder(tmp_path, run) == tmp_path / "my.package_Mine@zone" / "seed_7"
