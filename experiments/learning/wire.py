"""Messages between an environment and the process of its episode."""

from __future__ import annotations

import pickle
from typing import IO, Any


def send(stream: IO[bytes], message: Any) -> None:  # noqa: ANN401 - whatever is told
    """Send one message."""
    pickle.dump(message, stream)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:  # noqa: ANN401 - whatever was told
    """Return the next message.

    Raises
    ------
    EOFError, UnpicklingError
        If the other end is gone.
    """
    return pickle.load(stream)  # noqa: S301 - both ends are ours
