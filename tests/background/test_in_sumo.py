"""The rolling horizon before a background plan in real SUMO: the coordinated greens of the bundled network stay within the tolerance."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.network import read_network
from controllers.sumo.plan_programs import program_plan
from sumo_networks.catalogue import scenario
from tests.commands import ampelwerk

if TYPE_CHECKING:
    from pathlib import Path

TOLERANCE_S = 6.0


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped programs of neudorf as a background plan, with the greens along the main road as the coordinated ones."""
    place = scenario("neudorf")
    reading = read_network(place.network, place.additional_files)
    entries = {}
    for name, junction in reading.junctions.items():
        plan = program_plan(reading.shipped[name], junction)
        ids = [group.id for group in junction.groups]
        entries[name] = {
            "cycle_s": plan.cycle_s,
            "offset_s": plan.offset_s,
            "greens": {i: [[w.start_s, w.length_s] for w in windows] for i, windows in zip(ids, plan.greens, strict=True)},
            "coordinated": [i for i in ids if i.startswith("main_") and "_straight" in i],
            "yellow_s": {},
            "intergreen_s": {},
        }
    path = tmp_path_factory.mktemp("plan") / "design.json"
    path.write_text(json.dumps({"junctions": entries}))
    return path


def missed_s(plans: Path, run: Path) -> dict[tuple[str, str], int]:
    """Return by junction and coordinated group the seconds of red within its bounds, two cycles after the start."""
    place = scenario("neudorf")
    junctions = read_network(place.network, place.additional_files).junctions
    content = json.loads(plans.read_text())["junctions"]
    widened = dict(re.findall(r"background: (\w+): .* it gets (\d+) s", (run / "run.log").read_text()))
    rows = [row for row in csv.DictReader((run / "signals.csv").open(newline="")) if row["event"] in {"stage", "interstage"}]
    begin_s = json.loads((run / "run.json").read_text())["simulated"]["begin_s"]
    found = {}
    for name, entry in content.items():
        shown = {round(float(row["time_s"])): row["state"] for row in rows if row["junction"] == name}
        tolerance_s = float(widened.get(name, TOLERANCE_S))
        for group in (g for g in junctions[name].groups if g.id in entry["coordinated"]):
            start_s, length_s = entry["greens"][group.id][0]
            state, missed = "", 0
            for second in range(round(begin_s), round(begin_s) + 600):
                state = shown.get(second, state)
                since_s = (second - entry["offset_s"] - start_s) % entry["cycle_s"]
                due = second >= begin_s + 2 * entry["cycle_s"] and tolerance_s <= since_s and since_s + 1 <= length_s - tolerance_s
                missed += due and state[group.links[0]] not in "Gg"
            found[name, group.id] = missed
    return found


def test_coordinated_greens_stay_within_the_tolerance_in_sumo(plans: Path, tmp_path: Path) -> None:
    # Longest reds that the plan has room for: shorter ones come before any plan.
    reds = ("--longest-red", "300:120")
    done = ampelwerk("run", "neudorf", "--end", "600", *reds, "--background", str(plans), "--out", "bound", cwd=tmp_path, timeout_s=300)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "bound" / "run.json").read_text())
    assert record["kpis"]["refused_commands"] == 0
    assert list(record["provenance"]["parameter_files"]) == ["background"]
    missed = missed_s(plans, tmp_path / "bound")
    assert len(missed) >= 6
    assert set(missed.values()) == {0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--controller", "greedy", "--background", "."), "--background .: greedy follows no background plan; choose rolling_horizon."),
        (("--background", "absent.json"), "the plan absent.json cannot be read"),
        (("--background", "other.json"), "The background plan does not fit: the plan has no group"),
    ],
)
def test_a_plan_that_cannot_stand_behind_a_run_is_refused_in_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    entry = {"cycle_s": 60, "offset_s": 0, "greens": {"a": [[0, 30]]}, "coordinated": ["a"], "yellow_s": {}, "intergreen_s": {}}
    (tmp_path / "other.json").write_text(json.dumps({"junctions": {"m1": entry}}))
    done = ampelwerk("run", "neudorf", *arguments, "--end", "60", "--out", "out", cwd=tmp_path, timeout_s=300)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "run.json").exists()
