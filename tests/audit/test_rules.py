"""Each rule of the safety check: a program that breaks it is found, and the repaired one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controllers.sumo.audit import audit
from controllers.sumo.findings import AuditRule, Severity
from controllers.sumo.network import NetworkError
from tests.audit.one_crossroads import crossroads, findings, links_by_way, states
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.sumo.findings import Finding

STRAIGHT_NS, STRAIGHT_EW = ("ns", "sn"), ("ew", "we")
RIGHT_NS, RIGHT_EW = ("nw", "se"), ("en", "ws")
LEFT_NS, LEFT_EW = ("ne", "sw"), ("es", "wn")
NORTH_SOUTH = (*STRAIGHT_NS, *LEFT_NS, *RIGHT_NS)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossroads(tmp_path_factory.mktemp("audit"))


def show(letter: str, *ways: str) -> dict[str, str]:
    return dict.fromkeys(ways, letter)


def safe(net: Path, yellow_s: float = 3, all_red_s: float = 4, feet_s: float = 12) -> list[tuple[float, str]]:
    """Return a program of five stages in which nothing meets: each road straight on and right, then left, then all pedestrians alone."""
    # Left turns that face each other cut across each other here: permissive, they wait for one another.
    streams = (("G", (*STRAIGHT_NS, *RIGHT_NS)), ("g", LEFT_NS), ("G", (*STRAIGHT_EW, *RIGHT_EW)), ("g", LEFT_EW))
    phases = []
    for letter, ways in streams:
        green, yellow, red = states(net, show(letter, *ways), show("y", *ways), {})
        phases += [(20.0, green), (yellow_s, yellow), (all_red_s, red)]
    feet, red = states(net, {"feet": "G"}, {})
    return [*phases, (feet_s, feet), (8.0, red)]


def rules(found: list[Finding]) -> set[AuditRule]:
    return {finding.rule for finding in found}


def test_a_program_in_which_nothing_meets_has_no_finding(net: Path) -> None:
    assert findings(net, safe(net)) == []


def test_crossing_streams_in_full_green_are_an_error_that_names_the_phase_and_the_links(net: Path) -> None:
    phases = safe(net)
    phases[0] = (20.0, states(net, show("G", "ns", "ew"))[0])
    (found,) = [f for f in findings(net, phases) if f.rule is AuditRule.CONFLICTING_GREEN]
    places = links_by_way(net)
    assert (found.severity, found.phases, found.links) == (Severity.ERROR, (0,), tuple(sorted([*places["ns"], *places["ew"]])))


def test_a_permissive_left_turn_across_one_oncoming_lane_is_allowed(net: Path) -> None:
    green, yellow, red = states(
        net, show("G", *STRAIGHT_NS, *RIGHT_NS) | show("g", *LEFT_NS), show("y", *STRAIGHT_NS, *LEFT_NS, *RIGHT_NS), {}
    )
    assert findings(net, [(20, green), (3, yellow), (4, red), *safe(net)[6:]]) == []


def test_a_permissive_green_against_which_nobody_waits_is_reported(net: Path) -> None:
    # The left turn has to wait for the oncoming stream; with the letters exchanged nobody does.
    green, yellow, red = states(
        net, show("g", *STRAIGHT_NS, *RIGHT_NS, "sw") | show("G", "ne"), show("y", *STRAIGHT_NS, *LEFT_NS, *RIGHT_NS), {}
    )
    assert rules(findings(net, [(20, green), (3, yellow), (4, red), *safe(net)[6:]])) == {AuditRule.UNRESOLVED_GREEN}


def test_a_green_that_ends_without_yellow_is_an_error_except_for_pedestrians(net: Path) -> None:
    phases = [phase for phase in safe(net, all_red_s=8) if "y" not in phase[1]]
    found = findings(net, phases)
    assert rules(found) == {AuditRule.MISSING_YELLOW}
    assert {finding.severity for finding in found} == {Severity.ERROR}
    assert not {link for finding in found for link in finding.links} & set(links_by_way(net)["feet"])


@pytest.mark.parametrize(("yellow_s", "severity"), [(3.0, None), (2.9, Severity.ERROR), (1.0, Severity.ERROR)])
def test_yellow_at_50_km_h_lasts_3_s(net: Path, yellow_s: float, severity: Severity | None) -> None:
    # Stopping takes 1 s + 13.89 m/s / (2 * 3.5 m/s2) = 2.98 s.
    found = findings(net, safe(net, yellow_s=yellow_s, all_red_s=6))
    assert {finding.severity for finding in found} == ({severity} if severity else set())
    assert rules(found) <= {AuditRule.SHORT_YELLOW}


def test_yellow_at_70_km_h_that_suffices_for_braking_but_not_for_the_guideline_is_a_warning(tmp_path: Path) -> None:
    # 1 s + 19.44 / 7 = 3.78 s for braking, 5 s by the guideline.
    net = crossroads(tmp_path, speed_m_s=70 / 3.6)
    found = findings(net, safe(net, yellow_s=4))
    assert {(finding.rule, finding.severity) for finding in found} == {(AuditRule.SHORT_YELLOW, Severity.WARNING)}


def test_an_intergreen_that_is_too_short_is_found_with_the_change_and_its_pair(net: Path) -> None:
    phases = safe(net)
    del phases[5]  # the turns from north and south, then straight on from east and west, after yellow alone
    found = findings(net, phases)
    assert {(finding.rule, finding.phases) for finding in found} == {(AuditRule.SHORT_INTERGREEN, (3, 5))}
    assert set(found[0].links) >= {*links_by_way(net)["ne"], *links_by_way(net)["ew"]}


def test_pedestrians_need_time_to_clear_the_crossing(net: Path) -> None:
    # 6.4 m wide: 6.4 / 1.2 = 5.3 s until the last one is across.
    phases = safe(net)
    phases[-1] = (3.0, phases[-1][1])
    found = findings(net, phases)
    assert {(finding.rule, finding.phases) for finding in found} == {(AuditRule.SHORT_INTERGREEN, (12, 0))}


def test_a_vehicle_green_below_5_s_is_an_error(net: Path) -> None:
    phases = safe(net)
    phases[0] = (4.0, phases[0][1])
    assert [(f.rule, f.severity, f.phases) for f in findings(net, phases)] == [(AuditRule.SHORT_GREEN, Severity.ERROR, (0,))]


def test_an_actuated_program_is_judged_by_its_least_greens(net: Path) -> None:
    assert rules(findings(net, safe(net), "actuated")) == set()
    assert AuditRule.SHORT_GREEN in rules(findings(net, safe(net), "actuated", 'minDur="3" maxDur="40"'))


def test_a_pedestrian_green_shorter_than_the_walk_is_a_note_and_below_5_s_an_error(net: Path) -> None:
    assert [(f.rule, f.severity) for f in findings(net, safe(net, feet_s=5))] == [(AuditRule.SHORT_CROSSING, Severity.NOTE)]
    assert [(f.rule, f.severity) for f in findings(net, safe(net, feet_s=4))] == [(AuditRule.SHORT_GREEN, Severity.ERROR)]


def test_a_movement_without_green_is_an_error(net: Path) -> None:
    found = findings(net, safe(net)[:9] + safe(net)[12:])  # without the stage of the turns from east and west
    assert rules(found) == {AuditRule.NEVER_GREEN}
    places = links_by_way(net)
    assert {link for f in found for link in f.links} == {link for way in LEFT_EW for link in places[way]}


def test_states_that_do_not_match_the_links_are_errors_and_nothing_else_is_judged(net: Path) -> None:
    cut = [(duration_s, state[:-1]) for duration_s, state in safe(net)]
    assert [f.rule for f in findings(net, cut)] == [AuditRule.STATE_LENGTH]
    strange = [(duration_s, state.replace("y", "x")) for duration_s, state in safe(net)]
    assert [f.rule for f in findings(net, strange)] == [AuditRule.UNKNOWN_LETTER]
    longer = [(duration_s, state + "r") for duration_s, state in safe(net)]
    assert [(f.rule, f.severity) for f in findings(net, longer)] == [(AuditRule.UNUSED_SIGNAL, Severity.NOTE)]


@pytest.mark.parametrize(
    ("speed_km_h", "lanes", "expected"),
    [(50, 1, set()), (70, 1, set()), (80, 1, {AuditRule.PERMISSIVE_FAST}), (50, 2, {AuditRule.PERMISSIVE_MULTI_LANE})],
)
def test_a_permissive_left_turn_across_a_fast_or_wide_stream_is_a_warning(
    tmp_path: Path, speed_km_h: float, lanes: int, expected: set[AuditRule]
) -> None:
    net = crossroads(tmp_path, speed_km_h / 3.6, lanes)
    green, yellow, red = states(
        net, show("G", *STRAIGHT_NS, *RIGHT_NS) | show("g", *LEFT_NS), show("y", *STRAIGHT_NS, *LEFT_NS, *RIGHT_NS), {}
    )
    found = findings(net, [(20, green), (5, yellow), (5, red), *safe(net, 5, 5, 30)[6:-1], (15, red)])
    assert rules(found) == expected
    assert {finding.severity for finding in found} <= {Severity.WARNING}


def test_the_shipped_program_is_checked_beside_that_of_an_additional_file(net: Path) -> None:
    findings(net, safe(net))
    assert audit(net).programs == 1
    assert audit(net, [net.with_name("tried.add.xml")]).programs == 2


def test_a_rail_signal_is_not_checked_but_named(tmp_path: Path) -> None:
    found = audit(nets.tram_junction(tmp_path))
    assert "rail" in found.left_out["r1"]


def test_a_network_without_signals_is_refused(tmp_path: Path) -> None:
    net = tmp_path / "plain.net.xml"
    nets.run("netgenerate", "--grid", "--grid.number", "2", "-o", str(net))
    with pytest.raises(NetworkError, match="no traffic light"):
        audit(net)


def test_a_phase_of_0_s_is_an_error(net: Path) -> None:
    phases = [*safe(net), (0.0, safe(net)[-1][1])]
    assert [(f.rule, f.severity, f.phases) for f in findings(net, phases)] == [(AuditRule.EMPTY_PHASE, Severity.ERROR, (14,))]


def test_what_several_phases_show_is_one_finding_with_all_of_them(net: Path) -> None:
    # The left turn is protected against the oncoming stream in two stages.
    green = states(net, show("g", *STRAIGHT_NS, *RIGHT_NS, "sw") | show("G", "ne"))[0]
    phases = [(20.0, green), (5.0, green), *safe(net)[1:]]
    (found,) = [f for f in findings(net, phases) if f.rule is AuditRule.UNRESOLVED_GREEN]
    assert found.phases == (0, 1)
    assert "phases 0 and 1 show green" in found.sentence


def test_a_green_that_ends_into_right_turn_on_red_needs_its_yellow(net: Path) -> None:
    safe_phases = safe(net)
    turn_on_red = states(net, show("y", *STRAIGHT_NS) | show("s", *RIGHT_NS))[0]
    found = findings(net, [safe_phases[0], (3.0, turn_on_red), *safe_phases[2:]])
    assert rules(found) == {AuditRule.MISSING_YELLOW}
    assert {link for f in found for link in f.links} == {link for way in RIGHT_NS for link in links_by_way(net)[way]}


def test_a_program_that_never_runs_is_told_apart_unless_a_waut_calls_it_up(net: Path, tmp_path: Path) -> None:
    def program(name: str) -> str:
        rows = "".join(f'<phase duration="{duration_s}" state="{state}"/>' for duration_s, state in safe(net))
        return f'<tlLogic id="c" type="static" programID="{name}" offset="0">{rows}</tlLogic>'

    plain, switched = tmp_path / "plain.add.xml", tmp_path / "switched.add.xml"
    plain.write_text(f"<additional>{program('am')}{program('pm')}</additional>")
    waut = '<WAUT id="w" startProg="am"><wautSwitch time="100" to="pm"/></WAUT><wautJunction wautID="w" junctionID="c"/>'
    switched.write_text(f"<additional>{program('am')}{program('pm')}{waut}</additional>")
    assert audit(net, [plain]).never_run == {("c", "0"), ("c", "am")}
    found = audit(net, [switched])
    assert found.never_run == {("c", "0")}
    assert found.errors == 0
    assert any(f.severity is Severity.ERROR for f in found.findings), "the shipped program has errors, but never runs"


def test_nothing_is_said_about_a_link_that_nobody_may_use(tmp_path: Path) -> None:
    net = crossroads(tmp_path)
    closed = net.read_text().replace('from="nc" to="ce"', 'disallow="all" from="nc" to="ce"')
    assert closed != net.read_text()
    net.write_text(closed)
    ways = links_by_way(net)

    def closed(state: str) -> str:
        return "".join("r" if link in ways["ne"] else letter for link, letter in enumerate(state))

    phases = [(duration_s, closed(state)) for duration_s, state in safe(net)]
    assert findings(net, phases) == []
