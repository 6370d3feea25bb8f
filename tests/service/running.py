"""A real service in a process of its own, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0  # the first start compiles the optimizer, and the machine may have much else to do


@dataclass
class Service:
    """A service that can be started, killed and started again."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    database: str = ""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.database = self.database or f"sqlite:///{self.folder / 'state.db'}"

    @property
    def url(self) -> str:
        return f"http{'s' * ('CERTIFICATE' in self.settings)}://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def start(self) -> None:
        command = [sys.executable, "-m", "optimizer.service"]
        settings = {"PORT": str(self.port), "DATABASE": self.database, "CALLS_PER_S": "100000", **self.settings}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"AMPELWERK_{name}": value for name, value in settings.items()}}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def await_ready(self) -> float:
        """Wait until it can decide; return for how long."""
        assert self.process is not None
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE_S:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", verify=False).status_code == 200:  # noqa: S501 - a certificate of the test's own
                    return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As ``kill -9`` does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30)


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Service]:
    """Run a service with settings as its environment variables name them."""
    service = Service(folder, settings)
    service.start()
    try:
        service.await_ready()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.stop()


@contextlib.contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mount a file system of a few megabytes; raise `PermissionError` where nobody may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise PermissionError("no right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
