"""What the forward search precomputes once for a junction's signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.horizon.compiling import compiled
from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, WEIGHT_UNIT, SignalModel, command_grid_ds

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR = 1 << 30
"""A time that is never reached."""

NEVER = 1 << 60
"""A cost that no plan has."""

H, STARTUP, YELLOW, GAP, CLEAR, STOP_THEN_GO, STOP_PENALTY, STOP_TOLERANCE, CHANGE_COST, STEP = range(10)


class SearchTables(NamedTuple):
    """A junction's signals in the form the search wants.

    Attributes
    ----------
    service, interstage, yields
        As in `SignalModel`.
    least_green
        Least time from the start of green to the next command, shape ``(stages,)``.
    most_green
        Maximum green, shape ``(stages,)``.
    has_successor
        Whether any change of the stage is allowed, shape ``(stages,)``.
    reach
        Least time from a command in stage s to the start of a green of group g, whatever the route; 0 where s serves g; shape ``(stages, groups)``.
    as_good
        Whether a vehicle of group g is never worse off in stage s than in stage t, whoever else is there; shape ``(stages, stages, groups)``.
    bypass
        Whether a change from s to t may be left out where t serves nobody better than s and lets no sneaker go, shape ``(stages, stages)``.
    earlier_is_better
        Whether the groups that s and t both serve are at least as well served in t, shape ``(stages, stages)``.
    grid
        Times of the command grid.
    numbers
        The model's constants, in the order of this module's ``H, STARTUP, ...``.
    """

    service: NDArray[np.int64]
    interstage: NDArray[np.int64]
    yields: NDArray[np.bool_]
    least_green: NDArray[np.int64]
    most_green: NDArray[np.int64]
    has_successor: NDArray[np.bool_]
    reach: NDArray[np.int64]
    as_good: NDArray[np.bool_]
    bypass: NDArray[np.bool_]
    earlier_is_better: NDArray[np.bool_]
    grid: NDArray[np.int64]
    numbers: NDArray[np.int64]


def prepare(signals: SignalModel) -> SearchTables:
    """Compile a junction's signals for the search.

    Raises
    ------
    ValueError
        If the constants break the model's rule ``0 < clear`` and ``0 < gap``.
    """
    if signals.clear_ds <= 0 or signals.gap_ds <= 0:
        raise ValueError(f"clear_ds ({signals.clear_ds}) and gap_ds ({signals.gap_ds}) of the horizon must be positive; give larger values.")
    service = np.ascontiguousarray(signals.service, dtype=np.int64)
    interstage = np.ascontiguousarray(signals.interstage_ds, dtype=np.int64)
    yields = np.ascontiguousarray(signals.yields, dtype=np.bool_)
    least_green = np.maximum(signals.minimum_green_ds, signals.startup_ds).astype(np.int64)
    stages, groups = service.shape
    reach = np.zeros((stages, groups), dtype=np.int64)
    as_good = np.zeros((stages, stages, groups), dtype=np.bool_)
    bypass = np.zeros((stages, stages), dtype=np.bool_)
    earlier_is_better = np.zeros((stages, stages), dtype=np.bool_)
    _fill_tables(service, interstage, yields, least_green, reach, as_good, bypass, earlier_is_better)
    numbers = np.array(
        [
            signals.horizon_ds,
            signals.startup_ds,
            signals.yellow_used_ds,
            signals.gap_ds,
            signals.clear_ds,
            signals.stop_then_go_ds,
            signals.stop_penalty_ds,
            signals.stop_tolerance_ds,
            signals.change_penalty_ds * WEIGHT_UNIT,
            _least_step(service, interstage, least_green),
        ],
        dtype=np.int64,
    )
    return SearchTables(
        service=service,
        interstage=interstage,
        yields=yields,
        least_green=least_green,
        most_green=np.ascontiguousarray(signals.maximum_green_ds, dtype=np.int64),
        has_successor=np.ascontiguousarray((interstage >= 0).any(axis=1)),
        reach=reach,
        as_good=as_good,
        bypass=bypass,
        earlier_is_better=earlier_is_better,
        grid=command_grid_ds(signals),
        numbers=numbers,
    )


def _least_step(service: NDArray[np.int64], interstage: NDArray[np.int64], least_green: NDArray[np.int64]) -> int:
    """Return the least time between the starts of two greens of which the first must end before the second begins."""
    closing = ((service[:, None, :] != RED) & (service[None, :, :] == RED)).any(axis=2) & (interstage >= 0)
    serving = (service != RED).any(axis=1)
    return int(least_green[serving].min(initial=FAR)) + int(interstage[closing].min(initial=FAR))


@compiled
def _at_least_as_good(service: NDArray[np.int64], yields: NDArray[np.bool_], better: int, worse: int, g: int) -> bool:
    """Whether a vehicle of group g is never worse off in stage `better` than in stage `worse`, whoever else is there."""
    a, b = service[better, g], service[worse, g]
    if b == RED or a == PROTECTED:
        return True
    if a == RED or b == PROTECTED or (a != b and a != PERMISSIVE):
        return False
    for h in range(service.shape[1]):
        if yields[g, h] and service[better, h] != RED and service[worse, h] == RED:
            return False
    return True


@compiled
def _fill_tables(
    service: NDArray[np.int64],
    interstage: NDArray[np.int64],
    yields: NDArray[np.bool_],
    least_green: NDArray[np.int64],
    reach: NDArray[np.int64],
    as_good: NDArray[np.bool_],
    bypass: NDArray[np.bool_],
    earlier_is_better: NDArray[np.bool_],
) -> None:
    stages, groups = service.shape
    # Least time from a command to the start of another stage, over any route.
    route = np.full((stages, stages), FAR, dtype=np.int64)
    for s in range(stages):
        for t in range(stages):
            if interstage[s, t] >= 0:
                route[s, t] = interstage[s, t]
    for m in range(stages):
        for s in range(stages):
            for t in range(stages):
                via = route[s, m] + least_green[m] + route[m, t]
                route[s, t] = min(route[s, t], via)
    for s in range(stages):
        for g in range(groups):
            best = FAR
            for t in range(stages):
                if t == s and service[s, g] != RED:
                    best = 0
                elif service[t, g] != RED:
                    best = min(best, route[s, t])
            reach[s, g] = best
    for s in range(stages):
        for t in range(stages):
            earlier_is_better[s, t] = True
            for g in range(groups):
                as_good[s, t, g] = _at_least_as_good(service, yields, s, t, g)
            for g in range(groups):
                if service[s, g] != RED and service[t, g] != RED and not as_good[t, s, g]:
                    earlier_is_better[s, t] = False
    # s -> t -> u may be replaced by s -> u where u is not reached later and nobody is worse off meanwhile.
    for s in range(stages):
        for t in range(stages):
            if interstage[s, t] < 0:
                continue
            fits = True
            for u in range(stages):
                if u in (s, t) or interstage[t, u] < 0:
                    continue
                if interstage[s, u] < 0 or interstage[s, u] > interstage[t, u]:
                    fits = False
                elif interstage[s, u] < interstage[t, u] and not (earlier_is_better[s, u] and earlier_is_better[t, u]):
                    fits = False
            bypass[s, t] = fits
