"""Streaming XML reading (plain or gzipped) whose errors name the file, the place and the remedy."""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

from sumo_networks.scenario import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def top_level_elements(path: Path) -> Iterator[ET.Element]:
    """Yield each child of the root element once it is complete, and forget it afterwards.

    Parameters
    ----------
    path
        XML file; gzipped where its name ends in ``.gz``.

    Raises
    ------
    ScenarioError
        If the file is missing, unreadable or no well-formed XML.
    """
    try:
        with _opened(path) as stream:
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
        raise ScenarioError(f"{path} is broken XML ({error}); repair that place or export the file again.") from error
    except FileNotFoundError as error:
        raise ScenarioError(f"{path} does not exist; check the path.") from error
    except (OSError, EOFError) as error:
        raise ScenarioError(f"{path} cannot be read ({error}); check the file and its permissions.") from error


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
