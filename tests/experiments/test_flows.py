"""Flows by movement from routes, trips and flows, and from a table of counts."""

from __future__ import annotations

import math
import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.sumo.network import read_network
from controllers.sumo.walkways import Walkways
from experiments.design.counts import counts_csv, from_counts
from experiments.design.flows import TurnCounts, busiest, from_routes, junction_demand
from experiments.errors import ExperimentError
from optimizer.intersection import GroupKind
from sumo_networks import scenario
from sumo_networks.demand import out_of_order
from sumo_networks.scenario import ScenarioError
from sumo_networks.sumo_programs import sumo_home, write_configuration
from tests.audit.one_crossroads import crossroads

if TYPE_CHECKING:
    from pathlib import Path

    from optimizer.intersection import Intersection
    from sumo_networks import Scenario

ROUTES = """<routes><route id="ns" edges="nc cs"/>
<flow id="f" begin="0" end="1800" number="90" from="sc" to="cn"/>
<vehicle id="v" depart="0" route="ns"/><vehicle id="w" depart="10"><route edges="nc ce"/></vehicle>
<trip id="t" depart="20" from="ec" to="cw"/>
<flow id="g" begin="1800" end="3600" vehsPerHour="400" from="sc" to="cn"/>
<trip id="late" depart="3599" from="ec" to="cw"/><trip id="after" depart="4000" from="ec" to="cw"/></routes>"""


@pytest.fixture
def place(tmp_path: Path) -> Scenario:
    crossroads(tmp_path)
    (tmp_path / "c.rou.xml").write_text(ROUTES)
    write_configuration(tmp_path / "c.sumocfg", "c.net.xml", "c.rou.xml", (), 0, 3600)
    return scenario(tmp_path / "c.sumocfg")


@pytest.fixture(scope="module")
def crossroads_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crossroads")
    crossroads(folder)
    return folder


@pytest.fixture
def junctions(tmp_path: Path) -> dict[str, Intersection]:
    return read_network(crossroads(tmp_path)).junctions


def counted(place: Scenario, period_s: float = math.inf) -> list[TurnCounts]:
    reading = read_network(place.network)
    return from_routes(place, Walkways(reading.net, reading.junctions), period_s)


def test_routes_trips_and_flows_count_alike_within_the_window(place: Scenario) -> None:
    (counts,) = counted(place)
    assert (counts.begin_s, counts.end_s) == (0, 3600)
    assert counts.per_hour == pytest.approx(
        {("nc", "cs", False): 1, ("nc", "ce", False): 1, ("ec", "cw", False): 2, ("sc", "cn", False): 290}, abs=1.01
    )


def test_persons_on_their_way_count_at_the_crossings_that_sumo_lets_them_use(tmp_path: Path) -> None:
    place, end_s = scenario("neudorf"), 900
    site = read_network(place.network)
    walkways = Walkways(site.net, site.junctions)
    counts = from_routes(place, walkways, end_s)[0]
    crossings = [name for name, edge in site.net._id2edge.items() if edge.getFunction() == "crossing"]
    (tmp_path / "crossings.txt").write_text("".join(f"edge:{name}\n" for name in crossings))
    options = ["--fcd-output", "seen.xml", "--fcd-output.filter-edges.input-file", "crossings.txt", "--end", f"{end_s}", "--no-step-log"]
    subprocess.run([str(sumo_home() / "bin" / "sumo"), "-c", str(place.configuration), *options, "--no-warnings"], cwd=tmp_path, check=True)
    seen = {(person.get("id"), person.get("edge")) for person in ET.parse(tmp_path / "seen.xml").iter("person")}
    assert len(seen) > 100
    # Which way round they go depends on the signals they meet; how many cross at a junction does not. Some are still on their way.
    for name in site.junctions:
        counted = sum(flow for (junction, _), flow in counts.crossing_h.items() if junction == name) * end_s / 3600
        assert sum(str(edge).startswith(f":{name}_") for _, edge in seen) == pytest.approx(counted, rel=0.3, abs=4)


