"""Calling the programs of the eclipse-sumo package (netconvert, netgenerate) and writing what plain SUMO reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sumo_networks.scenario import ScenarioError


def sumo_home() -> Path:
    """Return the folder of the installed eclipse-sumo.

    Raises
    ------
    ScenarioError
        If it is not installed.
    """
    spec = find_spec("sumo")
    if spec is None or spec.origin is None:
        raise ScenarioError("SUMO is not installed; run: pip install ampelwerk, which brings the package eclipse-sumo.")
    return Path(spec.origin).parent


def sumo_version() -> str:
    """Return the version of the installed eclipse-sumo: other versions build other networks."""
    return version("eclipse-sumo")


def build_network(program: str, options: list[str], output: Path) -> None:
    """Run netconvert or netgenerate and keep only what does not change from run to run.

    Parameters
    ----------
    program
        ``netconvert`` or ``netgenerate``.
    options
        Its options, without the output.
    output
        The ``.net.xml`` to write.

    Raises
    ------
    ScenarioError
        If the program fails.
    """
    home = sumo_home()
    binary = home / "bin" / (program + (".exe" if sys.platform == "win32" else ""))
    command = [str(binary), *options, "--output-file", str(output)]
    done = subprocess.run(command, env={**os.environ, "SUMO_HOME": str(home)}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if line.startswith("Error")), done.stderr.strip())
        raise ScenarioError(f"{program} could not build {output.name} ({reason}); check its sources and the installation of eclipse-sumo.")
    text = output.read_text(encoding="utf-8")
    # the first comment holds the time of day and the machine's paths
    output.write_text(re.sub(r"<!--.*?-->\s*", "", text, count=1, flags=re.DOTALL), encoding="utf-8")


def write_configuration(path: Path, network: str, routes: str, additional: tuple[str, ...], begin_s: float, end_s: float) -> None:
    """Write a ``.sumocfg`` that plain ``sumo -c`` runs; file names are relative to it."""
    more = f"        <additional-files value={quoteattr(','.join(additional))}/>\n" if additional else ""
    path.write_text(
        "<configuration>\n    <input>\n"
        f"        <net-file value={quoteattr(network)}/>\n        <route-files value={quoteattr(routes)}/>\n{more}"
        "    </input>\n    <time>\n"
        f'        <begin value="{begin_s:g}"/>\n        <end value="{end_s:g}"/>\n'
        "    </time>\n</configuration>\n",
        encoding="utf-8",
    )
