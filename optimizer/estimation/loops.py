"""Expected traffic from induction loops alone: one particle per vehicle, followed from loop to loop.

Each crossing of a far loop makes a particle with its expected times at the near loop and at the stop line. A crossing of the
near loop takes the earliest particle that is due there and moves it to the near list of the lane it is most likely on; a
crossing of the stop-line loop removes it. What the far loop has let in and the near loop has not yet seen is the queue beyond the
near loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.estimation.loop_expectation import expect
from optimizer.estimation.loop_state import fresh_state, geometry_of
from optimizer.estimation.loop_tracking import advance
from optimizer.estimation.snapshots import packed, unpack_into
from optimizer.estimation.traffic import ExpectedTraffic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from optimizer.intersection import Intersection
    from optimizer.observation import JunctionObservation


class LoopEstimator:
    """Turns loop readings into expected traffic.

    Parameters
    ----------
    junction
        The junction's description, with detectors.
    """

    longest_clearing_s = 6.0  # less than with a zone: what loops say of the inside is a guess

    def __init__(self, junction: Intersection) -> None:
        self._geometry = geometry_of(junction)
        self._state = fresh_state(self._geometry)

    def update(self, time_s: float, observation: JunctionObservation, green_for_s: NDArray[np.float64]) -> ExpectedTraffic:
        """Take in the readings of the last second and return what is expected now.

        Parameters
        ----------
        time_s
            Now.
        observation
            With `loops`.
        green_for_s
            For how long each group has had a protected green, shape ``(groups,)``; negative where it has none.
        """
        loops = observation.loops
        if loops is None:
            msg = "the loop estimator needs an observation of the information class 'loops'"
            raise ValueError(msg)
        advance(self._geometry, self._state, time_s, loops.count, loops.occupied_s, loops.speed_m_s, green_for_s)
        return ExpectedTraffic(*expect(self._geometry, self._state, time_s, loops.occupied_s, len(green_for_s)))

    def snapshot(self) -> bytes:
        """Return what has been learnt; see `optimizer.estimation.snapshots.Keeps`."""
        return packed(self._state._asdict())

    def restore(self, snapshot: bytes) -> None:
        """Take up what was learnt before."""
        unpack_into(self._state._asdict(), snapshot)
