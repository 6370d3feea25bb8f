"""One service that the tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.running import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), WORKERS="2", LOG_LEVEL="debug") as started:
        yield started
