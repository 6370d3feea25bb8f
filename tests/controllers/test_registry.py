from __future__ import annotations

import pytest

from controllers.greedy import Greedy
from controllers.registry import ControllerError, controller, registered
from optimizer.observation import InformationClass


def test_every_registered_name_makes_a_controller_of_that_name() -> None:
    assert {"static", "actuated", "delay_based", "max_pressure", "greedy", "longest_queue", "rolling_horizon"} <= set(registered())
    for name in registered():
        made = controller(name)
        assert made.name == name  # type: ignore[union-attr]
        assert isinstance(made.information, InformationClass)


def test_parameters_reach_the_controller() -> None:
    made = controller("greedy", interval_s=5.0)
    assert isinstance(made, Greedy)
    assert (made.interval_s, made.zone_m) == (5.0, 50.0)


def test_ones_own_class_is_named_by_its_path() -> None:
    assert isinstance(controller("controllers.greedy:Greedy"), Greedy)


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        (
            "max_presure",
            {},
            "There is no controller 'max_presure'; the nearest is max_pressure, of actuated, coordinated,",
        ),
        ("nothing.of:This", {}, "the module 'nothing.of' cannot be imported"),
        (":Greedy", {}, "cannot be imported"),
        ("controllers.greedy:Gredy", {}, "Module 'controllers.greedy' has no class 'Gredy'; the nearest is Greedy."),
        ("controllers.registry:controller", {}, "has no class 'controller'"),
        (
            "greedy",
            {"intervall_s": 5},
            "no parameter 'intervall_s'; the nearest is interval_s, of interval_s, zone_m.",
        ),
        ("static", {"interval_s": 5}, "Controller 'static' has no parameter 'interval_s'; choose from programs."),
        ("rolling_horizon", {"horizon_s": "long"}, "horizon_s = 'long' is no number; give one."),
        ("greedy", {"interval_s": -5}, "must both be positive"),
        ("greedy", {"interval_s": "often"}, "rejects its parameters"),
        ("actuated", {"minimum_green_s": 60}, "need 0 < minimum_green_s <= maximum_green_s"),
        ("tests.controllers.unruly:Undeclared", {}, "set its attribute 'information'"),
        ("tests.controllers.unruly:Unfinished", {}, "has no method 'decide'"),
    ],
)
def test_a_wrong_name_parameter_or_class_is_explained_in_one_sentence(name: str, parameters: dict[str, object], sentence: str) -> None:
    with pytest.raises(ControllerError) as caught:
        controller(name, **parameters)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
