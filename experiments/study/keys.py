"""The key of a run: a fingerprint of everything that decides its outcome."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controllers.registry import controller, source_of
from experiments.provenance import fingerprint_of, parameter_files, scenario_hash
from experiments.requests import DESIGNED, SHIPPED
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from experiments.requests import RunRequest
    from sumo_networks import Scenario

KEY_DIGITS = 16
DECIDING_DISTRIBUTIONS = ("libsumo", "sumolib", "ortools", "numpy", "scipy", "numba")
OWN_PACKAGES = ("optimizer", "controllers")
OWN_MODULES = ("runs.py", "kpis.py", "minutes.py")
"""What of `experiments` has a part in a run's figures; the study, the tables and the report only handle them."""


@cache
def code_fingerprint() -> str:
    """Return a fingerprint of the part of our own code that decides the outcome of runs."""
    root = Path(__file__).resolve().parents[2]
    files = [path for package in OWN_PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return _fingerprint(files + [root / "experiments" / name for name in OWN_MODULES], root)


@cache
def deciding_versions() -> dict[str, str]:
    """Return the versions of the distributions that decide the outcome of runs; of our own the code's fingerprint, which is stricter."""
    versions = {}
    for name in DECIDING_DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {**versions, "ampelwerk": code_fingerprint()}


def run_key(request: RunRequest, place: Scenario) -> str:
    """Return the key of a run, the same on every machine.

    What makes no difference does not count: a controller that gets no readings of our loops is not told apart by them.

    Raises
    ------
    ControllerError
        If the controller cannot be had.
    """
    told: dict[str, Any] = {**request.as_dict(), "scenario": _scenario_content(place), "versions": deciding_versions()}
    del told["backend"]
    # What a file holds decides, not where it lies.
    told["parameters"] = {**told["parameters"], **parameter_files(request.controller.named())}
    chosen = controller(request.controller.name, **request.controller.arguments())
    if chosen.information is not InformationClass.LOOPS or hasattr(chosen, "write_programs"):
        told["layout"] = told["loop_faults"] = None
    if request.controller.signals == SHIPPED:
        del told["signals"]
    elif request.controller.signals == DESIGNED:
        told["signals_source"] = fingerprint_of("experiments")
    else:
        told["signals"] = told["parameters"].pop("signals")
    told["controller_source"] = _source_fingerprint(request.controller.name)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


@cache
def _scenario_content(place: Scenario) -> Mapping[str, str]:
    # the configuration may hold options that change how SUMO drives; the names in it are relative to its folder
    bare = re.sub(rb"<!--.*?-->", b"", place.configuration.read_bytes(), flags=re.DOTALL).replace(b"\r\n", b"\n")
    return {"files": scenario_hash(place), "configuration": hashlib.sha256(bare).hexdigest()}


@cache
def _source_fingerprint(name_or_path: str) -> str:
    """Return a fingerprint of everything in the package (or the module) that a controller of someone else comes from; empty for ours."""
    package = source_of(name_or_path)
    if package in OWN_PACKAGES:
        return ""
    spec = find_spec(package)
    origin = None if spec is None or spec.origin is None else Path(spec.origin)
    if origin is None or spec is None or not spec.submodule_search_locations:
        return _fingerprint([] if origin is None else [origin], None if origin is None else origin.parent)
    return _fingerprint(_package_files(origin.parent), origin.parent)


def _package_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _fingerprint(files: Iterator[Path] | list[Path], root: Path | None) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path if root is None else path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).digest())
    return digest.hexdigest()
