"""From an observation to the JSON that is reported: the reverse of `optimizer.service.reports`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation


def second_of(junction: Intersection, time_s: float, seen: JunctionObservation) -> dict[str, Any]:
    """Return the JSON of `optimizer.service.messages.Second`.

    Parameters
    ----------
    junction
        The junction's description.
    time_s
        Now.
    seen
        What was seen there.
    """
    status, stages = seen.signal, junction.stages
    second: dict[str, Any] = {
        "time_s": time_s,
        "signal": {
            "stage": stages[status.stage].id,
            "previous": stages[status.previous].id,
            "green_start_s": status.green_start_s,
            "commanded_s": status.commanded_s,
        },
    }
    if seen.loops is not None:
        loops = seen.loops
        second["loops"] = {
            "count": loops.count.tolist(),
            "occupancy": loops.occupancy.tolist(),
            "occupied_s": loops.occupied_s.tolist(),
            "speed_m_s": [None if speed != speed else speed for speed in loops.speed_m_s.tolist()],  # noqa: PLR0124 - NaN
        }
    if seen.vehicles is not None:
        views = seen.vehicles
        names = ("lane", "movement", "distance_m", "speed_m_s", "length_m", "in_junction", "outgoing_vehicles", "outgoing_room_m")
        second["vehicles"] = {name: getattr(views, name).tolist() for name in names}
    return second
