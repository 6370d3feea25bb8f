"""The parameters of the rolling horizon, one default set for all networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.intersection import Intersection


@dataclass(frozen=True, slots=True)
class HorizonParameters:
    """Parameters of the traffic model and the objective.

    Attributes
    ----------
    horizon_s
        How far the plan looks ahead.
    fine_grid_until_s
        Changes may be commanded at every full second up to here, at every second full second later on.
    startup_s
        Time from the start of green to the first departure.
    yellow_used_s
        Part of the yellow in which vehicles still depart.
    headway_s
        Time between two departures of one lane.
    gap_s
        A permissive departure needs this long a gap before the next vehicle of the priority stream.
    clear_s
        A permissive departure comes at least this long after a departure of the priority stream.
    stop_then_go_s
        Extra time at the stop line for a movement that must stop first (aspect ``s``).
    stop_penalty_s
        Cost of forcing a moving vehicle to stop, in seconds of delay.
    stop_tolerance_s
        Delay from which on a moving vehicle counts as stopped.
    queue_penalty_s
        Terminal cost of each vehicle that is left in a queue.
    green_queue_share
        Factor on the terminal cost where the vehicle's group is green at the horizon.
    lasting_queue_s
        A queue that has not cleared for longer than this, about a cycle, is expected to last for as long again as it has lasted beyond: so
        much more each vehicle costs that is left in it. In a fluid queue one vehicle more that is served saves one vehicle's wait until
        the queue next clears (G. F. Newell, Applications of Queueing Theory, 1982, chapter 2), which may be long after the horizon.
    lasting_queue_most_s
        What is added at the most.
    change_penalty_s
        Cost of each change of stage, in seconds of delay of one vehicle.
    long_interstage_s
        Where an interstage takes this long or longer a change costs so much time that plans must look further (`looks_far`).
    pedestrian_recall_s
        Pedestrians have no detectors: this long after the end of their green somebody is taken to wait.
    pedestrian_weight_veh
        Weight of those who wait at a pedestrian signal, in vehicles.
    tram_weight_veh
        Weight of a tram, in vehicles.
    """

    horizon_s: float = 60.0
    fine_grid_until_s: float = 10.0
    startup_s: float = 1.0
    yellow_used_s: float = 1.0
    headway_s: float = 1.9
    gap_s: float = 4.0
    clear_s: float = 0.5
    stop_then_go_s: float = 2.0
    stop_penalty_s: float = 6.0
    stop_tolerance_s: float = 2.0
    queue_penalty_s: float = 16.0
    green_queue_share: float = 0.3
    lasting_queue_s: float = 60.0
    lasting_queue_most_s: float = 100.0
    change_penalty_s: float = 0.1
    long_interstage_s: float = 6.0
    pedestrian_recall_s: float = 20.0
    pedestrian_weight_veh: float = 0.3
    tram_weight_veh: float = 10.0

    def looks_far(self, junction: Intersection) -> bool:
        """Return whether changes cost a junction so much time that its plans must count on traffic beyond sight, and be searched for wider.

        Where interstages are short, it is better to change in a gap: mean flows, which have none, would hide it.
        """
        return junction.longest_interstage_s >= self.long_interstage_s
