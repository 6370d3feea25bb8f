"""The eight RESCO networks (Ault & Sharon, NeurIPS 2021 Datasets and Benchmarks), found as data inside the installed sumo-rl."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from sumo_networks.configuration import read_configuration
from sumo_networks.scenario import Scenario, ScenarioError

# windows of the published benchmark, s; some shipped configurations lack the end
WINDOWS_S = {
    "arterial4x4": (0.0, 3600.0),
    "cologne1": (25200.0, 28800.0),
    "cologne3": (25200.0, 28800.0),
    "cologne8": (25200.0, 28800.0),
    "grid4x4": (0.0, 3600.0),
    "ingolstadt1": (57600.0, 61200.0),
    "ingolstadt7": (57600.0, 61200.0),
    "ingolstadt21": (57600.0, 61200.0),
}


def resco(network: str) -> Scenario:
    """Return a RESCO scenario.

    Raises
    ------
    ScenarioError
        If the extra that ships the data is not installed.
    """
    spec = find_spec("sumo_rl")  # finding, not importing: the package itself needs far more than its data
    if spec is None or spec.origin is None:
        raise ScenarioError(f"resco/{network} is data of sumo-rl, which is not installed; install the extra [resco] (README).")
    path = Path(spec.origin).parent / "nets" / "RESCO" / network / f"{network}.sumocfg"
    begin_s, end_s = WINDOWS_S[network]
    found = read_configuration(
        path,
        f"resco/{network}",
        licence="maps: their original licences; package sumo-rl: MIT",
        source="RESCO benchmark (Ault & Sharon 2021), shipped in sumo-rl",
    )
    return replace(found, begin_s=begin_s, end_s=end_s)
