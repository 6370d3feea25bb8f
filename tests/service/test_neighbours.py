"""What junctions tell each other over the wire: who stands on the short lane between two signals."""

from __future__ import annotations

import pytest

from optimizer.service.description import DescriptionError, to_intersection
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from tests.service.calls import ask, call


def site_with(*connectors: str) -> JunctionSite:
    return JunctionSite(small_junction().model_copy(update={"connectors": list(connectors)}))


def told(time_s: float, vehicles: int) -> list[dict[str, object]]:
    """What the next junction's last answer said of the lane that this junction's stage b feeds."""
    return [{"junction": "next", "times_s": [], "lanes": [], "time_s": time_s, "standing": {"b out": vehicles}}]


@pytest.mark.parametrize(
    ("time_s", "vehicles", "command"),
    [(99.0, 0, "change"), (99.0, 1, "stay"), (95.0, 1, "stay"), (94.0, 1, "change")],
)
def test_a_stage_is_barred_while_a_neighbour_says_that_somebody_stands_on_the_short_lane_it_feeds(
    time_s: float, vehicles: int, command: str
) -> None:
    assert ask(site_with("b out"), call(1, 100.0, neighbours=told(time_s, vehicles)))["command"] == command


def test_what_a_neighbour_no_longer_says_is_forgotten() -> None:
    site = site_with("b out")
    assert ask(site, call(1, 100.0, neighbours=told(99.0, 1)))["command"] == "stay"
    assert ask(site, call(2, 101.0))["command"] == "change"


def test_nobody_can_speak_for_lanes_that_are_not_described_as_short() -> None:
    assert ask(site_with(), call(1, 100.0, neighbours=told(99.0, 1)))["command"] == "change"


def test_an_answer_tells_those_around_who_stands_on_the_short_lanes_that_lead_here() -> None:
    # The loop of b has been covered for 30 s, nobody is on a.
    assert ask(site_with("a in", "b in", "b out"), call(1, 100.0))["outflow"]["standing"] == {"a in": 0, "b in": 1}
    assert ask(site_with(), call(1, 100.0))["outflow"]["standing"] == {}


def test_a_short_lane_must_be_one_of_the_junction() -> None:
    with pytest.raises(DescriptionError) as error:
        to_intersection(small_junction().model_copy(update={"connectors": ["b out", "elsewhere"]}))
    assert error.value.field == "/connectors/1"
