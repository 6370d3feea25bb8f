"""What a plan lets pass: the vehicles that each stream can discharge in each part of the cycle, and the queues that follow.

Time is cut into cells of one second (a tenth of one where a plan has broken seconds). Within a cell arrivals and discharge are even, and
queues are followed exactly: HCM 2016, chapter 19, incremental queue accumulation.

A lane whose vehicles all have a protected green discharges its saturation flow. Otherwise:

* Whoever is first and may not go blocks the lane. Where a share p of its vehicles may not go, the k-th vehicle leaves with the chance
  (1-p)^k that nobody of them is among the first k: right away for p = 0, not at all for p = 1. They may not go while their group is red, or
  while it yields to a stream that still discharges a queue.
* Whoever yields to a stream without a queue goes through its gaps: s_p = v exp(-v t_c) / (1 - exp(-v t_f)), with the opposing flow v, the
  critical gap t_c and the follow-up time t_f (HCM 2016, chapter 31, permitted turns; Harders' formula).
* Whoever yields to persons goes while nobody is in the way: with the chance e^-n where n persons are expected on the crossing (Poisson).
  Whoever has arrived during red sets out when green begins. Those from the near side are in the way for half of the clearing time, those
  from the far side for all of it, also after the end of green. (HCM 2016, chapter 31, knows an occupancy of the shown green alone, which is
  far too small where few persons take long: capacities measured in SUMO are told in ``docs/plan_design.md``.)
* A short lane lets go the queue that it holds; what follows comes from the fewer lanes farther up (`Stream.fed_h`), which also fill it
  again while it is red. So a long green gains less there (Akçelik 1981, ARR 123, short lanes).
* At the end of a permissive green, (1 + p) / 2 of `sneakers_veh` leave (HCM 2016, chapter 31).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem, Stream

NEAR_SIDE: Final = 0.5
"""Part of the persons who come from the side where the vehicles cross; they are in the way for this part of their crossing."""

QUEUED_VEH: Final = 1e-9


def cell_s(plan: SignalPlan) -> float:
    """Return the length of a cell: 1 s where the plan has whole seconds, a tenth of it otherwise."""
    numbers = [plan.cycle_s, *(number for windows in plan.greens for w in windows for number in (w.start_s, w.length_s))]
    return 1.0 if all(float(number).is_integer() for number in numbers) else 0.1


def discharge_veh(plan: SignalPlan, problem: DesignProblem) -> NDArray[np.float64]:
    """Return the vehicles that each stream can discharge in each cell of the cycle, shape ``(streams, cells)``; infinite for persons.

    Parameters
    ----------
    plan
        Green windows.
    problem
        Streams, right of way, traffic model.
    """
    return _Discharge(plan, problem).of_all()


def queues_veh(arrivals: NDArray[np.float64], discharge: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the queues of a periodic cycle.

    Parameters
    ----------
    arrivals, discharge
        Vehicles per cell, shapes ``(streams, cells)``. In a cycle no more may arrive than can leave.

    Returns
    -------
    tuple
        Queue at the start of each cell, vehicles, and waiting in each cell, vehicles times cells; shapes ``(streams, cells)``.
    """
    streams, cells = arrivals.shape
    queue, waited = np.zeros((streams, cells)), np.zeros((streams, cells))
    # The second round begins with what the first one left, and leaves the same again.
    last = np.zeros(streams)
    for turn in range(2 * cells):
        i = turn % cells
        queue[:, i] = last
        net = arrivals[:, i] - discharge[:, i]
        after = last + net
        with np.errstate(divide="ignore", invalid="ignore"):
            emptied = np.where(after < 0, last / -net, 1.0)
        waited[:, i] = np.where(after < 0, last * emptied / 2, (last + after) / 2)
        last = np.maximum(after, 0.0)
    return queue, waited


