"""Levels of service of signalised junctions, by the American and the German manual.

Both grade motor traffic by its mean delay per vehicle, and give F where more arrives than can leave.

Sources: Transportation Research Board, *Highway Capacity Manual*, 6th edition (2016), chapter 19, exhibit 19-8: control delay.
Forschungsgesellschaft für Straßen- und Verkehrswesen, *Handbuch für die Bemessung von Straßenverkehrsanlagen* (HBS 2015), part S,
chapter S4: mean waiting time of motor traffic (its thresholds as quoted in secondary sources).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LETTERS = "ABCDEF"


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of levels of service.

    Attributes
    ----------
    name
        As it is quoted.
    bounds_s
        Greatest mean delay of each level from A on, s per vehicle; the level after the last bound has none.
    """

    name: str
    bounds_s: tuple[float, ...]

    def level(self, delay_s: float, saturation: float) -> str:
        """Return the letter of a mean delay (s per vehicle) at a degree of saturation; a dash where nothing was measured."""
        if math.isnan(delay_s):
            return "-"
        if saturation > 1.0:
            return "F"
        return next(
            (letter for letter, bound_s in zip(LETTERS, self.bounds_s, strict=False) if delay_s <= bound_s), LETTERS[len(self.bounds_s)]
        )


HCM = Scale("HCM 2016", (10.0, 20.0, 35.0, 55.0, 80.0))
HBS = Scale("HBS 2015", (20.0, 35.0, 50.0, 70.0))
"""E above 70 s; F only where the traffic exceeds the capacity."""
