"""From what a junction reports to what its planner sees; whatever does not fit its description is refused with the field's name."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.observation import InformationClass, JunctionObservation, LoopReadings, SignalStatus, VehicleViews
from optimizer.priority import PriorityRequest
from optimizer.service.problems import contradiction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.intersection import Intersection
    from optimizer.service.events import LoopTrace
    from optimizer.service.messages import DecisionRequest, LoopReport, PriorityReport, Second, SignalReport, VehicleReport

FARTHEST_S: Final = 600.0
"""A vehicle that arrives later, or has waited for longer, is no matter of the next minute."""

LONGEST_INTERSTAGE_S: Final = 600.0
"""A green that is due later than this from now is a mistake."""


class ReportReader:
    """Reads the reports of one junction.

    Parameters
    ----------
    junction
        Its description.
    """

    def __init__(self, junction: Intersection) -> None:
        self._junction = junction
        self._stages = {stage.id: index for index, stage in enumerate(junction.stages)}

    def observation(self, second: Second, trace: LoopTrace, place: str = "") -> JunctionObservation:
        """Return what the junction's planner sees.

        Parameters
        ----------
        second
            What was reported.
        trace
            What the loops' events have told before; it goes on with this second.
        place
            JSON pointer to it, for complaints.

        Raises
        ------
        ProblemError
            If the report does not fit the description or itself.
        """
        status = self._status(second.time_s, second.signal, f"{place}/signal")
        if sum(part is not None for part in (second.loops, second.events, second.vehicles)) != 1:
            raise contradiction(place, "report one of loops, events and vehicles")
        if second.events is not None:
            detectors = [detector.id for detector in self._junction.detectors]
            return JunctionObservation(status, loops=trace.readings(detectors, second.events, second.time_s, f"{place}/events"))
        trace.forget()
        if second.loops is not None:
            return JunctionObservation(status, loops=self._loops(second.loops, f"{place}/loops"))
        assert second.vehicles is not None
        return JunctionObservation(status, vehicles=self._vehicles(second.vehicles, f"{place}/vehicles"))

    def check_states(self, request: DecisionRequest) -> None:
        """Raise `ProblemError` where the shown states have no order, lie in the future or have the wrong length."""
        before_s = -np.inf
        for index, shown in enumerate(request.shown):
            field = f"/shown/{index}"
            if len(shown.state) != self._junction.signal_count:
                raise contradiction(
                    f"{field}/state", f"it has {len(shown.state)} letters for {self._junction.signal_count} signals; give one each"
                )
            if shown.since_s > request.time_s:
                sentence = (
                    f"the state since {shown.since_s:.15g} s lies after the call's time, {request.time_s:.15g} s; give what has been shown"
                )
                raise contradiction(f"{field}/since_s", sentence)
            if shown.since_s <= before_s:
                sentence = (
                    f"the state since {shown.since_s:.15g} s stands behind the one since {before_s:.15g} s; put them in order, each once"
                )
                raise contradiction(f"{field}/since_s", sentence)
            before_s = shown.since_s
        for index, outflow in enumerate(request.neighbours):
            if len(outflow.times_s) != len(outflow.lanes):
                raise contradiction(f"/neighbours/{index}", "times_s and lanes differ in length; give a lane with each time")
            if len(outflow.from_lanes) not in (0, len(outflow.lanes)):
                raise contradiction(f"/neighbours/{index}", "from_lanes and lanes differ in length; give one for each time, or none")

    def priorities(self, request: DecisionRequest) -> tuple[PriorityRequest, ...]:
        """Return who asks for priority.

        Raises
        ------
        ProblemError
            If a request names no movement of vehicles, or a window that makes no sense.
        """
        found = []
        for index, asked in enumerate(request.priorities):
            field = f"/priorities/{index}"
            if asked.latest_s < asked.earliest_s or max(abs(t - request.time_s) for t in (asked.earliest_s, asked.latest_s)) > FARTHEST_S:
                raise contradiction(field, f"the window ends before it begins, or lies more than {FARTHEST_S:g} s from now; correct it")
            found.append(PriorityRequest(asked.earliest_s, asked.latest_s, asked.persons, self._movements(asked, field)))
        return tuple(found)

    def _movements(self, asked: PriorityReport, field: str) -> tuple[int, ...]:
        junction = self._junction
        if (asked.movement is None) == (asked.group is None):
            raise contradiction(field, "name either the movement or the group")
        if asked.movement is None:
            named = [i for i, m in enumerate(junction.movements) if junction.groups[m.group].id == asked.group]
        else:
            way = asked.movement.incoming, asked.movement.outgoing
            named = [
                i for i, m in enumerate(junction.movements) if (junction.incoming[m.incoming].id, junction.outgoing[m.outgoing].id) == way
            ]
        if not named:
            raise contradiction(field, "no movement of vehicles goes there; name two lanes that one joins, or the group of one")
        return tuple(named)

    def _status(self, time_s: float, signal: SignalReport, place: str) -> SignalStatus:
        for field, name in (("stage", signal.stage), ("previous", signal.previous)):
            if name not in self._stages:
                raise contradiction(f"{place}/{field}", f"there is no stage {name[:80]!r}; there are {', '.join(self._stages)[:400]}")
        if signal.commanded_s > time_s:
            sentence = f"the change at {signal.commanded_s:.15g} s lies after the call's time, {time_s:.15g} s; give a time that has been"
            raise contradiction(f"{place}/commanded_s", sentence)
        if not signal.commanded_s <= signal.green_start_s <= time_s + LONGEST_INTERSTAGE_S:
            raise contradiction(
                f"{place}/green_start_s",
                f"the green starts before it was commanded, or more than {LONGEST_INTERSTAGE_S:g} s from now; correct it",
            )
        return SignalStatus(self._stages[signal.stage], self._stages[signal.previous], signal.green_start_s, signal.commanded_s)

    def _loops(self, report: LoopReport, place: str) -> LoopReadings:
        loops = len(self._junction.detectors)
        _check_lengths(
            place,
            loops,
            "detectors",
            count=report.count,
            occupancy=report.occupancy,
            occupied_s=report.occupied_s,
            speed_m_s=report.speed_m_s,
        )
        return LoopReadings(
            count=np.array(report.count, dtype=np.int64),
            occupancy=np.array(report.occupancy, dtype=np.float64),
            occupied_s=np.array(report.occupied_s, dtype=np.float64),
            speed_m_s=np.array([np.nan if speed is None else speed for speed in report.speed_m_s], dtype=np.float64),
        )

    def _vehicles(self, report: VehicleReport, place: str) -> VehicleViews:
        junction = self._junction
        _check_lengths(
            place,
            len(report.lane),
            "vehicles",
            movement=report.movement,
            distance_m=report.distance_m,
            speed_m_s=report.speed_m_s,
            length_m=report.length_m,
        )
        _check_lengths(place, len(junction.groups), "groups", in_junction=report.in_junction)
        _check_lengths(
            place,
            len(junction.outgoing),
            "outgoing lanes",
            outgoing_vehicles=report.outgoing_vehicles,
            outgoing_room_m=report.outgoing_room_m,
        )
        if any(later < earlier for earlier, later in pairwise(report.lane)):
            raise contradiction(f"{place}/lane", "the vehicles are not in the order of their lanes; sort them by lane, nearest first")
        _check_indices(f"{place}/lane", report.lane, len(junction.incoming), "incoming lanes")
        _check_indices(f"{place}/movement", report.movement, len(junction.movements), "movements")
        return VehicleViews(
            lane=np.array(report.lane, dtype=np.int64),
            movement=np.array(report.movement, dtype=np.int64),
            distance_m=np.array(report.distance_m, dtype=np.float64),
            speed_m_s=np.array(report.speed_m_s, dtype=np.float64),
            length_m=np.array(report.length_m, dtype=np.float64),
            in_junction=np.array(report.in_junction, dtype=np.int64),
            outgoing_vehicles=np.array(report.outgoing_vehicles, dtype=np.int64),
            outgoing_room_m=np.array(report.outgoing_room_m, dtype=np.float64),
        )


def information_of(seen: JunctionObservation) -> InformationClass:
    """Return what was reported of the traffic."""
    return InformationClass.LOOPS if seen.loops is not None else InformationClass.ZONE


def _check_lengths(place: str, length: int, of: str, **columns: Sequence[object]) -> None:
    for field, values in columns.items():
        if len(values) != length:
            raise contradiction(
                f"{place}/{field}", f"it has {len(values)} values for {length} {of}; give one each, in the order of the description"
            )


def _check_indices(place: str, values: Sequence[int], count: int, of: str) -> None:
    if values and max(values) >= count:
        raise contradiction(place, f"index {max(values)} lies beyond the {count} {of}; count from 0")
