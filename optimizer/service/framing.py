"""How the front and its own worker processes talk: length and content, never to or from a client."""

from __future__ import annotations

import pickle
import struct

LENGTH = struct.Struct("!I")
"""Length of the content, before each message."""

READY = b"ready"
"""The nursery's word that workers can be had."""


def framed(message: object) -> bytes:
    """Return a message as it is sent."""
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content
