"""The controller `remote` on real SUMO against a real service: the same contract as all others, and the results of `rolling_horizon`."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.commands import ampelwerk

if TYPE_CHECKING:
    from tests.service.running import Service

ROOT = Path(__file__).resolve().parents[2]


def one_run(folder: Path, scenario: str, controller: str, parameters: dict[str, Any], length_s: int) -> dict[str, Any]:
    """Run one simulation in a process of its own; see tests/controllers/one_run.py."""
    folder.mkdir()
    script = str(ROOT / "tests" / "controllers" / "one_run.py")
    command = [sys.executable, script, scenario, controller, json.dumps(parameters), "3", str(length_s), str(folder)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    ("scenario", "length_s", "information"),
    [
        ("neudorf", 200, "loops"),
        ("grid/2x2", 150, "zone"),
        pytest.param("resco/ingolstadt21", 600, "loops", marks=pytest.mark.slow),
        pytest.param("resco/ingolstadt21", 600, "zone", marks=pytest.mark.slow),
        pytest.param("neudorf", 3600, "loops", marks=pytest.mark.slow),
        pytest.param("neudorf", 3600, "zone", marks=pytest.mark.slow),
    ],
)
def test_the_service_commands_exactly_what_the_controller_in_process_does(
    service: Service, tmp_path: Path, scenario: str, length_s: int, information: str
) -> None:
    remote = one_run(tmp_path / "remote", scenario, "remote", {"url": service.url, "information": information}, length_s)
    inside = one_run(tmp_path / "inside", scenario, "rolling_horizon", {"information": information}, length_s)
    assert remote["commands"] > 0
    assert (remote["refused"], remote["violations"], remote["unsafe"]) == (0, 0, 0)
    assert remote["shown"] == ["vehicles" if information == "zone" else "loops"]
    assert remote["signals"] == inside["signals"]
    with (tmp_path / "remote" / "signals.csv").open(newline="", encoding="utf-8") as stream:
        assert not [row for row in csv.DictReader(stream) if row["reason"].startswith("own plan")]


def test_the_service_is_told_where_the_junctions_lie(service: Service, tmp_path: Path) -> None:
    (tmp_path / "remote.toml").write_text(f'[remote]\nurl = "{service.url}"\n')
    done = ampelwerk(
        *("run", "grid/1x2", "--controller", "remote", "--parameters", str(tmp_path / "remote.toml")),
        *("--end", "3", "--out", str(tmp_path / "run")),
    )
    assert done.returncode == 0, done.stderr
    places = [httpx.get(f"{service.url}/v1/junctions/{name}").json()["position"] for name in ("A0", "A1")]
    assert places[0]["x_m"] == places[1]["x_m"]
    assert places[0]["y_m"] < places[1]["y_m"]


def test_without_a_service_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    parameters = tmp_path / "remote.toml"
    parameters.write_text('[remote]\nurl = "http://127.0.0.1:9"\nstart_limit_s = 0.1\n')
    command = [sys.executable, "-m", "experiments", "run", "grid/2x2", "--controller", "remote"]
    command += ["--parameters", str(parameters), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ampelwerk serve" in done.stderr
    assert "Traceback" not in done.stderr
