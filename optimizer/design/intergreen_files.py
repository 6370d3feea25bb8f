"""Intergreen matrices as offices keep them: one row per ending group, one column per starting group, full or tenths of seconds.

The first row names the starting groups, the first column the ending ones. An empty cell (or ``-``) means that the pair has no conflict.
Semicolons and decimal commas, which German spreadsheets write, are understood.
"""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from optimizer.design.errors import DesignError
from optimizer.design.intergreens import Intergreen, IntergreenTable

if TYPE_CHECKING:
    from collections.abc import Sequence

EMPTY = frozenset({"", "-", "x", "X"})
LONGEST_S = 60.0


def matrix_text(table: IntergreenTable) -> str:
    """Return a table as CSV that `with_overrides` reads back."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["ending / starting", *table.groups])
    for g, name in enumerate(table.groups):
        cells = [table.entries.get((g, h)) for h in range(len(table.groups))]
        writer.writerow([name, *("" if cell is None else f"{cell.value_s:g}" for cell in cells)])
    return stream.getvalue()


def distances_text(table: IntergreenTable) -> str:
    """Return how each intergreen was computed, one line per pair, as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["ending", "starting", "s_0_m", "s_e_m", "clearing_s", "entering_s", "need_s", "intergreen_s"])
    for (g, h), entry in sorted(table.entries.items()):
        names = [table.groups[g], table.groups[h]]
        if entry.point is None:
            writer.writerow([*names, "", "", "", "", "", f"{entry.value_s:g}"])
            continue
        measures = [entry.point.clearing_m, entry.point.entering_m, entry.clearing_s, entry.entering_s, entry.need_s]
        writer.writerow([*names, *(f"{value:.2f}" for value in measures), f"{entry.value_s:g}"])
    return stream.getvalue()


def with_overrides(table: IntergreenTable, text: str, source: str) -> IntergreenTable:
    """Return the table with the values of an office's matrix in place of the computed ones.

    Parameters
    ----------
    table
        The computed table; the file must give a value for each of its pairs whose two groups the file names.
    text
        The file's content.
    source
        Its name, for messages.

    Raises
    ------
    DesignError
        If a name is unknown or twice, a value is no time, or a pair that conflicts has none.
    """
    rows = _rows(text)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DesignError(f"{source}: holds no matrix; name the starting groups in the first row and the ending ones in the first column.")
    columns = _indices(rows[0][1:], table.groups, f"{source}: row 1")
    starts = _indices([row[0] for row in rows[1:]], table.groups, f"{source}: column 1")
    entries = dict(table.entries)
    for number, (g, row) in enumerate(zip(starts, rows[1:], strict=True), start=2):
        if len(row) > len(columns) + 1:
            raise DesignError(f"{source}: row {number} has {len(row) - 1} values for {len(columns)} groups; remove the surplus.")
        for position, h in enumerate(columns):
            cell = row[position + 1].strip() if position + 1 < len(row) else ""
            place = f"{source}: row {number} ({table.groups[g]}), column {position + 2} ({table.groups[h]})"
            if cell in EMPTY:
                if (g, h) in table.entries:
                    raise DesignError(f"{place} is empty, but these groups conflict; give the seconds.")
                continue
            if g == h:
                raise DesignError(f"{place} gives {cell!r} for a group against itself; leave the diagonal empty.")
            entries[g, h] = Intergreen(None, 0.0, 0.0, _seconds(cell, place))
    return IntergreenTable(table.groups, entries)


def _rows(text: str) -> list[list[str]]:
    first = text.lstrip("\ufeff").partition("\n")[0]
    delimiter = max(";\t,", key=first.count)
    rows = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter)
    return [row for row in rows if any(cell.strip() for cell in row) and not row[0].startswith("#")]


def _indices(names: Sequence[str], groups: Sequence[str], place: str) -> list[int]:
    found: list[int] = []
    for name in (name.strip() for name in names):
        if name not in groups:
            raise DesignError(f"{place} names {name!r}, which is no signal group here; choose from {', '.join(groups)}.")
        if groups.index(name) in found:
            raise DesignError(f"{place} names {name!r} twice; name each group once.")
        found.append(groups.index(name))
    return found


def _seconds(cell: str, place: str) -> float:
    try:
        value_s = float(cell.replace(",", "."))
    except ValueError:
        value_s = math.nan
    if not 0 <= value_s <= LONGEST_S:
        raise DesignError(f"{place} holds {cell!r}; give seconds from 0 to {LONGEST_S:g}.")
    return value_s
