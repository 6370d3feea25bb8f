"""What junctions tell each other over the wire: when places become free on the lanes between them."""

from __future__ import annotations

import json

import pytest

from optimizer.service.description import DescriptionError, Exit, JunctionDescription, to_intersection
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from tests.service.calls import ask, call, site


def leading_to_next(*exits: str) -> JunctionDescription:
    return small_junction().model_copy(update={"exits": [Exit(lane=lane, junction="next") for lane in exits]})


def test_an_answer_tells_from_which_lanes_vehicles_leave() -> None:
    outflow = ask(site(), call(1, 100.0))["outflow"]
    assert (outflow["lanes"], outflow["from_lanes"], outflow["standing"]) == (["b out"], ["b in"], {"b in": 1})


def test_what_the_next_junction_tells_of_the_lane_between_is_heard() -> None:
    asked = JunctionSite(leading_to_next("b out"))
    told = {
        "junction": "next",
        "times_s": [85.0, 103.0],
        "lanes": ["on", "on"],
        "from_lanes": ["b out", "elsewhere"],
        "standing": {"b out": 14},
    }
    ask(asked, call(1, 100.0, neighbours=[told]))
    # Fourteen cars stand on 100 m: all of it is queue. Who left at 85 s frees a place there 100 m / (5 m/s) = 20 s later; nothing
    # is known of others, so each 4 s one more is free.
    freed_s = asked._mind._neighbours._surroundings.behind.freed_s[1]
    assert freed_s[:3].tolist() == [5.0, 9.0, 13.0]


def test_an_exit_must_be_a_lane_behind_the_junction() -> None:
    with pytest.raises(DescriptionError) as error:
        to_intersection(leading_to_next("b out", "elsewhere"))
    assert error.value.field == "/exits/1/lane"


def test_a_description_of_the_first_format_is_taken_with_its_connectors() -> None:
    old = small_junction().model_dump(mode="json") | {"format": 1, "connectors": ["b out"]}
    assert to_intersection(JunctionDescription.model_validate_json(json.dumps(old))) == to_intersection(small_junction())
