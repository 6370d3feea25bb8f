"""Which program counts, what its phases say, and what is said about files that cannot be used."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.network import NetworkError, read_network
from controllers.sumo.programs import ShippedPhase, ShippedProgram, is_green_phase, lit_states, with_red_for_off, without_rings
from controllers.sumo.xml_reading import InputFileError
from tests.commands import ampelwerk
from tests.network import nets

if TYPE_CHECKING:
    from pathlib import Path

SECOND = """<additional><tlLogic id="A0" type="static" programID="night" offset="0">
<phase duration="20" state="GGGggrrrrrGGGggrrrrr"/><phase duration="4" state="yyyyyrrrrryyyyyrrrrr"/>
<phase duration="20" state="rrrrrGGGggrrrrrGGGgg"/><phase duration="4" state="rrrrryyyyyrrrrryyyyy"/></tlLogic></additional>"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.grid(tmp_path_factory.mktemp("programs"))


def additional(folder: Path, text: str) -> Path:
    file = folder / "tls.add.xml"
    file.write_text(text)
    return file


def test_the_program_loaded_last_is_the_one_that_runs_as_in_sumo(net: Path, tmp_path: Path) -> None:
    reading = read_network(net, [additional(tmp_path, SECOND)])
    assert reading.shipped["A0"].program_id == "night"
    assert {group.yellow_s for group in reading.junctions["A0"].groups} == {4.0}
    assert {group.yellow_s for group in reading.junctions["A1"].groups} == {3.0}


def test_an_element_without_phases_moves_the_offset_only(net: Path, tmp_path: Path) -> None:
    before = read_network(net).shipped["A0"]
    after = read_network(net, [additional(tmp_path, '<additional><tlLogic id="A0" programID="0" offset="7"/></additional>')]).shipped["A0"]
    assert (after.offset_s, after.phases) == (7.0, before.phases)


def test_a_switched_off_program_does_not_hide_a_usable_one(net: Path, tmp_path: Path) -> None:
    dark = f'<tlLogic id="A0" type="static" programID="blink"><phase duration="9" state="{"o" * 20}"/></tlLogic>'
    assert read_network(net, [additional(tmp_path, f"<additional>{dark}</additional>")]).shipped["A0"].program_id == "0"


def test_a_light_with_nothing_but_a_switched_off_program_is_left_alone(net: Path, tmp_path: Path) -> None:
    dark = tmp_path / "dark.net.xml"
    dark.write_text(re.sub(r'state="[Ggyr]+"', lambda found: f'state="{"o" * (len(found[0]) - 8)}"', net.read_text()))
    reading = read_network(dark)
    assert not reading.junctions
    assert "switched off" in reading.left_alone["A0"]


def test_a_light_without_conflicts_is_left_alone_with_a_reason(net: Path, caplog: pytest.LogCaptureFixture) -> None:
    reading = read_network(net)
    assert "single stage" in reading.left_alone["left0"]
    assert sum("left0" in message for message in caplog.messages) == 1


def test_a_position_that_nothing_obeys_stays_in_the_state_string_and_shows_red(net: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.net.xml"
    wide.write_text(re.sub(r'(<phase [^>]*state="[Ggyr]+)"', r'\1GG"', net.read_text()))
    plain, holed = read_network(net).junctions["A0"], read_network(wide).junctions["A0"]
    assert holed.signal_count == plain.signal_count + 2
    assert [holed.state(s) for s in range(len(holed.stages))] == [plain.state(s) + "rr" for s in range(len(plain.stages))]


def test_a_state_string_that_is_too_short_leaves_the_light_alone(net: Path, tmp_path: Path) -> None:
    short = SECOND.replace('rrrr"', 'rrr"').replace('gg"', 'g"').replace('yyyyy"', 'yyyy"')
    reading = read_network(net, [additional(tmp_path, short)])
    assert "has no letter for link 19" in reading.left_alone["A0"]


def test_nema_phases_without_rings_stay_single_phases() -> None:
    program = ShippedProgram("x", "0", "NEMA", 0.0, (ShippedPhase("Gr", 10), ShippedPhase("rG", 10)))
    assert without_rings(program) == program


def test_a_gzipped_network_reads_like_a_plain_one(net: Path, tmp_path: Path) -> None:
    packed = tmp_path / "grid.net.xml.gz"
    packed.write_bytes(gzip.compress(net.read_bytes()))
    assert read_network(packed).junctions == read_network(net).junctions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<net><tlLogic", "broken XML"),
        ("<routes/>", "no road network"),
        ('<net><tlLogic id="A0"><phase duration="x" state="G"/></tlLogic></net>', "'A0'"),
        ('<net><edge id="e" from="a" to="b"><lane id="e_0" index="0" speed="fast"/></edge></net>', "netconvert"),
    ],
)
def test_a_file_that_is_no_network_is_named_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.net.xml"
    file.write_text(text)
    with pytest.raises(InputFileError, match=said) as caught:
        read_network(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"absent\.net\.xml does not exist"):
        read_network(tmp_path / "absent.net.xml")


