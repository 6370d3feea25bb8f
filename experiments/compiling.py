"""Tells the user that the optimizer is being compiled: for some minutes, once, nothing else would be seen."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SENTENCE: Final = b"Compiling the optimizer; this takes a few minutes, once.\n"


@contextlib.contextmanager
def told_of_compiling() -> Iterator[None]:
    """Write a sentence to the standard error of this moment as soon as anything is compiled that had not been kept."""
    if "numba" not in sys.modules:  # whoever has not loaded it compiles nothing, and loading it takes a second
        yield
        return
    from numba.core import event  # noqa: PLC0415

    class Teller(event.Listener):  # type: ignore[misc] # numba has no types
        told = False

        def on_start(self, event: object) -> None:  # noqa: ARG002
            if not self.told:
                self.told = True
                os.write(screen, SENTENCE)

        def on_end(self, event: object) -> None:
            """Say nothing."""

    screen = os.dup(2)
    try:
        with event.install_listener("numba:compile", Teller()):
            yield
    finally:
        os.close(screen)
