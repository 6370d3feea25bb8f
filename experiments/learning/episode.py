"""One episode in a process of its own: ``python -m experiments.learning.episode REQUEST FOLDER``.

A fresh process for each episode, because libsumo holds one simulation per process and a second start in the same one is not fully
reproducible. Vectors and rewards go out, and actions come in, through the process's standard output and input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import libsumo

from controllers.by_policy import StageByPolicy
from experiments.exits import ended_with_code
from experiments.learning.wire import receive, send
from experiments.requests import request_from_dict
from experiments.runs import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.observation import Observation

WIRES: list[IO[bytes]] = []
"""Where actions come from and where vectors go to; the controller is made by its name and cannot be handed them."""


ASKING: list[AskingController] = []
"""The controller of this process, which the end of the episode asks for its last rewards."""


class AskingController(StageByPolicy):
    """Lets whoever is at the other end of the wire choose, and tells it what the last choice brought.

    The reward of a junction is minus the vehicle minutes of halting on its incoming lanes since the last choice, as they truly were.
    """

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Take over the junctions."""
        super().start(junctions)
        ASKING.append(self)
        self._lanes = {name: [lane.id for lane in junction.incoming] for name, junction in junctions.items()}
        self._halting_s = dict.fromkeys(junctions, 0)

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction whose stage is to change."""
        halting = libsumo.lane.getLastStepHaltingNumber
        for name, lanes in self._lanes.items():
            self._halting_s[name] += sum(map(halting, lanes))
        return super().decide(observation)

    def choose(self, time_s: float, vectors: Mapping[str, NDArray[np.float32]]) -> Mapping[str, int]:  # noqa: ARG002
        """Ask the other end."""
        actions, told = WIRES
        send(told, ("step", dict(vectors), self.rewards()))
        try:
            return cast("Mapping[str, int]", receive(actions))
        except EOFError:
            os._exit(0)  # nobody asks for the rest of the episode

    def rewards(self) -> dict[str, float]:
        """Return what the last choice brought each junction so far; what follows counts for the next one."""
        rewards = {name: -seconds / 60 for name, seconds in self._halting_s.items()}
        self._halting_s = dict.fromkeys(rewards, 0)
        return rewards


def main() -> None:
    """Run the episode and tell its key figures last."""
    request, folder = request_from_dict(json.loads(sys.argv[1])), Path(sys.argv[2])
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is written must not come between the messages
    WIRES[:] = sys.stdin.buffer, told

    def episode() -> None:
        kpis = run(request, folder)["kpis"]
        send(told, ("end", ASKING[-1].rewards(), kpis))

    sys.exit(ended_with_code(episode))


if __name__ == "__main__":
    # the controller is imported by its name; it must find the wires of this very module
    sys.modules["experiments.learning.episode"] = sys.modules["__main__"]
    main()
