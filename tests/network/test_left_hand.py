"""Left-hand traffic: a mirror image gets mirrored results, whatever turns left or right in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controllers.sumo.audit import audit
from controllers.sumo.network import read_network
from optimizer.design.demand import JunctionDemand
from optimizer.design.parameters import DesignParameters
from optimizer.design.problem import design_problem
from optimizer.intersection import Direction, Intersection
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

MIRRORED = {Direction.LEFT: Direction.RIGHT, Direction.RIGHT: Direction.LEFT}
KINDS = ("traffic_light", "traffic_light_right_on_red")


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return (
        nets.crossing(tmp_path_factory.mktemp("right"), request.param),
        nets.crossing(tmp_path_factory.mktemp("left"), request.param, left_hand=True),
    )


def described(net: Path) -> Intersection:
    return read_network(net).junctions["c"]


def by_ways(junction: Intersection) -> dict[str, Any]:
    """Return a description in which groups are named by their movements, so that the order of links does not matter."""
    ways = [(junction.incoming[m.incoming].id, junction.outgoing[m.outgoing].id) for m in junction.movements]
    name = [frozenset(way for way, m in zip(ways, junction.movements, strict=True) if m.group == g) for g in range(len(junction.groups))]
    groups = range(len(name))
    return {
        "turns": {way: junction.turn(m) for way, m in zip(ways, junction.movements, strict=True)},
        "timing": {name[g]: (group.minimum_green_s, group.yellow_s) for g, group in enumerate(junction.groups)},
        "conflicts": {name[g]: {name[h] for h in junction.conflicts[g]} for g in groups},
        "yields_to": {name[g]: {name[h] for h in junction.yields_to[g]} for g in groups},
        "intergreens": {(name[g], name[h]): junction.intergreen_s[g][h] for g in groups for h in groups},
        "stages": {frozenset(zip(name, stage.aspects, strict=True)) for stage in junction.stages},
    }


def test_the_mirror_image_is_described_alike(both: tuple[Path, Path]) -> None:
    right, left = map(described, both)
    assert (right.left_hand, left.left_hand) == (False, True)
    assert by_ways(right) == by_ways(left)
    directions = [{(j.incoming[m.incoming].id, j.outgoing[m.outgoing].id): m.direction for m in j.movements} for j in (right, left)]
    assert directions[1] == {way: MIRRORED.get(direction, direction) for way, direction in directions[0].items()}


def test_lanes_have_the_saturation_flows_of_their_mirror_images(both: tuple[Path, Path]) -> None:
    flows = []
    for junction in map(described, both):
        demand = JunctionDemand((100.0,) * len(junction.movements), (0.0,) * len(junction.groups))
        flows.append({stream.id: stream.saturation_h for stream in design_problem(junction, demand, DesignParameters()).streams})
    assert flows[0] == flows[1]
    assert len(set(flows[0].values())) > 1, "turning across and to the near side differ"


def test_the_check_finds_the_same(both: tuple[Path, Path]) -> None:
    found = []
    for net in both:
        links = {
            index: (connection.getFromLane().getID(), connection.getToLane().getID())
            for light in read_network(net).net.getTrafficLights()
            for lane in {lane.getID(): lane for lane, _, _ in light.getConnections()}.values()
            for connection in lane.getOutgoing()
            for index in [connection.getTLLinkIndex()]
        }
        found.append({(f.rule, f.severity, frozenset(links[link] for link in f.links)) for f in audit(net).findings})
    assert found[0] == found[1]
    assert any(rule == "permissive-multi-lane" for rule, _, _ in found[0])
