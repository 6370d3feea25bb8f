"""Study files: what is read, and the sentences for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import ExperimentError
from experiments.study.choosing import StudyChoice
from experiments.study.keys import run_key
from experiments.study.places import TomlText
from experiments.study.reading import find_study, read_study, ready_made, study_from_text
from sumo_networks import scenario

if TYPE_CHECKING:
    from experiments.study.definition import Study

LEAST = 'scenarios = ["rilsa/1"]\ncontrollers = ["static", "greedy"]\n'


def read(text: str) -> Study:
    return study_from_text(text, "mine.toml")


def test_a_study_of_two_lines_has_sensible_defaults() -> None:
    study = read(LEAST)
    assert (study.name, study.baseline, study.seeds, study.demand_scales) == ("mine", "static", (0, 1, 2, 3, 4), (1.0,))
    assert [str(variant.choice) for variant in study.controllers] == ["static", "greedy"]
    assert [state.label for state in study.loops] == ["as placed"]


def test_every_dimension_multiplies_the_cases() -> None:
    study = read(
        'scenarios = ["rilsa/1", "grid/2x2"]\ncontrollers = ["static", "rolling_horizon"]\ninformation = ["loops", "zone"]\n'
        'demand_scales = [0.8, 1]\nseeds = [3, 5]\n[[loops]]\nlabel = "near"\nnear_m = 30\n'
        '[[loops]]\nlabel = "dead"\nfaulty_share = 0.1\nfault = "off"\n'
    )
    labels = ["static", "rolling_horizon@loops", "rolling_horizon@zone"]
    assert [variant.label for variant in study.controllers] == labels  # static leaves no choice
    cases = list(study.cases())
    assert len(cases) == len(set(cases)) == 2 * 3 * 2 * 2
    request = study.request(cases[-1], 5, 100.0, 400.0)
    assert (request.demand_scale, request.seed, request.begin_s, request.end_s) == (1.0, 5, 100.0, 400.0)
    assert request.loop_faults is not None
    assert (request.loop_faults.share, request.loop_faults.kind) == (0.1, "off")


def test_a_controller_may_have_a_label_and_parameters() -> None:
    study = read(
        'scenarios = ["rilsa/1"]\ncontrollers = ["greedy", {name = "greedy", label = "greedy, every 5 s", parameters = {interval_s = 5}}]\n'
    )
    assert study.controllers[1].label == "greedy, every 5 s"
    assert study.controllers[1].choice.arguments() == {"interval_s": 5}


def test_a_controller_may_have_designed_signals(tmp_path: Path) -> None:
    (tmp_path / "signals.json").write_text("{}")
    (tmp_path / "mine.toml").write_text(
        'scenarios = ["rilsa/1"]\ncontrollers = ["static", "static@designed", {name = "greedy", signals = "signals.json"}]\n'
    )
    shipped, designed, given = read_study(tmp_path / "mine.toml").controllers
    assert [one.label for one in (shipped, designed, given)] == ["static", "static@designed", "greedy@designed"]
    assert [one.choice.signals for one in (shipped, designed, given)] == ["shipped", "designed", str(tmp_path / "signals.json")]
    with pytest.raises(ExperimentError, match=r"'signals' '.*none.json' is neither shipped nor designed"):
        read('scenarios = ["rilsa/1"]\ncontrollers = [{name = "greedy", signals = "none.json"}]\n')


def test_a_controller_may_have_a_background_plan_beside_the_study(tmp_path: Path) -> None:
    entry = {"cycle_s": 60, "offset_s": 0, "greens": {"a": [[0, 30]]}, "coordinated": ["a"], "yellow_s": {}, "intergreen_s": {}}
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"m1": entry}}))
    (tmp_path / "mine.toml").write_text(
        'scenarios = ["neudorf"]\ncontrollers = ["static", {name = "rolling_horizon", label = "bound", background = "design.json"}]\n'
    )
    study = read_study(tmp_path / "mine.toml")
    assert study.controllers[1].choice.arguments() == {"background": str(tmp_path / "design.json")}
    place, request = scenario("neudorf"), study.request(list(study.cases())[-1], 0, 0.0, 60.0)
    before = run_key(request, place)
    (tmp_path / "design.json").write_text(json.dumps({"junctions": {"m1": entry | {"cycle_s": 70}}}))
    assert run_key(request, place) != before  # another plan, another run


BAD = [
    ('scenarois = ["rilsa/1"]\ncontrollers = ["static"]', 1, "'scenarois'", "'scenarios'"),
    ('scenarios = ["rilsa/9"]\ncontrollers = ["static"]', 1, "'rilsa/9'", "'rilsa/"),
    ('scenarios = ["rilsa/1"]\ncontrollers = [\n  "static",\n  "gredy",\n]', 4, "'gredy'", "'greedy'"),
    (LEAST + 'metrics = ["stops",\n "full_dela"]', 4, "'full_dela'", "'full_delay_s'"),
    (LEAST + 'information = ["lops"]', 3, "'lops'", "'loops'"),
    ('scenarios = ["rilsa/1"]\ncontrollers = ["rolling_horizon@zonee"]', 2, "'zonee'", "zone"),
    ('scenarios = ["rilsa/1"]\ncontrollers = [{name = "greedy", paramters = {}}]', 2, "'paramters'", "'parameters'"),
    ('scenarios = ["rilsa/1"]\ncontrollers = [{name = "greedy", parameters = {interval = 3}}]', 2, "'interval'", "interval_s"),
    ('scenarios = ["rilsa/1"]\ncontrollers = []', 2, "'controllers'", "is empty"),
    ("scenarios = []\ncontrollers = ['static']", 1, "'scenarios'", "is empty"),
    (LEAST + "seeds = []", 3, "'seeds'", "is empty"),
    (LEAST + "demand_scales = []", 3, "'demand_scales'", "is empty"),
    (LEAST + "metrics = []", 3, "'metrics'", "is empty"),
    (LEAST + "loops = []", 3, "'loops'", "is empty"),
    (LEAST + 'seeds = "4-0"', 3, "4-0", "write 0-4"),
    (LEAST + "seeds = 3", 3, "'seeds'", "such as"),
    (LEAST + "demand_scales = [1, -1]", 3, "-1", "above 0"),
    (LEAST + "length_s = 0", 3, "'length_s'", "above 0"),
    (LEAST + "precision = 5", 3, "'precision'", "between 0 and 1"),
    (LEAST + 'baseline = "statc"', 3, "'statc'", "'static'"),
    (LEAST + '[[loops]]\nlabel = "a"\n[[loops]]\nlabel = "b"\nnear = 4', 7, "'near'", "'near_m'"),
    (LEAST + '[[loops]]\nlabel = "a"\nnear_m = -4', 5, "'near_m'", "above 0"),
    (LEAST + '[[loops]]\nlabel = "a"\nfaulty_share = 0.5\nfault = "silnt"', 6, "'silnt'", "'silent'"),
    (LEAST + "[[loops]]\n[[loops]]\nnear_m = 4", 3, "'as placed'", "twice"),
    (LEAST + '[quick]\nscenarios = ["rilsa/2"]', 4, "'rilsa/2'", "'rilsa/1'"),
    (LEAST + "[quick]\nseed = 1", 4, "'seed'", "'seeds'"),
    (LEAST + '[[published]]\nsource = "x"', 4, "'source'", "'definition'"),
    (
        LEAST + '[[published]]\nsource = "x"\nsumo_version = "1"\ndefinition = "y"\n[published.delays_s.A]\n"rilsa/7" = 3',
        7,
        "'rilsa/7'",
        "'rilsa/1'",
    ),
    ('scenarios = ["rilsa/1", "rilsa/1"]\ncontrollers = ["static"]', 1, "'rilsa/1'", "twice"),
    ('scenarios = "rilsa/1"\ncontrollers = ["static"]', 1, "'scenarios'", "list of texts"),
]


@pytest.mark.parametrize(("text", "line", "wrong", "remedy"), BAD)
def test_a_mistake_is_told_with_its_line_and_the_nearest_valid_word(text: str, line: int, wrong: str, remedy: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        read(text)
    sentence = str(caught.value)
    assert sentence.startswith(f"mine.toml, line {line}: "), sentence
    assert wrong in sentence
    assert remedy in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(("text", "words"), [("a = [", "is no TOML"), ('scenarios = ["rilsa/1"]', "names no controllers")])
def test_what_has_no_line_is_told_all_the_same(text: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        read(text)


def test_an_unknown_study_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="the nearest is 'resco-2021'"):
        find_study("resco-2012")
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_study(tmp_path)


def test_a_scenario_may_lie_beside_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "mine.sumocfg").write_text("<configuration/>")
    (tmp_path / "mine.toml").write_text('scenarios = ["mine.sumocfg"]\ncontrollers = ["static"]')
    study = read_study(tmp_path / "mine.toml")
    assert study.path_of("mine.sumocfg") == str(tmp_path / "mine.sumocfg")


@pytest.mark.parametrize("name", ready_made())
def test_a_ready_made_study_can_be_read_and_its_quick_form_is_smaller_and_says_so(name: str) -> None:
    study = read_study(ready_made()[name])
    quick = study.in_quick_form()
    assert study.name == name
    assert study.quick_note == ""
    assert len(list(quick.cases())) * len(quick.seeds) <= 60
    assert "(quick)" in quick.full_name
    assert "no evidence" in quick.quick_note
    assert quick.baseline in {variant.label for variant in quick.controllers}


def test_resco_has_eight_maps_eight_controllers_and_five_seeds_and_tells_what_the_published_figures_are() -> None:
    study = read_study(ready_made()["resco-2021"])
    assert (len(study.scenarios), len(study.controllers), len(study.seeds)) == (8, 8, 5)
    assert study.published[0].sumo_version == "1.9"
    assert "never got in" in study.published[0].definition
    assert study.published[0].delays_s["IDQN"]["resco/cologne1"] == 26.05


def test_a_further_controller_joins_and_scenarios_can_be_left_out() -> None:
    study = read_study(ready_made()["resco-2021"])
    chosen = StudyChoice(also=("greedy@zone",), scenarios=("resco/cologne3",)).applied(study)
    assert chosen.scenarios == ("resco/cologne3",)
    assert [variant.label for variant in chosen.controllers][-1] == "greedy@zone"
    with pytest.raises(ExperimentError, match="already"):
        StudyChoice(also=("greedy",)).applied(study)
    with pytest.raises(ExperimentError, match="none of the study's"):
        StudyChoice(scenarios=("rilsa/1",)).applied(study)


@given(st.text(max_size=40))
def test_any_text_gives_a_study_or_one_sentence(text: str) -> None:
    with pytest.raises(ExperimentError, match=r"\.$"):
        read(text)  # nothing so short names both scenarios and controllers


@given(st.lists(st.sampled_from(["a = 1", "[t]", "a = 2", "# a = 3", "[[u]]", "b = 4", ""]), max_size=12), st.sampled_from(["a", "b"]))
def test_the_line_of_a_key_holds_the_key(lines: list[str], key: str) -> None:
    if any(f"{key} =" in line for line in lines):
        assert f"{key} =" in lines[TomlText("\n".join(lines)).line_of_key(key) - 1]


def test_the_study_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "main_road.sumocfg").touch()
    study = study_from_text(text, "mine.toml", tmp_path)
    assert len(list(study.cases())) == 2 * 3 * 4 * 2
    assert study.in_quick_form().seeds == (0, 1)


def test_the_results_of_a_study_are_read_without_the_code_of_its_controllers() -> None:
    text = 'scenarios = ["rilsa/1"]\ninformation = ["loops", "zone"]\ncontrollers = ["static", "gone:Gone", "left:Left", "rolling_horizon"]'
    with pytest.raises(ExperimentError, match="the module 'gone' cannot be imported"):
        study_from_text(text, "mine.toml")
    ran = ["static", "gone:Gone", "left:Left@loops", "left:Left@zone", "rolling_horizon@loops", "rolling_horizon@zone"]
    assert [variant.label for variant in study_from_text(text, "mine.toml", ran=ran).controllers] == ran
