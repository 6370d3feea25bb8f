"""The front's end of the nursery: started before anything else is loaded, so that both load at the same time."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from typing import Final

from optimizer.service.framing import READY

TOLD_EVERY_S: Final = 60.0
_log = logging.getLogger(__name__)


class Nursery:
    """The process that workers are forked from (see `optimizer.service.nursery`); it starts to load at once."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(TOLD_EVERY_S)
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "optimizer.service.nursery", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def await_ready(self) -> None:
        """Wait until workers can be had, for as long as the process lives: on a machine with other work, to compile takes minutes.

        Raises
        ------
        RuntimeError
            If the process has ended.
        """
        while True:
            try:
                told = self._control.recv(len(READY))
                break
            except TimeoutError:
                _log.info("still compiling the optimizer; the first start on a machine takes one to five minutes")
        if told != READY:
            raise RuntimeError("the process that loads the optimizer ended early; its complaint stands above.")

    def fork(self) -> socket.socket:
        """Return the connection to a new worker."""
        ours, theirs = socket.socketpair()
        socket.send_fds(self._control, [b"w"], [theirs.fileno()])
        theirs.close()
        return ours

    def close(self) -> None:
        """End the process, and with the front's connections its workers."""
        self._control.close()
        self._process.kill()  # it may still be loading; it holds nothing
        self._process.wait()
