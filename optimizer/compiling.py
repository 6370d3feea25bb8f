"""How inner loops are compiled: with numba, cached on disk."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numba
from numba.experimental import structref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    F = TypeVar("F", bound=Callable[..., Any])


_IMPORT = re.compile(rb"^from (optimizer[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)


def _imported(source: bytes, modules: Mapping[str, Path]) -> set[str]:
    """Return the modules of this package that a source file takes something from when it runs (an indented import is for types only)."""
    named = set()
    for module, names in _IMPORT.findall(source):
        place = module.decode()
        named |= {place, *(f"{place}.{name}" for name in re.findall(r"\w+", names.decode()))}
    return named & modules.keys()


@cache
def _sources_stamp() -> str:
    """Return a fingerprint of all source files that can be part of compiled code: those with kernels, and what these import.

    Machine code holds the constants of other modules as well as the functions that it calls.
    """
    package = Path(__file__).parent
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path for path in package.rglob("*.py")
    }
    sources = {name: path.read_bytes() for name, path in modules.items()}
    waiting = [name for name, source in sources.items() if b"\n@compiled\n" in source]
    reached = set(waiting)
    while waiting:
        further = _imported(sources[waiting.pop()], modules) - reached
        reached |= further
        waiting += further
    digest = hashlib.sha256()
    for name in sorted(reached):
        digest.update(sources[name])
    return digest.hexdigest()


def compiled(function: F) -> F:
    """Compile a function of numbers and arrays when it is first called, and keep the machine code for the next process.

    Numba keeps code as long as the function's own file is unchanged, although it holds the code of the functions it calls, too. So the
    cache is stamped with all files that can be part of it; where numba no longer lets us do that, nothing is kept.
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
