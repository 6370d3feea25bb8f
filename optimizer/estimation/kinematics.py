"""How long a vehicle needs to the stop line."""

from __future__ import annotations

import math

from optimizer.compiling import compiled

ACCELERATION_M_S2 = 2.3
"""Acceleration of a queue of passenger cars (a little below the 2.6 m/s2 that SUMO's cars reach alone)."""

STANDING_M_S = 0.5
REACTION_S = 1.0
JAM_SPACING_M = 7.5
FOLLOWING_S = 1.3


@compiled
def travel_time_s(distance_m: float, speed_m_s: float, allowed_m_s: float) -> float:
    """Return the time to cover a distance, accelerating evenly to the allowed speed; a standing vehicle reacts first.

    s = v t + a t^2 / 2 until the allowed speed is reached, constant speed after it.
    """
    if distance_m <= 0.0:
        return 0.0
    speed = min(max(speed_m_s, 0.0), allowed_m_s)
    reaction_s = REACTION_S if speed < STANDING_M_S else 0.0
    run_up_m = (allowed_m_s * allowed_m_s - speed * speed) / (2.0 * ACCELERATION_M_S2)
    if distance_m <= run_up_m:
        return reaction_s + (math.sqrt(speed * speed + 2.0 * ACCELERATION_M_S2 * distance_m) - speed) / ACCELERATION_M_S2
    return reaction_s + (allowed_m_s - speed) / ACCELERATION_M_S2 + (distance_m - run_up_m) / allowed_m_s
