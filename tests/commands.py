"""The command ``ampelwerk`` as a user calls it: in a process and a folder of its own, or, where only mistakes are told, in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.cli import main

ROOT = Path(__file__).resolve().parents[1]


def ampelwerk(*arguments: str, cwd: Path = ROOT, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experiments", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def mistake(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a mistake is told with; here in this process, for a new one would load for seconds first."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    told = capfd.readouterr()
    assert (ended.value.code, told.out, told.err.count("\n")) == (2, "", 1), told
    return told.err