def test_walkers_share_the_two_ways_round_a_junction_and_take_the_only_short_one() -> None:
    site = read_network(scenario("neudorf").network)
    walkways = Walkways(site.net, site.junctions)
    across = walkways.crossed(["south5_in", "north5_in"])
    assert across == {("m5", f"m5_c{i}"): 0.5 for i in range(4)}
    # Along the road over one side street: the other way would lead over three crossings.
    assert walkways.crossed(["main_e2_pocket", "main_e3"]) == {("m3", "m3_c2"): 1}
    assert walkways.crossed(["main_e2_pocket", "south3_out"]) == {}  # round the corner
    assert walkways.crossed(["south5_in"]) == {}
    assert walkways.crossed(["south5_in", "nowhere"]) == {}


def test_flows_are_raised_to_the_busiest_period_all_by_one_factor() -> None:
    # Means of 200 and 50; the second hour brings 400 in all against a mean of 250: a factor of 1.6.
    main, side = ("a", "b", False), ("c", "d", False)
    periods = [TurnCounts(0, 900, {main: 100.0}), TurnCounts(900, 1800, {main: 300.0, side: 100.0})]
    assert busiest(periods).per_hour == pytest.approx({main: 320.0, side: 80.0})


def test_a_scenario_is_counted_in_periods(place: Scenario) -> None:
    periods = counted(place, 900.0)
    assert [period.per_hour.get(("sc", "cn", False), 0) for period in periods] == pytest.approx([180, 180, 400, 400], abs=8)


def test_of_a_long_time_the_busiest_hour_decides_who_drives_where() -> None:
    # In the morning all drive in, in the evening more drive out: the mean of both would fit neither.
    inwards, outwards = ("a", "b", False), ("b", "a", False)
    morning = [TurnCounts(900 * k, 900 * k + 900, {inwards: 800.0, outwards: 100.0}) for k in range(4)]
    evening = [TurnCounts(900 * k, 900 * k + 900, {inwards: 100.0, outwards: flow}) for k, flow in enumerate([900.0] * 3 + [1100.0], 4)]
    found = busiest([*morning, *evening])
    assert (found.begin_s, found.end_s) == (3600, 7200)
    factor = 1200 / 1050
    assert found.per_hour == pytest.approx({inwards: 100 * factor, outwards: 950 * factor})


def test_a_short_rest_of_the_window_makes_no_busiest_period() -> None:
    turn = ("a", "b", False)
    periods = [TurnCounts(0, 900, {turn: 100.0}), TurnCounts(900, 1000, {turn: 720.0})]
    assert busiest(periods).per_hour[turn] == pytest.approx((100 * 900 + 720 * 100) / 1000)


def test_the_demand_of_a_junction_holds_all_vehicles_that_pass_it(place: Scenario) -> None:
    junction = read_network(place.network).junctions["c"]
    (counts,) = counted(place)
    demand = junction_demand(junction, counts)
    assert sum(demand.movement_veh_h) == pytest.approx(sum(counts.per_hour.values()))


def test_a_scenario_without_traffic_is_refused(place: Scenario) -> None:
    place.route_files[0].write_text("<routes/>")
    with pytest.raises(ExperimentError, match="no vehicle departs"):
        counted(place)
    place.route_files[0].write_text('<routes><vehicle id="v" depart="x"><route edges="nc cs"/></vehicle></routes>')
    with pytest.raises(ScenarioError, match="no time"):
        counted(place)


def table(junction: Intersection) -> list[str]:
    ways = sorted({(junction.incoming[m.incoming].approach, junction.outgoing[m.outgoing].approach) for m in junction.movements})
    return ["junction,from,to,per_hour", *(f"c,{a},{b},{50 + i}" for i, (a, b) in enumerate(ways))]


def test_counts_of_vehicles_and_persons_are_read(tmp_path: Path, junctions: dict[str, Intersection]) -> None:
    crossing = next(group.id for group in junctions["c"].groups if group.kind == "pedestrian")
    file = tmp_path / "counts.csv"
    file.write_text("\ufeff" + "\n".join([*table(junctions["c"]), f"c,{crossing},,120"]).replace(",", ";"), encoding="utf-8")
    (counts,) = from_counts(file, junctions)
    demand = junction_demand(junctions["c"], counts)
    assert sum(demand.movement_veh_h) == sum(50 + i for i in range(12))
    assert demand.crossing_h[[group.id for group in junctions["c"].groups].index(crossing)] == 120


