"""The longest red with somebody waiting, as it truly was in the simulation (never shown to a controller)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controllers.sumo.links import controlled_links
from controllers.sumo.programs import GREEN
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optimizer.intersection import Intersection

SAMPLE_EVERY_S: Final = 5
"""SUMO itself says since when somebody stands, so that a red is measured to the second all the same."""

AT_STOP_LINE_M: Final = 10.0
"""Who is first on a lane and no farther from its end waits for the signal."""

HALTING_M_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class LongestRed:
    """The longest time for which somebody waited at a red.

    Attributes
    ----------
    junction, group
        Where: the traffic light, and the signal group.
    since_s
        When the first one of them stood at the red.
    waited_s
        How long it stayed red from then on.
    """

    junction: str
    group: str
    since_s: float
    waited_s: float


@dataclass(frozen=True, slots=True)
class _Signal:
    """A signal group and the places where one waits for it."""

    junction: str
    group: str
    links: frozenset[int]
    lanes: tuple[str, ...]
    crossings: frozenset[str]
    walking_areas: tuple[str, ...]


class WaitingAtRed:
    """Finds the longest red with somebody waiting: vehicles first at a stop line, persons before a crossing.

    What lasts is a time for which a group shows no green and the same somebody stands before it, or has only crept on since.

    Parameters
    ----------
    backend
        The module ``libsumo`` or ``traci``.
    net
        sumolib net, read with its internal edges and its connections for pedestrians.
    junctions
        Junctions by the name of their traffic light.

    Attributes
    ----------
    longest
        The longest so far; None while nobody has waited.
    """

    def __init__(self, backend: Any, net: Any, junctions: Mapping[str, Intersection]) -> None:  # noqa: ANN401
        self.longest: LongestRed | None = None
        self._backend = backend
        self._signals = {name: _signals(net, name, junction) for name, junction in junctions.items()}
        self._shown = dict.fromkeys(junctions, "")
        self._red_since_s = {name: [float("inf")] * len(junction.groups) for name, junction in junctions.items()}
        self._waiting: dict[tuple[str, int], dict[str, float]] = {}

    def sample(self, time_s: float) -> None:
        """Take note of what the signals show; to be called each second, when they have been set."""
        for name, signals in self._signals.items():
            state = self._backend.trafficlight.getRedYellowGreenState(name)
            if state != self._shown[name]:
                self._shown[name] = state
                self._follow(time_s, name, state)
            if int(time_s) % SAMPLE_EVERY_S == 0:
                for g, signal in enumerate(signals):
                    if self._red_since_s[name][g] < time_s:
                        self._look(time_s, signal, g)

    def finish(self, time_s: float) -> None:
        """Count the reds that have not ended."""
        for name, signals in self._signals.items():
            for g in range(len(signals)):
                self._note(time_s, name, g)

    def _follow(self, time_s: float, name: str, state: str) -> None:
        since_s = self._red_since_s[name]
        for g, signal in enumerate(self._signals[name]):
            if not signal.links:
                continue
            green = any(state[link] in GREEN for link in signal.links)
            if green and since_s[g] < float("inf"):
                self._note(time_s, name, g)
                self._waiting.pop((name, g), None)
                since_s[g] = float("inf")
            elif not green and since_s[g] == float("inf"):
                since_s[g] = time_s

    def _note(self, time_s: float, name: str, g: int) -> None:
        since_s = min(self._waiting.get((name, g), {}).values(), default=time_s)
        if since_s < time_s and (self.longest is None or time_s - since_s > self.longest.waited_s):
            self.longest = LongestRed(name, self._signals[name][g].group, since_s, time_s - since_s)

    def _look(self, time_s: float, signal: _Signal, g: int) -> None:
        """Take note of who waits at a red; who has gone is forgotten, but what they waited counts."""
        known = self._waiting.get((signal.junction, g), {})
        red_since_s = self._red_since_s[signal.junction][g]
        seen = {}
        for who, stands_s in self._people(signal, known):
            since_s = known.get(who, max(time_s - stands_s, red_since_s) if stands_s > 0 else time_s)
            if who in known or stands_s > 0:
                seen[who] = since_s
        if min(seen.values(), default=time_s) > min(known.values(), default=time_s):
            self._note(time_s, signal.junction, g)
        self._waiting[signal.junction, g] = seen

    def _people(self, signal: _Signal, known: Mapping[str, float]) -> Iterator[tuple[str, float]]:
        """Yield who is first at the stop lines or before the crossings of a signal, and for how long they have been standing."""
        lane, vehicle, person = self._backend.lane, self._backend.vehicle, self._backend.person
        for name in signal.lanes:
            if lane.getLastStepVehicleNumber(name) == 0:
                continue
            first = lane.getLastStepVehicleIDs(name)[-1]
            if lane.getLength(name) - vehicle.getLanePosition(first) > AT_STOP_LINE_M or vehicle.isStopped(first):
                continue
            if first in known or self._waits_for(signal, vehicle.getNextTLS(first)):
                yield first, vehicle.getWaitingTime(first)
        for area in signal.walking_areas:
            for who in self._backend.edge.getLastStepPersonIDs(area):
                if person.getNextEdge(who) in signal.crossings:
                    yield who, person.getWaitingTime(who)

    @staticmethod
    def _waits_for(signal: _Signal, ahead: Any) -> bool:  # noqa: ANN401 - a tuple of tuples, as libsumo and traci have it
        return bool(ahead) and ahead[0][0] == signal.junction and ahead[0][1] in signal.links


def _signals(net: Any, name: str, junction: Intersection) -> list[_Signal]:  # noqa: ANN401
    links = controlled_links(net.getTLS(name))
    lanes: list[list[str]] = [[] for _ in junction.groups]
    for movement in junction.movements:
        lanes[movement.group].append(junction.incoming[movement.incoming].id)
    found = []
    for g, group in enumerate(junction.groups):
        crossings: frozenset[str] = frozenset()
        areas: dict[str, None] = {}
        if group.kind is GroupKind.PEDESTRIAN:
            crossings = frozenset(origin for index in group.links if index in links for origin in links[index].origins)
            for crossing in sorted(crossings):
                edge = net.getEdge(crossing)
                around = (*edge.getIncoming(), *edge.getOutgoing())
                areas |= dict.fromkeys(area.getID() for area in around if area.getFunction() == "walkingarea")
        found.append(_Signal(name, group.id, frozenset(group.links), tuple(dict.fromkeys(lanes[g])), crossings, tuple(areas)))
    return found
