"""``ampelwerk serve --demo SCENARIO``: SUMO drives a scenario against the service, in real time."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from typing import TYPE_CHECKING

from experiments.processes import module_command, watching_environment
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def accompanied(name: str, url: str) -> Iterator[None]:
    """Let a simulation call the service at `url` as long as the context lasts.

    Raises
    ------
    ScenarioError
        If there is no such scenario.
    """
    scenario(name)  # a wrong name is told before anything starts
    with tempfile.TemporaryDirectory(prefix="ampelwerk-demo-") as folder:
        parameters = f"{folder}/remote.toml"
        with open(parameters, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(f'[remote]\nurl = "{url}"\nseconds_per_second = 1.0\nstart_limit_s = 1800.0\n')
        command = module_command("experiments", "run", name, "--controller", "remote", "--parameters", parameters, "--out", f"{folder}/run")
        # Its standard input is the sign that we live: where the service is killed, the simulation must not drive on alone.
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=watching_environment()) as simulation:
            try:
                yield
            finally:
                simulation.terminate()
