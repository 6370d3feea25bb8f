"""Plans as SUMO programs: letters, times, the way back, and what SUMO itself shows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.sumo.network import read_network
from controllers.sumo.plan_programs import plan_program, program_plan
from controllers.sumo.programs import NetworkError, ShippedPhase, read_programs, write_programs
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.intersection import Aspect, GroupKind, Intersection, SignalGroup, Stage
from tests.audit.one_crossroads import crossroads

if TYPE_CHECKING:
    from pathlib import Path


def junction() -> Intersection:
    """Main road and its permissive left turn, a side road with red-yellow; the fourth signal leads nowhere."""
    groups = (
        SignalGroup("main", GroupKind.VEHICLE, (0,)),
        SignalGroup("left", GroupKind.VEHICLE, (1,)),
        SignalGroup("side", GroupKind.VEHICLE, (2,), red_yellow_s=1.0),
    )
    apart = frozenset({2})
    return Intersection(
        id="j",
        incoming=(),
        outgoing=(),
        groups=groups,
        movements=(),
        stages=(Stage("main", (Aspect.PROTECTED, Aspect.PERMISSIVE, Aspect.RED)),),
        conflicts=(apart, apart, frozenset({0, 1})),
        yields_to=(frozenset(), frozenset({0}), frozenset()),
        intergreen_s=((0, 4, 5), (4, 0, 5), (5, 5, 0)),
        signal_count=4,
    )


def test_greens_yellows_and_red_yellows_stand_where_the_plan_says() -> None:
    # Main 0-20, left 0-30, side 35-55 of 60 s. The left turn is protected once the main road has cleared: 20 + 4 s.
    plan = SignalPlan("j", 60, 7, ((GreenWindow(0, 20),), (GreenWindow(0, 30),), (GreenWindow(35, 20),)))
    program = plan_program(plan, junction(), "p")
    assert [(phase.duration_s, phase.state) for phase in program.phases] == [
        (20, "Ggrr"),
        (3, "ygrr"),
        (1, "rgrr"),
        (6, "rGrr"),
        (3, "ryrr"),
        (1, "rrrr"),
        (1, "rrur"),
        (20, "rrGr"),
        (3, "rryr"),
        (2, "rrrr"),
    ]
    assert (program.offset_s, program.type, program.program_id) == (7, "static", "p")


@given(st.integers(30, 120), st.data())
def test_a_plan_is_read_back_from_its_program_as_it_was(cycle_s: int, data: st.DataObject) -> None:
    greens = []
    for _ in range(3):
        start_s, length_s = data.draw(st.integers(0, cycle_s - 1)), data.draw(st.integers(5, cycle_s - 10))
        greens.append((GreenWindow(float(start_s), float(length_s)),))
    plan = SignalPlan("j", float(cycle_s), float(data.draw(st.integers(0, cycle_s - 1))), tuple(greens))
    program = plan_program(plan, junction(), "p")
    assert program_plan(program, junction()) == plan
    assert sum(phase.duration_s for phase in program.phases) == cycle_s


def test_a_group_that_is_always_green_never_changes() -> None:
    plan = SignalPlan("j", 60, 0, ((GreenWindow(0, 60),), (), ()))
    program = plan_program(plan, junction(), "p")
    assert [phase.state for phase in program.phases] == ["Grrr"]
    assert program_plan(program, junction()).greens[0] == (GreenWindow(0, 60),)


def test_a_program_without_a_fixed_cycle_is_no_plan() -> None:
    program = plan_program(SignalPlan("j", 60, 0, ((GreenWindow(0, 20),), (), ())), junction(), "p")
    with pytest.raises(NetworkError, match="no fixed cycle"):
        program_plan(replace(program, type="actuated"), junction())
    with pytest.raises(NetworkError, match="no fixed cycle"):
        program_plan(replace(program, phases=(ShippedPhase("Grrr", 20, following=(0,)),)), junction())


def test_written_programs_are_read_as_they_were(tmp_path: Path) -> None:
    program = plan_program(SignalPlan("j", 60, 11, ((GreenWindow(0, 20),), (), (GreenWindow(25.5, 20),))), junction(), "p")
    write_programs([program], tmp_path / "p.add.xml")
    assert read_programs([tmp_path / "p.add.xml"])["j"] == [program]
    assert [file.name for file in tmp_path.iterdir()] == ["p.add.xml"]


SHOWN = """import libsumo, sys
net, programs, begin = sys.argv[1:]
libsumo.start(["sumo", "-n", net, "-a", programs, "--begin", begin, "--no-warnings"])
for _ in range(70):
    libsumo.simulationStep()
    # What is shown during a step is set at its beginning, one step before the clock's reading.
    print(libsumo.simulation.getTime() - 1, libsumo.trafficlight.getRedYellowGreenState("c"))
"""


@pytest.mark.parametrize("begin_s", [0, 100])
def test_sumo_shows_at_any_time_what_the_plan_says_for_it(tmp_path: Path, begin_s: int) -> None:
    net = crossroads(tmp_path)
    place = read_network(net).junctions["c"]
    greens = tuple((GreenWindow(float(5 * g % 60), 10.0),) for g in range(len(place.groups)))
    plan = SignalPlan("c", 60, 13, greens)
    write_programs([plan_program(plan, place, "tried")], tmp_path / "p.add.xml")
    command = [sys.executable, "-c", SHOWN, str(net), str(tmp_path / "p.add.xml"), str(begin_s)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split() for line in lines if line and line[0].isdigit()]
    assert len(rows) == 70
    for time_s, state in rows:
        second = plan.second(float(time_s))
        for g, group in enumerate(place.groups):
            assert (state[group.links[0]] in "Gg") == plan.is_green(g, second + 0.5), (time_s, group.id)
