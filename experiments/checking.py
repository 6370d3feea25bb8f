"""The safety check as the user sees it: which files are checked, and the report as text, JSON or SARIF."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controllers.sumo.audit import Audit, audit
from controllers.sumo.findings import RULES, Severity
from controllers.sumo.xml_reading import opened
from experiments.errors import ExperimentError
from experiments.provenance import versions
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controllers.sumo.findings import Finding

FORMATS: Final = ("text", "json", "sarif")
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_NETS: Final = (".net.xml", ".net.xml.gz")


def check(name_or_path: str, additional: Sequence[Path] = ()) -> Audit:
    """Check all signal programs of a scenario, or of a network file on its own.

    Parameters
    ----------
    name_or_path
        A scenario's name, the path of a ``.sumocfg``, or that of a ``.net.xml``.
    additional
        Further files with programs, as they would be loaded after the scenario's own.

    Raises
    ------
    ScenarioError, NetworkError
        If the scenario or a file cannot be used.
    """
    if name_or_path.endswith(_NETS):
        return audit(Path(name_or_path), tuple(additional))
    place = scenario(name_or_path)
    return audit(place.network, (*place.additional_files, *additional))


def report(found: Audit, name: str, form: str) -> str:
    """Return a check's findings as text, JSON or SARIF 2.1.0.

    Parameters
    ----------
    found
        The check.
    name
        What was checked, as the user named it.
    form
        One of `FORMATS`.

    Raises
    ------
    ExperimentError
        If there is no such form.
    """
    if form not in FORMATS:
        raise ExperimentError(f"--format {form!r} is unknown; choose {', '.join(FORMATS)}.")
    writer = {"text": text_report, "json": json_report, "sarif": sarif_report}[form]
    return writer(found, name)


def text_report(found: Audit, name: str) -> str:
    """Return the findings as lines for people: those of each junction together, then those of programs that never run, and a summary."""
    lines = [_line(finding) for finding in found.findings if found.runs(finding)]
    lines += [f"note: {junction}: not checked, because {reason}." for junction, reason in found.left_out.items()]
    idle = [finding for finding in found.findings if not found.runs(finding)]
    if idle:
        lines += ["Programs that never run (not loaded last, and called up by no WAUT):", *(f"  {_line(finding)}" for finding in idle)]
    lines.append(f"{name}: {_programs(found.programs)} checked, {_numbers(f for f in found.findings if found.runs(f))}.")
    if found.never_run:
        count = len(found.never_run)
        does = "does" if count == 1 else "do"
        lines[-1] += f" {_programs(count)} of these never {'runs' if count == 1 else 'run'}" + (
            f" and {does} not count: {_numbers(idle)}." if idle else "."
        )
    return "\n".join(lines) + "\n"


def _line(finding: Finding) -> str:
    where = f"{finding.junction} (program {finding.program})"
    return f"{finding.severity.value}: {where}: {finding.rule.value}: {finding.sentence}"


def _programs(count: int) -> str:
    return f"{count} program{'' if count == 1 else 's'}"


def _numbers(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity.value}{'' if counts[severity] == 1 else 's'}" for severity in Severity)


def json_report(found: Audit, name: str) -> str:
    """Return the findings as JSON."""
    content = {
        "checked": name,
        "programs": found.programs,
        "findings": [finding_values(finding) | {"runs": found.runs(finding)} for finding in found.findings],
        "never_run": [{"junction": junction, "program": program} for junction, program in sorted(found.never_run)],
        "not_checked": found.left_out,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def finding_values(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values."""
    return {
        "severity": finding.severity.value,
        "rule": finding.rule.value,
        "junction": finding.junction,
        "program": finding.program,
        "phases": list(finding.phases),
        "links": list(finding.links),
        "message": finding.sentence,
        "pairs": _pairs(finding),
    }


def _pairs(finding: Finding) -> list[dict[str, float]]:
    return [dict(zip(("clearing", "entering", "shown_s", "needed_s"), pair, strict=True)) for pair in finding.pairs]


def sarif_report(found: Audit, name: str) -> str:
    """Return the findings as SARIF 2.1.0 (OASIS 2020), which code hosts show beside the lines of the files."""
    order = list(RULES)
    lines = {file: _program_lines(file) for file in set(found.files.values())}
    results = []
    for finding in found.findings:
        key = (finding.junction, finding.program)
        file = found.files[key]
        location: dict[str, Any] = {
            "physicalLocation": {
                "artifactLocation": {"uri": _uri(file)},
                "region": {"startLine": lines[file].get(key, 1)},
            },
            "logicalLocations": [
                {"name": finding.program, "fullyQualifiedName": f"{finding.junction}/{finding.program}", "kind": "member"},
            ],
        }
        results.append(
            {
                "ruleId": finding.rule.value,
                "ruleIndex": order.index(finding.rule),
                "level": finding.severity.value,
                "message": {"text": f"{finding.junction}, program {finding.program}: {finding.sentence}"},
                "locations": [location],
                "properties": {
                    "phases": list(finding.phases),
                    "links": list(finding.links),
                    "pairs": _pairs(finding),
                    "runs": found.runs(finding),
                },
            }
        )
    driver = {
        "name": "ampelwerk check",
        "version": versions()["ampelwerk"],
        "rules": [{"id": rule.value, "shortDescription": {"text": sentence}} for rule, sentence in RULES.items()],
    }
    run = {"tool": {"driver": driver}, "results": results, "properties": {"checked": name, "notChecked": found.left_out}}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _uri(file: Path) -> str:
    """Return a path as SARIF wants it: relative to the working folder where it lies below, else a file URI."""
    whole = file.absolute()
    return whole.relative_to(Path.cwd()).as_posix() if whole.is_relative_to(Path.cwd()) else whole.as_uri()


_START: Final = re.compile(r"<tlLogic\b[^>]*")
_ATTRIBUTE: Final = re.compile(r"\b(id|programID)\s*=\s*[\"']([^\"']*)[\"']")


def _program_lines(file: Path) -> dict[tuple[str, str], int]:
    """Return the line on which each program of a file begins (an element's start may spread over lines)."""
    with opened(file) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    found: dict[tuple[str, str], int] = {}
    for start in _START.finditer(text):
        named = dict(_ATTRIBUTE.findall(start[0]))
        found[named.get("id", ""), named.get("programID", "0")] = text.count("\n", 0, start.start()) + 1
    return found
