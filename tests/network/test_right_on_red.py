"""Right turn on red: the letter "s" is red with a permission, for the description, for the signals and for designed programs."""

from __future__ import annotations

import csv
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.network import read_network
from controllers.sumo.plan_programs import plan_program
from controllers.sumo.stages import with_maximal_stages
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.intersection import Aspect, Intersection
from tests.commands import ampelwerk
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.crossing(tmp_path_factory.mktemp("right_on_red"), "traffic_light_right_on_red")


@pytest.fixture(scope="module")
def junction(net: Path) -> Intersection:
    return read_network(net).junctions["c"]


def by_name(junction: Intersection) -> dict[str, int]:
    return {group.id: g for g, group in enumerate(junction.groups)}


def test_who_may_turn_on_red_is_not_green(junction: Intersection) -> None:
    right, straight = by_name(junction)["nc_right"], by_name(junction)["ec_straight"]
    (serving,) = (stage for stage in junction.stages if stage.serves(right))
    (other,) = (stage for stage in junction.stages if not stage.serves(right))
    assert other.aspects[right] is Aspect.RED_THEN_GO
    assert other.lets_go(right)
    assert straight in junction.conflicts[right], "their greens exclude each other"
    assert straight in junction.yields_to[right], "and on red the turn gives way"
    old, new = junction.stages.index(serving), junction.stages.index(other)
    assert right in junction.closing(old, new)
    assert right in junction.opening(new, old)
    assert junction.groups[right].yellow_s > 0


def test_the_permission_holds_beside_those_beside_whom_a_stage_gives_it(junction: Intersection) -> None:
    groups = by_name(junction)
    assert junction.red_aspect(groups["nc_right"], []) is Aspect.RED_THEN_GO
    assert junction.red_aspect(groups["nc_right"], [groups["ec_straight"]]) is Aspect.RED_THEN_GO
    assert junction.red_aspect(groups["nc_straight"], []) is Aspect.RED


def test_generated_stages_keep_the_permission(junction: Intersection) -> None:
    right = by_name(junction)["nc_right"]
    aspects = {stage.aspects[right] for stage in with_maximal_stages(junction).stages}
    assert aspects <= {Aspect.PROTECTED, Aspect.PERMISSIVE, Aspect.RED_THEN_GO}
    assert Aspect.RED_THEN_GO in aspects


def test_a_program_of_a_plan_shows_the_permission_outside_the_greens_with_yellow_before(junction: Intersection) -> None:
    serving = [frozenset(g for g in range(len(junction.groups)) if stage.serves(g)) for stage in junction.stages]
    greens = tuple((GreenWindow(0.0, 20.0),) if g in serving[0] else (GreenWindow(30.0, 20.0),) for g in range(len(junction.groups)))
    program = plan_program(SignalPlan("c", 60.0, 0.0, greens), junction, "plan")
    column = program.column(junction.groups[by_name(junction)["nc_right"]].links[0])
    changes = {column[k - 1] + letter for k, letter in enumerate(column) if letter != column[k - 1]}
    assert changes == {"Gy", "ys", "sG"}


@pytest.mark.parametrize("controller", ["static", "rolling_horizon", "max_pressure"])
def test_no_green_ends_into_the_permission_without_yellow_in_sumo(net: Path, tmp_path: Path, controller: str) -> None:
    done = ampelwerk("run", str(nets.configuration(net)), "--controller", controller, "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "signals.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    states = [row["state"] for row in rows]
    changes = {a + b for old, new in pairwise(states) for a, b in zip(old, new, strict=True) if a != b}
    assert {"Gy", "ys"} <= changes
    assert not {"Gs", "gs", "sy"} & changes
    assert not [row for row in rows if row["event"] in ("violation", "refused")]
    assert '"violations": 0' in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
