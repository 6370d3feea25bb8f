"""Controllers that run inside SUMO: the shipped programs, SUMO's actuated and its delay-based control."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, ClassVar

from controllers.sumo.programs import GREEN, YELLOW
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from controllers.sumo.programs import ShippedProgram


class Static:
    """The programs as shipped with the network."""

    name = "static"
    information = InformationClass.NONE

    def write_programs(self, shipped: Mapping[str, ShippedProgram], path: Path) -> None:
        """Write nothing: the shipped programs run."""


class _GreenExtending:
    """SUMO extends or ends the green phases of the shipped programs between two bounds; their order and interstages stay.

    Parameters
    ----------
    minimum_green_s, maximum_green_s
        Bounds of each green phase.

    Raises
    ------
    ValueError
        If the bounds contradict each other.
    """

    name: ClassVar[str]

    def __init__(self, minimum_green_s: float = 5.0, maximum_green_s: float = 50.0) -> None:
        if not 0 < minimum_green_s <= maximum_green_s:
            raise ValueError(f"{self.name}: need 0 < minimum_green_s <= maximum_green_s, not {minimum_green_s} and {maximum_green_s}.")
        self.minimum_green_s = minimum_green_s
        self.maximum_green_s = maximum_green_s

    def write_programs(self, shipped: Mapping[str, ShippedProgram], path: Path) -> Path:
        """Write the programs as an additional file; what has fewer than two green phases, or rings (NEMA), stays on its shipped program.

        Parameters
        ----------
        shipped
            The shipped programs by junction.
        path
            The file to write.

        Returns
        -------
        Path
            `path`.
        """
        root = ET.Element("additional")
        for junction, program in shipped.items():
            if program.type == "NEMA" or sum(_is_green(phase.state) for phase in program.phases) < 2:
                continue
            # SUMO runs the program that was loaded last, so a new program id makes this one the running one.
            identity = {"id": junction, "type": self.name, "programID": f"ampelwerk_{self.name}", "offset": f"{program.offset_s:g}"}
            logic = ET.SubElement(root, "tlLogic", identity)
            for phase in program.phases:
                attributes = {"duration": f"{phase.duration_s:g}", "state": phase.state}
                if _is_green(phase.state):
                    attributes |= {"minDur": f"{self.minimum_green_s:g}", "maxDur": f"{self.maximum_green_s:g}"}
                if phase.following:
                    attributes["next"] = " ".join(map(str, phase.following))
                ET.SubElement(logic, "phase", attributes)
        ET.indent(root)
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
        return path


class Actuated(_GreenExtending):
    """SUMO's gap-based control: a green ends at the first gap that its own loops report (type ``actuated``)."""

    name = "actuated"
    information = InformationClass.LOOPS


class DelayBased(_GreenExtending):
    """SUMO's delay-based control (type ``delay_based``).

    A green goes on while vehicles that have lost time are still approaching. SUMO measures them one by one by area detectors over the last
    100 m of each lane: the zone class, though a shorter zone than the other controllers'.
    """

    name = "delay_based"
    information = InformationClass.ZONE


def _is_green(state: str) -> bool:
    return YELLOW.isdisjoint(state) and not GREEN.isdisjoint(state)
