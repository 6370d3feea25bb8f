"""What the log tells of the answers: each refusal, and each change of what is wrong at a junction."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.service.answered import Reply

_log = logging.getLogger("ampelwerk.junctions")


class Watch:
    """Remembers what was wrong at each junction, so that what lasts is told once and not every second."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[str, ...]] = {}

    def note(self, name: str, reply: Reply, request_id: str) -> None:
        """Take note of an answered call."""
        if reply.repeated:
            return
        if reply.refused:
            _log.warning("a wish of the optimizer was refused", extra={"junction": name, "rule": reply.refused, "request_id": request_id})
        wrong = (*sorted(set(reply.alarms)), *(f"led by {by}" for by in reply.led_by[-1:]))
        if wrong == self._wrong.get(name, ()):
            return
        self._wrong[name] = wrong
        details = {"junction": name, "wrong": list(wrong), "request_id": request_id}
        if wrong:
            _log.warning("something is wrong at a junction", extra=details)
        else:
            _log.info("a junction is in order again", extra=details)

    def forget(self, name: str) -> None:
        """Forget a junction."""
        self._wrong.pop(name, None)
