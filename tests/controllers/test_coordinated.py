"""The controller `coordinated`: how a plan becomes a row of stages, and when these end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controllers.background import background_guards
from controllers.coordinated import Coordinated
from controllers.designed_plans import read_designed_plans
from controllers.plan_pilot import StageRun, plan_runs
from controllers.rolling_horizon import RollingHorizon
from optimizer import intersection as described
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.observation import JunctionObservation, LoopReadings, Observation, SignalStatus

if TYPE_CHECKING:
    from pathlib import Path

    from optimizer.decision import Decision

G, R = described.Aspect.PROTECTED, described.Aspect.RED
PLAN = SignalPlan("j", 60, 10, ((GreenWindow(0, 30),), (GreenWindow(35, 20),)))
RECORD = {
    "cycle_s": 60,
    "offset_s": 10,
    "greens": {"main": [[0, 30]], "side": [[35, 20]]},
    "coordinated": ["main"],
    "yellow_s": {"main": 4, "side": 3},
    "intergreen_s": {"main": {"side": 6}, "side": {"main": 7}},
}


def junction() -> described.Intersection:
    """A main and a side road with 5 s of intergreen, a loop before each stop line."""
    lanes = tuple(described.Lane(name, 200, 13.9, 200) for name in ("main", "side"))
    return described.Intersection(
        id="j",
        incoming=lanes,
        outgoing=lanes,
        groups=tuple(described.SignalGroup(name, described.GroupKind.VEHICLE, (i,)) for i, name in enumerate(("main", "side"))),
        movements=tuple(described.Movement(i, i, i, described.Direction.STRAIGHT, 15) for i in range(2)),
        stages=(described.Stage("main", (G, R)), described.Stage("side", (R, G))),
        conflicts=(frozenset({1}), frozenset({0})),
        yields_to=(frozenset(), frozenset()),
        intergreen_s=((0, 5), (5, 0)),
        detectors=tuple(described.Detector(f"loop {i}", described.DetectorRole.STOP_LINE, (i,), 1.0, 13.9) for i in range(2)),
        signal_count=2,
    )


def piloted(tmp_path: Path) -> Coordinated:
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"j": RECORD}}))
    made = Coordinated(str(tmp_path / "design.json"))
    made.start({"j": junction()})
    return made


def seen(time_s: float, stage: int, since_s: float, busy: tuple[int, int]) -> Observation:
    zeros = np.zeros(2)
    loops = LoopReadings(np.array(busy), np.array(busy, dtype=float), zeros, np.full(2, np.nan))
    return Observation(time_s, {"j": JunctionObservation(SignalStatus(stage, 1 - stage, since_s, since_s - 5), loops)})


def first_decision(made: Coordinated, stage: int, since_s: float, until_s: int, busy: tuple[int, int]) -> tuple[int, Decision] | None:
    for now_s in range(int(since_s), until_s):
        decision = made.decide(seen(now_s, stage, since_s, busy)).get("j")
        if decision is not None:
            return now_s, decision
    return None


def test_a_plan_becomes_the_stages_it_comes_closest_to() -> None:
    # Main 0-30, side 35-55: each change takes 5 s, so the greens end at 30 and 55.
    assert plan_runs(PLAN, junction()) == ((StageRun(0, 30, 30), StageRun(1, 55, 20)), 60)


def test_the_coordinated_stage_ends_when_planned_however_little_comes(tmp_path: Path) -> None:
    # Second 30 of the cycle is at 10 + 30 = 40 s of the clock.
    at_s, decision = first_decision(piloted(tmp_path), 0, 10, 60, (0, 1)) or (0, None)
    assert (at_s, decision and decision.stage) == (40, 1)


def test_a_side_road_ends_after_a_gap_and_not_later_than_planned(tmp_path: Path) -> None:
    # Green from 45 s on, planned until 65 s. Without a vehicle it ends after its minimum of 5 s; with vehicles when planned.
    at_s, decision = first_decision(piloted(tmp_path), 1, 45, 80, (1, 0)) or (0, None)
    assert decision is not None
    assert (decision.stage, decision.reason) == (0, "gap")
    assert 50 <= at_s <= 52
    at_s, decision = first_decision(piloted(tmp_path), 1, 45, 80, (1, 1)) or (0, None)
    assert (at_s, decision and decision.stage) == (65, 0)


def test_a_silent_loop_never_cuts_a_green(tmp_path: Path) -> None:
    at_s, _ = first_decision(piloted(tmp_path), 1, 45, 80, (0, -1)) or (0, None)
    assert at_s == 65


def test_time_that_a_gap_saved_is_the_coordinated_stages_and_its_end_stays(tmp_path: Path) -> None:
    made = piloted(tmp_path)
    assert first_decision(made, 1, 45, 80, (1, 0))  # at about 50 s: main starts some 15 s early, planned was 70 s
    at_s, _ = first_decision(made, 0, 57, 140, (1, 0)) or (0, None)
    assert at_s == 100  # second 30 of the next cycle


@pytest.mark.parametrize(
    ("given", "said"), [({"gap_s": 0}, "must both be positive"), ({"plan": "absent.json"}, "absent.json cannot be read")]
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Coordinated(**given)  # type: ignore[arg-type]


def test_a_plan_of_another_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"j": RECORD | {"greens": {"main": []}}}}))
    with pytest.raises(ValueError, match="no group 'side' at junction 'j'"):
        Coordinated(str(tmp_path / "design.json")).start({"j": junction()})


def test_the_plans_yellows_and_intergreens_take_the_place_of_the_networks(tmp_path: Path) -> None:
    coordinated = piloted(tmp_path)
    for made in (coordinated, RollingHorizon(background=str(tmp_path / "design.json"))):
        timed = made.retimed({"j": junction(), "other": junction()})
        assert [group.yellow_s for group in timed["j"].groups] == [4, 3]
        assert timed["j"].intergreen_s == ((0, 6), (7, 0))
        assert timed["other"] == junction()


def test_what_a_plan_does_not_name_stays_as_in_the_network(tmp_path: Path) -> None:
    (tmp_path / "design.json").write_text(
        json.dumps({"junctions": {"j": RECORD | {"intergreen_s": {"main": {"side": 6}}, "yellow_s": {}}}})
    )
    timed = RollingHorizon(background=str(tmp_path / "design.json")).retimed({"j": junction()})["j"]
    own = junction()
    assert timed.intergreen_s == ((0, 6), own.intergreen_s[1])
    assert timed.groups == own.groups


@pytest.mark.parametrize(("tolerance_s", "bound"), [(6.0, ["j"]), (30.0, [])])
def test_a_tolerance_of_half_a_cycle_binds_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tolerance_s: float, bound: list[str]
) -> None:
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"j": RECORD | {"coordinated": ["main"]}}}))
    plans = read_designed_plans(str(tmp_path / "design.json"))
    assert list(background_guards({"j": plans["j"].timed(junction())}, plans, tolerance_s)) == bound
    assert not caplog.records
