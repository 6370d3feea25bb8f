"""The signal programs that a SUMO network and its additional files ship."""

from __future__ import annotations

import itertools
import math
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import sumolib

from controllers.sumo.xml_reading import InputFileError, elements_by_file, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

GREEN: Final = frozenset("GgoO")
"""Letters of a green ("o" and "O": the signal is switched off, traffic follows the signs)."""

TURN_ON_RED: Final = "s"
MAY_GO: Final = GREEN | {TURN_ON_RED}
"""Letters under which traffic may go: at green, or at red after stopping."""

YELLOW: Final = frozenset("yY")
RED_YELLOW: Final = "u"
_OFF_PROGRAM: Final = "off"
OFF: Final = frozenset("oO")
KNOWN: Final = MAY_GO | YELLOW | frozenset("ru")
_RANK: Final = {"r": 0, "s": 1, "g": 2, "G": 3}


class NetworkError(InputFileError):
    """A network or additional file cannot be used; the message names file, element and remedy."""


@dataclass(frozen=True, slots=True)
class ShippedPhase:
    """One phase of a shipped program.

    Attributes
    ----------
    state
        One letter per signal.
    duration_s
        Length under fixed-time control.
    minimum_s, maximum_s
        Bounds under actuated control; None where the file does not say.
    following
        Positions of the phases that may follow; the next one where it is empty.
    name
        Name; NEMA programs number their phases with it.
    yellow_s, all_red_s
        Lengths of yellow and all-red behind a NEMA phase.
    """

    state: str
    duration_s: float
    minimum_s: float | None = None
    maximum_s: float | None = None
    following: tuple[int, ...] = ()
    name: str = ""
    yellow_s: float = 0.0
    all_red_s: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether it lasts no time, which SUMO refuses."""
        return self.duration_s <= 0


@dataclass(frozen=True, slots=True)
class ShippedProgram:
    """A program as the file has it.

    Attributes
    ----------
    id
        The traffic light.
    program_id
        Name of the program.
    type
        ``"static"``, ``"actuated"``, ``"delay_based"``, ``"NEMA"``, ...
    offset_s
        Shift of its start against time 0.
    phases
        Its phases.
    parameters
        Its ``<param>`` elements.
    file
        Where it stands; None for one that was made, not read.
    """

    id: str
    program_id: str
    type: str
    offset_s: float
    phases: tuple[ShippedPhase, ...]
    parameters: dict[str, str] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)

    def followers(self, phase: int) -> tuple[int, ...]:
        """Return the positions of the phases that may follow a phase."""
        return self.phases[phase].following or ((phase + 1) % len(self.phases),)

    def column(self, link: int) -> str:
        """Return the letters of one signal over all phases."""
        return "".join(phase.state[link] for phase in self.phases)


@dataclass(frozen=True, slots=True)
class DaySwitching:
    """Which program a traffic light runs at which time: a WAUT of SUMO's.

    Attributes
    ----------
    id
        Name of the WAUT.
    light
        The traffic light.
    file
        Where it is given to the WAUT (``<wautJunction>``).
    programs
        Moments of the simulation, s, and the program from then on, in their order; the first one holds from the beginning.
    """

    id: str
    light: str
    file: Path
    programs: tuple[tuple[float, str], ...]

    def program_at(self, time_s: float) -> str:
        """Return the name of the program that is due at a moment."""
        return [name for moment_s, name in self.programs if moment_s <= time_s][-1]


@dataclass(frozen=True, slots=True)
class ShippedSignals:
    """What files say about traffic lights.

    Attributes
    ----------
    programs
        All programs by traffic light, in the order in which SUMO loads them (the last one runs first).
    switchings
        The switching by time of day, by traffic light, in the order in which SUMO loads it (the last one counts).
    overruled
        Lights of which a program was loaded behind their switching: that program runs until the next switch.
    """

    programs: dict[str, list[ShippedProgram]]
    switchings: dict[str, list[DaySwitching]]
    overruled: frozenset[str] = frozenset()

    def at_start(self, light: str, begin_s: float) -> tuple[ShippedProgram | None, bool]:
        """Return the program to time a light by, and whether SUMO begins with the light switched off.

        That is the program that runs at the beginning, or, where that one switches the light off, the last one that does not.
        """
        programs = self.programs.get(light, [])
        running = programs[-1:]
        if light in self.switchings and light not in self.overruled:
            due = self.switchings[light][-1].program_at(begin_s)
            running = [program for program in programs if program.program_id == due] or running
        if running and not is_off(running[0]):
            return running[0], False
        usable = [program for program in programs if not is_off(program)]
        return (usable[-1] if usable else None), bool(running)


def read_programs(files: Sequence[Path]) -> dict[str, list[ShippedProgram]]:
    """Read all programs of the files as `read_signals` does."""
    return read_signals(files).programs


def read_signals(files: Sequence[Path]) -> ShippedSignals:
    """Read all programs of the files and how they are switched by the time of day.

    Raises
    ------
    InputFileError
        If a file is missing or no XML.
    NetworkError
        If a program's numbers cannot be read, or a program is there twice (SUMO refuses that as well).
    """
    programs: dict[str, list[ShippedProgram]] = {}
    days: dict[str, tuple[tuple[float, str], ...]] = {}
    switchings: dict[str, list[DaySwitching]] = {}
    overruled: set[str] = set()
    for file in files:
        for holder, element in elements_by_file(file):
            if element.tag == "tlLogic":
                program = _program(element, holder)
                _add(program, programs, holder)
                if program.phases and program.id in switchings:
                    overruled.add(program.id)
            elif element.tag == "WAUT":
                days[element.get("id", "")] = _switches(element, holder)
            elif element.tag == "wautJunction":
                name, light = element.get("wautID", ""), element.get("junctionID", "")
                if name in days:  # SUMO says what is wrong where it is not
                    switchings.setdefault(light, []).append(DaySwitching(name, light, file, days[name]))
                    overruled.discard(light)
    return ShippedSignals(programs, switchings, frozenset(overruled))


def _add(program: ShippedProgram, programs: dict[str, list[ShippedProgram]], file: Path) -> None:
    known = programs.setdefault(program.id, [])
    same = [p for p in known if p.program_id == program.program_id]
    if not program.phases and program.program_id != _OFF_PROGRAM:
        # SUMO takes an element without phases as a new offset for a program it knows already.
        known[:] = [replace(p, offset_s=program.offset_s) if p in same else p for p in known]
    elif same:
        raise NetworkError(f"{file}: tlLogic {program.id!r} has two programs {program.program_id!r}; rename one.")
    else:
        known.append(program)


def _switches(element: ET.Element, file: Path) -> tuple[tuple[float, str], ...]:
    try:
        reference_s = _time_s(element.get("refTime", "0"))
        switches = [(reference_s + _time_s(one.attrib["time"]), one.attrib["to"]) for one in element.findall("wautSwitch")]
    except (KeyError, ValueError) as error:
        raise NetworkError(
            f"{file}: WAUT {element.get('id')!r} has a switch without a readable time and program ({error}); mend it."
        ) from error
    return ((-math.inf, element.get("startProg", "")), *sorted(switches))


def _time_s(text: str) -> float:
    return float(sumolib.miscutils.parseTime(text))


def refuse_empty_phases(programs: Iterable[ShippedProgram]) -> None:
    """Refuse programs that SUMO would refuse for a phase of 0 s.

    Raises
    ------
    NetworkError
        If there is one.
    """
    for program in programs:
        for index, phase in enumerate(program.phases):
            if phase.is_empty:
                place = f"{program.file}: phase {index} of tlLogic {program.id!r} (program {program.program_id!r})"
                raise NetworkError(f"{place} lasts {phase.duration_s:g} s, which SUMO refuses; give it a length or take it out.")


def is_off(program: ShippedProgram) -> bool:
    """Whether a program only switches the signals off."""
    return program.program_id == _OFF_PROGRAM or all(OFF.issuperset(phase.state) for phase in program.phases)


def is_green_phase(state: str) -> bool:
    """Whether a state is that of a stage: somebody has green and nobody yellow or red-yellow."""
    return not YELLOW.intersection(state) and RED_YELLOW not in state and bool(GREEN.intersection(state))


def with_red_for_off(program: ShippedProgram) -> ShippedProgram:
    """Return a program with red in those phases in which all signals are off that are on in another phase.

    Such a phase says nothing about who may go together.
    """
    lit = [link for link in range(len(program.phases[0].state)) if not OFF.issuperset(program.column(link))]

    def shown(state: str) -> str:
        if not lit or not OFF.issuperset(state[link] for link in lit):
            return state
        return "".join("r" if link in lit else letter for link, letter in enumerate(state))

    return replace(program, phases=tuple(replace(phase, state=shown(phase.state)) for phase in program.phases))


def lit_states(program: ShippedProgram) -> list[str]:
    """Return the states without the signals that are off in all phases: those neither make a stage nor end one."""
    lit = [link for link in range(len(program.phases[0].state)) if not OFF.issuperset(program.column(link))]
    return ["".join(phase.state[link] for link in lit) for phase in program.phases]


def fault(program: ShippedProgram, links: Sequence[int]) -> str | None:
    """Return why a program cannot be used for these link numbers, or None."""
    lengths = {len(phase.state) for phase in program.phases}
    if len(lengths) != 1:
        return f"the states of program {program.program_id!r} have different lengths"
    if max(links) >= min(lengths):
        return f"program {program.program_id!r} has no letter for link {max(links)}"
    unknown = set().union(*(phase.state for phase in program.phases)) - KNOWN
    if unknown:
        return f"program {program.program_id!r} shows the unknown letter {min(unknown)!r}"
    return None


def without_rings(program: ShippedProgram) -> ShippedProgram:
    """Return a NEMA dual-ring program as a plain sequence: each pair of phases that may run together, its yellow and its all-red.

    Programs of another type are returned as they are.
    """
    if program.type != "NEMA":
        return program
    named = {phase.name: phase for phase in program.phases}
    ends = {name for key in ("barrierPhases", "barrier2Phases") for name in _names(program, key)}
    sides = [_split(_names(program, key), ends, named) for key in ("ring1", "ring2")]
    flat: list[ShippedPhase] = []
    for first, second in itertools.zip_longest(*sides, fillvalue=[]):
        for pair in itertools.product(first or [None], second or [None]):
            flat += _pair_sequence([named[name] for name in pair if name is not None])
    return replace(program, phases=tuple(flat) or program.phases)


def write_programs(programs: Iterable[ShippedProgram], path: Path) -> None:
    """Write programs as an additional file for plain ``sumo`` and NETEDIT; it is there as a whole or not at all.

    SUMO runs the program that it loaded last, so the programs need names that the network does not use yet.
    """
    root = ET.Element("additional")
    for program in programs:
        identity = {"id": program.id, "type": program.type, "programID": program.program_id, "offset": f"{program.offset_s:g}"}
        logic = ET.SubElement(root, "tlLogic", identity)
        for key, value in program.parameters.items():
            ET.SubElement(logic, "param", {"key": key, "value": value})
        for phase in program.phases:
            ET.SubElement(logic, "phase", _phase_attributes(phase))
    ET.indent(root)
    draft = path.with_name(f".{path.name}.draft")
    try:
        ET.ElementTree(root).write(draft, encoding="utf-8", xml_declaration=True)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _phase_attributes(phase: ShippedPhase) -> dict[str, str]:
    attributes = {"duration": f"{phase.duration_s:g}", "state": phase.state}
    if phase.minimum_s is not None:
        attributes["minDur"] = f"{phase.minimum_s:g}"
    if phase.maximum_s is not None:
        attributes["maxDur"] = f"{phase.maximum_s:g}"
    if phase.following:
        attributes["next"] = " ".join(map(str, phase.following))
    if phase.name:
        attributes["name"] = phase.name
    return attributes


def _names(program: ShippedProgram, key: str) -> list[str]:
    return [name.strip() for name in program.parameters.get(key, "").split(",") if name.strip()]


def _split(ring: list[str], ends: set[str], named: dict[str, ShippedPhase]) -> list[list[str]]:
    sides: list[list[str]] = [[]]
    for name in ring:
        if name in named:
            sides[-1].append(name)
        if name in ends:
            sides.append([])
    return [side for side in sides if side]


def _pair_sequence(pair: list[ShippedPhase]) -> list[ShippedPhase]:
    state = "".join(max(letters, key=lambda x: _RANK.get(x, 0)) for letters in zip(*(p.state for p in pair), strict=True))
    yellow_s, all_red_s = max(p.yellow_s for p in pair), max(p.all_red_s for p in pair)
    phases = [ShippedPhase(state, max(p.duration_s for p in pair))]
    if yellow_s > 0:
        phases.append(ShippedPhase("".join("y" if letter in GREEN else letter for letter in state), yellow_s))
    if all_red_s > 0:
        phases.append(ShippedPhase("r" * len(state), all_red_s))
    return phases


def is_left_hand(net_file: Path) -> bool:
    """Whether one drives on the left in a network.

    Raises
    ------
    NetworkError
        If the file is missing or no XML.
    """
    try:
        with opened(net_file) as stream:
            _, root = next(ET.iterparse(stream, events=("start",)))
    except (OSError, ET.ParseError, EOFError, zlib.error) as error:
        raise NetworkError(f"{net_file}: cannot be read as a network ({error}); name a .net.xml file.") from error
    return root.get("lefthand", "false").lower() in ("true", "1", "yes", "on", "x", "t")


def _program(element: ET.Element, file: Path) -> ShippedProgram:
    name = element.get("id", "")
    try:
        return ShippedProgram(
            id=name,
            program_id=element.get("programID", "0"),
            type=element.get("type", "static"),
            offset_s=_offset_s(element.get("offset", "0")),
            phases=tuple(_phase(phase) for phase in element.findall("phase")),
            parameters={param.get("key", ""): param.get("value", "") for param in element.findall("param")},
            file=file,
        )
    except (KeyError, ValueError) as error:
        raise NetworkError(f"{file}: a phase of tlLogic {name!r} has a missing or wrong attribute ({error}); mend it.") from error


def _offset_s(text: str) -> float:
    # "begin" means the begin of the simulation; its own time stands for it here.
    return 0.0 if text == "begin" else float(text)


def _phase(element: ET.Element) -> ShippedPhase:
    bounds = [None if element.get(key) is None else float(element.attrib[key]) for key in ("minDur", "maxDur")]
    return ShippedPhase(
        state=element.attrib["state"],
        duration_s=float(element.attrib["duration"] if "duration" in element.attrib else element.attrib["minDur"]),
        minimum_s=bounds[0],
        maximum_s=bounds[1],
        following=tuple(int(x) for x in element.get("next", "").split()),
        name=element.get("name", ""),
        yellow_s=float(element.get("yellow", "0")),
        all_red_s=float(element.get("red", "0")),
    )
