"""What junctions tell each other over the wire: when places become free on the lanes between them."""

from __future__ import annotations

import pytest

from optimizer.service.description import DescriptionError, Exit, JunctionDescription, to_intersection
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from tests.service.calls import ask, call, site

ONE_WAITS_ON_B = {
    "lane": [1],
    "movement": [1],
    "distance_m": [1.0],
    "speed_m_s": [0.0],
    "length_m": [5.0],
    "in_junction": [0, 0],
    "outgoing_vehicles": [0, 13],
    "outgoing_room_m": [100.0, 0.0],
}


def leading_to_next(*exits: str) -> JunctionDescription:
    return small_junction().model_copy(update={"exits": [Exit(lane=lane, junction="next") for lane in exits]})


def told(*times_s: float, from_lane: str = "b out") -> list[dict[str, object]]:
    """Return when the next junction lets vehicles go from the lane that this junction's stage b feeds."""
    number = len(times_s)
    return [{"junction": "next", "times_s": list(times_s), "lanes": ["onward"] * number, "from_lanes": [from_lane] * number}]


@pytest.mark.parametrize(("leaves_s", "stage"), [(80.0, "b"), (159.0, "a")])
def test_a_stage_that_feeds_a_full_lane_waits_until_the_next_junction_lets_somebody_go(leaves_s: float, stage: str) -> None:
    # Four cars come to the green of a within 12 s. Who leaves the lane behind b frees a place at its start 100 m / (5 m/s) = 20 s later.
    coming = {
        "lane": [0, 0, 0, 0, 1],
        "movement": [0, 0, 0, 0, 1],
        "distance_m": [60.0, 90.0, 120.0, 150.0, 1.0],
        "speed_m_s": [13.9, 13.9, 13.9, 13.9, 0.0],
        "length_m": [5.0] * 5,
    }
    body = call(1, 100.0, neighbours=told(leaves_s, leaves_s + 1), loops=None, vehicles=ONE_WAITS_ON_B | coming)
    assert ask(JunctionSite(leading_to_next("b out")), body)["timeline"][-1]["stage"] == stage


def test_where_nobody_can_tell_a_full_lane_is_taken_to_empty_by_itself() -> None:
    assert ask(site(), call(1, 100.0, neighbours=told(), loops=None, vehicles=ONE_WAITS_ON_B))["command"] == "change"


def test_an_answer_tells_from_which_lanes_vehicles_leave() -> None:
    outflow = ask(site(), call(1, 100.0))["outflow"]
    assert (outflow["lanes"], outflow["from_lanes"]) == (["b out"], ["b in"])


def test_an_exit_must_be_a_lane_behind_the_junction() -> None:
    with pytest.raises(DescriptionError) as error:
        to_intersection(leading_to_next("b out", "elsewhere"))
    assert error.value.field == "/exits/1/lane"


def test_a_description_of_the_first_format_is_taken_with_its_connectors() -> None:
    old = small_junction().model_dump(mode="json") | {"format": 1, "connectors": ["b out"]}
    assert to_intersection(JunctionDescription.model_validate(old)) == to_intersection(small_junction())
