"""How long a vehicle needs to the stop line."""

from __future__ import annotations

import math

from optimizer.compiling import compiled

ACCELERATION_M_S2 = 2.3
"""Acceleration of a queue of passenger cars (a little below the 2.6 m/s2 that SUMO's cars reach alone)."""

CRUISES_FROM = 0.6
"""From this share of the allowed speed on a vehicle is taken to drive as fast as it likes, below it to accelerate."""

STANDING_M_S = 0.5
REACTION_S = 1.0
JAM_SPACING_M = 7.5
FOLLOWING_S = 1.3
HEADWAY_S = 1.9
"""Saturation headway, as in the plans (`HorizonParameters.headway_s`)."""


@compiled
def travel_time_s(distance_m: float, speed_m_s: float, allowed_m_s: float, cruises_from: float = CRUISES_FROM) -> float:
    """Return the time to cover a distance.

    Who drives at the share `cruises_from` of the allowed speed or more keeps the own speed: drivers differ by a tenth, which is 2 s over
    200 m, and what one does is the best guess of what one wants. Who is slower accelerates evenly to the allowed speed, after a second's
    reaction where it stands: s = v t + a t^2 / 2 until then, constant speed after it.
    """
    if distance_m <= 0.0:
        return 0.0
    if speed_m_s >= cruises_from * allowed_m_s:
        return distance_m / speed_m_s
    speed = max(speed_m_s, 0.0)
    reaction_s = REACTION_S if speed < STANDING_M_S else 0.0
    run_up_m = (allowed_m_s * allowed_m_s - speed * speed) / (2.0 * ACCELERATION_M_S2)
    if distance_m <= run_up_m:
        return reaction_s + (math.sqrt(speed * speed + 2.0 * ACCELERATION_M_S2 * distance_m) - speed) / ACCELERATION_M_S2
    return reaction_s + (allowed_m_s - speed) / ACCELERATION_M_S2 + (distance_m - run_up_m) / allowed_m_s
