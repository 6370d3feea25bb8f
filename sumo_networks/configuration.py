"""Reading a ``.sumocfg``: only what locates the input and the window of time; SUMO reads the rest itself."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import sumolib

from controllers.sumo.xml_reading import top_level_elements
from sumo_networks.demand import check_edges
from sumo_networks.network import network_contents
from sumo_networks.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

# the option's name and SUMO's own short names for it
_SYNONYMS = {
    "net-file": ("net-file", "net", "n"),
    "route-files": ("route-files", "routes", "r"),
    "additional-files": ("additional-files", "additional", "a"),
    "begin": ("begin", "b"),
    "end": ("end", "e"),
}


def read_configuration(path: Path, name: str | None = None, *, licence: str = "", source: str = "", label: str = "") -> Scenario:
    """Read a SUMO configuration into a scenario and check that its parts fit.

    Parameters
    ----------
    path
        The ``.sumocfg``; file names in it are relative to its folder, as SUMO takes them.
    name
        Name of the scenario; the path itself where None.
    licence, source, label
        As in `Scenario`.

    Raises
    ------
    ScenarioError
        If a file is missing or broken, the net has no signals, or a route file belongs to another net.
    """
    if path.name.endswith((".net.xml", ".net.xml.gz")):
        raise ScenarioError(f"{path} is a network without traffic; name the .sumocfg that uses it.")
    options = _options(path)
    if not options.get("net-file"):
        raise ScenarioError(f'{path} names no network; add <net-file value="..."/> to its <input>.')
    network = _files(path, "net-file", options["net-file"])[0]
    routes = _files(path, "route-files", options.get("route-files", ""))
    additional = _files(path, "additional-files", options.get("additional-files", ""))
    begin_s = _seconds(path, "begin", options.get("begin", "0"))
    end_s = _seconds(path, "end", options.get("end", "-1"))
    if 0 <= end_s <= begin_s:
        raise ScenarioError(f"{path}: <end> ({end_s:g} s) is not after <begin> ({begin_s:g} s); give a later end.")
    contents = network_contents(network)
    if not contents.signals:
        raise ScenarioError(
            f"{network} has no traffic signal (<tlLogic>), so there is nothing to time; "
            "choose another network or add signals with netedit or netconvert --tls.guess."
        )
    check_edges(routes, contents.edges, network)
    return Scenario(
        name=name if name is not None else str(path),
        configuration=path,
        network=network,
        route_files=routes,
        additional_files=additional,
        begin_s=begin_s,
        end_s=end_s if end_s >= 0 else float("inf"),
        licence=licence,
        source=source,
        label=label,
    )


def _options(path: Path) -> dict[str, str]:
    """Return the options we need by their long names."""
    long_name = {short: name for name, shorts in _SYNONYMS.items() for short in shorts}
    found: dict[str, str] = {}
    for section in top_level_elements(path):
        for element in section.iter():  # options may stand in sections or right below the root
            value = element.get("value", element.get("v"))
            if value is not None and element.tag in long_name:
                found[long_name[element.tag]] = value.strip()
    return found


def _files(path: Path, option: str, value: str) -> tuple[Path, ...]:
    files = []
    for entry in filter(None, (part.strip() for part in value.split(","))):
        file = (path.parent / _expanded(entry)).resolve()
        if not file.is_file():
            raise ScenarioError(f"{path}: <{option}> names {entry}, but {file} does not exist; mend the name or put the file there.")
        files.append(file)
    return tuple(files)


def _expanded(entry: str) -> str:
    """Replace ``${NAME}`` by the environment's value, as SUMO does."""
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), entry)


def _seconds(path: Path, option: str, value: str) -> float:
    try:
        return float(sumolib.miscutils.parseTime(value))
    except ValueError as error:
        raise ScenarioError(f'{path}: <{option} value="{value}"/> is no time; give seconds or h:m:s.') from error
