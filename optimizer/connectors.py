"""Short lanes from signal to signal: a junction that feeds an occupied one may block both.

Where two signals stand a few metres apart, the second car on the lane between them may end inside the junction that it came from. If the
lane back is occupied likewise, each tail stands in the way of those who must leave first, and nobody moves any more, whatever the signals
show. So a stage that feeds such a lane is barred while a vehicle stands on it, or on a lane that leads from a connector's end back to the
junction and that the stage does not clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from optimizer.intersection import Aspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimizer.estimation.traffic import ExpectedTraffic
    from optimizer.intersection import Intersection, Stage

CONNECTOR_M: Final = 20.0
"""A lane from signal to signal that is shorter than this has room for two cars, or for one bus."""

AT_THE_LINE_S: Final = 3.0
"""Who is due at the stop line within this time would use a green that starts now."""


class ConnectorGuard:
    """Bars the stages of one junction that feed an occupied connector.

    Parameters
    ----------
    junction
        The junction.
    standing
        Vehicles that stand on each connector, by lane id; shared by all junctions, each of which reports the connectors it receives.
    """

    def __init__(self, junction: Intersection, standing: dict[str, int]) -> None:
        self._junction = junction
        self._standing = standing
        self._received = [(index, lane.id) for index, lane in enumerate(junction.incoming) if lane.id in standing]
        self._wants_clear = [self._must_be_clear(stage) for stage in junction.stages]

    def report(self, traffic: ExpectedTraffic) -> None:
        """Tell those who feed this junction's connectors how many vehicles stand there."""
        for lane, name in self._received:
            vehicles = traffic.moving[traffic.lane_start[lane] : traffic.lane_start[lane + 1]]
            self._standing[name] = int(vehicles.size - vehicles.sum())

    def barred(self) -> frozenset[int]:
        """Return the stages that would send vehicles onto a connector on which somebody stands, or past one that they leave standing.

        One is enough: before the stage could end, its minimum green has let in the next one, and there is no room for a third. Who
        stands on a connector to here, and is not let go by a protected green, may have a tail inside the junction that it came from,
        where those must pass who are fed now.
        """
        occupied = {name for name, number in self._standing.items() if number > 0}
        return frozenset(stage for stage, lanes in enumerate(self._wants_clear) if lanes & occupied)

    def way_out(self, stage: int, barred: frozenset[int], traffic: ExpectedTraffic) -> int | None:
        """Return the stage to leave a barred one for: the one for which most vehicles wait; None where nobody waits for another.

        Parameters
        ----------
        stage
            What is green.
        barred
            What `barred` has returned.
        traffic
            What is expected.
        """
        junction = self._junction
        others = [
            other
            for other in range(len(junction.stages))
            if other not in barred and other != stage and junction.change_allowed(stage, other)
        ]
        served = waiting_for(junction, others, traffic)
        best = max(served, key=served.__getitem__, default=None)
        return best if best is not None and served[best] > 0 else None

    def _must_be_clear(self, stage: Stage) -> frozenset[str]:
        """Return the connectors on which nobody may stand while a stage is green: none where it feeds none."""
        movements, junction = self._junction.movements, self._junction
        fed = {junction.outgoing[m.outgoing].id for m in movements if stage.serves(m.group)} & self._standing.keys()
        left = {junction.incoming[m.incoming].id for m in movements if stage.aspects[m.group] is not Aspect.PROTECTED}
        received = {name for _, name in self._received}
        return frozenset(fed | (left & received)) if fed else frozenset()


def connector_lanes(junctions: Mapping[str, Intersection]) -> frozenset[str]:
    """Return the ids of the short lanes that lead from one of the junctions to another one."""
    receiver = {lane.id: junction.id for junction in junctions.values() for lane in junction.incoming if lane.length_m < CONNECTOR_M}
    return frozenset(
        lane.id for junction in junctions.values() for lane in junction.outgoing if receiver.get(lane.id, junction.id) != junction.id
    )


def waiting_for(junction: Intersection, stages: Iterable[int], traffic: ExpectedTraffic) -> dict[int, int]:
    """Return by stage how many vehicles that it serves wait at the stop line or are about to."""
    waiting = [0] * len(junction.groups)
    for index in (traffic.arrival_s <= AT_THE_LINE_S).nonzero()[0].tolist():
        waiting[junction.movements[traffic.movement[index]].group] += 1
    return {stage: sum(number for group, number in enumerate(waiting) if junction.stages[stage].serves(group)) for stage in stages}


def connector_guards(junctions: Mapping[str, Intersection]) -> dict[str, ConnectorGuard]:
    """Return a guard for each junction that feeds or receives a connector."""
    standing = dict.fromkeys(connector_lanes(junctions), 0)
    return {
        name: ConnectorGuard(junction, standing)
        for name, junction in junctions.items()
        if any(lane.id in standing for lane in (*junction.incoming, *junction.outgoing))
    }
