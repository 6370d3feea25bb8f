"""Reading SUMO's XML files as SUMO reads them: gzip known by its content, ``<include>`` followed; errors name the file and the remedy."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, TYPE_CHECKING, Final, cast
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GZIP: Final = b"\x1f\x8b"


class InputFileError(ValueError):
    """A file of the user's cannot be used; the message is one sentence that names file, element and remedy."""


def top_level_elements(path: Path) -> Iterator[ET.Element]:
    """Yield each child of the root element once it is complete, and forget it afterwards; included files count as part of the file.

    Parameters
    ----------
    path
        XML file, plain or in gzip.

    Raises
    ------
    InputFileError
        If a file is missing, unreadable, no well-formed XML, or includes itself.
    """
    for _, element in elements_by_file(path):
        yield element


def elements_by_file(path: Path, including: tuple[Path, ...] = ()) -> Iterator[tuple[Path, ET.Element]]:
    """Yield the same elements as `top_level_elements`, each with the file that holds it: names in an element are relative to that one.

    Parameters
    ----------
    path
        XML file, plain or in gzip.
    including
        The files that include this one.

    Raises
    ------
    InputFileError
        As `top_level_elements`.
    """
    if path.resolve() in including:
        raise InputFileError(f'{path} includes itself (<include href="..."/>); take that element out.')
    for element in _own_elements(path):
        if element.tag == "include":
            yield from elements_by_file(path.parent / element.get("href", ""), (*including, path.resolve()))
        else:
            yield path, element


def _own_elements(path: Path) -> Iterator[ET.Element]:
    try:
        with opened(path) as stream:
            depth = 0
            root: ET.Element | None = None
            for event, element in ET.iterparse(stream, events=("start", "end")):
                if event == "start":
                    depth += 1
                    root = element if root is None else root
                    continue
                depth -= 1
                if depth == 1 and root is not None:
                    yield element
                    root.clear()
    except ET.ParseError as error:
        raise InputFileError(f"{path} is broken XML ({error}); repair that place or export the file again.") from error
    except FileNotFoundError as error:
        raise InputFileError(f"{path} does not exist; check the path.") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputFileError(f"{path} cannot be read ({reason}); check the file and its permissions.") from error


def opened(path: Path) -> IO[bytes]:
    """Open a file for reading; what begins as gzip does is unpacked, whatever its name."""
    with path.open("rb") as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
