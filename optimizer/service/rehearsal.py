"""Loading the compiled code before the clock runs: a small junction is described, asked about and forgotten."""

from __future__ import annotations

import json
import time

from optimizer.service.description import JunctionDescription, NeighbourLink
from optimizer.service.site import JunctionSite

# Two crossing streets of one lane each, a loop at each stop line: enough to run through estimation, search and monitor.
_STREETS = ("a", "b")
_LANE = {"length_m": 100.0, "speed_m_s": 13.9, "storage_m": 100.0}


def small_junction() -> JunctionDescription:
    """Return the description of two crossing one-way streets."""
    return JunctionDescription.model_validate_json(
        json.dumps(
            {
                "id": "rehearsal",
                "incoming": [{"id": f"{street} in", "approach": street, **_LANE} for street in _STREETS],
                "outgoing": [{"id": f"{street} out", "approach": street, **_LANE} for street in _STREETS],
                "groups": [{"id": street, "kind": "vehicle", "signals": [place]} for place, street in enumerate(_STREETS)],
                "movements": [
                    {"incoming": f"{street} in", "outgoing": f"{street} out", "group": street, "direction": "straight", "crossing_m": 15.0}
                    for street in _STREETS
                ],
                "stages": [{"id": street, "aspects": {street: "G"}} for street in _STREETS],
                "conflicts": [list(_STREETS)],
                "intergreens": [
                    {"ending": "a", "starting": "b", "intergreen_s": 5.0},
                    {"ending": "b", "starting": "a", "intergreen_s": 5.0},
                ],
                "detectors": [
                    {"id": f"{street} loop", "role": "stop_line", "lanes": [f"{street} in"], "distance_m": 2.0, "speed_m_s": 13.9}
                    for street in _STREETS
                ],
                "signal_count": 2,
                "fallback": [{"stage": "a", "green_s": 20.0}, {"stage": "b", "green_s": 15.0}],
            }
        )
    )


def rehearse() -> None:
    """Ask for a decision once with loops and once with vehicles."""
    seen = {
        "loops": {"count": [0, 1], "occupancy": [0.0, 1.0], "occupied_s": [0.0, 3.0], "speed_m_s": [None, 5.0]},
        "vehicles": {
            "lane": [1],
            "movement": [1],
            "distance_m": [1.0],
            "speed_m_s": [0.0],
            "length_m": [5.0],
            "in_junction": [0, 0],
            "outgoing_vehicles": [0, 0],
            "outgoing_room_m": [200.0, 200.0],
        },
    }
    link = NeighbourLink(source="neighbour", lane="way", to=["a in"], distance_m=300.0, travel_time_s=25.0)
    for kind, report in seen.items():
        site = JunctionSite(small_junction().model_copy(update={"links": [link]}))
        call = {
            "sequence": 1,
            "time_s": 100.0,
            "signal": {"stage": "a", "previous": "a", "green_start_s": 0.0, "commanded_s": 0.0},
            "shown": [{"since_s": 0.0, "state": "Gr"}],
            "neighbours": [{"junction": "neighbour", "times_s": [95.0], "lanes": ["way"]}],
            kind: report,
        }
        site.answer(json.dumps(call).encode(), time.monotonic())
