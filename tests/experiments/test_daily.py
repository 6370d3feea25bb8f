"""Plans by time of day: the periods of a scenario, and what SUMO shows while it changes between their programs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.findings import Severity
from controllers.sumo.switching import is_safe_change, switching_moments
from experiments.design.daily import plan_scenario_day, write_day
from experiments.design.junctions import design_site
from experiments.design.planning import PlanRequest
from optimizer.design.day import DayLimits
from optimizer.design.errors import DesignError
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.monitor import Monitor
from sumo_networks import scenario
from sumo_networks.sumo_programs import write_configuration
from tests.audit.one_crossroads import crossroads
from tests.commands import ampelwerk
from tests.network.test_plan_programs import junction

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = """import libsumo, sys
net, programs, end = sys.argv[1:]
libsumo.start(["sumo", "-n", net, "-a", programs, "--no-warnings"])
for _ in range(int(end)):
    libsumo.simulationStep()
    print(libsumo.simulation.getTime() - 1, libsumo.trafficlight.getRedYellowGreenState("c"), libsumo.trafficlight.getProgram("c"))
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours: little traffic, then much from north and south, then little again."""
    folder = tmp_path_factory.mktemp("day")
    crossroads(folder)
    flows = [
        f'<flow id="{a}{b}{hour}" begin="{3600 * hour}" end="{3600 * hour + 3600}" vehsPerHour="{flow}" from="{a}c" to="c{b}"/>'
        for hour in range(3)
        for a, b, flow in (("n", "s", 700 if hour == 1 else 100), ("s", "n", 600 if hour == 1 else 100), ("w", "e", 150), ("e", "w", 120))
    ]
    (folder / "c.rou.xml").write_text(f"<routes>{''.join(flows)}</routes>")
    write_configuration(folder / "c.sumocfg", "c.net.xml", "c.rou.xml", (), 0, 10800)
    place = scenario(folder / "c.sumocfg")
    found = plan_scenario_day(place, PlanRequest(gap=0.02), DayLimits(shortest_period_s=1800.0))
    assert {finding.severity for finding in write_day(found, folder / "out")} <= {Severity.NOTE}
    return folder


def test_the_days_counts_of_an_office_give_the_busy_hour_its_plan(day: Path) -> None:
    ways = {(a, b) for a in "nesw" for b in "nesw" if a != b}
    busy = {("n", "s"): 700, ("s", "n"): 600}
    rows = [
        f"c,{a}c,c{b},0{hour}:00,0{hour + 1}:00,{busy.get((a, b), 0) if hour == 1 else 100 if {a, b} == {'n', 's'} else 130}"
        for hour in range(2)
        for a, b in sorted(ways)
    ]
    (day / "counts.csv").write_text("\n".join(["junction,from,to,begin,end,per_hour", *rows]))
    done = ampelwerk(
        "design", "day", str(day / "c.sumocfg"), "--demand", str(day / "counts.csv"), "--cycle", "60", "--out", str(day / "counted")
    )
    assert done.returncode == 0, done.stderr
    assert "01:00 to 02:00 (3600 to 7200 s): plan 1" in done.stdout
    assert {entry.name for entry in (day / "counted" / "plan_1").iterdir()} == {"drawings", "plans.csv", "streams.csv"}
    (day / "counts.csv").write_text(
        "\n".join(
            [
                "junction,from,to,begin,end,per_hour",
                *rows[:12],
                *(row.replace("02:00", "03:00").replace("01:00", "02:00") for row in rows[12:]),
            ]
        )
    )
    refused = ampelwerk("design", "day", str(day / "c.sumocfg"), "--demand", str(day / "counts.csv"), "--out", str(day / "gap"))
    assert (refused.returncode, "nothing is counted from 3600 to 7200 s" in refused.stderr) == (2, True)


def test_the_busy_hour_gets_a_plan_of_its_own(day: Path) -> None:
    record = json.loads((day / "out" / "design.json").read_text())
    assert [(p["begin_s"], p["end_s"]) for p in record["periods"]] == [(0, 3600), (3600, 7200), (7200, 10800)]
    assert [p["program"] for p in record["periods"]] == ["ampelwerk_day_0", "ampelwerk_day_1", "ampelwerk_day_0"]


def test_sumo_changes_between_the_programs_without_breaking_any_rule(day: Path) -> None:
    command = [sys.executable, "-c", SHOWN, str(day / "c.net.xml"), str(day / "out" / "programs.add.xml"), "10800"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split() for line in lines if line and line[0].isdigit()]
    assert len(rows) == 10800
    used = [program for _, _, program in rows]
    assert used[3000] == used[10000] == "ampelwerk_day_0"
    assert used[5000] == "ampelwerk_day_1"
    place = scenario(day / "c.sumocfg")
    monitor = Monitor(design_site(place).junctions["c"])
    broken = [v for time_s, state, _ in rows for v in monitor.witness(float(time_s), state) if v.is_safety]
    assert broken == []
    # In step again soon after the change: the program's own second stands where its offset puts it.
    changes = [i for i in range(1, len(used)) if used[i] != used[i - 1]]
    assert len(changes) == 2
    assert all(3600 * (k + 1) <= i <= 3600 * (k + 1) + 300 for k, i in enumerate(changes))


def plan(cycle_s: float, main_s: float) -> SignalPlan:
    """Main road and its left turn from 0 on, the side road 5 s later until 5 s before the end."""
    return SignalPlan(
        "j", cycle_s, 0, ((GreenWindow(0, main_s),), (GreenWindow(0, main_s),), (GreenWindow(main_s + 5, cycle_s - main_s - 10),))
    )


def test_a_change_is_safe_within_the_same_stage_only() -> None:
    old, new = plan(60, 30), plan(90, 50)
    assert is_safe_change(old, 10, new, 10, junction())
    assert not is_safe_change(old, 10, new, 60, junction())  # main road green, then red at once
    assert is_safe_change(old, 32, new, 52, junction())  # the main road ended 2 s ago, the side road starts in 3 s
    assert not is_safe_change(old, 32, new, 53, junction())  # an intergreen of 2 + 2 s instead of 5 s


def test_a_change_that_would_cut_a_green_below_its_minimum_is_not_safe() -> None:
    # 2 s of the old green and 2 s of the new one make 4 s of 5.
    assert not is_safe_change(plan(60, 30), 2, plan(90, 50), 48, junction())
    assert is_safe_change(plan(60, 30), 2, plan(90, 50), 47, junction())


def test_moments_are_found_for_all_changes_of_the_day_or_their_lack_is_told() -> None:
    plans = [plan(60, 30), plan(90, 50), plan(70, 20)]
    moments = switching_moments(plans, [(0, 1), (1, 2), (2, 0)], junction())
    for old, new in ((0, 1), (1, 2), (2, 0)):
        assert is_safe_change(plans[old], moments[old], plans[new], moments[new], junction())
    only_main = SignalPlan("j", 60, 0, ((GreenWindow(0, 60),), (GreenWindow(0, 60),), ()))
    only_side = SignalPlan("j", 60, 0, ((), (), (GreenWindow(0, 60),)))
    with pytest.raises(DesignError, match="no moment in common"):
        switching_moments([only_main, only_side], [(0, 1)], junction())
