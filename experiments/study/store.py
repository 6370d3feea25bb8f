"""The results folder of a study: whose it is, the runs that have ended, and the work in flight.

A run is made in a folder of its own below ``work``, whose name nobody else uses, and is moved as a whole to ``runs/<key>`` when it has
ended. So whatever is killed, and whenever, ``runs`` holds whole records only, each once. Nobody but the process that holds the lock moves
anything there; what an earlier, killed process has left in ``work`` is thrown away.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from experiments.errors import ExperimentError, ResultError
from experiments.folders import RECORD, read_record, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1
"""Form of the results folder; it grows when the meaning of something in it changes."""

STUDY, RUNS, WORK, LOCK = "study.json", "runs", "work", ".lock"
ROOM_PER_RUN_BYTES = 2_000_000
"""What a finished run keeps: 0.2 MB for a junction, 2 MB for a network of twenty."""
ROOM_IN_FLIGHT_BYTES = 50_000_000
"""What the runs in flight may take beside that, before they are condensed."""


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Whose results a folder holds.

    Attributes
    ----------
    name
        Of the study.
    text, file, folder
        The study file's content, its name, and the folder that relative paths start from.
    choice
        What was chosen on the command line: the quick form, further controllers, fewer scenarios.
    versions
        What decides the outcome of runs beside the study; see `experiments.study.keys.deciding_versions`.
    """

    name: str
    text: str
    file: str
    folder: str
    choice: Mapping[str, Any]
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "format": FORMAT,
            "name": self.name,
            "file": self.file,
            "folder": self.folder,
            "choice": dict(self.choice),
            "versions": dict(self.versions),
            "text": self.text,
        }


def read_identity(folder: Path) -> StudyIdentity:
    """Return whose results a folder holds.

    Raises
    ------
    ExperimentError
        If it holds no study, or one of another form.
    """
    path = folder / STUDY
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = told.pop("format")
        if found == FORMAT:
            return StudyIdentity(**told)
    except FileNotFoundError:
        raise ExperimentError(f"{folder} holds no study (there is no {STUDY} in it); name the results folder of a study.") from None
    except OSError as error:
        raise ExperimentError(f"{path} cannot be read ({error.strerror or error}); check your rights.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExperimentError(f"{path} is damaged ({error}); name a new results folder.") from error
    raise ExperimentError(
        f"{folder} holds results of form {found}, and this Ampelwerk reads and writes form {FORMAT}; "
        "name a new results folder, or use the Ampelwerk that made it."
    )


class StudyStore:
    """Writing to a results folder; one process at a time.

    Parameters
    ----------
    folder
        The results folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.runs, self.work = self.folder / RUNS, self.folder / WORK

    @contextlib.contextmanager
    def opened(self, identity: StudyIdentity, *, extend: bool) -> Iterator[StudyStore]:
        """Take the folder for a study, for as long as the context lasts.

        Parameters
        ----------
        identity
            The study.
        extend
            Whether a folder of another form of the study of the same name may be taken over; its finished runs count where they fit.

        Raises
        ------
        ExperimentError
            If the folder belongs to another study or holds anything else, is in use, or cannot be written.
        """
        # look before touching anything: a folder that is not ours must stay as it is
        begun = self._check(identity, extend=extend)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise ExperimentError(f"Another process works on {self.folder}; wait for it, or name another folder.") from None
            with lock:
                shutil.rmtree(self.work, ignore_errors=True)
                self.work.mkdir()
                self.runs.mkdir(exist_ok=True)
                if not begun or extend:
                    write_whole(self.folder / STUDY, json.dumps(identity.as_dict(), indent=1, ensure_ascii=False) + "\n")
                yield self
                shutil.rmtree(self.work, ignore_errors=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ExperimentError:
        return ExperimentError(
            f"The results folder {self.folder} cannot be written ({error.strerror or error}); "
            "name a folder with room that you may write to."
        )

    def _check(self, identity: StudyIdentity, *, extend: bool) -> bool:
        """Return whether the folder holds this study already; raise if it holds anything else."""
        folder = self.folder
        try:
            if folder.exists() and not folder.is_dir():
                raise ExperimentError(f"The results folder {folder} is a file; name a folder.")
            content = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise self._unusable(error) from error
        if STUDY not in content:
            others = [name for name in content if name != LOCK]
            if others:
                raise ExperimentError(f"The results folder {folder} already holds {others[0]}; name a new folder or remove this one.")
            return False
        known = read_identity(folder)
        if not os.access(folder, os.W_OK):
            raise ExperimentError(f"The results folder {folder} may not be written by you; change its permissions or name another folder.")
        if known.name != identity.name:
            raise ExperimentError(
                f"The results folder {folder} holds another study ({known.name!r}, not {identity.name!r}); name a new folder."
            )
        if extend:
            return True
        if (known.text, dict(known.choice)) != (identity.text, dict(identity.choice)):
            raise ExperimentError(
                f"The results folder {folder} holds another form of the study {known.name!r} (see {STUDY} in it); "
                "name a new folder, or add --extend to keep its runs that fit and go on with this form."
            )
        changed = [name for name, version in identity.versions.items() if known.versions.get(name) != version]
        if changed:
            name = changed[0]
            raise ExperimentError(
                f"The results in {folder} were made with another {name} ({known.versions.get(name, 'none')[:12]}, not "
                f"{identity.versions[name][:12]}); name a new folder, or add --extend to make anew what that changes."
            )
        return True

    def check_room(self, runs: int) -> None:
        """Raise `ExperimentError` where the disk has no room for so many more runs."""
        wanted = runs * ROOM_PER_RUN_BYTES + ROOM_IN_FLIGHT_BYTES if runs else 0
        free = shutil.disk_usage(self.folder).free
        if free < wanted:
            raise ExperimentError(
                f"The results folder {self.folder} has {free / 1e6:.0f} MB of room, and {runs} runs may need {wanted / 1e6:.0f} MB; "
                "free some or name a folder on another disk."
            )

    def finished(self, key: str) -> dict[str, Any] | None:
        """Return the record of a run that has ended, or None."""
        return read_record(self.runs / key)

    def finished_of(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the records of those runs that have ended, by key."""
        return {key: record for key in keys if (record := self.finished(key)) is not None}

    def attempt(self, key: str) -> Path:
        """Return a new folder to make a run in."""
        return Path(tempfile.mkdtemp(prefix=f"{key}-", dir=self.work))

    def publish(self, key: str, attempt: Path) -> None:
        """Make an attempt the run's one result.

        Raises
        ------
        ResultError
            If the folder cannot be written.
        """
        target = self.runs / key
        try:
            shutil.rmtree(target, ignore_errors=True)  # only a record that was given up (--retry-failed), or no whole one
            attempt.chmod(0o755)  # mkdtemp's 0o700 would shut out other readers
            attempt.rename(target)
        except OSError as error:
            raise ResultError(f"{target} cannot be written ({error.strerror or error}); free some room and resume the study.") from error

    def publish_failure(self, key: str, attempt: Path, record: Mapping[str, Any]) -> None:
        """Record that a run failed; of what it wrote only its log is kept.

        Raises
        ------
        ResultError
            If the folder cannot be written.
        """
        for path in attempt.iterdir():
            if path.name != "run.log":
                path.unlink()
        write_whole(attempt / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        self.publish(key, attempt)
