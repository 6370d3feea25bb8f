"""What each length of green costs: tables over whole seconds, and the convex pieces below them that a solver takes.

Streams that are governed by the same groups share a *service*: the time in which all these groups are green together. Its cost is the
weighted delay of its streams (see `optimizer.design.delay`), in units of `UNIT_VEH` vehicles that are delayed on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from optimizer.design import delay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.design.problem import DesignProblem

UNIT_VEH: Final = 1e-5
"""Resolution of the solver's whole costs."""


@dataclass(frozen=True, slots=True)
class Service:
    """Streams that are served while the same groups are green.

    Attributes
    ----------
    groups
        The groups that take part in conflicts; none where the service is always open.
    streams
        Indices of the streams.
    """

    groups: tuple[int, ...]
    streams: tuple[int, ...]


def services(problem: DesignProblem, timed: frozenset[int]) -> tuple[Service, ...]:
    """Return the services of a problem, one for each timed group at least.

    Parameters
    ----------
    problem
        The problem.
    timed
        The groups that have conflicts and so cannot be green all the time.
    """
    members: dict[tuple[int, ...], list[int]] = {(g,): [] for g in sorted(timed)}
    for index, stream in enumerate(problem.streams):
        groups = tuple(g for g in stream.groups if g in timed)
        if groups:
            members.setdefault(groups, []).append(index)
    return tuple(Service(groups, tuple(streams)) for groups, streams in members.items())


def green_costs(problem: DesignProblem, found: Sequence[Service], saturation_h: Sequence[float], cycle_s: int) -> NDArray[np.float64]:
    """Return the cost of each service for each length of its green in whole seconds, shape ``(services, cycle + 1)``, whole units.

    Infinite where a stream could not pass at all.

    Parameters
    ----------
    problem
        Streams and traffic model.
    found
        The services.
    saturation_h
        Saturation flow of each stream while its service is open.
    cycle_s
        The cycle.
    """
    greens_s = np.arange(cycle_s + 1, dtype=np.float64)
    effective_s = np.array([effective_green_s(problem, cycle_s, green) for green in range(cycle_s + 1)])
    crossing_s = delay.crossing_delay_s(cycle_s, greens_s)
    costs = np.zeros((len(found), cycle_s + 1))
    for row, service in enumerate(found):
        for index in service.streams:
            stream = problem.streams[index]
            if stream.flow_h > 0 and math.isinf(stream.saturation_h):
                costs[row] += stream.weight * stream.flow_h * crossing_s
            elif stream.flow_h > 0:
                delays_s = delay.control_delays_s(cycle_s, effective_s, stream.flow_h, saturation_h[index], problem.parameters.analysis_h)
                costs[row] += stream.weight * stream.flow_h * delays_s
    return np.rint(costs / (3600 * UNIT_VEH))


def effective_green_s(problem: DesignProblem, cycle_s: float, green_s: float) -> float:
    """Return the green in which a queue discharges at saturation flow: shown green less startup loss plus used yellow, s."""
    if green_s >= cycle_s:
        return cycle_s
    parameters = problem.parameters
    return max(0.0, min(cycle_s, green_s - parameters.startup_loss_s + parameters.yellow_used_s)) if green_s > 0 else 0.0


def lower_envelope(costs: NDArray[np.int64], first: int) -> list[tuple[int, int, int]]:
    """Return the pieces of the greatest convex function below a table, from an index on.

    Where the table is convex, as delay is over all but very short greens, the pieces meet it in every whole second.

    Parameters
    ----------
    costs
        Whole costs.
    first
        The first index that counts.

    Returns
    -------
    list of tuple
        ``(run, rise, base)`` for each piece: ``run * cost >= rise * index + base``.
    """
    hull: list[int] = []
    for i in range(first, len(costs)):
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            if (costs[b] - costs[a]) * (i - b) < (costs[i] - costs[b]) * (b - a):
                break
            hull.pop()
        hull.append(i)
    if len(hull) == 1:
        return [(1, 0, int(costs[first]))]
    pieces = []
    for a, b in pairwise(hull):
        run, rise = b - a, int(costs[b] - costs[a])
        pieces.append((run, rise, run * int(costs[a]) - rise * a))
    return pieces
