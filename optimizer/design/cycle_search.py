"""Looks through the cycles: the best schedule over all of them, solving only those whose bounds leave a chance."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from optimizer.design.bounds import CliqueBound, reserve_bound
from optimizer.design.costs import UNIT_VEH, green_costs
from optimizer.design.errors import DesignError
from optimizer.design.result import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from optimizer.design.schedule import Frame, Schedule, Timing


@dataclass(frozen=True, slots=True)
class Found:
    """The best schedule over all cycles.

    Attributes
    ----------
    schedule
        Cycle and greens.
    objective
        What it strives for in the end: `Objective.RESERVE` where `Objective.WITHIN_CAPACITY` found no plan that carries the demand.
    cost, bound
        As in `DesignResult`.
    """

    schedule: Schedule
    objective: Objective
    cost: float
    bound: float


class Bounds(Protocol):
    """Bounds of the cost at each cycle."""

    def rising(self) -> Iterator[tuple[int, float]]:
        """Give cycles and their bounds, the lowest one first."""


class FixedBounds:
    """Bounds that are known.

    Parameters
    ----------
    bounds
        By cycle.
    """

    def __init__(self, bounds: Mapping[int, float]) -> None:
        self._bounds = bounds

    def rising(self) -> Iterator[tuple[int, float]]:
        """See `Bounds`."""
        yield from sorted(self._bounds.items(), key=lambda item: (item[1], item[0]))


class SharpenedBounds:
    """Bounds that are made sharp only where they are lowest: the prices of one cycle are nearly right at the cycles beside it.

    Parameters
    ----------
    cycles
        Bounds of all junctions that share the cycle, by cycle; they add up.
    """

    def __init__(self, cycles: Mapping[int, Sequence[CliqueBound]]) -> None:
        self._cycles = cycles

    def rising(self) -> Iterator[tuple[int, float]]:
        """See `Bounds`."""
        parts = {cycle_s: [-math.inf] * len(bounds) for cycle_s, bounds in self._cycles.items()}
        sharp: set[int] = set()
        while parts:
            lowest = min(parts, key=lambda cycle_s: (sum(parts[cycle_s]), cycle_s))
            if not sharp:
                lowest = sorted(parts)[len(parts) // 2]
            if lowest in sharp:
                yield lowest, sum(parts.pop(lowest))
                continue
            sharp.add(lowest)
            prices = [bound.best_prices() for bound in self._cycles[lowest]]
            for cycle_s, part in parts.items():
                for j, bound in enumerate(self._cycles[cycle_s]):
                    part[j] = max(part[j], math.floor(value) if math.isfinite(value := bound.at_prices(prices[j])) else value)


class JunctionSearch:
    """Looks through the cycles of one junction for given saturation flows.

    Parameters
    ----------
    data
        The problem in whole seconds.
    timing
        The way of timing it at a given cycle.
    saturation_h
        Saturation flow of each stream while its groups are green.
    relative_gap
        Gap with which the answer is good enough.
    deadline_s
        Reading of ``time.perf_counter`` at which to come back with the best so far.
    """

    def __init__(self, data: Frame, timing: Timing, saturation_h: Sequence[float], relative_gap: float, deadline_s: float) -> None:
        self._data, self._timing, self._saturation_h = data, timing, saturation_h
        self._gap, self._deadline_s = relative_gap, deadline_s
        problem = data.problem
        self.cycles = range(max(problem.shortest_cycle_s, data.least_cycle_s), problem.longest_cycle_s + 1)

    @property
    def is_over(self) -> bool:
        """Whether the time has run out."""
        return time.perf_counter() >= self._deadline_s

    def run(self, objective: Objective) -> Found | None:
        """Return the best schedule, or None where time ran out before any was found."""
        if objective is Objective.DELAY:
            return self.least_delay({cycle_s: self.at_least_s(cycle_s, 0.0) for cycle_s in self.cycles})
        if objective is Objective.WITHIN_CAPACITY:
            carrying = self.least_delay({cycle_s: self.at_least_s(cycle_s, 1.0) for cycle_s in self.cycles})
            if carrying is not None:
                return carrying
        return self._greatest_reserve()

    def at_least_s(self, cycle_s: int, factor: float) -> list[int]:
        """Return the green that each service needs to carry so many times its flows."""
        gain_s = self._data.gain_s
        return [max(0, math.ceil(factor / per_s - gain_s - 1e-6)) if math.isfinite(per_s) else 0 for per_s in self._reserve_per_s(cycle_s)]

    def costs(self, cycle_s: int) -> NDArray[np.float64]:
        """Return the cost table at a cycle (see `green_costs`)."""
        return green_costs(self._data.problem, self._data.services, self._saturation_h, cycle_s)

    def bound(self, cycle_s: int, costs: NDArray[np.float64], at_least_s: Sequence[int]) -> CliqueBound:
        """Return the bound of the cost at a cycle."""
        return CliqueBound(self._data, cycle_s, costs, at_least_s)

    def least_delay(self, at_least_s: Mapping[int, Sequence[int]]) -> Found | None:
        """Return the schedule of least delay.

        Parameters
        ----------
        at_least_s
            The cycles to look through, and the least green of each service at each of them.
        """
        costs = {cycle_s: self.costs(cycle_s) for cycle_s in at_least_s}
        bounds = SharpenedBounds({cycle_s: (self.bound(cycle_s, costs[cycle_s], least),) for cycle_s, least in at_least_s.items()})
        found = self._best(bounds, lambda cycle_s, limit: self.solve(cycle_s, costs[cycle_s], at_least_s[cycle_s], limit))
        if found is None:
            return None
        schedule, bound = found
        return Found(schedule, Objective.DELAY, schedule.cost * UNIT_VEH, bound * UNIT_VEH)

    def solve(self, cycle_s: int, costs: NDArray[np.float64], at_least_s: Sequence[int], below: float) -> Schedule | None:
        """Return the schedule of least delay at one cycle, or None where there is none that costs less than `below`."""
        return self._timing.least_delay(cycle_s, costs, at_least_s, below, self._deadline_s)

    def _greatest_reserve(self) -> Found | None:
        reserves = {cycle_s: self._reserve_per_s(cycle_s) for cycle_s in self.cycles}
        if not any(math.isfinite(value) for values in reserves.values() for value in values):
            raise DesignError(
                f"junction {self._data.problem.junction.id!r} has no traffic whose reserve could be maximised; give its flows."
            )
        found = self._best(
            FixedBounds({cycle_s: -reserve_bound(self._data, cycle_s, values) for cycle_s, values in reserves.items()}),
            lambda cycle_s, limit: _negative(self._timing.greatest_reserve(cycle_s, reserves[cycle_s], max(0.0, -limit), self._deadline_s)),
        )
        if found is None:
            return None
        schedule, bound = found
        factor = -schedule.cost
        easiest = self.least_delay({schedule.cycle_s: self.at_least_s(schedule.cycle_s, factor)})
        return Found(easiest.schedule if easiest else schedule, Objective.RESERVE, 1 / factor, min(1 / factor, -1 / bound))

    def _best(self, bounds: Bounds, solve: Callable[[int, float], Schedule | None]) -> tuple[Schedule, float] | None:
        """Return the schedule of least cost over all cycles and the bound of all, solving none whose bound cannot beat what is known."""
        best: Schedule | None = None
        proven = math.inf
        for cycle_s, bound in bounds.rising():
            if math.isinf(bound) or (best is not None and bound >= best.cost - self._gap * abs(best.cost)):
                proven = min(proven, bound)
                break
            schedule = solve(cycle_s, best.cost if best else math.inf)
            if schedule is not None:
                best, proven = schedule, min(proven, schedule.bound)
            elif self.is_over:
                proven = min(proven, bound)
                break
        return None if best is None else (best, min(proven, best.cost))

    def _reserve_per_s(self, cycle_s: int) -> list[float]:
        """Return the factor that each second of effective green of each service carries; infinite where it carries no vehicles."""
        streams = self._data.problem.streams
        return [
            min((self._saturation_h[i] / cycle_s / streams[i].flow_h for i in service.streams if streams[i].flow_h > 0), default=math.inf)
            for service in self._data.services
        ]


def _negative(schedule: Schedule | None) -> Schedule | None:
    return None if schedule is None else replace(schedule, cost=-schedule.cost, bound=-schedule.bound)
