"""Result folders: claimed before a run, made valid by one last file.

A folder is a run's result if, and only if, it holds its record (``run.json``). Until then it holds the marker `UNFINISHED`; a folder
with the marker may be claimed again, so that an interrupted command can simply be repeated.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from typing import TYPE_CHECKING, Any

from experiments.errors import ExperimentError, ResultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNFINISHED = "UNFINISHED"
RECORD = "run.json"


def claim(folder: Path) -> None:
    """Make a folder ours: create it, or take up one that holds an unfinished result of ours (whose files are written anew).

    Raises
    ------
    ExperimentError
        If it is a file, holds anything else, or cannot be written.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise ExperimentError(f"--out {folder} is a file; name a folder.")
        if folder.is_dir():
            content = sorted(entry.name for entry in folder.iterdir())
            if content and UNFINISHED not in content:
                raise ExperimentError(f"--out {folder} already holds {content[0]}; name a new folder or remove this one.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD).unlink(missing_ok=True)
        (folder / UNFINISHED).write_text("This run has not finished; there is no result in this folder yet.\n", encoding="utf-8")
    except OSError as error:
        raise ExperimentError(
            f"--out {folder} cannot be written ({error.strerror or error}); name a folder with room that you may write to."
        ) from error


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a folder before the work for it, so that a wrong one does not cost the work; where the work fails, no empty folder stays."""
    was_there = folder.exists()
    claim(folder)
    try:
        yield
    except Exception:
        if [entry.name for entry in folder.iterdir()] == [UNFINISHED]:
            (folder / UNFINISHED).unlink()
            if not was_there:
                folder.rmdir()
        raise


def publish(folder: Path, record: dict[str, Any], name: str = RECORD) -> None:
    """Write a claimed folder's record (``run.json`` for a run) and remove the marker: from here on it is a result.

    Raises
    ------
    ResultError
        If the disk is full or the folder has become unwritable.
    """
    write_whole(folder / name, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    (folder / UNFINISHED).unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it is there as a whole or not at all.

    Raises
    ------
    ResultError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = "free some room on the disk and run it again" if is_full else "check the path and your rights there"
        raise ResultError(f"{path} cannot be written ({error.strerror or error}); {remedy}.") from error


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a result folder, or None where the folder is not a result."""
    if (folder / UNFINISHED).exists():
        return None
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record
