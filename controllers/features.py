"""What a junction looks like as a vector of numbers between 0 and 1, for controllers that learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.observation import ZONE_M, InformationClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation

SPACE_M = 7.5
"""A standing vehicle takes this much of a lane."""
HALTING_M_S = 0.1
GREEN_SCALE_S = 60.0


class JunctionFeatures:
    """The vector of one junction.

    In this order: which stage is green or comes next (one-hot); whether it may be left now; for how long it has been green, in minutes, at
    most 1; then by information class. ``zone``: for each incoming lane the vehicles within the zone, and those of them that halt, both as a
    share of what the lane holds. ``loops``: for each loop the mean occupancy since the last vector, the share of the seconds in which a
    vehicle reached it, and whether it was silent. ``none``: nothing more.

    Parameters
    ----------
    junction
        Its description, with its detectors where the class is ``loops``.
    information
        What may be used.

    Attributes
    ----------
    size
        Length of the vector.
    """

    def __init__(self, junction: Intersection, information: InformationClass) -> None:
        self._junction = junction
        self._information = information
        self._lane_veh = np.array([max(1.0, min(lane.length_m, ZONE_M) / SPACE_M) for lane in junction.incoming])
        loops = len(junction.detectors)
        self._seconds = 0
        self._occupied, self._reached, self._silent = np.zeros(loops), np.zeros(loops), np.zeros(loops)
        further = {InformationClass.ZONE: 2 * len(junction.incoming), InformationClass.LOOPS: 3 * loops}.get(information, 0)
        self.size = len(junction.stages) + 2 + further

    def see(self, observation: JunctionObservation) -> None:
        """Take in one second; to be called in every second."""
        loops = observation.loops
        if loops is not None:
            self._seconds += 1
            self._occupied += loops.occupancy
            self._reached += loops.count > 0
            self._silent += loops.count < 0

    def vector(self, time_s: float, observation: JunctionObservation) -> NDArray[np.float32]:
        """Return the vector, shape ``(size,)``, each entry from 0 to 1; what was gathered of the loops begins anew.

        Parameters
        ----------
        time_s
            Now.
        observation
            What is seen now.
        """
        signal = observation.signal
        stages = np.zeros(len(self._junction.stages))
        stages[signal.stage] = 1.0
        green_s = time_s - signal.green_start_s
        may_leave = float(green_s >= self._junction.stage_minimum_green_s(signal.stage))
        parts = [stages, [may_leave, max(green_s, 0.0) / GREEN_SCALE_S]]
        if self._information is InformationClass.ZONE and observation.vehicles is not None:
            seen = observation.vehicles
            lanes = len(self._lane_veh)
            halting = seen.lane[seen.speed_m_s < HALTING_M_S]
            parts += [np.bincount(part, minlength=lanes) / self._lane_veh for part in (seen.lane, halting)]
        elif self._information is InformationClass.LOOPS:
            seconds = max(self._seconds, 1)
            parts += [self._occupied / seconds, self._reached / seconds, self._silent / seconds]
            self._seconds = 0
            for gathered in (self._occupied, self._reached, self._silent):
                gathered[:] = 0.0
        return np.clip(np.concatenate(parts), 0.0, 1.0).astype(np.float32)
