"""Priority requests: what they do to the expected traffic, and to the decision."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.estimation.traffic import ExpectedTraffic
from optimizer.priority import CAR_PERSONS, PriorityRequest, with_requests
from optimizer.service.client import Pilot
from optimizer.service.description import to_intersection
from optimizer.service.messages import DecisionRequest
from optimizer.service.problems import ProblemError
from optimizer.service.rehearsal import small_junction
from tests.service.calls import ask, call, site

NOW_S = 1000.0
JUNCTION = to_intersection(small_junction())


def traffic(*arrivals_s: list[float]) -> ExpectedTraffic:
    """Vehicles of weight 1 by lane; movement 0 is on lane 0 (a), movement 1 on lane 1 (b)."""
    every = np.array([value for lane in arrivals_s for value in lane])
    return ExpectedTraffic(
        lane_start=np.cumsum([0, *map(len, arrivals_s)]),
        arrival_s=every,
        movement=np.repeat(np.arange(len(arrivals_s)), [len(lane) for lane in arrivals_s]),
        moving=every > 0,
        weight=np.ones(len(every)),
        lane_free_s=np.zeros(2),
        room_veh=np.full(2, 10.0),
        inside=np.zeros(2, dtype=np.bool_),
        queued_s=np.zeros(2),
        flow_veh_s=np.zeros(2),
    )


def request(earliest_s: float, latest_s: float, persons: float, movement: int) -> PriorityRequest:
    return PriorityRequest(NOW_S + earliest_s, NOW_S + latest_s, persons, (movement,))


def test_the_vehicle_that_is_expected_nearest_to_the_middle_of_the_window_takes_the_weight() -> None:
    told = with_requests(JUNCTION, traffic([3.0, 9.0, 14.0], [10.0]), [request(5.0, 15.0, 73.0, 0)], NOW_S)
    assert told.weight.tolist() == [1.0, pytest.approx(73.0 / CAR_PERSONS), 1.0, 1.0]
    assert told.arrival_s.tolist() == [3.0, 9.0, 14.0, 10.0]


def test_where_none_is_expected_one_is_added_in_its_place_on_the_lane() -> None:
    told = with_requests(JUNCTION, traffic([3.0, 14.0], [10.0]), [request(5.0, 11.0, 2 * CAR_PERSONS, 0)], NOW_S)
    assert told.lane_start.tolist() == [0, 3, 4]
    assert told.arrival_s.tolist() == [3.0, 8.0, 14.0, 10.0]
    assert told.weight.tolist() == [1.0, 2.0, 1.0, 1.0]
    assert told.movement.tolist() == [0, 0, 0, 1]


def test_one_that_waits_already_stands_and_nobody_counts_less_than_a_car() -> None:
    told = with_requests(JUNCTION, traffic([], []), [request(-30.0, -20.0, 1.0, 1)], NOW_S)
    assert (told.arrival_s.tolist(), told.moving.tolist(), told.weight.tolist()) == ([-25.0], [False], [1.0])


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 30), st.floats(1, 300), st.integers(0, 1)), max_size=6), st.data())
def test_any_requests_leave_lanes_in_order_and_add_their_weight(asked: list[tuple[float, float, float, int]], data: st.DataObject) -> None:
    lanes = [sorted(data.draw(st.lists(st.floats(-50, 100), max_size=5))) for _ in range(2)]
    before = traffic(*lanes)
    kept = {each.name: getattr(before, each.name).copy() for each in fields(before)}
    requests = [request(earliest, earliest + width, persons, movement) for earliest, width, persons, movement in asked]
    told = with_requests(JUNCTION, before, requests, NOW_S)
    assert all((getattr(before, name) == value).all() for name, value in kept.items())
    for lane in range(2):
        part = slice(told.lane_start[lane], told.lane_start[lane + 1])
        assert (np.diff(told.arrival_s[part]) >= 0).all()
        assert (told.movement[part] == lane).all()
    # Each request is one vehicle of the result, whether it was expected or is added.
    weights = sorted(max(r.persons / CAR_PERSONS, 1.0) for r in requests)
    assert sorted(told.weight.tolist())[len(told.weight) - len(weights) :] == pytest.approx(weights)
    assert len(told.weight) - len(before.weight) <= len(requests)


def asking(persons: float, **changes: object) -> list[dict[str, object]]:
    """A bus that comes to a's green in 2 to 4 s."""
    return [{"earliest_s": 102.0, "latest_s": 104.0, "persons": persons, "group": "a", **changes}]


def test_a_bus_holds_the_green_that_a_queue_on_the_other_side_would_end() -> None:
    # One vehicle waits at b: without the bus the change comes at once. With 80 persons about to arrive at a, it waits for them.
    assert ask(site(), call(1, 100.0))["command"] == "change"
    assert ask(site(), call(1, 100.0, priorities=asking(80.0)))["command"] == "stay"
    way = {"incoming": "a in", "outgoing": "a out"}
    assert ask(site(), call(1, 100.0, priorities=asking(80.0, group=None, movement=way)))["command"] == "stay"


def test_a_request_counts_for_its_second_only_and_without_one_nothing_changes() -> None:
    asked, never = site(), site()
    ask(asked, call(1, 100.0, priorities=asking(80.0)))
    ask(never, call(1, 100.0, priorities=[]))
    bodies = [ask(at, call(2, 101.0, begin_anew=True)) for at in (asked, never)]
    for body in bodies:
        del body["solve_s"]
    assert json.dumps(bodies[0]) == json.dumps(bodies[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"group": "c"},
        {"group": None},
        {"movement": {"incoming": "a in", "outgoing": "b out"}, "group": None},
        {"movement": {"incoming": "a in", "outgoing": "a out"}},
        {"latest_s": 101.0},
        {"latest_s": 900.0},
    ],
)
def test_requests_that_make_no_sense_are_refused_with_the_field(changes: dict[str, object]) -> None:
    with pytest.raises(ProblemError) as told:
        ask(site(), call(1, 100.0, priorities=asking(80.0, **changes)))
    assert (told.value.status, told.value.errors[0][0]) == (422, "/priorities/0")


def test_the_client_passes_requests_on() -> None:
    pilot = Pilot(small_junction())
    second = {name: part for name, part in call(1, 100.0).items() if name in {"time_s", "signal", "loops"}}
    body = pilot.report(second, "Gr", 0.0, (), asking(80.0))
    assert body is not None
    assert DecisionRequest.model_validate_json(body).priorities[0].persons == 80.0
