import importlib.util
from pathlib import Path

import pytest

from sumo_networks import ScenarioError, catalogue, names, scenario


def test_every_name_gives_a_scenario_with_signals_vehicles_licence_and_source() -> None:
    entries = catalogue()
    assert [entry.name for entry in entries] == list(names())
    for entry in entries:
        assert entry.missing == ""
        assert entry.signals >= 1
        assert entry.vehicles > 1000
        assert entry.licence
        assert entry.source


def test_a_mistyped_name_suggests_the_nearest() -> None:
    with pytest.raises(ScenarioError, match=r"did you mean .*resco/cologne1"):
        scenario("resco/colone1")


def test_a_name_like_no_other_points_to_the_list() -> None:
    with pytest.raises(ScenarioError, match="ampelwerk networks"):
        scenario("qqqq")


@pytest.mark.parametrize("name", ["grid/3", "grid/0x3", "grid/3x21", "grid/axb", "grid/-1x3"])
def test_a_size_that_is_none_is_told_how_to_write_one(name: str) -> None:
    with pytest.raises(ScenarioError, match="grid/<n>x<m>"):
        scenario(name)


def test_without_the_extra_resco_says_how_to_get_it_and_the_list_still_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("sumo_networks.resco.find_spec", lambda name: None if name == "sumo_rl" else find(name))
    with pytest.raises(ScenarioError, match=r"install the extra \[resco\]"):
        scenario("resco/cologne1")
    missing = {entry.name for entry in catalogue() if entry.missing}
    assert missing == {name for name in names() if name.startswith("resco/")}


def test_a_name_stays_a_name_where_a_folder_is_called_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "neudorf").mkdir()
    monkeypatch.chdir(tmp_path)
    assert scenario("neudorf").label == "schematic, uncalibrated"
