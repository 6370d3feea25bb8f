"""The four example junctions of the German guideline RiLSA, found inside the installed eclipse-sumo."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from sumo_networks.cache import built
from sumo_networks.configuration import read_configuration
from sumo_networks.scenario import Scenario, ScenarioError
from sumo_networks.sumo_programs import sumo_home, sumo_version, write_configuration

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = (1, 2, 3, 4)
END_S = 5400.0  # an hour of departures, then half an hour to get through
RECIPE = "1"  # raise it with any change below, so that caches are built anew


def rilsa(example: int) -> Scenario:
    """Return an example as its own configuration runs it, with the demand that its generator makes.

    Raises
    ------
    ScenarioError
        If eclipse-sumo lacks the example or its generator fails.
    """
    source = sumo_home() / "tools" / "sumolib" / "scenario" / "scenarios" / "RealWorld" / f"RiLSA_example{example}"
    # the files that the example's run.sumo.cfg names; its other program file carries stray text and is not used there either
    parts = (f"rilsa{example}.net.xml", "vtypes.add.xml", f"rilsa{example}_tls.add.xml")
    generator = source / "makeRoutes.py"
    for file in (*(source / part for part in parts), generator):
        if not file.is_file():
            raise ScenarioError(
                f"{file} does not exist; reinstall eclipse-sumo with its tools (pip install --force-reinstall eclipse-sumo)."
            )

    def build(folder: Path) -> None:
        for part in parts:
            shutil.copyfile(source / part, folder / part)
        done = subprocess.run([sys.executable, str(generator)], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not (folder / "flows.rou.xml").is_file():
            raise ScenarioError(f"{generator} failed ({done.stderr.strip()[-200:]}); reinstall eclipse-sumo.")
        write_configuration(folder / f"rilsa{example}.sumocfg", parts[0], "flows.rou.xml", parts[1:], 0.0, END_S)

    folder = built(f"rilsa-{example}", [RECIPE, sumo_version(), generator], build)
    return read_configuration(
        folder / f"rilsa{example}.sumocfg",
        f"rilsa/{example}",
        licence="EPL-2.0 OR GPL-2.0-or-later",
        source=f"RiLSA example {example}, shipped in eclipse-sumo",
    )
