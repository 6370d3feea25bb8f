"""The committed evidence can be made again: one cell of it, to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tests.study.folders import ROOT, study

if TYPE_CHECKING:
    from pathlib import Path

EVIDENCE = ROOT / "docs" / "evidence" / "resco-2021.csv"
CELL = {"scenario": "resco/cologne1", "controller": "rolling_horizon@loops", "metric": "full_delay_s"}


def test_one_cell_of_the_evidence_is_found_again_to_the_digit(tmp_path: Path) -> None:
    (tmp_path / "cell.toml").write_text(
        'name = "resco-2021"\n'
        f'scenarios = ["{CELL["scenario"]}"]\ncontrollers = ["{CELL["controller"]}"]\nseeds = "0-4"\nmetrics = ["{CELL["metric"]}"]\n'
    )
    done = study("run", "cell.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    published, again = (pd.read_csv(path) for path in (EVIDENCE, tmp_path / "out" / "summary.csv"))
    for name, value in CELL.items():
        published = published[published[name] == value]
    pd.testing.assert_frame_equal(published.reset_index(drop=True), again, check_exact=True, check_dtype=False)
