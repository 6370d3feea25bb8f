"""A folder for generated networks: built once, written whole or not at all, named by what they were made from."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sumo_networks.scenario import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def cache_folder() -> Path:
    """Return the folder of generated files: ``AMPELWERK_CACHE``, else the user's cache folder."""
    own = os.environ.get("AMPELWERK_CACHE")
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ampelwerk"


def built(name: str, made_from: Iterable[str | Path], build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` filled, building it unless it is there already.

    Parameters
    ----------
    name
        Readable part of the folder's name.
    made_from
        Everything the result depends on: texts, and files whose content counts.
    build
        Fills an empty folder. It may run in several processes at once; the first to finish wins.

    Raises
    ------
    ScenarioError
        If the cache folder cannot be written.
    """
    digest = hashlib.sha256()
    for part in made_from:
        digest.update(part.encode() if isinstance(part, str) else part.read_bytes())
        digest.update(b"\0")
    target = cache_folder() / f"{name}-{digest.hexdigest()[:16]}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
        try:
            build(work)
            work.chmod(0o755)  # mkdtemp's 0o700 would shut out other users of a shared cache
            _move(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise ScenarioError(
            f"The cache folder {target.parent} cannot be written ({error.strerror}); "
            "free space there or set AMPELWERK_CACHE to another folder."
        ) from error
    return target


def _move(work: Path, target: Path) -> None:
    try:
        work.rename(target)
    except OSError:
        if not target.is_dir():  # another process was faster where it is
            raise
