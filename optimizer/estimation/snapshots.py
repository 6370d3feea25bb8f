"""What has been learnt as bytes, so that it survives the process that learnt it."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LEVEL = 1  # most of the memory is empty; a better compression takes longer and gains little


class SnapshotError(ValueError):
    """Bytes are no snapshot of the same junction and version."""


class Keeps(Protocol):
    """Anything whose learnt state can be taken away and given back."""

    def snapshot(self) -> bytes:
        """Return what has been learnt."""

    def restore(self, snapshot: bytes) -> None:
        """Take up what was learnt before.

        Raises
        ------
        SnapshotError
            If the bytes belong to another junction or version; nothing is changed then.
        """


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return named arrays as bytes."""
    head = json.dumps([[name, array.dtype.str, array.shape] for name, array in arrays.items()]).encode()
    return head + b"\n" + zlib.compress(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values()), _LEVEL)


def unpack_into(arrays: Mapping[str, NDArray[Any]], snapshot: bytes) -> None:
    """Fill named arrays in place from what `packed` made of arrays of the same names, types and shapes.

    Raises
    ------
    SnapshotError
        If the snapshot is of anything else; no array is changed then.
    """
    head, _, body = snapshot.partition(b"\n")
    wanted = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    try:
        found = json.loads(head)
        content = zlib.decompress(body)
    except (ValueError, zlib.error) as error:
        raise SnapshotError(f"the bytes are no snapshot ({error}); leave them out.") from error
    if found != wanted or len(content) != sum(array.nbytes for array in arrays.values()):
        raise SnapshotError("the snapshot was made for other detectors, lanes or another version; leave it out.")
    place = 0
    for array in arrays.values():
        array[...] = np.frombuffer(content, dtype=array.dtype, count=array.size, offset=place).reshape(array.shape)
        place += array.nbytes
