"""The benchmarks measure what they say."""

from pathlib import Path

import pytest

from experiments.benchmarks import closed_loop, plan_design
from experiments.benchmarks.closed_loop import measure_pair
from experiments.benchmarks.decisions import ENGINES, record_problems, solve_all
from experiments.benchmarks.design_instances import fixed_corridor
from experiments.errors import ExperimentError
from experiments.requests import ControllerChoice, RunRequest
from optimizer.design.bands import widest_band
from optimizer.design.result import Objective
from optimizer.horizon.solution import SolutionStatus


def test_the_bare_loop_repeats_the_runs_traffic_trip_by_trip(tmp_path: Path) -> None:
    request = RunRequest("resco/cologne3", ControllerChoice("greedy"), seed=2, end_s=25500.0)
    controlled_s, bare_s = measure_pair(request, tmp_path / "run")  # raises where a single trip differs
    assert min(controlled_s, bare_s) > 0


def test_traffic_under_other_signals_is_not_taken_for_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    do = closed_loop._do

    def lose_half_of_the_signals(command: list[str]) -> None:
        if "--bare" in command:
            signals = tmp_path / "run" / "signals.csv"
            lines = signals.read_text().splitlines(keepends=True)
            signals.write_text("".join(lines[: len(lines) // 2]))
        do(command)

    monkeypatch.setattr(closed_loop, "_do", lose_half_of_the_signals)
    with pytest.raises(ExperimentError, match="does not repeat the traffic"):
        measure_pair(RunRequest("resco/cologne3", ControllerChoice("greedy"), end_s=25500.0), tmp_path / "run")


def test_the_problems_of_a_closed_loop_are_solved_again_by_each_engine() -> None:
    problems = record_problems("resco/cologne1", "rolling_horizon@zone", 25320.0, every=4, stages=range(4, 9))
    assert all(problem.signals.service.shape[0] == 4 for problem in problems)
    _, proven = solve_all(ENGINES["search"], problems)
    assert all(solution.status is SolutionStatus.OPTIMAL for solution in proven)
    for engine in ENGINES.values():
        times_s, solutions = solve_all(engine, problems)
        assert len(times_s) == len(solutions) == len(problems) > 0
        # no plan is cheaper than the best one, and no bound is above it
        assert all(solution.bound <= best.cost <= solution.cost for solution, best in zip(solutions, proven, strict=True))
    with pytest.raises(ExperimentError, match="no controlled junction with 40 to 41 stages"):
        record_problems("resco/cologne1", "rolling_horizon@zone", 25260.0, every=20, stages=range(40, 42))


def test_the_benchmark_of_plan_design_counts_what_is_proven() -> None:
    text = plan_design.design_times(1, Objective.DELAY, "groups", crossings=False)
    assert text.endswith("1 of 1 proven optimal")
    text = plan_design.wave_times(1, lambda seed: widest_band(fixed_corridor(seed, 4)), 0.01)
    assert text.endswith("1 of 1 proven to 1%")
