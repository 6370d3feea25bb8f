"""An answer on its way from a worker to the front."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Reply:
    """An answered call.

    Attributes
    ----------
    body
        JSON of the answer.
    repeated
        Whether it is the stored answer to the same call.
    engine, solve_s, refused, alarms
        For the service's metrics and log.
    led_by
        The same: what led the junction in place of the service, one for each second that is told of; the newest at the end.
    """

    body: bytes
    repeated: bool = False
    engine: str = ""
    solve_s: float = 0.0
    refused: str = ""
    alarms: tuple[str, ...] = ()
    led_by: tuple[str, ...] = ()