def test_a_table_may_tell_of_the_quarters_of_a_day(tmp_path: Path, junctions: dict[str, Intersection]) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("junction,from,to,begin,end,per_hour\nc,nc,cs,07:15,7:30,200\nc,nc,cs,25200,26100,100\n")
    early, late = from_counts(file, junctions)
    assert [(counts.begin_s, counts.end_s, *counts.per_hour.values()) for counts in (early, late)] == [
        (25200, 26100, 100),
        (26100, 27000, 200),
    ]


def test_the_flows_of_routes_can_be_written_as_a_table_and_read_again(
    tmp_path: Path, place: Scenario, junctions: dict[str, Intersection]
) -> None:
    (counts,) = counted(place)
    (tmp_path / "counts.csv").write_text(counts_csv(counts, junctions))
    (read,) = from_counts(tmp_path / "counts.csv", junctions)
    assert junction_demand(junctions["c"], read).movement_veh_h == pytest.approx(
        junction_demand(junctions["c"], counts).movement_veh_h, abs=0.06
    )


def test_a_movement_without_a_count_is_named(tmp_path: Path, junctions: dict[str, Intersection]) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("\n".join(table(junctions["c"])[:-1]))
    with pytest.raises(ExperimentError, match=r"counts\.csv: junction 'c' has no count for the movement from 'wc' to 'cs'"):
        junction_demand(junctions["c"], from_counts(file, junctions)[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column 'junction'"),
        ("junction,from,to\nc,nc,cs", "has no column 'per_hour'"),
        ("junction,from,to,per_hour\nd,nc,cs,5", "row 2: there is no junction 'd' to time; choose from c"),
        ("junction,from,to,per_hour\nc,nc,cz,5", "row 2: no movement at 'c' leads from 'nc' to 'cz'"),
        ("junction,from,to,per_hour\nc,nc,cs,many", "row 2: per_hour is 'many'"),
        ("junction,from,to,per_hour\nc,nc,cs,-1", "give a number of 0 or more"),
        ("junction,from,to,per_hour\nc,nc,cs,1\nc,nc,cs,2", "row 3 counts a movement that an earlier row has counted"),
        ("junction,from,to,per_hour\nc,c_c9,,2", "has no crossing 'c_c9'"),
        ("junction,from,to,per_hour", "holds no counts"),
        ("junction,from,to,begin,per_hour\nc,nc,cs,0,5", "has no column 'end'"),
        ("junction,from,to,begin,end,per_hour\nc,nc,cs,early,900,5", "row 2: begin is 'early'; give seconds, or hours and minutes"),
        ("junction,from,to,begin,end,per_hour\nc,nc,cs,07:00,7:00,5", "row 2: the interval from 07:00 to 7:00 has no length"),
        ("junction,from,to,begin,end,per_hour\nc,nc,cs,0,900,5\nc,nc,cs,600,1500,5", "from 0 and from 600 s overlap"),
        ("junction,from,to,begin,end,per_hour\nc,nc,cs,0,900,5\nc,nc,ce,900,1800,5", "from 0 to 900 s has no count from 'nc' to 'ce'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, junctions: dict[str, Intersection], text: str, said: str
) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(text)
    with pytest.raises(ExperimentError, match=said) as caught:
        from_counts(file, junctions)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ExperimentError, match="cannot be read"):
        from_counts(tmp_path / "absent.csv", junctions)


def test_a_count_of_a_road_with_tram_lanes_beside_is_that_of_its_cars() -> None:
    network = scenario("neudorf").network
    place = read_network(network).junctions["m2"]
    counted = {}
    for movement in place.movements:
        way = place.incoming[movement.incoming].approach, place.outgoing[movement.outgoing].approach
        counted[(*way, False)] = 100.0
    demand = junction_demand(place, TurnCounts(0, 3600, counted, table="counts.csv"))
    flows_h = dict.fromkeys(GroupKind, 0.0)
    for movement, flow in zip(place.movements, demand.movement_veh_h, strict=True):
        flows_h[place.groups[movement.group].kind] += flow
    assert flows_h[GroupKind.VEHICLE] == pytest.approx(100.0 * len(counted))
    assert flows_h[GroupKind.TRAM] == 0


def test_flows_between_junctions_count_as_those_between_their_edges(tmp_path: Path) -> None:
    crossroads(tmp_path)
    found = {}
    for name, ends in (("edges", 'from="nc" to="cs"'), ("junctions", 'fromJunction="n" toJunction="s"')):
        (tmp_path / "c.rou.xml").write_text(f'<routes><flow id="f" {ends} begin="0" end="600" vehsPerHour="60"/></routes>')
        (tmp_path / "c.sumocfg").write_text(
            '<configuration><net-file value="c.net.xml"/><route-files value="c.rou.xml"/><end value="600"/><junction-taz value="true"/>'
            "</configuration>"
        )
        (found[name],) = counted(scenario(tmp_path / "c.sumocfg"))
    assert found["junctions"].per_hour == found["edges"].per_hour
    assert set(found["edges"].per_hour) == {("nc", "cs", False)}


def test_the_scales_of_the_configuration_and_of_types_of_vehicles_count(place: Scenario) -> None:
    (whole,) = counted(place)
    (half,) = counted(replace(place, scale=0.5))
    assert half.per_hour == pytest.approx({turn: flow / 2 for turn, flow in whole.per_hour.items()})
    routes = place.route_files[0].read_text().replace('<flow id="f"', '<vType id="t" scale="2"/><flow id="f" type="t"')
    place.route_files[0].write_text(routes)
    (more,) = counted(place)
    assert more.per_hour["sc", "cn", False] == pytest.approx(whole.per_hour["sc", "cn", False] + 90)


def test_calibrators_do_not_hinder_the_count_and_are_told(place: Scenario, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    flow = '<flow begin="0" end="400" route="ns" vehsPerHour="60" speed="13.9"/>'
    file = tmp_path / "k.add.xml"
    file.write_text(f'<additional><calibrator id="k" edge="nc" pos="100" period="60" output="NUL">{flow}</calibrator></additional>')
    assert counted(replace(place, additional_files=(file,))) == counted(place)
    assert "the calibrators k make or remove vehicles" in caplog.text


def test_demand_that_sumo_would_leave_out_is_refused(place: Scenario) -> None:
    first = '<vehicle id="v" depart="9"><route edges="nc cs"/></vehicle>'
    place.route_files[0].write_text(f'<routes>{first}<flow id="f" from="ec" to="cw" begin="0" end="60" number="5"/></routes>')
    with pytest.raises(ExperimentError, match=r"leaves out 5 of 6 vehicles .* \(first: 'f'\)"):
        counted(place)


def test_vehicles_without_a_way_are_refused_unless_the_scenario_leaves_them_out(place: Scenario, caplog: pytest.LogCaptureFixture) -> None:
    lost = '<vehicle id="lost" depart="0"><route edges="cn cs"/></vehicle><vehicle id="v" depart="9"><route edges="nc cs"/></vehicle>'
    place.route_files[0].write_text(f"<routes>{lost}</routes>")
    with pytest.raises(ExperimentError, match="'lost'"):
        counted(place)
    (counts,) = counted(replace(place, drops_unroutable=True))
    assert set(counts.per_hour) == {("nc", "cs", False)}
    assert "'lost'" in caplog.text


DEPARTURES = st.lists(st.tuples(st.sampled_from(["vehicle", "flow", "bus"]), st.integers(0, 20)), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None)
@given(departures=DEPARTURES)
def test_what_is_out_of_order_is_what_sumo_leaves_out(departures: list[tuple[str, int]], crossroads_once: Path) -> None:
    text = {
        "vehicle": '<vehicle id="{i}" depart="{t}"><route edges="nc cs"/></vehicle>',
        "flow": '<flow id="{i}" begin="{t}" end="{e}" number="1" from="nc" to="cs"/>',
        "bus": '<vehicle id="{i}" depart="{t}" line="7"><route edges="nc cs"/></vehicle>',
    }
    routes = crossroads_once / "c.rou.xml"
    routes.write_text(f"<routes>{''.join(text[kind].format(i=i, t=t, e=t + 9) for i, (kind, t) in enumerate(departures))}</routes>")
    write_configuration(crossroads_once / "c.sumocfg", "c.net.xml", "c.rou.xml", (), 0, 400)
    told = subprocess.run(
        [str(sumo_home() / "bin" / "sumo"), "-c", "c.sumocfg", "--no-step-log"],
        cwd=crossroads_once,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [one.id for one in out_of_order(scenario(crossroads_once / "c.sumocfg"))] == re.findall(r"ignoring '(\d+)'", told.stderr)
