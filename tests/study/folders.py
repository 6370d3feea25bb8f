"""Running studies as a user does, and looking at what they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "experiments", "study", *arguments]


def study(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=cwd, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def started(*arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(*arguments), cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def records(folder: Path) -> dict[str, tuple[int, dict]]:
    """Return the records by key, each with the number of its file on the disk: a record that is made again has another one."""
    found = {}
    for path in sorted((folder / "runs").glob("*/run.json")):
        found[path.parent.name] = (path.stat().st_ino, json.loads(path.read_text(encoding="utf-8")))
    return found


def processes_naming(text: str) -> list[int]:
    """Return the processes whose command line holds a text (Linux only)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


def await_nobody(text: str, patience_s: float = 20.0) -> None:
    deadline = time.monotonic() + patience_s
    while processes_naming(text):
        assert time.monotonic() < deadline, f"still there: {processes_naming(text)}"
        time.sleep(0.05)
