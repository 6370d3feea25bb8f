"""What the rolling horizon says to a wrong word, and what it counts on with designed signals."""

from __future__ import annotations

import pytest

from controllers.designed_plans import DesignedPlan
from controllers.registry import ControllerError, controller
from controllers.rolling_horizon import RollingHorizon


@pytest.mark.parametrize(
    ("parameters", "sentence"), [({"engine": "milp"}, "choose from search, cp-sat"), ({"information": "none"}, "choose from loops, zone")]
)
def test_an_unknown_engine_or_information_is_answered_with_the_known_ones(parameters: dict[str, str], sentence: str) -> None:
    with pytest.raises(ControllerError, match=sentence):
        controller("rolling_horizon", **parameters)


@pytest.mark.parametrize(("green_s", "vehicles"), [(5, 2), (33, 16)])
def test_with_designed_signals_as_many_leave_in_a_green_as_the_plan_was_designed_with(green_s: float, vehicles: int) -> None:
    horizon = RollingHorizon()
    horizon.follow({"junction": DesignedPlan(60.0, 0.0, {}, (), {}, {}, {})})
    leaves_s, counted = horizon.parameters.startup_s, 0
    while leaves_s < green_s + horizon.parameters.yellow_used_s:
        leaves_s, counted = leaves_s + horizon.parameters.headway_s, counted + 1
    assert counted == vehicles


def test_a_parameter_that_is_given_holds_with_designed_signals_too_and_without_them_the_defaults_do() -> None:
    given, free = RollingHorizon(headway_s=2.5), RollingHorizon()
    given.follow({"junction": DesignedPlan(60.0, 0.0, {}, (), {}, {}, {})})
    free.follow({})
    assert given.parameters.headway_s == 2.5
    assert free.parameters == RollingHorizon().parameters
