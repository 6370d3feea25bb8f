"""What is needed to repeat a run: versions, the scenario's content, SUMO's options, the command line."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections import deque
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from controllers.sumo.xml_reading import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sumo_networks import Scenario

DISTRIBUTIONS = ("ampelwerk", "eclipse-sumo", "libsumo", "traci", "sumolib", "ortools", "numpy", "scipy", "numba")
INCLUDED = re.compile(rb"<include\b[^>]*\bhref\s*=\s*[\"']([^\"']*)[\"']")
HEADER_BYTES = 65536  # SUMO writes its whole configuration into a comment at the head of each output


def versions() -> dict[str, str]:
    """Return the versions of Python and of every distribution that has a part in the result."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def scenario_hash(scenario: Scenario) -> str:
    """Return the SHA-256 of the content of a scenario's network, route and additional files, in their order, and of what they include.

    Names do not count, nor do XML comments and line ends: SUMO's tools write the time and the place of their work into a
    comment, so the same network generated twice would otherwise differ.
    """
    digest = hashlib.sha256()
    for content in _contents((scenario.network, *scenario.route_files, *scenario.additional_files)):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of an XML file's content, packed or not; comments and line ends do not count."""
    return hashlib.sha256(next(_contents((path,)))).hexdigest()


def _contents(files: Iterable[Path]) -> Iterator[bytes]:
    """Yield the content of files and of those that they include, without comments and with plain line ends."""
    waiting = deque(files)
    known = set(waiting)
    while waiting:
        path = waiting.popleft()
        with opened(path) as stream:
            content = stream.read()
        bare = re.sub(rb"<!--.*?-->", b"", content, flags=re.DOTALL).replace(b"\r\n", b"\n")
        yield bare
        included = [path.parent / os.fsdecode(name) for name in INCLUDED.findall(bare)]
        waiting.extend(file for file in included if file not in known)
        known.update(included)


@cache
def fingerprint_of(*packages: str) -> str:
    """Return a fingerprint of the source files of some of our packages."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in (file for package in packages for file in sorted((root / package).rglob("*.py"))):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).digest())
    return digest.hexdigest()


def parameter_files(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the SHA-256 of the content of each file that a controller's parameters name (a plan's folder stands for its record)."""
    found = {}
    for name, value in parameters.items():
        path = Path(value) if isinstance(value, str) else None
        if path is not None and path.is_dir():
            path /= "design.json"
        if path is not None and path.is_file():
            found[name] = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    return found


def sumo_options(output: Path) -> dict[str, str]:
    """Return the options SUMO ran with, from the head of one of its output files; empty where it holds none."""
    with output.open("rb") as stream:
        head = stream.read(HEADER_BYTES).decode("utf-8", errors="replace")
    found = re.search(r"<(\w*[cC]onfiguration)\b.*?</\1>", head, flags=re.DOTALL)
    if found is None:
        return {}
    return {option.tag: option.get("value", "") for section in ET.fromstring(found[0]) for option in section}


def command_line() -> list[str]:
    """Return the command that this process was started with."""
    return [sys.executable, *sys.orig_argv[1:]]
