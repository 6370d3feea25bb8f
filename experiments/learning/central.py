"""A scenario as a Gymnasium environment: one learner for all its junctions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from experiments.learning.junctions import ParallelJunctions

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CentralJunctions(gymnasium.Env["NDArray[np.float32]", Any]):
    """All junctions of a scenario under one learner.

    The vectors of the junctions stand behind each other in the order of `junctions`; the action names a stage for each (a single number
    where there is one junction); the reward is the sum over them. Everything else is as in `ParallelJunctions`, whose parameters it
    takes.

    Attributes
    ----------
    junctions
        Ids in the order of vectors and actions.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, scenario_name: str, information: str = "zone", interval_s: float = 5.0, **window: Any) -> None:  # noqa: ANN401
        self._parallel = ParallelJunctions(scenario_name, information, interval_s, **window)
        self.junctions = tuple(self._parallel.possible_agents)
        sizes = [self._parallel.observation_space(name).shape[0] for name in self.junctions]
        stages = [int(self._parallel.action_space(name).n) for name in self.junctions]
        self.observation_space = Box(0.0, 1.0, (sum(sizes),), np.float32)
        self.action_space = Discrete(stages[0]) if len(stages) == 1 else MultiDiscrete(stages)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; without a seed each has another."""
        super().reset(seed=seed)
        vectors, infos = self._parallel.reset(seed, options)
        return self._joined(vectors), infos[self.junctions[0]]

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - by the number of junctions
        """Show the stages named, and go on to the next choice."""
        vectors, rewards, _, truncated, infos = self._parallel.step(dict(zip(self.junctions, np.atleast_1d(action), strict=True)))
        first = self.junctions[0]
        return self._joined(vectors), float(sum(rewards.values())), False, truncated[first], infos[first]

    def close(self) -> None:
        """End the episode that runs."""
        self._parallel.close()

    def _joined(self, vectors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate([vectors[name] for name in self.junctions])
