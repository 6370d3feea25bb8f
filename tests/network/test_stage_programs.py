from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from controllers.sumo.network import read_network
from controllers.sumo.stage_programs import all_changes, stage_program
from tests.network.nets import grid

if TYPE_CHECKING:
    from pathlib import Path


@given(st.integers(2, 12))
def test_each_stage_follows_each_other_one_once(stages: int) -> None:
    order = all_changes(stages)
    changes = [*pairwise(order), (order[-1], order[0])]
    assert sorted(changes) == [(old, new) for old in range(stages) for new in range(stages) if old != new]


def test_a_program_of_stages_shows_them_for_their_greens_with_the_interstages_between(tmp_path: Path) -> None:
    junction = next(iter(read_network(grid(tmp_path)).junctions.values()))
    order = list(range(len(junction.stages)))
    program = stage_program(junction, order, [20.0 + stage for stage in order], "stages")
    greens = {phase.state: phase.duration_s for phase in program.phases if phase.state in {junction.state(stage) for stage in order}}
    assert greens == {junction.state(stage): 20.0 + stage for stage in order}
    interstages_s = sum(junction.interstage_s(stage, (stage + 1) % len(order)) for stage in order)
    assert sum(phase.duration_s for phase in program.phases) == sum(greens.values()) + interstages_s
