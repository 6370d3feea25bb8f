"""The process that the workers are forked from: it has loaded the compiled code once, so that a new worker is there at once.

Run as ``python -m optimizer.service.nursery DESCRIPTOR``; each file descriptor that comes over the socket becomes a worker's connection.
It holds no threads and no state, so forking it is sound. It ends with the front, and so do its workers.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""Of `prctl(2)`; forked workers do not inherit it, but end with their connections."""


def main() -> None:
    """Load, then fork a worker for each descriptor until the front is gone."""
    # Signals may reach the whole group; the front decides when its workers end, and closes their connections then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries the workers; the front notices by their connections
    _end_with_the_front()
    control = socket.socket(fileno=int(sys.argv[1]))
    # What is loaded here stays. To look through it for garbage would slow the start, stop a worker for a tenth of a second at times, and
    # give each worker its own copy of all that they share.
    gc.disable()
    from optimizer.service.framing import READY  # noqa: PLC0415 - loaded without looking for garbage
    from optimizer.service.rehearsal import rehearse  # noqa: PLC0415
    from optimizer.service.worker import work  # noqa: PLC0415

    rehearse()
    gc.freeze()
    gc.enable()
    with control:
        try:
            control.sendall(READY)
        except BrokenPipeError:
            return  # the front has ended meanwhile
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            except ConnectionResetError:
                return  # the front was killed
            if not message:
                return
            if os.fork() == 0:
                control.close()
                work(socket.socket(fileno=descriptors[0]))
                os._exit(0)
            os.close(descriptors[0])


def _end_with_the_front() -> None:
    """Have the system kill this process with the one that started it, even while it compiles; elsewhere it ends later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
