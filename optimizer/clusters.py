"""Reaching a Ray cluster (extra ``cluster``)."""

from __future__ import annotations

import importlib
import os
import socket
import sysconfig
from pathlib import Path
from typing import Any, Final

CONNECT_S: Final = 10.0


class ClusterError(RuntimeError):
    """A cluster cannot be used; the message is one sentence with the remedy."""


def ray_module() -> Any:  # noqa: ANN401 - an extra, and of no known type
    """Return Ray.

    Raises
    ------
    ClusterError
        If it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ClusterError('--cluster needs Ray, which is not installed; run: pip install "ampelwerk[cluster]".') from error


def connect(address: str, *folders: str) -> None:
    """Connect this process to a cluster.

    Parameters
    ----------
    address
        As ``ray.init`` takes it.
    folders
        Where workers find modules besides those that this process finds.

    Raises
    ------
    ClusterError
        If Ray is not installed or the cluster cannot be reached.
    """
    ray = ray_module()
    _check_address(address)
    source = Path(__file__).resolve().parents[1]
    installed = source == Path(sysconfig.get_path("purelib")).resolve()
    path = os.pathsep.join(filter(None, ("" if installed else str(source), os.environ.get("PYTHONPATH"), *folders)))
    try:
        ray.init(address, runtime_env={"env_vars": {"PYTHONPATH": path}}, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError, OSError, TimeoutError) as error:
        raise _unreachable(address, error) from error


def _check_address(address: str) -> None:
    """Raise `ClusterError` where nobody listens at the address; Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # "auto", "local" and the like are Ray's own to judge
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> ClusterError:
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return ClusterError(f"The Ray cluster {address} cannot be reached ({reason}); start one with `ray start --head`, or mend the address.")
