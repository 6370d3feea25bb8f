"""Priority requests: a bus, a tram or an ambulance says when it will arrive and how much its delay counts.

A request becomes weight in the expected traffic, before a plan is made of it: the vehicle that is expected where and when the request says
so takes its weight; where none is expected, one is added. Engines know nothing of it. Where nothing is requested nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection

CAR_PERSONS: Final = 1.46
"""Persons in a mean car: the unit of weight (Mobilität in Deutschland 2017, all purposes)."""


@dataclass(frozen=True, slots=True)
class PriorityRequest:
    """A vehicle that asks for its green.

    Attributes
    ----------
    earliest_s, latest_s
        When it will reach the stop line if nothing holds it up; in the past where it waits there.
    persons
        Who are on board.
    movements
        Indices of the movements that it may make: one, or all of a signal group.
    """

    earliest_s: float
    latest_s: float
    persons: float
    movements: tuple[int, ...]


def with_requests(junction: Intersection, traffic: ExpectedTraffic, requests: Sequence[PriorityRequest], time_s: float) -> ExpectedTraffic:
    """Return the expected traffic with the weight of those who request priority.

    A request is matched with the vehicle of its movements that is expected within its window, nearest to the middle; each vehicle once.
    A vehicle that is added comes at the middle of the window, on the lane of its first movement, in the order of arrival.

    Parameters
    ----------
    junction
        The junction.
    traffic
        What is expected; it is not changed.
    requests
        The requests, in the order in which they are matched.
    time_s
        Now.
    """
    taken: set[int] = set()
    for request in requests:
        weight = max(request.persons / CAR_PERSONS, 1.0)
        middle_s = 0.5 * (request.earliest_s + request.latest_s) - time_s
        free = np.isin(traffic.movement, request.movements)
        free &= (traffic.arrival_s >= request.earliest_s - time_s) & (traffic.arrival_s <= request.latest_s - time_s)
        candidates = [index for index in np.flatnonzero(free).tolist() if index not in taken]
        if candidates:
            place = min(candidates, key=lambda index: abs(float(traffic.arrival_s[index]) - middle_s))
            weights = traffic.weight.copy()
            weights[place] = weight
            traffic = replace(traffic, weight=weights)
        else:
            traffic, place = _with_vehicle(junction, traffic, request.movements[0], middle_s, weight)
            taken = {index + (index >= place) for index in taken}
        taken.add(place)
    return traffic


def _with_vehicle(
    junction: Intersection, traffic: ExpectedTraffic, movement: int, arrival_s: float, weight: float
) -> tuple[ExpectedTraffic, int]:
    """Return the traffic with one more vehicle, and its place in it."""
    lane = junction.movements[movement].incoming
    begin, end = int(traffic.lane_start[lane]), int(traffic.lane_start[lane + 1])
    place = begin + int(np.searchsorted(traffic.arrival_s[begin:end], arrival_s, side="right"))
    lane_start = traffic.lane_start.copy()
    lane_start[lane + 1 :] += 1
    more = replace(
        traffic,
        lane_start=lane_start,
        arrival_s=np.insert(traffic.arrival_s, place, arrival_s),
        movement=np.insert(traffic.movement, place, movement),
        moving=np.insert(traffic.moving, place, arrival_s > 0.0),
        weight=np.insert(traffic.weight, place, weight),
    )
    return more, place
