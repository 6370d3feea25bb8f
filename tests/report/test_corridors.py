"""The choice of a corridor, and distances along it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import ExperimentError
from experiments.report.corridors import corridor, heaviest_chain
from experiments.report.streets import read_streets
from experiments.report.trajectories import visits
from sumo_networks import scenario
from tests.report.test_figures import ways_of

if TYPE_CHECKING:
    from experiments.study.results import StudyResults

SIGNALLED = {"a": "A", "b": "B", "c": "C", "d": "D", "x": "X"}
MAIN = ("in", "a", "ab", "b", "c", "out")
SHORT = ("side", "b", "c", "out")
TURNING = ("in", "a", "ab", "b", "x", "away")


def test_the_chain_follows_most_vehicles_from_signal_to_signal() -> None:
    # A to B has 21 vehicles, B to C 11 + 6 = 17: the heaviest link is A to B; of those who drive it 11 go on to C and 10 to X
    routes = [MAIN] * 11 + [SHORT] * 6 + [TURNING] * 10
    assert heaviest_chain(routes, SIGNALLED) == ("in", "a", "ab", "b", "c", "out")


def test_the_chain_ends_where_too_few_go_on() -> None:
    # 20 of 21 vehicles leave behind B; a single one goes on to C, which is less than 30 %
    routes = [("in", "a", "ab", "b", "off")] * 20 + [MAIN]
    assert heaviest_chain(routes, SIGNALLED) == ("in", "a", "ab", "b", "off")


def test_the_chain_also_grows_backwards() -> None:
    # 50 vehicles drive from B to C, 20 of them come from A and go on to D: 40 %
    routes = [("a", "b", "c", "d", "out")] * 20 + [("b", "c", "z")] * 30
    assert heaviest_chain(routes, SIGNALLED) == ("a", "b", "c", "d", "out")


def test_the_lead_ends_behind_a_signal_and_where_most_vehicles_begin_their_trip() -> None:
    far = [("w3", "w2", "w1", "a", "b", "out")] * 4
    assert heaviest_chain([*far, ("w1", "a", "b", "out")], SIGNALLED) == ("w3", "w2", "w1", "a", "b", "out")
    assert heaviest_chain([*far, *[("w1", "a", "b", "out")] * 10], SIGNALLED) == ("w1", "a", "b", "out")
    assert heaviest_chain([("x", "w1", "a", "t")] * 3, {"x": "X", "a": "A"})[:1] == ("x",)
    assert heaviest_chain([*[("x", "w1", "a", "t")] * 3, *[("w1", "a", "b", "out")] * 20], SIGNALLED) == ("w1", "a", "b", "out")


def test_where_no_route_meets_two_signals_the_busiest_single_one_is_shown() -> None:
    assert heaviest_chain([("s", "a", "t")] * 2 + [("s", "b", "t")] * 3, SIGNALLED) == ("s", "b", "t")


def test_where_no_route_meets_a_signal_there_is_no_corridor() -> None:
    assert heaviest_chain([("s", "t")], SIGNALLED) == ()


@given(st.lists(st.lists(st.sampled_from("abcdxyz"), min_size=1, max_size=7, unique=True).map(tuple), max_size=30))
def test_a_chain_never_meets_a_signal_twice_and_each_of_its_links_was_driven(routes: list[tuple[str, ...]]) -> None:
    chain = heaviest_chain(routes, SIGNALLED)
    driven = {pair for route in routes for pair in itertools.pairwise(route)}
    assert all(pair in driven for pair in itertools.pairwise(chain))
    lights = [SIGNALLED[edge] for edge in chain[:-1] if edge in SIGNALLED]
    assert len(lights) == len(set(lights))


def test_distances_along_neudorf_are_those_of_its_edges_and_junctions() -> None:
    streets = read_streets(scenario("neudorf"))
    way = corridor(streets.net, ["main_w5", "main_w5_pocket", "main_w4"], streets.signalled)
    length_m = {edge: streets.net.getEdge(edge).getLength() for edge in way.edges}
    assert way.starts_m["main_w5"] == 0.0
    assert [(line.junction, line.edge) for line in way.stop_lines] == [("m5", "main_w5_pocket")]
    assert way.stop_lines[0].at_m == pytest.approx(way.starts_m["main_w5_pocket"] + length_m["main_w5_pocket"])
    assert way.length_m == pytest.approx(way.starts_m["main_w4"] + length_m["main_w4"])
    assert way.length_m > sum(length_m.values())


@pytest.mark.parametrize(
    ("edges", "words"), [(["main_w5", "nowhere"], "no edge 'nowhere'"), (["main_w5", "main_w1"], "no way leads from edge 'main_w5'")]
)
def test_a_corridor_that_does_not_exist_is_told(edges: list[str], words: str) -> None:
    streets = read_streets(scenario("neudorf"))
    with pytest.raises(ExperimentError, match=words):
        corridor(streets.net, edges, streets.signalled)


def test_vehicles_move_forward_along_the_corridor_and_no_faster_than_they_say(results: StudyResults) -> None:
    way, ways = ways_of(results, "static")
    assert len(ways) > 1000
    assert ways["distance_m"].between(0, way.length_m).all()
    for visit in visits(ways):
        steps_m = visit["distance_m"].diff().dropna().to_numpy()
        # one step of SUMO's Euler integration: distance = speed at its end * 1 s; lanes in the junction differ by a few metres
        assert (abs(steps_m - visit["speed_m_s"].to_numpy()[1:]) < 3.0).all()