def test_a_truncated_archive_is_named(net: Path, tmp_path: Path) -> None:
    packed = tmp_path / "cut.net.xml.gz"
    packed.write_bytes(gzip.compress(net.read_bytes())[:2000])
    with pytest.raises(InputFileError, match=r"cut\.net\.xml\.gz"):
        read_network(packed)


def test_a_network_without_signals_is_refused(tmp_path: Path) -> None:
    net = tmp_path / "plain.net.xml"
    nets.run("netgenerate", "--grid", "--grid.number", "2", "--grid.attach-length", "100", "-o", str(net))
    with pytest.raises(NetworkError, match="no traffic light"):
        read_network(net)


def test_a_program_given_twice_is_refused_as_by_sumo(net: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="two programs '0'"):
        read_network(net, [additional(tmp_path, SECOND.replace("night", "0"))])


def test_a_signal_that_is_always_off_neither_makes_a_stage_nor_ends_one() -> None:
    states = ["OGr", "Oyr", "Orr", "Oru", "OrG", "Ory", "Orr"]
    program = ShippedProgram("c", "p", "static", 0.0, tuple(ShippedPhase(state, 3.0) for state in states))
    assert [is_green_phase(state) for state in lit_states(program)] == [True, False, False, False, True, False, False]


def test_a_phase_in_which_everything_is_off_says_nothing_about_who_goes_together() -> None:
    states = ["Grr", "yrr", "rGr", "ryr", "ooO"]
    program = ShippedProgram("c", "p", "static", 0.0, tuple(ShippedPhase(state, 3.0) for state in states))
    assert [phase.state for phase in with_red_for_off(program).phases] == [*states[:-1], "rrr"]
    mixed = ShippedProgram("c", "p", "static", 0.0, (ShippedPhase("Gro", 3.0), ShippedPhase("orG", 3.0)))
    assert with_red_for_off(mixed) == mixed, "a signal that goes off beside others that are on is one that tells to give way"


def test_the_monitor_has_nothing_to_say_about_a_program_with_signals_that_are_off_and_red_yellow(tmp_path: Path) -> None:
    net = nets.crossing(tmp_path)
    states = ["OGGggrrrrrOGGggrrrrr", "OyyyyrrrrrOyyyyrrrrr", "OrrrrrrrrrOrrrrrrrrr", "OrrrruuuuuOrrrruuuuu",
              "OrrrrGGGggOrrrrGGGgg", "OrrrryyyyyOrrrryyyyy", "OrrrrrrrrrOrrrrrrrrr", "OuuuurrrrrOuuuurrrrr"]  # fmt: skip
    size = len(read_network(net).shipped["c"].phases[0].state)
    assert size == 16  # without turning back: the fifth link of each road is left out
    kept = [k for k in range(20) if k % 5 != 4]
    phases = "".join(
        f'<phase duration="{d}" state="{"".join(state[k] for k in kept)}"/>' for d, state in zip((12, 3, 2, 1) * 2, states, strict=True)
    )
    file = additional(tmp_path, f'<additional><tlLogic id="c" type="static" programID="mine" offset="-2">{phases}</tlLogic></additional>')
    done = ampelwerk(
        "run", str(nets.configuration(net, end_s=120, additional=file.name)), "--controller", "static", "--out", str(tmp_path / "run")
    )
    assert done.returncode == 0, done.stderr
    assert '"violations": 0' in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
    junction = read_network(net, [file]).junctions["c"]
    assert len(junction.stages) == 2
    assert {group.red_yellow_s for group in junction.groups if set(group.links).isdisjoint({0, 8})} == {1.0}


def test_a_phase_of_0_s_is_refused_in_a_sentence(net: Path, tmp_path: Path) -> None:
    file = additional(tmp_path, SECOND.replace('duration="4"', 'duration="0"', 1))
    with pytest.raises(NetworkError, match=rf"{re.escape(str(file))}: phase 1 of tlLogic 'A0' \(program 'night'\) lasts 0 s"):
        read_network(net, [file])
