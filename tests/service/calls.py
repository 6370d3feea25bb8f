"""Calls of the small junction of two crossing streets, as a controller would make them."""

from __future__ import annotations

import json
import time
from typing import Any

from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite

STATE = {"a": "Gr", "b": "rG"}

_SIGNALS = {
    "service": [[1, 0], [0, 1]],
    "interstage_ds": [[-1, 50], [50, -1]],
    "minimum_green_ds": [50, 50],
    "maximum_green_ds": [600, 600],
    "yields": [[False, False], [False, False]],
}
PROBLEM: dict[str, Any] = {
    "signals": _SIGNALS,
    "stage": 0,
    "green_start_ds": -100,
    "group_green_since_ds": [-100, 0],
    "earliest_change_ds": 0,
    "latest_change_ds": 500,
    "lane_start": [0, 0, 1],
    "lane_free_ds": [0, 0],
    "headway_ds": [19, 19],
    "arrival_ds": [0],
    "release_ds": [0],
    "group": [1],
    "weight": [10],
    "moving": [False],
    "unserved_cost": [[10_000, 9_000]],
}
"""A horizon problem: one vehicle waits at the red of two groups."""


def call(sequence: int, time_s: float, stage: str = "a", since_s: float = 0.0, **more: object) -> dict[str, Any]:
    """Return a call: `stage` has been green since `since_s`; a queue stands before each red, nobody comes on green."""
    waiting = "b" if stage == "a" else "a"
    covered = [float(waiting == street) for street in STATE]
    return {
        "sequence": sequence,
        "time_s": time_s,
        "signal": {"stage": stage, "previous": stage, "green_start_s": since_s, "commanded_s": since_s},
        "shown": [{"since_s": since_s, "state": STATE[stage]}],
        "loops": {"count": [0, 0], "occupancy": covered, "occupied_s": [30.0 * c for c in covered], "speed_m_s": [None, None]},
        **more,
    }


def ask(site: JunctionSite, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a site in this process."""
    return dict(json.loads(site.answer(json.dumps(body).encode(), time.monotonic()).body))


def site() -> JunctionSite:
    """Return the small junction's site."""
    return JunctionSite(small_junction())


def kinds(answer: dict[str, Any]) -> set[str]:
    """Return the kinds of an answer's alarms."""
    return {alarm["kind"] for alarm in answer["alarms"]}
