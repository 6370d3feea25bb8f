"""A scenario's junctions as a PettingZoo environment: one agent per junction, all acting at the same time."""

from __future__ import annotations

import json
import pickle
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from controllers.features import JunctionFeatures
from controllers.sumo.detectors import DetectorLayout, place_detectors, user_loops
from controllers.sumo.network import read_network
from experiments.errors import ExperimentError
from experiments.learning.wire import receive, send
from experiments.processes import module_command, our_environment
from experiments.requests import ControllerChoice, RunRequest
from experiments.runs import check_scenario
from optimizer.observation import InformationClass
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.intersection import Intersection

Vectors = dict[str, "NDArray[np.float32]"]


class ParallelJunctions(ParallelEnv[str, "NDArray[np.float32]", int]):
    """Junctions of a scenario as agents.

    An agent sees its junction as `controllers.features.JunctionFeatures` describes it, names a stage, and is rewarded with minus the
    vehicle minutes of halting on its incoming lanes until its next choice. Minimum greens, maximum reds and intergreens are kept by the
    environment, whatever is named. An episode is the scenario's window and ends by truncation; the last ``infos`` hold the run's key
    figures. Each episode is a fresh process, so the same seed gives the same episode.

    Parameters
    ----------
    scenario_name
        Name in the catalogue or path of a ``.sumocfg``.
    information
        What agents may know: ``"zone"`` or ``"loops"``.
    interval_s
        Time between two choices.
    begin_s, end_s
        Window of simulated time; the scenario's own where None.
    demand_scale
        Factor on the number of vehicles.

    Raises
    ------
    ExperimentError, ScenarioError
        If a value makes no sense or the scenario cannot be used.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "ampelwerk_junctions_v0", "render_modes": [], "is_parallelizable": True}

    def __init__(
        self,
        scenario_name: str,
        information: str = "zone",
        interval_s: float = 5.0,
        *,
        begin_s: float | None = None,
        end_s: float | None = None,
        demand_scale: float = 1.0,
    ) -> None:
        place = scenario(scenario_name)
        choice = ControllerChoice("experiments.learning.episode:AskingController", information, parameters={"interval_s": interval_s})
        self._request = RunRequest(scenario_name, choice, 0, begin_s, end_s, demand_scale)
        check_scenario(self._request, place)
        reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
        junctions: Mapping[str, Intersection] = reading.junctions
        known = InformationClass(information)
        if known is InformationClass.LOOPS:
            junctions = place_detectors(reading.net, junctions, DetectorLayout(), user_loops(place.additional_files)).junctions
        self.junctions = dict(junctions)
        self.possible_agents = list(self.junctions)
        self.agents: list[str] = []
        self.render_mode = None
        sizes = {name: JunctionFeatures(junction, known).size for name, junction in self.junctions.items()}
        self.observation_spaces = {name: Box(0.0, 1.0, (size,), np.float32) for name, size in sizes.items()}
        self.action_spaces = {name: Discrete(len(junction.stages)) for name, junction in self.junctions.items()}
        self._random = seeding.np_random()[0]
        self._episode: _Episode | None = None

    def observation_space(self, agent: str) -> Box:
        """Return the space of an agent's vectors."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """Return the space of an agent's actions: its junction's stages."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vectors, dict[str, dict[str, Any]]]:  # noqa: ARG002
        """Begin an episode; it is SUMO's seed that `seed` decides. Without one each episode has another."""
        self.close()
        if seed is not None:
            self._random = seeding.np_random(seed)[0]
        drawn = int(self._random.integers(2**31))
        self._episode = _Episode(self._request, drawn)
        self.agents = list(self.possible_agents)
        vectors, _, _ = self._episode.answer()
        return vectors, {name: {"sumo_seed": drawn} for name in self.agents}

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[Vectors, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Show the stages named, and go on to the next choice.

        Raises
        ------
        ExperimentError
            If no episode runs, or SUMO fails.
        """
        if self._episode is None or not self.agents:
            raise ExperimentError("No episode runs; call reset() first.")
        self._episode.act({name: int(action) for name, action in actions.items()})
        vectors, rewards, kpis = self._episode.answer()
        over = kpis is not None
        agents = self.agents
        infos: dict[str, dict[str, Any]] = {name: {"kpis": kpis} if over else {} for name in agents}
        if over:
            self.close()
        return vectors, rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, over), infos

    def close(self) -> None:
        """End the episode that runs."""
        self.agents = []
        if self._episode is not None:
            self._episode.close()
            self._episode = None


class _Episode:
    """The process of one episode, seen from here."""

    def __init__(self, request: RunRequest, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ampelwerk-")
        told = {**request.as_dict(), "seed": seed}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            module_command("experiments.learning.episode", json.dumps(told), str(Path(self._folder.name) / "run")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=our_environment(),
        )
        self._last: Vectors = {}

    def act(self, actions: Mapping[str, int]) -> None:
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, dict(actions))
        except BrokenPipeError:
            raise self._fault() from None

    def answer(self) -> tuple[Vectors, dict[str, float], dict[str, Any] | None]:
        """Return vectors, rewards and, at the end, the key figures; the last vectors then stand for the end's."""
        assert self._process.stdout is not None
        try:
            message = receive(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            raise self._fault() from None
        if message[0] == "end":
            return self._last, message[1], message[2]
        self._last = message[1]
        return message[1], message[2], None

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()
        self._folder.cleanup()

    def _fault(self) -> ExperimentError:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        reason = lines[-1].removeprefix("ampelwerk: ") if lines else f"its process ended with code {self._process.returncode}"
        return ExperimentError(f"The episode broke off: {reason}")
