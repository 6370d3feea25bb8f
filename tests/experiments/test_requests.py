"""What may be asked of a run, and the sentences for what may not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.sumo.loop_faults import FAULT_KINDS, LoopFaults
from experiments.errors import ExperimentError
from experiments.requests import (
    ControllerChoice,
    RunRequest,
    controller_choice,
    loop_faults_text,
    read_loop_faults,
    read_parameters,
    seed_list,
)

STATIC = ControllerChoice("static")


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-4", (0, 1, 2, 3, 4)), ("3", (3,)), ("0,3,7", (0, 3, 7)), ("0-2, 10", (0, 1, 2, 10)), ("5-5", (5,))]
)
def test_a_seed_list_is_read(text: str, seeds: tuple[int, ...]) -> None:
    assert seed_list(text) == seeds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither a seed nor a range"),
        ("a", "'a' is neither"),
        ("-1", "'-1' is neither"),
        ("1-", "'1-' is neither"),
        ("0-2-4", "'0-2-4' is neither"),
        ("1.5", "'1.5' is neither"),
        ("4-0", "write 0-4"),
        ("0-2,1", "seed 1 twice"),
        ("0-99999999", "more than 10000"),
    ],
)
def test_a_bad_seed_list_is_refused_with_its_remedy(text: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        seed_list(text)


@given(st.text(max_size=12))
def test_any_seed_text_gives_distinct_seeds_or_one_sentence(text: str) -> None:
    sentence = ""
    seeds: tuple[int, ...] = ()
    try:
        seeds = seed_list(text)
    except ExperimentError as error:
        sentence = str(error)
    assert bool(seeds) != sentence.endswith(".")
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("static", ControllerChoice("static")),
        ("rolling_horizon@zone", ControllerChoice("rolling_horizon", "zone")),
        ("rolling_horizon@cp-sat", ControllerChoice("rolling_horizon", engine="cp-sat")),
        ("my.package:Mine@loops@search", ControllerChoice("my.package:Mine", "loops", "search")),
        ("rolling_horizon@zone@designed", ControllerChoice("rolling_horizon", "zone", signals="designed")),
    ],
)
def test_a_controller_is_read_with_its_variant_and_written_the_same(text: str, choice: ControllerChoice) -> None:
    assert controller_choice(text) == choice
    assert str(choice) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a@zonee", "nearest: zone"),
        ("a@", "neither"),
        ("a@none", "neither"),
        ("@zone", "empty name"),
        ("", "empty name"),
        ("a@zone@loops", "two values"),
    ],
)
def test_a_bad_variant_is_refused_with_its_remedy(text: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        controller_choice(text)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("0.1", LoopFaults(0.1, "mixed", 0)),
        ("0.25:on", LoopFaults(0.25, "on", 0)),
        ("1:silent:7", LoopFaults(1.0, "silent", 7)),
        (None, None),
    ],
)
def test_loop_faults_are_read_and_what_is_left_out_has_a_default(text: str | None, faults: LoopFaults | None) -> None:
    assert read_loop_faults(text) == faults


@given(st.builds(LoopFaults, st.floats(0, 1), st.sampled_from([*FAULT_KINDS, "mixed"]), st.integers(0, 2**40)))
def test_any_loop_faults_are_read_as_they_were_written(faults: LoopFaults) -> None:
    assert read_loop_faults(loop_faults_text(faults)) == faults


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": -1}, "--seed -1"),
        ({"seed": 2**31}, "--seed"),
        ({"demand_scale": 0.0}, "--demand-scale 0"),
        ({"demand_scale": float("nan")}, "--demand-scale nan"),
        ({"step_length_s": 0.0}, "--step-length 0"),
        ({"step_length_s": 0.3}, "does not divide a second"),
        ({"step_length_s": 2.0}, "does not divide a second"),
        ({"begin_s": -5.0}, "--begin -5"),
        ({"begin_s": 100.0, "end_s": 50.0}, "--end 50 is not after --begin 100"),
        ({"begin_s": 100.0, "end_s": 100.0}, "not after"),
        ({"end_s": float("nan")}, "--end nan"),
        ({"end_s": float("inf")}, "--end inf is no simulated time"),
        ({"backend": "socket"}, "choose libsumo or traci"),
        ({"gui": True}, "--backend traci"),
    ],
)
def test_a_senseless_request_is_refused_with_its_remedy(values: dict, words: str) -> None:
    with pytest.raises(ExperimentError, match=words):
        RunRequest("resco/cologne1", STATIC, **values)


@pytest.mark.parametrize(("text", "words"), [("a = ", "is no TOML"), ("horizon_s = 5", "stands in no table")])
def test_a_bad_parameter_file_is_refused_with_its_remedy(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(ExperimentError, match=words):
        read_parameters(path)


def test_a_missing_parameter_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"none\.toml cannot be read"):
        read_parameters(tmp_path / "none.toml")


def test_parameters_stand_under_their_controllers_name(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[rolling_horizon]\nhorizon_s = 50.0\n")
    assert read_parameters(path) == {"rolling_horizon": {"horizon_s": 50.0}}
