"""How the engines' inner loops are compiled: with numba, cached on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays when it is first called, and keep the machine code for the next process."""
    result: F = numba.njit(cache=True)(function)
    return result
