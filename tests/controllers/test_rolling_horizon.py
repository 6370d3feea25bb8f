"""What the rolling horizon says to a wrong word."""

from __future__ import annotations

import pytest

from controllers.registry import ControllerError, controller


@pytest.mark.parametrize(
    ("parameters", "sentence"), [({"engine": "milp"}, "choose from search, cp-sat"), ({"information": "none"}, "choose from loops, zone")]
)
def test_an_unknown_engine_or_information_is_answered_with_the_known_ones(parameters: dict[str, str], sentence: str) -> None:
    with pytest.raises(ControllerError, match=sentence):
        controller("rolling_horizon", **parameters)
