"""SUMO's files are read as SUMO reads them: gzip by content, included files, and the signals and loops in either."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from controllers.sumo.additional_files import as_run, check_released
from controllers.sumo.detectors import user_loops
from controllers.sumo.network import NetworkError, read_network
from controllers.sumo.options import OutputNames
from controllers.sumo.programs import read_signals
from controllers.sumo.xml_reading import InputFileError, top_level_elements
from tests.audit.one_crossroads import crossroads

if TYPE_CHECKING:
    from pathlib import Path

LOOP = '<inductionLoop id="{}" lane="nc_1" pos="20" period="60" file="{}"/>'
SWITCHED = """<additional><tlLogic id="c" type="static" programID="day"><phase duration="30" state="G"/></tlLogic>
<tlLogic id="c" type="static" programID="night"><phase duration="20" state="G"/></tlLogic>
<WAUT id="w" refTime="50" startProg="day"><wautSwitch time="0:01:40" to="night"/></WAUT>
<wautJunction wautID="w" junctionID="c"/></additional>"""


def added(path: Path, content: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"<additional>{content}</additional>")
    return path


def test_gzip_is_known_by_its_content_and_included_files_are_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.add.xml").write_bytes(gzip.compress(f"<additional>{LOOP.format('b', 'b.xml')}</additional>".encode()))
    first = added(tmp_path / "a.add.xml", '<include href="deep/b.add.xml"/>' + LOOP.format("a", "a.xml"))
    assert [loop.id for loop in user_loops([first])] == ["b", "a"]


def test_a_file_that_includes_itself_is_told(tmp_path: Path) -> None:
    added(tmp_path / "b.add.xml", '<include href="a.add.xml"/>')
    with pytest.raises(InputFileError, match="includes itself"):
        list(top_level_elements(added(tmp_path / "a.add.xml", '<include href="b.add.xml"/>')))


def test_a_loop_without_a_place_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"a\.add\.xml: <inductionLoop id='x'>"):
        user_loops([added(tmp_path / "a.add.xml", '<inductionLoop id="x" lane="nc_1" period="60" file="NUL"/>')])


def test_what_additional_files_write_goes_into_our_folder_under_one_name_each(tmp_path: Path) -> None:
    added(tmp_path / "deep" / "b.add.xml", LOOP.format("b", "out.xml"))
    first = added(
        tmp_path / "a.add.xml",
        '<include href="deep/b.add.xml"/>'
        + LOOP.format("a1", "out.xml")
        + LOOP.format("a2", "out.xml")
        + '<variableSpeedSign id="s" lanes="nc_1" file="speeds.xml"/><calibrator id="k" edge="nc" pos="1" output="NUL"/>',
    )
    (tmp_path / "speeds.xml").write_text("<vss/>")
    still = added(tmp_path / "c.add.xml", LOOP.format("c", "NUL"))
    copy, kept = as_run([first, still], tmp_path / "copies", OutputNames(tmp_path / "outputs"))
    assert kept == still
    files = {element.get("id"): element.get("file") for element in ET.parse(copy).getroot()}
    assert files == {
        "b": str(tmp_path / "outputs" / "out.xml"),
        "a1": str(tmp_path / "outputs" / "2_out.xml"),
        "a2": str(tmp_path / "outputs" / "2_out.xml"),
        "s": str(tmp_path / "speeds.xml"),
        "k": None,
    }


@pytest.mark.parametrize(("time_s", "due"), [(0, "day"), (149.9, "day"), (150, "night")])
def test_a_light_that_is_switched_by_the_time_of_day_begins_with_the_program_of_that_time(tmp_path: Path, time_s: float, due: str) -> None:
    file = tmp_path / "day.add.xml"
    file.write_text(SWITCHED)
    program, is_off = read_signals([file]).at_start("c", time_s)
    assert program is not None
    assert (program.program_id, is_off) == (due, False)
    later = added(tmp_path / "more.add.xml", '<tlLogic id="c" programID="new"><phase duration="9" state="G"/></tlLogic>')
    loaded_last, _ = read_signals([file, later]).at_start("c", time_s)
    assert loaded_last is not None
    assert loaded_last.program_id == "new"


def test_the_switching_of_released_lights_is_left_out_and_what_the_network_itself_switches_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "day.add.xml"
    file.write_text(SWITCHED)
    names = OutputNames(tmp_path / "outputs")
    assert as_run([file], tmp_path / "copies", names, {"other"}) == (file,)
    (copy,) = as_run([file], tmp_path / "copies", names, {"c"})
    assert [element.tag for element in ET.parse(copy).getroot()] == ["tlLogic", "tlLogic", "WAUT"]
    switchings = read_signals([file]).switchings["c"]
    check_released(switchings, tmp_path / "c.net.xml", {"c"})
    with pytest.raises(NetworkError, match=r"day\.add\.xml: <wautJunction wautID='w'>.*'c'"):
        check_released(switchings, file, {"c"})


def test_a_light_that_is_switched_off_is_known_with_the_program_that_it_would_have(tmp_path: Path) -> None:
    net = crossroads(tmp_path)
    assert read_network(net).switched_off == frozenset()
    reading = read_network(net, [added(tmp_path / "off.add.xml", '<tlLogic id="c" type="static" programID="off" offset="0"/>')])
    assert reading.switched_off == {"c"}
    assert reading.shipped["c"].program_id == "0"
    assert "c" in reading.junctions
