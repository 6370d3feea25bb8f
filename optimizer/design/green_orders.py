"""The order of a junction's greens, chosen for the platoons that other signals send.

For a junction alone it matters little which of two greens comes first: a left turn that leads its road's green waits as long as one that
lags. For platoons it matters much. So, junction by junction, the order of each pair of conflicting greens is turned round, the greens are
designed again with it, and the plan is kept under which the junction and the ways to and from its neighbours have least delay.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from optimizer.design.coordination import CoordinatedJunction, Coordination, coordinate
from optimizer.design.costs import UNIT_VEH
from optimizer.design.cycle_search import JunctionSearch
from optimizer.design.designing import first_saturation_h, saturation_left_h, scheduled_plan, status_of
from optimizer.design.extension import with_longer_greens
from optimizer.design.group_based import GroupBased
from optimizer.design.performance import weighted_delay_veh
from optimizer.design.schedule import frame
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optimizer.design.problem import DesignTask
    from optimizer.design.result import DesignResult
    from optimizer.design.schedule import Schedule
    from optimizer.neighbours import Link

DEARER: Final = 0.05
"""Part by which another order may raise the junction's own delay."""


def reordered(
    results: Mapping[str, DesignResult],
    tasks: Mapping[str, DesignTask],
    links: Sequence[Link],
    coordination: Coordination,
    *,
    relative_gap: float,
    time_limit_s: float,
) -> tuple[dict[str, DesignResult], Coordination]:
    """Return the plans of coordinated junctions with the orders of greens that suit the platoons best, and their coordination.

    Parameters
    ----------
    results
        Plans of least delay with one common cycle.
    tasks
        Demands of the junctions.
    links
        The ways between them.
    coordination
        The offsets of these plans.
    relative_gap, time_limit_s
        When a junction's plan is good enough, and how long all its orders may take.
    """
    plans, offsets_s = dict(results), dict(coordination.offset_s)
    for name, result in results.items():
        around = _Around(name, plans, offsets_s, tasks, links)
        if not around.neighbours:
            continue
        candidates = (result, *_Orders(result, relative_gap, time_limit_s).others())
        offsets_s[name], _, plans[name] = min((around.fitted(candidate) for candidate in candidates), key=lambda fit: fit[1])
    members = {name: CoordinatedJunction(result.problem, result.plan, tasks[name].demand) for name, result in plans.items()}
    return plans, coordinate(members, links)


class _Around:
    """A junction among its neighbours, whose plans and offsets stay as they are."""

    def __init__(
        self,
        name: str,
        plans: Mapping[str, DesignResult],
        offsets_s: Mapping[str, float],
        tasks: Mapping[str, DesignTask],
        links: Sequence[Link],
    ) -> None:
        self._name, self._demand = name, tasks[name].demand
        self._links = [link for link in links if name in (link.source, link.target) and {link.source, link.target} <= set(plans)]
        self.neighbours = sorted({other for link in self._links for other in (link.source, link.target)} - {name})
        self._fixed = {
            other: CoordinatedJunction(plans[other].problem, plans[other].plan, tasks[other].demand) for other in self.neighbours
        }
        self._rooms_s = {other: (offsets_s[other], offsets_s[other]) for other in self.neighbours}

    def fitted(self, result: DesignResult) -> tuple[float, float, DesignResult]:
        """Return the offset that suits a plan of the junction best, the vehicles delayed then here and on the ways around, and the plan."""
        here = CoordinatedJunction(result.problem, result.plan, self._demand)
        found = coordinate({self._name: here, **self._fixed}, self._links, self._rooms_s)
        delayed_veh = weighted_delay_veh(result.performance) + found.delay_veh - found.uncoordinated_veh
        return found.offset_s[self._name], delayed_veh, result


class _Orders:
    """The orders of one junction's greens."""

    def __init__(self, result: DesignResult, relative_gap: float, time_limit_s: float) -> None:
        problem = result.problem
        self._result, self._gap = result, relative_gap
        self._deadline_s = time.perf_counter() + time_limit_s
        self._data = frame(problem)
        self._timing = GroupBased(self._data, relative_gap)
        saturation_h = saturation_left_h(problem, result.plan, first_saturation_h(problem))
        search = JunctionSearch(self._data, self._timing, saturation_h, relative_gap, self._deadline_s)
        self._cycle_s = round(result.plan.cycle_s)
        self._costs, self._at_least_s = search.costs(self._cycle_s), search.at_least_s(self._cycle_s, 0.0)
        served = {g for stream in problem.streams if stream.flow_h > 0 for g in stream.groups}
        vehicles = [g for g in sorted(self._data.timed & served) if problem.junction.groups[g].kind is GroupKind.VEHICLE]
        begins = self._timing.reference
        self._pairs = [(g, h) for g in vehicles for h in vehicles if g < h and h in problem.junction.conflicts[g] and begins not in (g, h)]

    def others(self) -> Iterator[DesignResult]:
        """Give a plan for each order that differs in other pairs than those before it, where it costs the junction little."""
        plan = self._result.plan
        cheapest = self._least_delay(math.inf, ())
        if cheapest is None:
            return
        present = self._first({g: plan.greens[g][0].start_s for g in self._data.timed if plan.greens[g]})
        known: set[tuple[tuple[int, int], bool]] = set(present.items())
        for pair in self._pairs:
            turned = not present[pair]
            if (pair, turned) in known:
                continue
            earlier, later = pair if turned else pair[::-1]
            schedule = self._least_delay(cheapest.cost * (1 + DEARER), ((earlier, later),))
            if schedule is not None:
                known |= self._first(schedule.starts_s).items()
                yield self._designed(schedule, cheapest.bound)

    def _least_delay(self, below: float, orders: Sequence[tuple[int, int]]) -> Schedule | None:
        return self._timing.least_delay(self._cycle_s, self._costs, self._at_least_s, below, self._deadline_s, orders)

    def _first(self, starts_s: Mapping[int, float]) -> dict[tuple[int, int], bool]:
        """Return of each pair whether its first group is green first, counted from the green that begins the cycle."""
        begin_s = starts_s[self._timing.reference]
        return {(g, h): (starts_s[g] - begin_s) % self._cycle_s < (starts_s[h] - begin_s) % self._cycle_s for g, h in self._pairs}

    def _designed(self, schedule: Schedule, bound: float) -> DesignResult:
        result = replace(
            self._result,
            plan=scheduled_plan(self._data, schedule),
            cost=schedule.cost * UNIT_VEH,
            bound=min(bound, schedule.cost) * UNIT_VEH,
            status=status_of(schedule.cost, bound, self._gap),
        )
        return with_longer_greens(result)
