"""The parameters of plan design, one default set for all junctions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DesignParameters:
    """Parameters of the traffic model behind a design and of its bounds.

    Attributes
    ----------
    shortest_cycle_s, longest_cycle_s
        Bounds of the cycle (RiLSA 2010: 30 to 90 s, at most 120 s).
    saturation_veh_h
        Base saturation flow of one lane (HCM 2016: 1900 passenger cars per hour and lane; SUMO's cars at its step of 1 s: 1700 to 1800).
    left_factor, right_factor
        Factors on the saturation flow of vehicles that turn across the oncoming traffic and to the near side: left and right where one
        drives on the right (HCM 2016, section 19-3: 1/1.05 and 1/1.18).
    startup_loss_s
        Green lost until the queue moves at saturation flow (HCM 2016: 2 s).
    yellow_used_s
        Part of the yellow in which vehicles still depart (HCM 2016: 2 s; in SUMO hardly anybody who has stood does).
    analysis_h
        Length of the analysed period (HCM 2016: 0.25 h).
    critical_gap_s, follow_up_s
        Gap that a permissive turn across accepts, and time between two such turns in one gap (HCM 2016: 4.5 s and 2.5 s).
    sneakers_veh
        Vehicles that leave at the end of a permissive green (HCM 2016: 2; of those that SUMO lets wait inside the junction 0.2 to 1.0 were
        counted at the ends of greens with a queue left: ``docs/plan_design.md``).
    person_weight
        Weight of a crossing person's delay against a vehicle's.
    spacing_m
        Length that a queued vehicle takes of its lane.
    """

    shortest_cycle_s: int = 30
    longest_cycle_s: int = 120
    saturation_veh_h: float = 1800.0
    left_factor: float = 1 / 1.05
    right_factor: float = 1 / 1.18
    startup_loss_s: float = 2.0
    yellow_used_s: float = 1.0
    analysis_h: float = 0.25
    critical_gap_s: float = 4.5
    follow_up_s: float = 2.5
    sneakers_veh: float = 1.0
    person_weight: float = 0.5
    spacing_m: float = 7.5


DEFAULTS: Final = DesignParameters()
"""What holds where nothing else is said."""
