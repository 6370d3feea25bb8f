"""Controllers that run inside SUMO: the shipped programs, SUMO's actuated and its delay-based control."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from controllers.sumo.programs import GREEN, YELLOW, lit_states, write_programs
from controllers.sumo.xml_reading import top_level_elements
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controllers.sumo.programs import ShippedProgram


class Static:
    """Fixed-time programs: those shipped with the network, or those of a file.

    Parameters
    ----------
    programs
        An additional file with further programs, such as ``ampelwerk design`` writes; they run instead of the shipped ones of the same
        traffic lights. None for the shipped ones alone.

    Raises
    ------
    ValueError
        If there is no such file, or it is broken.
    """

    name = "static"
    information = InformationClass.NONE

    def __init__(self, programs: str | None = None) -> None:
        self.programs = None if programs is None else Path(programs).absolute()
        if self.programs is not None:
            if not self.programs.is_file():
                raise ValueError(f"programs = {programs!r} is no file; name an additional file with signal programs.")
            _check_readable(self.programs)

    def write_programs(self, shipped: Mapping[str, ShippedProgram], path: Path) -> Path | None:  # noqa: ARG002 - nothing to derive
        """Write nothing: the shipped programs run, or those of the file."""
        return self.programs


class _GreenExtending:
    """SUMO extends or ends the green phases of the shipped programs between two bounds; their order and interstages stay.

    A phase with greens while walkers, who have no yellow, clear the road belongs to an interstage: it keeps its length.

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
        write_programs(
            (
                self._extending(program)
                for program in shipped.values()
                if program.type != "NEMA" and sum(map(_is_green, lit_states(program))) >= 2
            ),
            path,
        )
        return path

    def _extending(self, program: ShippedProgram) -> ShippedProgram:
        # SUMO runs the program that was loaded last, so a new program id makes this one the running one.
        bounds = {"minimum_s": self.minimum_green_s, "maximum_s": self.maximum_green_s}
        plain = [replace(phase, minimum_s=None, maximum_s=None, name="") for phase in program.phases]
        states = lit_states(program)
        phases = tuple(
            replace(phase, **bounds) if _is_green(state) and not _clears(before, state) else phase
            for before, state, phase in zip([states[-1], *states], states, plain, strict=False)
        )
        return replace(program, program_id=f"ampelwerk_{self.name}", type=self.name, phases=phases, parameters={})


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


def _check_readable(path: Path) -> None:
    if all(element.tag != "tlLogic" for element in top_level_elements(path)):
        raise ValueError(f"{path} holds no signal program (tlLogic); name an additional file with some.")


def _is_green(state: str) -> bool:
    return YELLOW.isdisjoint(state) and not GREEN.isdisjoint(state)


def _clears(before: str, state: str) -> bool:
    """Whether a state takes greens straight to red, as those of walkers end, and gives nobody a new one."""
    changed = [(old, new) for old, new in zip(before, state, strict=True) if old != new]
    return bool(changed) and all(old in GREEN and new not in GREEN for old, new in changed)
