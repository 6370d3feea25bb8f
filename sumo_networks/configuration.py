"""Reading a ``.sumocfg``: only what locates the input and the window of time; SUMO reads the rest itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sumolib

from controllers.sumo.options import TRUE, expanded, read_options
from sumo_networks.demand import check_edges
from sumo_networks.network import network_contents
from sumo_networks.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from pathlib import Path


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
    options = read_options(path)
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
        scale=_scale(path, options.get("scale", "1")),
        step_length_s=_seconds(path, "step-length", options.get("step-length", "1")),
        seed=_seed(path, options.get("seed", "0")),
        has_junction_zones=options.get("junction-taz", "").lower() in TRUE,
        drops_unroutable=options.get("ignore-route-errors", "").lower() in TRUE,
        licence=licence,
        source=source,
        label=label,
    )


def _files(path: Path, option: str, value: str) -> tuple[Path, ...]:
    files = []
    for entry in filter(None, (part.strip() for part in value.split(","))):
        file = (path.parent / expanded(entry)).resolve()
        if not file.is_file():
            raise ScenarioError(f"{path}: <{option}> names {entry}, but {file} does not exist; mend the name or put the file there.")
        files.append(file)
    return tuple(files)


def _seconds(path: Path, option: str, value: str) -> float:
    try:
        return float(sumolib.miscutils.parseTime(value))
    except ValueError as error:
        raise ScenarioError(f'{path}: <{option} value="{value}"/> is no time; give seconds or h:m:s.') from error


def _scale(path: Path, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ScenarioError(f'{path}: <scale value="{value}"/> makes no traffic; give a number above 0.')
    return number


def _seed(path: Path, value: str) -> int:
    if not value.isdecimal():
        raise ScenarioError(f'{path}: <seed value="{value}"/> is no seed; give a whole number from 0.')
    return int(value)
