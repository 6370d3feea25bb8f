"""A controller that obeys no rule, made from outside the project."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from optimizer.decision import Decision
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.intersection import Intersection
    from optimizer.observation import Observation


class Unruly:
    """Commands any stage at any second, existing or not, at times that may not exist either."""

    information = InformationClass.NONE

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - no secret

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        self._names = list(junctions)

    def decide(self, observation: Observation) -> dict[str, Decision]:
        earliest_s = (-math.inf, math.nan, observation.time_s + 6, math.inf)
        return {name: Decision(self._chance.randint(-1, 6), self._chance.choice(earliest_s)) for name in self._names}


class Undeclared:
    """Does not say what it may know."""

    def start(self, junctions: Mapping[str, Intersection]) -> None: ...

    def decide(self, observation: Observation) -> dict[str, Decision]: ...


class Unfinished:
    """Cannot decide."""

    information = InformationClass.NONE

    def start(self, junctions: Mapping[str, Intersection]) -> None: ...
