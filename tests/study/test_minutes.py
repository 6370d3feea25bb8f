"""Tables per minute where SUMO has little to tell: windows before the first vehicle, and of parts of minutes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.study.folders import study

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose only vehicle is due after 130 of 150 seconds, and the same one without any."""
    folder = tmp_path_factory.mktemp("late")
    (folder / "tiny.toml").write_text('scenarios = ["rilsa/1"]\ncontrollers = ["static"]\nseeds = [0]\nlength_s = 1\n')
    assert study("run", "tiny.toml", "--out", "first", cwd=folder).returncode == 0  # to learn where the network lies
    record = json.loads(next((folder / "first" / "runs").glob("*/run.json")).read_text())
    options = record["provenance"]["sumo_options"]
    edge = next(iter(pd.read_xml(options["net-file"], xpath="edge[@from]", parser="etree")["id"]))
    for name, vehicle in (("one", f'<vehicle id="v" depart="130"><route edges="{edge}"/></vehicle>'), ("none", "")):
        (folder / f"{name}.rou.xml").write_text(f"<routes>{vehicle}</routes>")
        (folder / f"{name}.sumocfg").write_text(
            f'<configuration><input><net-file value="{options["net-file"]}"/><route-files value="{name}.rou.xml"/></input>'
            '<time><begin value="0"/><end value="150"/></time></configuration>'
        )
    (folder / "late.toml").write_text('scenarios = ["one.sumocfg", "none.sumocfg"]\ncontrollers = ["static"]\nseeds = [0]\n')
    done = study("run", "late.toml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_minutes_without_a_vehicle_are_there_with_nothing_in_them(late: Path) -> None:
    minutes = pd.read_parquet(late / "minutes.parquet").set_index(["scenario", "minute"])
    assert minutes.loc["none.sumocfg", "vehicles"].tolist() == [0, 0, 0]
    one = minutes.loc["one.sumocfg"]
    assert one["vehicles"].tolist()[:2] == [0, 0]
    # the last minute has 30 seconds, and the vehicle is in the network for 20 of them, the step of its departure left out
    assert one["vehicles"].tolist()[2] == pytest.approx(20 / 30, abs=1.5 / 30)


def test_a_run_without_a_single_vehicle_has_no_delay_rather_than_none_at_all(late: Path) -> None:
    runs = pd.read_parquet(late / "runs.parquet").set_index("scenario")
    assert runs["vehicles_due"].to_dict() == {"one.sumocfg": 1, "none.sumocfg": 0}
    assert pd.isna(runs.loc["none.sumocfg", "full_delay_s"])
    assert runs["status"].tolist() == ["finished", "finished"]
