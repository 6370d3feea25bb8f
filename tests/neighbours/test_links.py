"""The links between junctions, read from networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controllers.sumo.neighbours import links_between
from controllers.sumo.network import read_network
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

LINE_NODES = """<nodes>
<node id="a" x="0" y="0" type="traffic_light"/><node id="middle" x="150" y="0" type="priority"/>
<node id="b" x="300" y="0" type="traffic_light"/><node id="west" x="-200" y="0"/><node id="east" x="500" y="0"/>
<node id="a_n" x="0" y="200"/><node id="a_s" x="0" y="-200"/><node id="b_n" x="300" y="200"/><node id="b_s" x="300" y="-200"/>
<node id="side" x="150" y="-200"/></nodes>"""

LINE_EDGES = """<edges>
<edge id="in" from="west" to="a" speed="10"/><edge id="a_middle" from="a" to="middle" speed="10"/>
<edge id="middle_b" from="middle" to="b" speed="20" numLanes="2"/><edge id="out" from="b" to="east" speed="10"/>
<edge id="a_down" from="a_n" to="a" speed="10"/><edge id="a_on" from="a" to="a_s" speed="10"/>
<edge id="b_down" from="b_n" to="b" speed="10"/><edge id="b_on" from="b" to="b_s" speed="10"/>
<edge id="leave" from="middle" to="side" speed="10"/></edges>"""


def test_the_way_leads_through_nodes_without_signals_along_the_main_stream(tmp_path: Path) -> None:
    (tmp_path / "n.nod.xml").write_text(LINE_NODES)
    (tmp_path / "n.edg.xml").write_text(LINE_EDGES)
    net_file = tmp_path / "line.net.xml"
    nets.run("netconvert", "-n", str(tmp_path / "n.nod.xml"), "-e", str(tmp_path / "n.edg.xml"), "-o", str(net_file))
    reading = read_network(net_file)
    links = links_between(reading.net, reading.junctions)
    assert {(link.source, link.target) for link in links} == {("a", "b")}
    (link,) = links
    a, b = reading.junctions["a"], reading.junctions["b"]
    assert a.outgoing[link.outgoing].approach == "a_middle"
    assert [b.incoming[lane].approach for lane in link.lanes] == ["middle_b", "middle_b"]
    # The nodes are 300 m apart; both stop lines lie a few metres before theirs. Half of the way is driven at 10, half at 20 m/s.
    assert link.distance_m == pytest.approx(300.0, abs=10.0)
    assert link.travel_time_s == pytest.approx(150.0 / 10.0 + 150.0 / 20.0, abs=1.0)


def test_every_junction_of_a_grid_is_linked_to_the_two_beside_it_both_ways(tmp_path: Path) -> None:
    reading = read_network(nets.grid(tmp_path))
    links = links_between(reading.net, reading.junctions)
    beside = {(a, b) for a in reading.junctions for b in reading.junctions if sum(x != y for x, y in zip(a, b, strict=True)) == 1}
    assert {(link.source, link.target) for link in links} == beside
    assert all(link.distance_m == pytest.approx(150.0, abs=10.0) for link in links)
