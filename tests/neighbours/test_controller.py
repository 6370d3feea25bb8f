"""The rolling horizon heeds its neighbours: a junction turns green for a platoon that it cannot see yet."""

from __future__ import annotations

import numpy as np
import pytest

from controllers.rolling_horizon import RollingHorizon
from optimizer.neighbours import Link
from optimizer.observation import JunctionObservation, Observation, SignalStatus, VehicleViews
from tests.neighbours.test_arrivals import MAIN, SIDE, junction

LINK = Link("first", 0, "second", (0,), distance_m=300.0, travel_time_s=20.0)


def view(stage: int, standing: int) -> JunctionObservation:
    """Return a junction whose stage has been green for 40 s, with a queue in the main street."""
    return JunctionObservation(
        signal=SignalStatus(stage, stage, 60.0, 60.0),
        vehicles=VehicleViews(
            lane=np.full(standing, MAIN),
            movement=np.full(standing, MAIN),
            distance_m=1.0 + 7.5 * np.arange(standing),
            speed_m_s=np.zeros(standing),
            length_m=np.full(standing, 5.0),
            in_junction=np.zeros(2, dtype=np.int64),
            outgoing_vehicles=np.zeros(2, dtype=np.int64),
            outgoing_room_m=np.full(2, 200.0),
        ),
    )


def seconds_until_the_second_changes(neighbours: str) -> int | None:
    """Return when the empty second junction leaves its side street for the main street, on which the first sends six vehicles."""
    controller = RollingHorizon(information="zone", neighbours=neighbours)
    controller.connect([LINK])
    controller.start({name: junction(name) for name in ("first", "second")})
    for second in range(25):
        # The first junction's queue goes at 100 s; none of its vehicles comes within the second junction's 200 m in this time.
        seen = {"first": view(MAIN, 6 if second == 0 else 0), "second": view(SIDE, 0)}
        if "second" in controller.decide(Observation(100.0 + second, seen)):
            return second
    return None


def test_a_junction_turns_green_before_its_neighbour_s_platoon_arrives() -> None:
    # The first vehicle arrives after 20 + 2 s; the change takes 4 s and the start 1 s, so it must come within 17 s.
    change = seconds_until_the_second_changes("plans")
    assert change is not None
    assert change <= 17


def test_a_junction_that_plans_for_itself_does_not_know_of_the_platoon() -> None:
    assert seconds_until_the_second_changes("none") is None


def test_an_unknown_way_to_heed_the_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="choose from none, plans"):
        RollingHorizon(neighbours="always")
