"""The findings on the shipped networks, each looked at by hand against the net's connections, stay what they are.

``known_findings.csv`` holds one line for each kind of finding with the junctions that show it. Written anew by
``python tests/audit/test_known_findings.py``; look at what changes before committing it.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from experiments.checking import check

KNOWN = Path(__file__).with_name("known_findings.csv")
SCENARIOS = (
    *(
        f"resco/{name}"
        for name in ("grid4x4", "arterial4x4", "cologne1", "cologne3", "cologne8", "ingolstadt1", "ingolstadt7", "ingolstadt21")
    ),
    *(f"rilsa/{example}" for example in (1, 2, 3, 4)),
)
COLUMNS = ("scenario", "severity", "rule", "program", "phases", "links", "junctions")


def rows(name: str) -> list[tuple[str, ...]]:
    """Return the findings of a scenario, those that differ by junction only in one row."""
    found: dict[tuple[str, ...], list[str]] = {}
    for f in check(name).findings:
        key = (name, f.severity.value, f.rule.value, f.program, " ".join(map(str, f.phases)), " ".join(map(str, f.links)))
        found.setdefault(key, []).append(f.junction)
    return [(*key, " ".join(sorted(junctions))) for key, junctions in sorted(found.items())]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_findings_on_a_shipped_network_are_the_known_ones(name: str) -> None:
    with KNOWN.open(newline="", encoding="utf-8") as stream:
        known = [tuple(row[column] for column in COLUMNS) for row in csv.DictReader(stream) if row["scenario"] == name]
    assert rows(name) == known


if __name__ == "__main__":
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for scenario in SCENARIOS:
        writer.writerows(rows(scenario))
    KNOWN.write_text(stream.getvalue(), encoding="utf-8")
