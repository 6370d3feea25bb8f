"""The environments under the libraries' own checks, and against plain runs; real SUMO throughout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="the extra rl is not installed")
pytest.importorskip("pettingzoo", reason="the extra rl is not installed")

from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test

from experiments.errors import ExperimentError
from experiments.learning.central import CentralJunctions
from experiments.learning.junctions import ParallelJunctions
from tests.commands import ampelwerk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes.*")
def test_gymnasiums_own_check_passes() -> None:
    environment = CentralJunctions("rilsa/1", "loops", end_s=30)
    check_env(environment)
    environment.close()


def test_pettingzoos_own_check_passes() -> None:
    environment = ParallelJunctions("grid/1x2", end_s=40)
    parallel_api_test(environment, num_cycles=10)
    environment.close()


def episode(environment: CentralJunctions, seed: int, act: Callable[[int, NDArray[np.float32]], object]) -> tuple[list[float], dict]:
    vector, _ = environment.reset(seed=seed)
    rewards: list[float] = []
    while True:
        vector, reward, terminated, truncated, info = environment.step(act(len(rewards), vector))
        assert environment.observation_space.contains(vector)
        assert not terminated
        rewards.append(reward)
        if truncated:
            return rewards, info


def test_the_same_seed_gives_the_same_episode_and_another_seed_another_one() -> None:
    environment = CentralJunctions("rilsa/1", end_s=60)
    first, again, other = (episode(environment, seed, lambda step, _: step // 3 % 2) for seed in (1, 1, 2))
    assert first == again
    assert first[1]["kpis"] != other[1]["kpis"]
    assert len(first[0]) == 12  # a choice every five seconds
    assert sum(first[0]) < 0
    assert first[1]["kpis"]["refused_commands"] == first[1]["kpis"]["violations"] == 0


def test_any_actions_keep_the_signals_safe_and_are_never_refused() -> None:
    environment = CentralJunctions("neudorf", interval_s=1, end_s=60)
    chance = np.random.default_rng(5)
    size = len(environment.junctions)
    _, info = episode(environment, 0, lambda *_: chance.integers(environment.action_space.nvec, size=size))
    assert info["kpis"]["refused_commands"] == info["kpis"]["violations"] == 0


def test_a_mistake_is_told_in_one_sentence() -> None:
    with pytest.raises(ExperimentError, match="not after"):
        ParallelJunctions("rilsa/1", begin_s=50, end_s=20)
    environment = ParallelJunctions("rilsa/1", end_s=20)
    with pytest.raises(ExperimentError, match="call reset"):
        environment.step({})


OWN = """
import numpy as np
from controllers.by_policy import StageByPolicy


class Alternating(StageByPolicy):
    def choose(self, time_s, vectors):
        return {name: int(time_s) // 15 % 2 for name in vectors}
"""


def test_what_was_learned_in_the_environment_runs_as_a_controller_with_the_same_result(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    environment = CentralJunctions("rilsa/1", "loops", end_s=60)
    environment.reset(seed=4)
    seed = environment.reset(seed=4)[1]["sumo_seed"]
    _, info = episode(environment, 4, lambda step, _: (5 * step + 1) // 15 % 2)  # the first choice comes in second 1
    parameters = tmp_path / "parameters.toml"
    parameters.write_text('["mine:Alternating"]\ninformation = "loops"\n')
    order = ["run", "rilsa/1", "--controller", "mine:Alternating", "--parameters", str(parameters), "--seed", str(seed), "--end", "60"]
    done = ampelwerk(*order, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "run.json").read_text())["kpis"] == info["kpis"]
