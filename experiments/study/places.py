"""Where in a TOML file something stands; Python's own reader does not tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class TomlText:
    """The text of a TOML file."""

    text: str

    def line_of_key(self, key: str, table: str = "", number: int = 0) -> int:
        """Return the line (from 1) of a key; of the key's first appearance where it is not in that table.

        Parameters
        ----------
        key
            As written, or the name of a table itself.
        table
            Name of the table that it stands in; empty for the top.
        number
            Which table of that name, in an array of tables.
        """
        here, seen = "", {"": 0}
        word = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*(=|\.)")
        anywhere = None
        for line, content in enumerate(self.text.splitlines(), start=1):
            header = _HEADER.match(content)
            if header is not None:
                here = header[2]
                seen[here] = seen.get(here, -1) + 1
                if here == key and not table:
                    return line
            elif word.match(content) and here == table and seen[here] == number:
                return line
            if anywhere is None and re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])[\"']?\s*[=.\]]", content):
                anywhere = line
        return anywhere or 1

    def line_of_value(self, value: object, start: int = 1) -> int:
        """Return the first line from `start` on that holds a value; `start` where none does."""
        plain = re.escape(f"{value}")
        word = re.compile(rf"([\"'])\s*{plain}\s*\1" if isinstance(value, str) else rf"(?<![\w.+-]){plain}(?![\w.])")
        lines = self.text.splitlines()
        return next((line for line in range(start, len(lines) + 1) if word.search(lines[line - 1])), start)
