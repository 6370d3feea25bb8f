"""Neudorf: a schematic, uncalibrated main road of the Mülheimer Straße type, built from the XML sources beside this file.

Six signals 180 to 420 m apart, two lanes each way at 50 km/h with pockets for left turns, side streets of one lane at 30 km/h,
signalled crossings on every arm, and a tram line in the middle on its own rail lanes. Geometry, programs and demand are
assumptions; nothing in them was surveyed or counted.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from sumo_networks.cache import built
from sumo_networks.configuration import read_configuration
from sumo_networks.neudorf.traffic import write_traffic
from sumo_networks.sumo_programs import build_network, sumo_version, write_configuration

if TYPE_CHECKING:
    from sumo_networks.scenario import Scenario

VARIANTS = ("morning", "evening")
RECIPE = "1"  # raise it with any change of how the sources are turned into files, so that caches are built anew
_SOURCES = Path(__file__).parent


def neudorf(variant: str, name: str) -> Scenario:
    """Return the main road in the ``morning`` or the ``evening`` peak, built on first use.

    Raises
    ------
    ScenarioError
        If netconvert fails or the cache cannot be written.
    """
    plain = {kind: _SOURCES / f"neudorf.{kind}.xml" for kind in ("nod", "edg", "con", "tll")}
    demand = _SOURCES / "demand.toml"
    stops = _SOURCES / "stops.add.xml"

    def build(folder: Path) -> None:
        network = folder / "neudorf.net.xml"
        options = ["--node-files", str(plain["nod"]), "--edge-files", str(plain["edg"]), "--connection-files", str(plain["con"])]
        options += ["--tllogic-files", str(plain["tll"]), "--no-turnarounds", "--walkingareas", "true"]
        build_network("netconvert", options, network)
        settings = tomllib.loads(demand.read_text(encoding="utf-8"))
        for each in VARIANTS:
            write_traffic(settings, each, network, folder / f"{each}.rou.xml")
        (folder / stops.name).write_bytes(stops.read_bytes())
        for each in VARIANTS:
            write_configuration(
                folder / f"{each}.sumocfg",
                network.name,
                f"{each}.rou.xml",
                (stops.name,),
                settings["begin_s"],
                settings["end_s"],
            )

    made_from: list[str | Path] = [
        RECIPE,
        sumo_version(),
        *plain.values(),
        demand,
        stops,
        _SOURCES / "traffic.py",
        _SOURCES.parent / "turning_demand.py",
    ]
    folder = built("neudorf", made_from, build)
    return read_configuration(
        folder / f"{variant}.sumocfg",
        name,
        licence="Apache-2.0",
        source="bundled: a main road of the Mülheimer Straße type, Duisburg-Neudorf",
        label="schematic, uncalibrated",
    )
