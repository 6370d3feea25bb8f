"""What the log tells of the answers: what lasts is told once, and its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from optimizer.service.answered import Reply
from optimizer.service.watch import Watch

if TYPE_CHECKING:
    import pytest


def test_refusals_are_told_each_time_and_what_lasts_only_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    with caplog.at_level(logging.INFO):
        for reply in (
            Reply(b""),
            Reply(b"", alarms=("silent-detector",)),
            Reply(b"", alarms=("silent-detector",), refused="intergreen"),
            Reply(b"", alarms=("silent-detector",), repeated=True, refused="intergreen"),
            Reply(b"", alarms=("silent-detector",), led_by=("waiting", "own plan")),
            Reply(b""),
        ):
            watch.note("one", reply, "id-1")
    told = [(record.getMessage(), getattr(record, "wrong", None)) for record in caplog.records]
    assert told == [
        ("something is wrong at a junction", ["silent-detector"]),
        ("a wish of the optimizer was refused", None),
        ("something is wrong at a junction", ["silent-detector", "led by own plan"]),
        ("a junction is in order again", []),
    ]
    assert {record.__dict__["request_id"] for record in caplog.records} == {"id-1"}
