"""Settings that all tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

# the same examples on every machine, and no verdict that depends on how busy it is
settings.register_profile("ampelwerk", deadline=None, derandomize=True)
settings.load_profile("ampelwerk")

ROOT = Path(__file__).parent
FIRST = "service/test_cluster.py"
WITHOUT_KERNELS = ("audit/", "design/", "monitor/", "network/", "sumo_networks/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process compile the optimizer, and then wait for a cluster, while the other tests what needs no compiled code.

    In the order of their names both processes would compile the same at the same time: a minute and more of two cores.
    """
    items.sort(key=lambda item: _rank(item.path.relative_to(ROOT).as_posix()))


def _rank(file: str) -> int:
    if file == FIRST:
        return 0
    return 1 if file.startswith(WITHOUT_KERNELS) else 2
