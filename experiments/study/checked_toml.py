"""Taking values out of a TOML file: what is wrong is told in one sentence with its line and the nearest valid word."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, NoReturn

from experiments.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from experiments.study.places import TomlText


class CheckedToml:
    """A file's content; every complaint names the file and the line.

    Parameters
    ----------
    content
        What was read from it.
    places
        Where its keys and values stand.
    file
        What complaints call it.
    folder
        Where its relative paths start from; None where it has none.
    """

    def __init__(self, content: dict[str, Any], places: TomlText, file: str, folder: Path | None) -> None:
        self.content, self.places, self.file, self.folder = content, places, file, folder

    def seconds(self, key: str, table: str = "") -> float | None:
        """Return a number of seconds above 0; None where the key is missing."""
        value = (self.content if not table else self.content.get(table, {})).get(key)
        if value is not None and (not is_number(value) or not value > 0):
            self.complain(key, f"{key!r} must be a number of seconds above 0, not {value!r}", table=table)
        return None if value is None else float(value)

    def text(self, key: str, default: str) -> str:
        """Return a text; not an empty one, where there is a default."""
        value = self.content.get(key, default)
        if not isinstance(value, str) or (not value and default):
            self.complain(key, f"{key!r} must be a text, not {value!r}")
        return value

    def list_of(self, key: str, default: list[Any] | None, kinds: type | tuple[type, ...]) -> list[Any]:
        """Return a list with at least one entry, all of some kinds; the default where the key is missing and has one."""
        if key not in self.content and default is not None:
            return default
        if key not in self.content:
            raise ExperimentError(f"{self.file} names no {key}; add a line: {key} = [...].")
        value = self.content[key]
        if not isinstance(value, list) or any(not isinstance(one, kinds) or isinstance(one, bool) for one in value):
            wanted = kinds if isinstance(kinds, tuple) else (kinds,)
            words = " or ".join({str: "texts", dict: "tables", int: "whole numbers", float: "numbers"}[kind] for kind in wanted)
            self.complain(key, f"{key!r} must be a list of {words}")
        if not value:
            self.complain(key, f"{key!r} is empty, so there is nothing to run; name at least one")
        return value

    def check_keys(self, table: Mapping[str, Any], known: Iterable[str], name: str, number: int = 0) -> None:
        """Complain of the first key of a table that is not known."""
        known = tuple(known)
        for key in table:
            if key not in known:
                where = f" in [{name}]" if name else ""
                self.complain(key, f"there is no key {key!r}{where}; {nearest(key, known)}", table=name, number=number)

    def check_doubles(self, key: str, labels: Iterable[str]) -> None:
        """Complain of the first label that comes twice."""
        seen = set()
        for label in labels:
            if label in seen:
                self.complain(key, f"{key!r} holds {label!r} twice; name each once, or give them different labels")
            seen.add(label)

    def complain(self, key: str, sentence: str, value: object = None, *, table: str = "", number: int = 0) -> NoReturn:
        """Raise `ExperimentError` with the line of a key, or of a value behind it."""
        line = self.places.line_of_key(key, table, number)
        if value is not None:
            line = self.places.line_of_value(value, line)
        raise ExperimentError(f"{self.file}, line {line}: {sentence}.")


def is_number(value: object) -> bool:
    """Whether a value of a TOML file is a number that can be reckoned with (a truth value is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """Return the words that name the nearest valid word, or all of them."""
    options = list(valid)
    near = difflib.get_close_matches(wrong, options, n=1, cutoff=0.5)
    return f"the nearest is {near[0]!r}" if near else f"choose from {', '.join(options)}"
