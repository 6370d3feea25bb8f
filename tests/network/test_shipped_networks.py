"""Every traffic light of the public maps, the guideline junctions and generated networks reads as its program says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sumo

from controllers.sumo.network import read_network
from controllers.sumo.programs import GREEN, without_rings
from controllers.sumo.stages import with_maximal_stages
from optimizer.intersection import Aspect, GroupKind
from tests.network import nets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controllers.sumo.network import NetworkReading
    from controllers.sumo.programs import ShippedProgram
    from optimizer.intersection import Intersection

RESCO = Path(str(importlib.util.find_spec("sumo_rl").origin)).parent / "nets" / "RESCO"
MAPS = ["arterial4x4", "cologne1", "cologne3", "cologne8", "grid4x4", "ingolstadt1", "ingolstadt21", "ingolstadt7"]
RILSA = Path(sumo.SUMO_HOME) / "tools" / "sumolib" / "scenario" / "scenarios" / "RealWorld"
RILSA_PLANS = {1: "tls.add.xml", 2: "tls_add.add.xml", 3: "tls_add.add.xml", 4: "tls_add.add.xml"}
GRIDS = {
    "crossings": ["--sidewalks.guess", "--crossings.guess"],
    "all_red": ["--turn-lanes", "1", "--tls.allred.time", "2"],
    "actuated": ["--tls.default-type", "actuated"],
    "incoming_layout": ["--tls.layout", "incoming"],
    "left_hand": ["--lefthand", "--turn-lanes", "1", "--tls.default-type", "delay_based"],
    "scramble": ["--sidewalks.guess", "--crossings.guess", "--tls.scramble.time", "10"],
    "joined": ["--tls.join", "--tls.join-dist", "200"],
    "no_internal_lanes": ["--no-internal-links"],
}


@pytest.fixture(scope="module", params=[*MAPS, *(f"rilsa{n}" for n in RILSA_PLANS), *GRIDS])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NetworkReading:
    name = request.param
    if name in MAPS:
        return read_network(RESCO / name / f"{name}.net.xml")
    if name in GRIDS:
        return read_network(nets.grid(tmp_path_factory.mktemp(name), *GRIDS[name]))
    folder = RILSA / f"RiLSA_example{name[-1]}"
    return read_network(folder / "net.net.xml", [folder / RILSA_PLANS[int(name[-1])]])


def signals_of(junction: Intersection) -> list[int]:
    return sorted(link for group in junction.groups for link in group.links)


def at(state: str, signals: list[int]) -> str:
    return "".join(state[link] for link in signals)


def is_stage(state: str) -> bool:
    return bool(GREEN.intersection(state)) and not set("yYu").intersection(state)


def passages(junction: Intersection, program: ShippedProgram) -> Iterator[tuple[str, str, float]]:
    """Yield (green letters of a stage, of the next one, time between) wherever the program goes through an interstage.

    A phase that shows green only to signals that lead nowhere in the net is no interstage: passages through it are left out.
    """
    signals = signals_of(junction)
    unused = [link for link in range(junction.signal_count) if link not in signals]
    old, between_s, dead = "", 0.0, False
    for phase in program.phases * 2:
        state = at(phase.state, signals)
        if is_stage(state):
            if old and old != state and not dead:
                yield old, state, between_s
            old, between_s, dead = state, 0.0, False
        else:
            between_s += phase.duration_s
            dead = dead or (not GREEN.intersection(state) and bool(GREEN.intersection(at(phase.state, unused))))


def test_every_signal_of_the_net_belongs_to_exactly_one_group(reading: NetworkReading) -> None:
    for name, junction in reading.junctions.items():
        signals = signals_of(junction)
        in_net = {link for _, _, link in reading.net.getTLS(name).getConnections()}
        assert len(signals) == len(set(signals))
        assert set(signals) == in_net


def test_a_stage_shows_the_green_letters_of_its_phase(reading: NetworkReading) -> None:
    assert reading.junctions
    for name, junction in reading.junctions.items():
        program, signals = reading.shipped[name], signals_of(junction)
        phases = {at(phase.state, signals) for phase in program.phases if is_stage(at(phase.state, signals))}
        states = [junction.state(stage) for stage in range(len(junction.stages))]
        assert {at(state, signals) for state in states} == phases
        assert {len(state) for state in states} == {len(program.phases[0].state)}


def test_an_interstage_lasts_as_long_as_the_program_makes_it(reading: NetworkReading) -> None:
    for name, junction in reading.junctions.items():
        signals = signals_of(junction)
        stage_of = {at(junction.state(stage), signals): stage for stage in range(len(junction.stages))}
        for old, new, between_s in passages(junction, reading.shipped[name]):
            a, b = stage_of[old], stage_of[new]
            closing, opening = junction.closing(a, b), junction.opening(a, b)
            if any(h in junction.conflicts[g] for g in closing for h in opening):
                # A program may take longer (a group that ended earlier, an early end of another one), never shorter.
                least_s = max(junction.groups[g].yellow_s for g in closing)
                assert least_s <= junction.interstage_s(a, b) <= between_s


def test_links_that_yield_have_somebody_to_yield_to_and_nobody_yields_in_a_circle(reading: NetworkReading) -> None:
    for junction in reading.junctions.values():
        left = set(range(len(junction.groups)))
        while left:
            free = {g for g in left if not junction.yields_to[g] & left}
            assert free, f"{junction.id}: groups {left} wait for each other"
            left -= free
        for g, others in enumerate(junction.yields_to):
            # Who turns on red meets others that its green keeps away.
            assert all(junction.turns_on_red(g) or junction.turns_on_red(h) for h in others & junction.conflicts[g])


def test_movements_cover_every_connection_of_vehicles(reading: NetworkReading) -> None:
    for name, junction in reading.junctions.items():
        pairs = {(a.getID(), b.getID()) for a, b, _ in reading.net.getTLS(name).getConnections() if not b.getEdge().getFunction()}
        read = {(junction.incoming[m.incoming].id, junction.outgoing[m.outgoing].id) for m in junction.movements}
        assert {pair for pair in pairs if not pair[0].startswith(":")} == read


@pytest.mark.parametrize(
    ("name", "yellows_s"), [("cologne1", {5.0}), ("cologne3", {3.0}), ("ingolstadt21", {3.0, 5.0}), ("arterial4x4", {3.0})]
)
def test_public_maps_keep_their_own_yellow_and_get_no_all_red(name: str, yellows_s: set[float]) -> None:
    junctions = read_network(RESCO / name / f"{name}.net.xml").junctions.values()
    assert {group.yellow_s for junction in junctions for group in junction.groups} == yellows_s
    for junction in junctions:
        for g, row in enumerate(junction.intergreen_s):
            assert set(row) <= {0.0, junction.groups[g].yellow_s}


def test_an_all_red_of_the_program_is_part_of_the_intergreen(tmp_path: Path) -> None:
    # Yellow 3 s (50 km/h) and the 2 s of all-red that netgenerate was told to insert.
    junction = read_network(nets.grid(tmp_path, *GRIDS["all_red"])).junctions["A0"]
    assert {junction.intergreen_s[g][h] for g, row in enumerate(junction.conflicts) for h in row} == {5.0}


def test_left_turners_of_cologne1_give_way_to_the_oncoming_traffic_only() -> None:
    (junction,) = read_network(RESCO / "cologne1" / "cologne1.net.xml").junctions.values()
    names = [group.id for group in junction.groups]
    left, oncoming = names.index("23429231#1_left_turn"), names.index("27115123#3_straight_right")
    assert junction.yields_to[left] == {oncoming}
    permissive = next(stage for stage in junction.stages if stage.aspects[left] is Aspect.PERMISSIVE)
    assert permissive.aspects[oncoming] is Aspect.PROTECTED


def test_lanes_that_share_a_signal_are_movements_of_one_group() -> None:
    junction = read_network(RESCO / "ingolstadt21" / "ingolstadt21.net.xml").junctions["243641585"]
    shared = [m for m in junction.movements if junction.groups[m.group].links == (0,)]
    assert {junction.incoming[m.incoming].id for m in shared} == {"23166741#5_1", "23166741#5_2"}


def test_a_light_over_two_junctions_separates_a_stream_from_the_one_it_meets_at_the_second() -> None:
    # RiLSA example 2: the left turn "em" enters an inner edge, which meets "wm" at the other junction without a signal of its own.
    folder = RILSA / "RiLSA_example2"
    (junction,) = read_network(folder / "net.net.xml", [folder / RILSA_PLANS[2]]).junctions.values()
    names = [group.id for group in junction.groups]
    assert names.index("wm_straight_right") in junction.conflicts[names.index("em_left")]
    # Shipped: yellow from phase "yyrrryyy" (2 s), "rrrrryyy" (1 s), all-red (1 s), then green of the left turn.
    assert junction.intergreen_s[names.index("wm_straight_right")][names.index("em_left")] == 4.0


def test_nema_rings_become_the_pairs_of_phases_that_may_run_together(tmp_path: Path) -> None:
    # netgenerate: ring 1 = 1,2,3,4; ring 2 = 5,6,7,8; barrier behind 2/6 and 4/8, so 2 * (2 * 2) pairs; yellow 3 s and red 2 s.
    reading = read_network(nets.grid(tmp_path, "--turn-lanes", "1", "--tls.default-type", "NEMA"))
    junction, program = reading.junctions["A0"], reading.shipped["A0"]
    assert len(junction.stages) == 8
    shown = {phase.state for phase in without_rings(program).phases}
    assert all(junction.state(stage) in shown for stage in range(8))
    assert {junction.intergreen_s[g][h] for g, row in enumerate(junction.conflicts) for h in row} == {5.0}


def test_trams_bicycles_and_pedestrians_are_told_apart_and_rail_signals_left_alone(tmp_path: Path) -> None:
    reading = read_network(nets.tram_junction(tmp_path))
    junction = reading.junctions["c"]
    assert {group.kind for group in junction.groups} == set(GroupKind)
    assert "rail signal" in reading.left_alone["r1"]
    served = {kind: set[str]() for kind in GroupKind}
    for movement in junction.movements:
        served[junction.groups[movement.group].kind].add(junction.incoming[movement.incoming].id)
    assert served[GroupKind.PEDESTRIAN] == set()
    assert served[GroupKind.BICYCLE] == {"nc_0", "wc_0"}  # from wc_0 only bicycles may turn onto the bicycle lane
    assert "nc_1" in served[GroupKind.BUS]
    assert served[GroupKind.BUS].isdisjoint({"tnc_1"})
    assert "tnc_1" in served[GroupKind.TRAM]
    assert "nc_1" not in served[GroupKind.TRAM]
    assert served[GroupKind.VEHICLE] == {"wc_0", "ec_0", "ec_1", "nc_2", "sc_1"}
    assert {group.yellow_s for group in junction.groups if group.kind is GroupKind.PEDESTRIAN} == {0.0}


def test_the_storage_of_a_lane_reaches_back_to_where_its_road_branches(tmp_path: Path) -> None:
    reading = read_network(nets.tram_junction(tmp_path))
    lanes = {lane.id: lane for lane in reading.junctions["c"].incoming}
    here, before = lanes["wc_0"], reading.net.getLane("far_0")
    (bend,) = before.getOutgoing()
    assert here.storage_m == pytest.approx(here.length_m + reading.net.getLane(bend.getViaLaneID()).getLength() + before.getLength())
    assert lanes["ec_1"].storage_m == lanes["ec_1"].length_m


def test_the_storage_behind_a_junction_reaches_over_a_widening_to_the_next_stop_line() -> None:
    # The exit 104010475#0 of ingolstadt1 is cut behind 22 m, where two lanes become three.
    reading = read_network(RESCO / "ingolstadt1" / "ingolstadt1.net.xml")
    lane = next(lane for lane in reading.junctions["gneJ207"].outgoing if lane.id == "104010475#0_2")
    parts = [lane.length_m]
    here = reading.net.getLane(lane.id)
    while roads := [c for c in here.getOutgoing() if not c.getTo().getFunction()]:
        here = roads[0].getToLane()
        parts += [reading.net.getLane(roads[0].getViaLaneID()).getLength(), here.getLength()]
    assert len(parts) > 1
    assert lane.storage_m == pytest.approx(sum(parts))


def test_lanes_too_short_for_a_vehicle_are_followed_past_a_branch() -> None:
    junctions = read_network(RESCO / "ingolstadt21" / "ingolstadt21.net.xml").junctions.values()
    stubs = [lane for junction in junctions for lane in junction.incoming if lane.length_m < 1.0]
    assert stubs
    assert all(lane.storage_m >= 7.5 for lane in stubs)


def test_added_maximal_stages_keep_those_that_are_there() -> None:
    # cologne3, junction 360082: three shipped stages, and one more compatible set.
    junction = read_network(RESCO / "cologne3" / "cologne3.net.xml").junctions["360082"]
    more = with_maximal_stages(junction)
    assert more.stages[:3] == junction.stages
    assert len(more.stages) == 4
    assert len({stage.aspects for stage in more.stages}) == 4
