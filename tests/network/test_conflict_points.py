"""Distances to conflict points on lines drawn by hand, and on a real crossroads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controllers.sumo.conflict_points import Path, _radius_m, _sampled, distances_m, link_needs_s, link_paths
from controllers.sumo.links import controlled_links, right_of_way
from controllers.sumo.network import read_net
from optimizer.design.intergreens import IntergreenParameters
from optimizer.intersection import GroupKind
from tests.audit.one_crossroads import crossroads, links_by_way

if TYPE_CHECKING:
    from pathlib import Path as File


def line(*corners: tuple[float, float], target: str = "", width_m: float = 3.0, on_foot: bool = False) -> Path:
    points, along_m = _sampled(np.array(corners, dtype=float))
    kind = GroupKind.PEDESTRIAN if on_foot else GroupKind.VEHICLE
    return Path(points, along_m, width_m, math.inf, kind, on_foot, target)


def test_straight_streams_meet_where_their_lines_cross() -> None:
    # From the south the line x = 4 begins at y = -10, from the west y = 2 at x = -8: they cross 12 m from the one, 12 m from the other.
    south, west = line((4, -10), (4, 14), target="n"), line((-8, 2), (16, 2), target="e")
    assert distances_m(south, west) == pytest.approx((12.0, 12.0), abs=0.5)
    west = line((-20, 2), (16, 2), target="e")
    assert distances_m(west, south) == pytest.approx((24.0, 12.0), abs=0.5)


def test_streams_that_keep_apart_do_not_meet() -> None:
    assert distances_m(line((0, 0), (20, 0), target="a"), line((20, 3), (0, 3), target="b")) is None


def test_streams_that_merge_meet_where_they_have_joined() -> None:
    straight = line((0, 0), (30, 0), target="same")
    joining = line((0, -10), (10, 0), (30, 0), target="same")
    # The line from (0, -10) comes within 1 m of the other at y = -1, that is x = 9, after 9 * sqrt(2) m.
    clear_m, enter_m = distances_m(straight, joining)
    assert enter_m == pytest.approx(9 * math.sqrt(2), abs=0.6)
    assert clear_m == pytest.approx(9.0, abs=0.6)


def test_pedestrians_clear_the_lane_from_the_farther_kerb_and_enter_from_the_nearer_one() -> None:
    # A crossing of 4 m width along x = 0 from y = 0 to 12; a lane of 3 m with its centre at y = 3, its stop line at x = -10.
    crossing = line((0, 0), (0, 12), width_m=4.0, on_foot=True)
    lane = line((-10, 3), (10, 3), target="e", width_m=3.0)
    # From the far kerb 9 m to the centre and 1.5 m to the far edge; the vehicle reaches the crossing's edge after 10 - 2 m.
    assert distances_m(crossing, lane) == pytest.approx((10.5, 8.0), abs=0.5)
    # The vehicle has left it after 10 + 2 m; from the near kerb it is 3 - 1.5 m to the lane's edge.
    assert distances_m(lane, crossing) == pytest.approx((12.0, 1.5), abs=0.5)


def test_the_radius_of_a_quarter_circle_is_found_and_a_slight_bend_is_straight() -> None:
    angles = np.linspace(0, math.pi / 2, 50)
    points, along_m = _sampled(np.column_stack([12 * np.cos(angles), 12 * np.sin(angles)]))
    assert _radius_m(points, float(along_m[-1])) == pytest.approx(12.0, rel=0.05)
    points, along_m = _sampled(np.array([(0.0, 0.0), (20.0, 0.0), (40.0, 3.0)]))
    assert _radius_m(points, float(along_m[-1])) == math.inf


def test_at_a_real_crossroads_each_crossing_pair_has_needs_in_both_directions_and_parallel_streams_have_none(tmp_path: File) -> None:
    net_file = crossroads(tmp_path)
    net = read_net(net_file)
    (light,) = net.getTrafficLights()
    links = controlled_links(light)
    needs_s = link_needs_s(link_paths(net, links), right_of_way(net, links, 16), IntergreenParameters())
    place = {way: found[0] for way, found in links_by_way(net_file).items()}
    # Symmetric roads: from north and from south against the west-east stream the distances exchange their roles only.
    assert needs_s[place["ns"], place["we"]] == pytest.approx(needs_s[place["sn"], place["ew"]], abs=0.2)
    assert 3 < needs_s[place["ns"], place["we"]] < 6
    assert (place["ns"], place["sn"]) not in needs_s
    assert (place["nw"], place["se"]) not in needs_s
    # The crossings are 6.4 m wide: on foot 6.4 / 1.2 s at most.
    on_foot = [need_s for (i, _), need_s in needs_s.items() if i in links_by_way(net_file)["feet"]]
    assert on_foot
    assert max(on_foot) <= 6.4 / 1.2 + 0.01