class _Discharge:
    def __init__(self, plan: SignalPlan, problem: DesignProblem) -> None:
        self._plan, self._problem = plan, problem
        self._cell_s = cell_s(plan)
        self._cells = round(plan.cycle_s / self._cell_s)
        self._green = np.array([self._effective(g) for g in range(len(plan.greens))])
        self._shown = self._green > 0
        self._protected: dict[int, NDArray[np.float64]] = {}
        self._unoccupied: dict[int, NDArray[np.float64]] = {}

    def of_all(self) -> NDArray[np.float64]:
        return np.array([self._of(stream) for stream in self._problem.streams]).reshape(-1, self._cells)

    def _effective(self, group: int) -> NDArray[np.float64]:
        """Return the part of each cell in which a group's green is used."""
        parameters = self._problem.parameters
        used = np.zeros(self._cells)
        for window in self._plan.greens[group]:
            if window.length_s >= self._plan.cycle_s:
                return np.ones(self._cells)
            begin = (window.start_s + parameters.startup_loss_s) / self._cell_s
            end = (window.start_s + window.length_s + parameters.yellow_used_s) / self._cell_s
            for i in range(math.floor(begin), math.ceil(end)):
                used[i % self._cells] += max(0.0, min(end, i + 1) - max(begin, i))
        return np.minimum(used, 1.0)

    def _of(self, stream: Stream) -> NDArray[np.float64]:
        if math.isinf(stream.saturation_h):
            return np.where(self._green[list(stream.groups)].min(axis=0) > 0, np.inf, 0.0)
        turning_h = [self._turning_h(stream, group) for group in stream.groups]
        return self._lane(stream, turning_h)

    def _lane(self, stream: Stream, turning_h: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the discharge of a lane from the saturation flow of each of its groups (0 where it may not go)."""
        per_cell = stream.saturation_h * self._cell_s / 3600
        shares = np.array(stream.shares)[:, None]
        rates = np.array(turning_h)
        stopped = rates <= 0
        blocked = (shares * stopped).sum(axis=0)
        with np.errstate(divide="ignore"):
            headway = np.where(stopped, 0.0, shares / rates).sum(axis=0) / np.maximum(1 - blocked, 1e-12)
        factor = np.where(blocked < 1, 1 / (np.maximum(headway, 1e-12) * stream.saturation_h), 0.0)
        open_part = np.max([self._green[g] for g in stream.groups], axis=0)
        discharge = np.zeros(self._cells)
        # A green may run over the end of the cycle: begin where nobody goes, if there is such a moment.
        idle = np.flatnonzero(open_part <= 0)
        first = int(idle[0]) if idle.size else 0
        passed = 0.0
        for step in range(self._cells):
            i = (first + step) % self._cells
            if open_part[i] <= 0 or blocked[i] <= 0:
                passed = 0.0
            else:
                passed += per_cell * open_part[i]
            discharge[i] = per_cell * open_part[i] * factor[i] * (1 - blocked[i]) ** passed
        return self._from_pocket(stream, discharge) + self._sneakers(stream)

    def _from_pocket(self, stream: Stream, discharge: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the discharge as far as a short lane holds vehicles for it."""
        if math.isinf(stream.pocket_veh):
            return discharge
        held, fed = stream.pocket_veh, stream.fed_h * self._cell_s / 3600
        limited = np.zeros_like(discharge)
        for _ in range(2):  # the second round begins with what the first one left
            for i, wanted in enumerate(discharge):
                held = min(held + fed, stream.pocket_veh)
                limited[i] = min(wanted, held)
                held -= limited[i]
        return limited

    def _turning_h(self, stream: Stream, group: int) -> NDArray[np.float64]:
        """Return the saturation flow of a stream's vehicles of one group in each cell, vehicles per hour."""
        flow_h = np.where(self._shown[group], stream.saturation_h, 0.0)
        crossed_h = np.zeros(self._cells)
        for other in self._problem.junction.yields_to[group]:
            together = self._shown[group] & self._shown[other]
            for index, opposing in enumerate(self._problem.streams):
                if other not in opposing.groups or opposing.id == stream.id:
                    continue
                if opposing.kind is GroupKind.PEDESTRIAN:
                    flow_h = flow_h * self._free(other, opposing.flow_h)
                elif together.any():
                    queued = self._queue(index, opposing) > QUEUED_VEH
                    flow_h = np.where(together & queued, 0.0, flow_h)
                    crossed_h += np.where(together, opposing.flow_h * opposing.shares[opposing.groups.index(other)], 0.0)
        return np.minimum(flow_h, np.where(crossed_h > 0, self._through_gaps_h(crossed_h), np.inf))

    def _free(self, crossing: int, flow_h: float) -> NDArray[np.float64]:
        """Return the chance that nobody on a crossing is in the way, in each cell."""
        if crossing not in self._unoccupied:
            junction = self._problem.junction
            clearing_s = max((junction.intergreen_s[crossing][h] for h in junction.conflicts[crossing]), default=0.0)
            starting = self._starting(crossing, flow_h)
            on_it = np.zeros(self._cells)
            for part, way in ((NEAR_SIDE, NEAR_SIDE), (1 - NEAR_SIDE, 1.0)):
                for age in range(round(way * clearing_s / self._cell_s)):
                    on_it += part * np.roll(starting, age)
            self._unoccupied[crossing] = np.exp(-on_it)
        return self._unoccupied[crossing]

    def _starting(self, crossing: int, flow_h: float) -> NDArray[np.float64]:
        """Return the persons who set out in each cell: whoever comes while it is green, and at its begin all who have waited."""
        green = np.zeros(self._cells, dtype=np.bool_)
        for window in self._plan.greens[crossing]:
            first = round(window.start_s / self._cell_s)
            green[np.arange(first, first + round(window.length_s / self._cell_s)) % self._cells] = True
        starting, waiting = np.zeros(self._cells), 0
        for i in range(2 * self._cells) if green.any() else ():  # in the second round it is known who has waited since the first
            waiting += 1
            if green[i % self._cells]:
                starting[i % self._cells] = waiting * flow_h * self._cell_s / 3600
                waiting = 0
        return starting

    def _through_gaps_h(self, opposing_h: NDArray[np.float64]) -> NDArray[np.float64]:
        parameters = self._problem.parameters
        per_s = np.maximum(opposing_h, 1e-9) / 3600
        through: NDArray[np.float64] = (
            3600 * per_s * np.exp(-per_s * parameters.critical_gap_s) / -np.expm1(-per_s * parameters.follow_up_s)
        )
        return through

    def _queue(self, index: int, stream: Stream) -> NDArray[np.float64]:
        """Return the queue of a stream as if all its greens were protected, in each cell; endless where it is overloaded."""
        if index not in self._protected:
            flows = [np.where(self._shown[g], stream.saturation_h, 0.0) for g in stream.groups]
            discharge = self._lane(stream, flows)
            arriving = np.full(self._cells, stream.flow_h * self._cell_s / 3600)
            if arriving.sum() > discharge.sum():
                self._protected[index] = np.ones(self._cells)
            else:
                self._protected[index] = queues_veh(arriving[None], discharge[None])[0][0]
        return self._protected[index]

    def _sneakers(self, stream: Stream) -> NDArray[np.float64]:
        extra = np.zeros(self._cells)
        for group, share in zip(stream.groups, stream.shares, strict=True):
            others = [
                h for h in self._problem.junction.yields_to[group] if self._problem.junction.groups[h].kind is not GroupKind.PEDESTRIAN
            ]
            for i in range(self._cells if others and share > 0 else 0):
                ends = self._shown[group, i] and not self._shown[group, (i + 1) % self._cells]
                if ends and any(self._shown[h, i] for h in others):
                    extra[i] += self._problem.parameters.sneakers_veh * (1 + share) / 2
        return extra
