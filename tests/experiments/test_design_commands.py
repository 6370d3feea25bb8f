"""``ampelwerk design plan`` and ``design wave`` on real scenarios: what they write runs in plain SUMO and passes the check."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from experiments.checking import check
from sumo_networks import scenario
from sumo_networks.sumo_programs import sumo_home
from tests.commands import ROOT, ampelwerk, mistake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("plan") / "out"
    done = ampelwerk("design", "plan", "rilsa/1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_the_written_programs_pass_the_safety_check(planned: tuple[Path, str]) -> None:
    out, said = planned
    found = check("rilsa/1", [out / "programs.add.xml"])
    assert found.programs == 3
    assert not [finding for finding in found.findings if finding.program == "ampelwerk_design"]
    assert "0 errors, 0 other findings" in said


def test_plain_sumo_runs_the_programs_without_a_warning(planned: tuple[Path, str]) -> None:
    place = scenario("rilsa/1")
    files = ",".join(map(str, (*place.additional_files, planned[0] / "programs.add.xml")))
    options = ["-c", str(place.configuration), "-a", files, "--end", "300", "--no-step-log", "--duration-log.disable"]
    environment = {**os.environ, "SUMO_HOME": str(sumo_home())}
    done = subprocess.run([str(sumo_home() / "bin" / "sumo"), *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    # The scenario itself makes SUMO warn of vehicle types and empty flows, which are none of the programs' business.
    words = ("tlLogic", "traffic light", "phase", "program", "signal", "yellow", "green", "link")
    assert not [line for line in done.stderr.splitlines() if any(word in line for word in words)]


def test_the_static_controller_runs_the_programs(planned: tuple[Path, str], tmp_path: Path) -> None:
    parameters = tmp_path / "parameters.toml"
    parameters.write_text(f'[static]\nprograms = "{planned[0] / "programs.add.xml"}"\n')
    common = ["--controller", "static", "--end", "200", "--parameters", str(parameters)]
    done = ampelwerk("run", "rilsa/1", "--out", str(tmp_path / "run"), *common)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["request"]["parameters"]["programs"].endswith("programs.add.xml")
    # Judged by its own intergreens of 5 s, not by the 10 s of the shipped program.
    assert record["kpis"]["violations"] == 0
    parameters.write_text('[static]\nprograms = "absent.add.xml"\n')
    refused = ampelwerk("run", "rilsa/1", "--out", str(tmp_path / "refused"), *common)
    assert refused.returncode == 2
    assert "absent.add.xml" in refused.stderr


def test_the_coordinated_controller_works_with_the_intergreens_of_its_plan(planned: tuple[Path, str], tmp_path: Path) -> None:
    # The shipped program of this example takes 10 s between its stages, the plan 5 s; with the shipped ones its greens come out too short.
    out, _ = planned
    (tmp_path / "p.toml").write_text(
        f'[coordinated]\nplan = "{(out / "design.json").as_posix()}"\n[static]\nprograms = "{(out / "programs.add.xml").as_posix()}"\n'
    )
    delays_s = {}
    for name in ("coordinated", "static"):
        order = ["run", "rilsa/1", "--controller", name, "--parameters", str(tmp_path / "p.toml"), "--end", "1200"]
        done = ampelwerk(*order, "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        kpis = json.loads((tmp_path / name / "run.json").read_text())["kpis"]
        delays_s[name] = kpis["full_delay_s"]
        if name == "coordinated":  # SUMO's own programs are judged by the shipped intergreens
            assert kpis["refused_commands"] == kpis["violations"] == 0
    assert delays_s["coordinated"] < 1.2 * delays_s["static"]


def test_the_tables_hold_each_stream_and_each_green(planned: tuple[Path, str]) -> None:
    out, said = planned
    record = json.loads((out / "design.json").read_text())
    (junction,) = record["junctions"].values()
    with (out / "streams.csv").open(newline="") as stream:
        streams = list(csv.DictReader(stream))
    assert [row["stream"] for row in streams] == [row["stream"] for row in junction["streams"]]
    for row in streams:
        flow, capacity = float(row["flow_h"]), float(row["capacity_h"])
        assert float(row["saturation_degree"]) == pytest.approx(flow / capacity, abs=2e-3)
        assert row["level_hcm"] in "ABCDEF"
        assert row["stream"] in said
    with (out / "plans.csv").open(newline="") as stream:
        greens = {row["group"]: row for row in csv.DictReader(stream)}
    for group, windows in junction["greens"].items():
        assert [float(greens[group]["green_start_s"]), float(greens[group]["green_s"])] == windows[0]
    assert (out / "drawings" / "0.svg").read_text().startswith("<?xml")
    assert junction["status"] == "optimal"


def test_the_running_program_is_read_back_and_compared(planned: tuple[Path, str]) -> None:
    with (planned[0] / "comparison.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    # The guideline's program of this junction: 5 + 40 + 3 + 2 + 5 + 12 + 3 + 2 s.
    assert float(row["cycle_s_now"]) == 72
    assert float(row["delayed_veh_designed"]) < float(row["delayed_veh_now"])
    assert "Now against designed" in planned[1]
    assert f"By the model of the design {float(row['delayed_veh_designed']):.1f} vehicles are delayed on the average" in planned[1]


def test_the_offices_own_intergreens_take_the_place_of_the_computed_ones(planned: tuple[Path, str], tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    matrix = (planned[0] / "intergreens" / "0.csv").read_text()
    (own / "0.csv").write_text(matrix.replace(",5", ",9").replace(",4", ",9"))
    done = ampelwerk("design", "plan", "rilsa/1", "--out", str(tmp_path / "out"), "--intergreens", str(own))
    assert done.returncode == 0, done.stderr
    before, after = (
        json.loads((folder / "design.json").read_text())["junctions"]["0"]["cycle_s"] for folder in (planned[0], tmp_path / "out")
    )
    assert after > before  # more time is lost
    (own / "1.csv").write_text(matrix)
    assert (
        "there is no junction '1'"
        in ampelwerk("design", "plan", "rilsa/1", "--out", str(tmp_path / "no"), "--intergreens", str(own)).stderr
    )


def test_demand_beyond_capacity_is_told_with_its_size_and_still_planned(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    rows = [f"0,{a}m,m{b},{400 if a in 'ns' else 700}" for a in "nesw" for b in "nesw" if a != b]
    counts.write_text("\n".join(["junction,from,to,per_hour", *rows]))
    done = ampelwerk("design", "plan", "rilsa/1", "--out", str(tmp_path / "out"), "--demand", str(counts))
    # The intergreens that were computed take more time than those of the running program: beyond capacity that is worse than now.
    assert done.returncode == 1, done.stderr
    assert "This is no design: by its own model it is worse than what runs now" in done.stdout
    assert "the demand exceeds the capacity of the plan by" in done.stdout
    assert json.loads((tmp_path / "out" / "design.json").read_text())["worse_than_now"]
    assert check("rilsa/1", [tmp_path / "out" / "programs.add.xml"]).errors == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "rilsa/1", "--way", "rings"), "choose groups or stages"),
        (("plan", "rilsa/1", "--cycle", "soon"), "--cycle 'soon'"),
        (("plan", "rilsa/1", "--trams", "never"), "--trams 'never' is unknown; choose cycle or request"),
        (("plan", "rilsa/1", "--objective", "joy"), "--objective 'joy'"),
        (("plan", "rilsa/1", "--cycle", "12"), "junction '0'"),
        (("wave", "rilsa/1"), "no road leads from one signal"),
        (("wave", "grid/2x2", "--corridor", "nowhere,A0A1"), "there is no edge 'nowhere'"),
        (("wave",), "neither SCENARIO nor --instance FILE.json was given"),
        (("wave", "--instance", "x.json", "--cycle", "50"), "--cycle belongs to a SCENARIO"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_and_leaves_no_result(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in mistake(capfd, "design", *arguments, "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_mistake_ends_a_process_of_its_own_alike(tmp_path: Path) -> None:
    done = ampelwerk("design", "plan", "rilsa/1", "--demand", "absent.csv", "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "absent.csv cannot be read" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there the system ends it")
def test_ctrl_c_ends_a_design_while_a_model_is_solved_and_leaves_no_result(tmp_path: Path) -> None:
    # CP-SAT takes the signal for itself: the design would go on with its next model, and end as if nothing had happened.
    out = tmp_path / "out"
    command = [sys.executable, "-m", "experiments", "design", "plan", "resco/cologne3", "--gap", "0", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as designing:
        until = time.monotonic() + 60
        while not (out / "UNFINISHED").exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(4)
        designing.send_signal(signal.SIGINT)
        _, said = designing.communicate(timeout=60)
    assert (designing.returncode, said.count("\n")) == (130, 1)
    assert "Interrupted" in said
    assert [entry.name for entry in out.iterdir()] == ["UNFINISHED"]


def test_a_corridor_is_found_and_its_bands_are_open_in_the_written_programs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = ampelwerk("design", "wave", "grid/2x2", "--cycle", "60", "--out", str(out))
    assert done.returncode == 0, done.stderr
    wave = json.loads((out / "wave.json").read_text())
    assert len(wave["signals"]) == 2
    assert min(wave["bands_s"].values()) > 5
    # The real greens are at least as long as what MAXBAND was told of.
    assert wave["bands_s"]["out"] + wave["bands_s"]["in"] >= 60 * (wave["model"]["band_out"] + wave["model"]["band_in"]) - 2
    assert (out / "drawings" / "time_space.svg").is_file()
    assert (out / "drawings" / "time_space.pdf").read_bytes().startswith(b"%PDF")
    assert check("grid/2x2", [out / "programs.add.xml"]).errors == 0
