"""The rolling horizon on the bundled network, with its pedestrians, trams and long intergreens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("information", ["loops", "zone"])
def test_the_rolling_horizon_keeps_to_all_limits_by_itself(information: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, str(Path(__file__).with_name("one_run.py")), "neudorf", "rolling_horizon"]
    command += [json.dumps({"information": information}), "0", "600", str(tmp_path)]
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    assert outcome["commands"] > 0
    assert (outcome["refused"], outcome["violations"], outcome["unsafe"]) == (0, 0, 0)
