"""How inner loops are compiled: with numba, cached on disk."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numba
from numba.experimental import structref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    F = TypeVar("F", bound=Callable[..., Any])


@cache
def _sources_stamp() -> str:
    """Return a fingerprint of all source files of the package that can hold compiled code (the service has none)."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(path for path in package.rglob("*.py") if "service" not in path.relative_to(package).parts):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays when it is first called, and keep the machine code for the next process.

    Numba keeps code as long as the function's own file is unchanged, although it holds the code of the functions it calls, too. So the
    cache is
    stamped with all files of the package; where numba no longer lets us do that, nothing is kept.
    """
    dispatcher: Any = numba.njit(cache=True)(function)
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is None or not hasattr(kept, "_source_stamp"):
        dispatcher = numba.njit(function)
    else:
        kept._source_stamp = _sources_stamp()  # noqa: SLF001 - numba has no public way
    result: F = dispatcher
    return result


@structref.register
class _KeptType(numba.types.StructRef):
    """What the compiler knows of `Kept`."""

    def preprocess_fields(self, fields: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
        """Return the fields' types without the values of constants."""
        unliteral: Callable[[Any], Any] = numba.types.unliteral
        return tuple((name, unliteral(kind)) for name, kind in fields)


class Kept(structref.StructRefProxy):
    """Arrays that many calls of compiled code share: its `value`, from `keep`.

    To hand it to compiled code takes as long as to hand over four arrays, however many there are in it.
    """

    value: Any


structref.define_proxy(Kept, _KeptType, ["value"])  # type: ignore[no-untyped-call]


@compiled
def keep(value: Any) -> Kept:  # noqa: ANN401 - any named tuple of arrays and numbers
    """Return a named tuple of arrays (and of such tuples) for many calls of compiled code; the arrays may be changed in place."""
    return Kept(value)  # type: ignore[no-untyped-call]
