"""What a scenario is: a network, a demand and a window of time that plain SUMO can run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controllers.sumo.xml_reading import InputFileError

if TYPE_CHECKING:
    from pathlib import Path


class ScenarioError(InputFileError):
    """A scenario cannot be used; the message is one sentence that names the file, the element and the remedy."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A network with its demand.

    Attributes
    ----------
    name
        Its name in the catalogue; for a file its folder's name, or its own where the folder holds several.
    configuration
        The ``.sumocfg`` that plain ``sumo -c`` runs.
    network
        The ``.net.xml``.
    route_files, additional_files
        Further input, in the order of the configuration.
    begin_s, end_s
        Window of simulated time; the end is infinite where the configuration gives none (SUMO then runs until the last vehicle has left).
    licence, source
        Terms and origin of the data; empty for the user's own.
    scale, step_length_s, seed
        Factor on the number of vehicles, SUMO's step and its random seed, as the configuration gives them.
    has_junction_zones, drops_unroutable
        Whether demand may go from junction to junction, and whether vehicles without a way are left out instead of stopping the run.
    label
        What every output has to say about it (for example ``schematic, uncalibrated``); empty where nothing.
    """

    name: str
    configuration: Path
    network: Path
    route_files: tuple[Path, ...]
    additional_files: tuple[Path, ...]
    begin_s: float
    end_s: float
    licence: str = ""
    source: str = ""
    label: str = ""
    scale: float = 1.0
    step_length_s: float = 1.0
    seed: int = 0
    has_junction_zones: bool = False
    drops_unroutable: bool = False
