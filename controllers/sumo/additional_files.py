"""The user's additional files as a run loads them: what they write goes into our folder, and no switching takes our lights from us.

A file in which nothing needs a change is loaded itself. Of another one a copy is made in the run's folder, included files in their places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from controllers.sumo.options import names_file
from controllers.sumo.programs import NetworkError
from controllers.sumo.xml_reading import elements_by_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from controllers.sumo.options import OutputNames
    from controllers.sumo.programs import DaySwitching

FOLDER: Final = "additional"
"""The folder within a run's folder that takes the copies."""

_WRITING: Final = {
    **dict.fromkeys(("inductionLoop", "e1Detector", "instantInductionLoop", "laneAreaDetector", "e2Detector"), "file"),
    **dict.fromkeys(("entryExitDetector", "e3Detector", "edgeData", "laneData", "routeProbe", "vTypeProbe"), "file"),
    "timedEvent": "dest",
    "calibrator": "output",
}
"""Elements that write a file, and their attribute that names it."""

_WRITING_PARAMETERS: Final = frozenset({"device.ssm.file", "device.toc.file"})
_READ: Final = ("file", "imgFile")


def as_run(files: Sequence[Path], folder: Path, names: OutputNames, released: Collection[str] = ()) -> tuple[Path, ...]:
    """Return the files to load in place of the user's additional files.

    Parameters
    ----------
    files
        The user's files.
    folder
        Takes the copies; it is made with the first one.
    names
        Where files go that they ask SUMO to write.
    released
        Traffic lights whose switching by time of day (``<wautJunction>``) is left out, because a program of ours has to hold.

    Raises
    ------
    InputFileError
        If a file cannot be read.
    """
    return tuple(
        _as_run(file, folder / f"{number}_{file.name.removesuffix('.gz')}", names, released) for number, file in enumerate(files, start=1)
    )


def check_released(switchings: Iterable[DaySwitching], network: Path, released: Collection[str]) -> None:
    """Raise `NetworkError` where the network itself, which no run changes, switches a released light by the time of day."""
    for switching in switchings:
        if switching.file == network and switching.light in released:
            raise NetworkError(
                f"{network}: <wautJunction wautID={switching.id!r}> would take the traffic light {switching.light!r} from its controller; "
                "move the WAUT into an additional file, from which it can be left out, or run static."
            )


def _as_run(file: Path, copy: Path, names: OutputNames, released: Collection[str]) -> Path:
    if not any(_is_released(element, released) or any(_written(element)) for _, element in elements_by_file(file)):
        return file
    root = ET.Element("additional")
    for holder, element in elements_by_file(file):
        if _is_released(element, released):
            continue
        for part, attribute in _read(element):
            read = (holder.parent / part.attrib[attribute]).resolve()
            part.set(attribute, str(read) if read.is_file() else part.attrib[attribute])
        for part, attribute in _written(element):
            part.set(attribute, names.of(part.attrib[attribute], holder.parent))
        root.append(element)
    copy.parent.mkdir(exist_ok=True)
    ET.ElementTree(root).write(copy, encoding="utf-8", xml_declaration=True)
    return copy


def _is_released(element: ET.Element, released: Collection[str]) -> bool:
    return element.tag == "wautJunction" and element.get("junctionID") in released


def _written(element: ET.Element) -> Iterator[tuple[ET.Element, str]]:
    """Yield what names a file to write in an element: the part of it and the attribute."""
    for part in element.iter():
        attribute = _WRITING.get(part.tag)
        if attribute is not None and names_file(part.get(attribute, "")):
            yield part, attribute
        for parameter in part.findall("param"):
            key = parameter.get("key")
            if (key in _WRITING_PARAMETERS or (part.tag == "tlLogic" and key == "file")) and names_file(parameter.get("value", "")):
                yield parameter, "value"


def _read(element: ET.Element) -> Iterator[tuple[ET.Element, str]]:
    """Yield what may name a file to read in an element: the part of it and the attribute."""
    for part in element.iter():
        if part.tag not in _WRITING:
            yield from ((part, attribute) for attribute in _READ if part.get(attribute))
