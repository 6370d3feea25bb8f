"""What junctions tell each other over the wire: when places become free on the lanes between them."""

from __future__ import annotations

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
    # Of a lane on which nobody stands any more nothing is told: then it is taken to empty by itself.
    ask(asked, call(2, 101.0, neighbours=[{**told, "standing": {}}]))
    assert freed_s[:2].tolist() == [7.0, 11.0]


def test_an_exit_must_be_a_lane_behind_the_junction() -> None:
    with pytest.raises(DescriptionError) as error:
        to_intersection(leading_to_next("b out", "elsewhere"))
    assert error.value.field == "/exits/1/lane"


def site_with(*connectors: str) -> JunctionSite:
    return JunctionSite(small_junction().model_copy(update={"connectors": list(connectors)}))


def standing(time_s: float, vehicles: int) -> list[dict[str, object]]:
    """What the next junction's last answer said of the lane that this junction's stage b feeds."""
    return [{"junction": "next", "times_s": [], "lanes": [], "time_s": time_s, "standing": {"b out": vehicles}}]


@pytest.mark.parametrize(
    ("time_s", "vehicles", "command"),
    [(99.0, 0, "change"), (99.0, 1, "stay"), (95.0, 1, "stay"), (94.0, 1, "change")],
)
def test_a_stage_is_barred_while_a_neighbour_says_that_somebody_stands_on_the_short_lane_it_feeds(
    time_s: float, vehicles: int, command: str
) -> None:
    assert ask(site_with("b out"), call(1, 100.0, neighbours=standing(time_s, vehicles)))["command"] == command


def test_what_a_neighbour_no_longer_says_is_forgotten() -> None:
    site = site_with("b out")
    assert ask(site, call(1, 100.0, neighbours=standing(99.0, 1)))["command"] == "stay"
    assert ask(site, call(2, 101.0))["command"] == "change"


def test_nobody_can_speak_for_lanes_that_are_not_described_as_short() -> None:
    assert ask(site_with(), call(1, 100.0, neighbours=standing(99.0, 1)))["command"] == "change"


def test_a_short_lane_must_be_one_of_the_junction() -> None:
    with pytest.raises(DescriptionError) as error:
        to_intersection(small_junction().model_copy(update={"connectors": ["b out", "elsewhere"]}))
    assert error.value.field == "/connectors/1"
