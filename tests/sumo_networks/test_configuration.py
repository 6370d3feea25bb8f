"""What a user's own configuration may hold, and what is said when it is wrong."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.sumo.xml_reading import InputFileError
from sumo_networks import ScenarioError, scenario, vehicles_due

NETWORK = """<net>
    <edge id=":m_0" function="internal"/><edge id="a"/><edge id="b"/>
    <tlLogic id="m" type="static" programID="0"/>
</net>"""
ROUTES = '<routes><vehicle id="v" depart="0"><route edges="a b"/></vehicle></routes>'
CONFIGURATION = """<configuration><input>
    <net-file value="my.net.xml"/><route-files value="my.rou.xml"/>
</input></configuration>"""

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write a small scenario; keyword arguments replace its files (None leaves one out)."""

    def write(*, network: str | None = NETWORK, routes: str | None = ROUTES, configuration: str = CONFIGURATION) -> Path:
        for name, text in (("my.net.xml", network), ("my.rou.xml", routes), ("my.sumocfg", configuration)):
            if text is not None:
                (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / "my.sumocfg"

    return write


def _sentence(path: Path) -> str:
    with pytest.raises(InputFileError) as caught:
        scenario(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_configuration_is_taken_as_it_is(folder: Folder) -> None:
    path = folder()
    found = scenario(str(path))
    assert found.name == path.parent.name
    assert found.configuration == path
    assert found.network == path.parent / "my.net.xml"
    assert found.route_files == (path.parent / "my.rou.xml",)
    assert found.additional_files == ()
    assert (found.begin_s, found.end_s) == (0.0, float("inf"))
    assert found.label == ""


def test_files_are_relative_to_the_configuration_not_to_where_one_stands(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder()
    monkeypatch.chdir(path.parent.parent)
    found = scenario(path.relative_to(path.parent.parent))
    assert found.network == path.parent / "my.net.xml"


def test_short_option_names_lists_and_clock_times_are_understood(folder: Folder) -> None:
    path = folder(
        configuration='<c><n value="my.net.xml"/><routes value="my.rou.xml, more.rou.xml"/><a value="extra.add.xml"/>'
        '<begin value="7:00:00"/><e value="8:30:00"/></c>'
    )
    shutil.copy(path.parent / "my.rou.xml", path.parent / "more.rou.xml")
    (path.parent / "extra.add.xml").write_text("<additional/>", encoding="utf-8")
    found = scenario(path)
    assert [file.name for file in found.route_files] == ["my.rou.xml", "more.rou.xml"]
    assert [file.name for file in found.additional_files] == ["extra.add.xml"]
    assert (found.begin_s, found.end_s) == (7 * 3600, 8.5 * 3600)


def test_the_environment_is_filled_in_as_sumo_does_it(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(configuration=CONFIGURATION.replace("my.net.xml", "${AMPELWERK_TEST_NAME}.net.xml"))
    monkeypatch.setenv("AMPELWERK_TEST_NAME", "my")
    assert scenario(path).network.name == "my.net.xml"


def test_a_gzipped_network_is_read(folder: Folder) -> None:
    path = folder(configuration=CONFIGURATION.replace("my.net.xml", "my.net.xml.gz"))
    with gzip.open(path.parent / "my.net.xml.gz", "wt") as stream:
        stream.write(NETWORK)
    assert scenario(path).network.suffix == ".gz"


def test_flows_count_with_what_they_send_into_the_window(folder: Folder) -> None:
    # window 0 to 100 s. Hand count: 1 of 3 vehicles (depart 0, 100, 250); 10 by number, half of whose time lies in the window: 5;
    # 360 veh/h for 100 s: 10; probability 0.1 per second: 10; every 20 s: 5; Poisson 0.2 per second: 20. Together 51.
    vehicles = "".join(f'<vehicle id="v{t}" depart="{t}"><route edges="a b"/></vehicle>' for t in (0, 100, 250))
    flows = (
        '<flow id="n" begin="0" end="200" number="10" from="a" to="b"/><flow id="h" begin="0" end="200" vehsPerHour="360" from="a"/>'
        '<flow id="p" begin="0" end="200" probability="0.1" from="a"/><flow id="t" begin="0" end="200" period="20" from="a"/>'
        '<flow id="e" begin="0" end="200" period="exp(0.2)" from="a"/>'
    )
    windowed = CONFIGURATION.replace("</input>", '</input><time><end value="100"/></time>')
    found = scenario(folder(routes=f"<routes>{vehicles}{flows}</routes>", configuration=windowed))
    assert vehicles_due(found) == 51


def test_a_configuration_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "nowhere.sumocfg does not exist" in _sentence(tmp_path / "nowhere.sumocfg")


def test_broken_xml_is_named_with_its_place(folder: Folder) -> None:
    text = _sentence(folder(network="<net>\n<edge id="))
    assert "my.net.xml is broken XML" in text
    assert "line 2" in text


def test_an_empty_file_is_broken_xml(folder: Folder) -> None:
    assert "my.rou.xml is broken XML" in _sentence(folder(routes=""))


def test_a_configuration_without_a_network_says_what_to_add(folder: Folder) -> None:
    assert "<net-file" in _sentence(folder(configuration="<configuration><input/></configuration>"))


@pytest.mark.parametrize("option", ["net-file", "route-files"])
def test_an_empty_option_is_no_file(folder: Folder, option: str) -> None:
    name = {"net-file": "my.net.xml", "route-files": "my.rou.xml"}[option]
    path = folder(configuration=CONFIGURATION.replace(name, ""))
    if option == "net-file":
        assert "names no network" in _sentence(path)
    else:
        assert scenario(path).route_files == ()


@pytest.mark.parametrize(("missing", "option"), [("network", "net-file"), ("routes", "route-files")])
def test_a_missing_file_is_named_with_the_option_that_asks_for_it(folder: Folder, missing: str, option: str) -> None:
    text = _sentence(folder(**{missing: None}))
    assert f"<{option}>" in text
    assert "my.sumocfg" in text


def test_a_route_file_of_another_network_is_named_with_the_edge(folder: Folder) -> None:
    text = _sentence(folder(routes=ROUTES.replace("a b", "a elsewhere")))
    assert "'elsewhere'" in text
    assert "my.rou.xml" in text
    assert "'v'" in text


def test_walkers_of_another_network_are_noticed_too(folder: Folder) -> None:
    routes = '<routes><person id="w" depart="0"><walk from="a" to="gone"/></person></routes>'
    assert "'gone'" in _sentence(folder(routes=routes))


def test_a_network_without_signals_says_how_to_get_some(folder: Folder) -> None:
    text = _sentence(folder(network='<net><edge id="a"/><edge id="b"/></net>'))
    assert "no traffic signal" in text
    assert "netconvert --tls.guess" in text


def test_a_file_that_is_no_network_is_told(folder: Folder) -> None:
    assert "is no SUMO network" in _sentence(folder(network=ROUTES))


@pytest.mark.parametrize(("begin", "end", "said"), [("soon", "100", 'value="soon"'), ("200", "100", "later end")])
def test_a_window_that_is_none_is_told(folder: Folder, begin: str, end: str, said: str) -> None:
    time = f'</input><time><begin value="{begin}"/><end value="{end}"/></time>'
    assert said in _sentence(folder(configuration=CONFIGURATION.replace("</input>", time)))


def test_an_unreadable_departure_is_named(folder: Folder) -> None:
    found = scenario(folder(routes=ROUTES.replace('depart="0"', 'depart="noon"')))
    with pytest.raises(ScenarioError, match='depart="noon"'):
        vehicles_due(found)


def test_a_flow_without_a_rate_is_named(folder: Folder) -> None:
    found = scenario(folder(routes='<routes><flow id="f" begin="0" end="10" from="a" to="b"/></routes>'))
    with pytest.raises(ScenarioError, match="flow id='f'"):
        vehicles_due(found)
