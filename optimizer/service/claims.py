"""Who uses a database: a second service on the same one is told of, but not stopped."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


def claim(database: Path) -> None:
    """Claim an SQLite file for as long as this process lives, or warn that another one that lives has claimed it.

    The claim is a lock of the system on a file beside it (``.lock``), which ends with the process, however it ends: what a killed service
    leaves behind is an unlocked file, and a restart is never held up.
    """
    with contextlib.suppress(OSError):  # where nothing can be written or locked, nothing can be told
        mark = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT, 0o600)  # never closed: it is held until the process ends
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(mark, 20).decode(errors="replace").strip()
            os.close(mark)
            _log.warning(
                "another running service uses this database: each would overwrite what the other learns and miss its descriptions; "
                "give each a --database of its own",
                extra={"database": str(database), "pid": owner},
            )
            return
        os.ftruncate(mark, 0)
        os.write(mark, f"{os.getpid()}\n".encode())
