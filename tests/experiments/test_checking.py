"""The command ``ampelwerk check``: its three reports and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from controllers.sumo.findings import RULES
from experiments.checking import check, report
from experiments.errors import ExperimentError
from tests.audit.sarif_structure import SARIF
from tests.commands import ampelwerk

if TYPE_CHECKING:
    from pathlib import Path


def test_errors_end_with_code_1_and_none_with_code_0_and_a_wrong_name_with_code_2() -> None:
    assert ampelwerk("check", "rilsa/1").returncode == 0
    unsafe = ampelwerk("check", "rilsa/3")
    assert unsafe.returncode == 1
    assert unsafe.stdout.splitlines()[-1] == (
        "rilsa/3: 2 programs checked, 1 error, 0 warnings, 0 notes. "
        "1 program of these never runs and does not count: 0 errors, 1 warning, 0 notes."
    )
    unknown = ampelwerk("check", "rilsa/9")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("ampelwerk: There is no scenario 'rilsa/9'")
    assert ampelwerk("check", "absent.net.xml").returncode == 2


def test_the_json_report_says_the_same_as_the_text(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    assert ampelwerk("check", "rilsa/3", "--format", "json", "--out", str(out)).returncode == 1
    content = json.loads(out.read_text(encoding="utf-8"))
    text = report(check("rilsa/3"), "rilsa/3", "text")
    assert content["programs"] == 2
    lines = {
        runs: [
            f"{f['severity']}: {f['junction']} (program {f['program']}): {f['rule']}: {f['message']}"
            for f in content["findings"]
            if f["runs"] is runs
        ]
        for runs in (True, False)
    }
    assert content["never_run"] == [{"junction": "0", "program": "0"}]
    heading = "Programs that never run (not loaded last, and called up by no WAUT):"
    assert [*lines[True], heading, *(f"  {line}" for line in lines[False])] == text.splitlines()[:-1]


def test_the_sarif_report_holds_what_version_2_1_0_demands_and_points_to_the_programs_line() -> None:
    found = check("rilsa/3")
    content = json.loads(report(found, "rilsa/3", "sarif"))
    (run,) = content["runs"]
    assert content["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.value for rule in RULES]
    assert len(run["results"]) == len(found.findings) == 2
    for result, finding in zip(run["results"], found.findings, strict=True):
        place = result["locations"][0]["physicalLocation"]
        file = found.files[finding.junction, finding.program]
        line = file.read_text(encoding="utf-8").splitlines()[place["region"]["startLine"] - 1]
        assert "<tlLogic" in line
        assert f'programID="{finding.program}"' in line
        assert place["artifactLocation"]["uri"].endswith(file.name)
        assert result["level"] in {"error", "warning", "note"}
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]


@pytest.mark.parametrize("name", ["rilsa/1", "rilsa/3", "resco/cologne3"])
def test_the_sarif_report_has_the_structure_of_the_standard(name: str) -> None:
    content = json.loads(report(check(name), name, "sarif"))
    Draft202012Validator(SARIF, format_checker=FormatChecker()).validate(content)
    misspelt = content | {"run": content["runs"]}
    assert not Draft202012Validator(SARIF).is_valid(misspelt)


def test_a_network_file_can_be_checked_on_its_own() -> None:
    scenario = check("rilsa/3")
    net = next(file for file in scenario.files.values() if file.name.endswith(".net.xml"))
    assert check(str(net)).programs == 1


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ExperimentError, match="choose text, json, sarif"):
        report(check("rilsa/1"), "rilsa/1", "xml")
