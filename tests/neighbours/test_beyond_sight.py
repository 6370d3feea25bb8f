"""Where changes cost much time, traffic is expected beyond sight at its mean flow, unless a neighbour tells of it."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.beyond_sight import EXPECTED_UNTIL_S
from optimizer.horizon.engines import BEAM_WIDTH, WIDE_BEAM, usual_beam_width
from optimizer.horizon.parameters import HorizonParameters
from optimizer.neighbours import NeighbourTraffic, no_departures
from tests.neighbours.test_arrivals import MAIN, SIDE, junction, neighbour, traffic

INTERSTAGE_S = 4.0  # of the junction
SIGHT_S = 14.0


def far_sighted(*, told: bool = False) -> NeighbourTraffic:
    """Return what a junction expects that takes its interstages to be long, and has seen vehicles come from the edge of its sight."""
    links = {} if told else {"links": ()}
    around = neighbour("second", no_departures(2), **links, long_interstage_s=INTERSTAGE_S)
    around.expect(0.0, traffic([SIGHT_S], [SIGHT_S], moving=True))
    return around


@pytest.mark.parametrize("every_s", [3.1, 7.3, 19.7])
def test_the_mean_flow_is_expected_beyond_sight_and_no_further_than_it_matters(every_s: float) -> None:
    expected = far_sighted().expect(1.0, traffic([], flow_veh_s=(1.0 / every_s, 0.0)))
    assert expected.arrival_s.min() > SIGHT_S
    assert expected.arrival_s.max() < EXPECTED_UNTIL_S
    assert np.diff(expected.arrival_s) == pytest.approx(every_s)
    assert expected.arrival_s.size == pytest.approx((EXPECTED_UNTIL_S - SIGHT_S) / every_s, abs=1.0)
    assert not expected.moving.any()
    assert set(expected.movement.tolist()) == {MAIN}


def test_no_more_are_expected_than_can_leave() -> None:
    expected = far_sighted().expect(1.0, traffic([], flow_veh_s=(3.0, 0.0)))
    assert np.diff(expected.arrival_s) == pytest.approx(HorizonParameters().headway_s)


def test_on_a_lane_that_a_neighbour_sends_to_only_the_neighbour_is_believed() -> None:
    expected = far_sighted(told=True).expect(1.0, traffic([], flow_veh_s=(0.2, 0.1)))
    assert set(expected.movement.tolist()) == {SIDE}


def test_nobody_is_expected_where_nobody_comes() -> None:
    assert far_sighted().expect(1.0, traffic([], flow_veh_s=(0.001, 0.0))).arrival_s.size == 0


def test_those_in_sight_come_first() -> None:
    expected = far_sighted().expect(1.0, traffic([3.0, 38.0], flow_veh_s=(0.5, 0.0), moving=True))
    assert expected.arrival_s[:2].tolist() == [3.0, 38.0]
    assert (np.diff(expected.arrival_s) > 0).all()


def test_how_far_vehicles_are_seen_is_kept_with_what_was_learnt() -> None:
    coming = traffic([], flow_veh_s=(0.2, 0.1))
    before, after = far_sighted(), neighbour("second", no_departures(2), links=(), long_interstage_s=INTERSTAGE_S)
    assert after.expect(1.0, coming).arrival_s.tolist() != before.expect(1.0, coming).arrival_s.tolist()
    after.restore(before.snapshot())
    assert after.expect(1.0, coming).arrival_s.tolist() == before.expect(1.0, coming).arrival_s.tolist()


def test_where_interstages_are_short_plans_wait_for_gaps_and_the_narrow_beam_will_do() -> None:
    short, long = HorizonParameters(), HorizonParameters(long_interstage_s=INTERSTAGE_S)
    crossing = junction("second")
    assert crossing.longest_interstage_s == INTERSTAGE_S
    assert not short.looks_far(crossing)
    assert (usual_beam_width(crossing, short), usual_beam_width(crossing, long)) == (BEAM_WIDTH, WIDE_BEAM)
    alone = neighbour("second", no_departures(2), links=())
    coming = traffic([3.0], flow_veh_s=(0.2, 0.1))
    assert alone.expect(1.0, coming) is coming


def test_a_mean_flow_is_not_sent_on() -> None:
    record = no_departures(2)
    around = neighbour("second", record, links=(), long_interstage_s=INTERSTAGE_S)
    told = around.expect(0.0, traffic([3.0, 9.0], flow_veh_s=(0.2, 0.1), moving=True))
    assert told.arrival_s.size > 2
    around.record(0.0, told, told.lane_start, np.round(10 * told.arrival_s).astype(np.int64), np.full((told.arrival_s.size, 2), -1))
    assert record.time_s[1, : record.number[1]].tolist() == [3.0, 9.0]
