"""What the forward search precomputes once for a junction's signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.compiling import compiled
from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, WEIGHT_UNIT, SignalModel, command_grid_ds, least_green_ds

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR = 1 << 30
"""A time that is never reached."""

MOST_GROUPS = 62
"""As many signal groups as bits in a number."""

NEVER = 1 << 60
"""A cost that no plan has."""

H, STARTUP, YELLOW, GAP, CLEAR, STOP_THEN_GO, STOP_PENALTY, STOP_TOLERANCE, CHANGE_COST, STEP = range(10)


class SearchTables(NamedTuple):
    """A junction's signals in the form the search wants.

    Attributes
    ----------
    service, interstage, lead
        As in `SignalModel`.
    priority
        Groups (as bits) that stage s serves and group g gives way to, shape ``(stages, groups)``.
    least_green
        See `least_green_ds`.
    most_green
        Maximum green, shape ``(stages,)``.
    has_successor
        Whether any change of the stage is allowed, shape ``(stages,)``.
    reach
        Least time from a command in stage s to the start of a green of group g, whatever the route; 0 where s serves g; shape ``(stages,
        groups)``.
    bypass
        Whether, as far as times go, a change from s to t may be left out and s stay instead, shape ``(stages, stages)``.
    keeps
        Groups (as bits) that need t: they are better served in t than in s, or a sneaker goes where s ends or t ends, or they close
        earlier after s; shape ``(stages, stages)``.
    instead
        Whether, as far as the times after it go, stage t may stand in for stage s, shape ``(stages, stages)``.
    needs
        Groups that are better off with s than with t in its place, shape ``(stages, stages)``.
    shortens
        Groups that r and s serve and that close earlier where t follows r than where s does, shape ``(stages, stages, stages)`` by r, s, t.
    serves, sneaks
        Groups that stage s serves, and those that it serves permissively, shapes ``(stages,)``.
    earlier_is_better
        Whether the groups that s and t both serve are at least as well served in t, shape ``(stages, stages)``.
    grid
        Times of the command grid.
    numbers
        The model's constants, in the order of this module's ``H, STARTUP, ...``.
    """

    service: NDArray[np.int64]
    interstage: NDArray[np.int64]
    lead: NDArray[np.int64]
    priority: NDArray[np.int64]
    least_green: NDArray[np.int64]
    most_green: NDArray[np.int64]
    has_successor: NDArray[np.bool_]
    reach: NDArray[np.int64]
    bypass: NDArray[np.bool_]
    keeps: NDArray[np.int64]
    instead: NDArray[np.bool_]
    needs: NDArray[np.int64]
    shortens: NDArray[np.int64]
    serves: NDArray[np.int64]
    sneaks: NDArray[np.int64]
    earlier_is_better: NDArray[np.bool_]
    grid: NDArray[np.int64]
    numbers: NDArray[np.int64]


def prepare(signals: SignalModel) -> SearchTables:
    """Compile a junction's signals for the search.

    Raises
    ------
    ValueError
        If the constants break the model's rule ``0 < clear`` and ``0 < gap``, a green ends beside its interstage, or there are too many
        groups.
    """
    if signals.clear_ds <= 0 or signals.gap_ds <= 0:
        values = f"clear_ds ({signals.clear_ds}) and gap_ds ({signals.gap_ds})"
        raise ValueError(f"{values} of the horizon must be positive; give larger values.")
    service = np.ascontiguousarray(signals.service, dtype=np.int64)
    interstage = np.ascontiguousarray(signals.interstage_ds, dtype=np.int64)
    lead = np.ascontiguousarray(signals.closing_lead_ds, dtype=np.int64)
    if (lead < 0).any() or (lead > np.maximum(interstage, 0)[:, :, None]).any():
        raise ValueError("closing_lead_ds must lie between 0 and the interstage of each change; mend it.")
    yields = np.ascontiguousarray(signals.yields, dtype=np.bool_)
    least_green = least_green_ds(signals)
    stages, groups = service.shape
    as_good = np.zeros((stages, stages, groups), dtype=np.bool_)
    reach = np.zeros((stages, groups), dtype=np.int64)
    earlier_is_better = np.zeros((stages, stages), dtype=np.bool_)
    bypass = np.zeros((stages, stages), dtype=np.bool_)
    instead = np.zeros((stages, stages), dtype=np.bool_)
    keeps = np.zeros((stages, stages), dtype=np.int64)
    needs = np.zeros((stages, stages), dtype=np.int64)
    shortens = np.zeros((stages, stages, stages), dtype=np.int64)
    serves = np.zeros(stages, dtype=np.int64)
    sneaks = np.zeros(stages, dtype=np.int64)
    _fill_reach(service, interstage, least_green, reach)
    _fill_merits(service, yields, as_good, earlier_is_better, keeps, needs, serves, sneaks)
    _fill_closings(service, interstage, lead, keeps, needs, shortens)
    _fill_substitutes(interstage, least_green, earlier_is_better, bypass, instead)
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
        lead=lead,
        priority=_priority(service, yields),
        least_green=least_green,
        most_green=np.ascontiguousarray(signals.maximum_green_ds, dtype=np.int64),
        has_successor=np.ascontiguousarray((interstage >= 0).any(axis=1)),
        reach=reach,
        bypass=bypass,
        keeps=keeps,
        instead=instead,
        needs=needs,
        shortens=shortens,
        serves=serves,
        sneaks=sneaks,
        earlier_is_better=earlier_is_better,
        grid=command_grid_ds(signals),
        numbers=numbers,
    )


def _priority(service: NDArray[np.int64], yields: NDArray[np.bool_]) -> NDArray[np.int64]:
    stages, groups = service.shape
    if groups > MOST_GROUPS:
        remedy = "merge groups that always show the same signal"
        raise ValueError(f"the search holds {MOST_GROUPS} signal groups at one junction, not {groups}; {remedy}.")
    priority = np.zeros((stages, groups), dtype=np.int64)
    for g, h in np.argwhere(yields):
        priority[:, g] |= np.where(service[:, h] != RED, 1 << int(h), 0)
    return priority


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
    if a == RED or b == PROTECTED or a not in (b, PERMISSIVE):
        return False
    return not (yields[g] & (service[better] != RED) & (service[worse] == RED)).any()


@compiled
def group_bit(g: int) -> int:
    """Return the bit of a group."""
    return 1 << g


@compiled
def _fill_reach(
    service: NDArray[np.int64], interstage: NDArray[np.int64], least_green: NDArray[np.int64], reach: NDArray[np.int64]
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


@compiled
def _fill_merits(
    service: NDArray[np.int64],
    yields: NDArray[np.bool_],
    as_good: NDArray[np.bool_],
    earlier_is_better: NDArray[np.bool_],
    keeps: NDArray[np.int64],
    needs: NDArray[np.int64],
    serves: NDArray[np.int64],
    sneaks: NDArray[np.int64],
) -> None:
    stages, groups = service.shape
    for s in range(stages):
        for g in range(groups):
            if service[s, g] != RED:
                serves[s] |= group_bit(g)
            if service[s, g] == PERMISSIVE:
                sneaks[s] |= group_bit(g)
            for t in range(stages):
                as_good[s, t, g] = _at_least_as_good(service, yields, s, t, g)
    for s in range(stages):
        for t in range(stages):
            earlier_is_better[s, t] = True
            for g in range(groups):
                if service[s, g] != RED and service[t, g] != RED and not as_good[t, s, g]:
                    earlier_is_better[s, t] = False
                # Where a permissive green ends a sneaker may go that a protected one would not let go.
                if not as_good[s, t, g] or (service[s, g] == PROTECTED and service[t, g] == PERMISSIVE):
                    keeps[s, t] |= group_bit(g)
                    needs[t, s] |= group_bit(g)
                if service[s, g] == PERMISSIVE and service[t, g] == RED:
                    keeps[s, t] |= group_bit(g)


@compiled
def _closes_worse(service: NDArray[np.int64], lead: NDArray[np.int64], r: int, t: int, s: int, u: int, g: int) -> bool:
    """Whether a group that closes both from r to t and from s to u is worse off in the first change."""
    # A sneaker goes where a permissive green ends, so to end it later is not always better.
    permissive = service[r, g] == PERMISSIVE or service[s, g] == PERMISSIVE
    return bool(lead[r, t, g] < lead[s, u, g] or (permissive and lead[r, t, g] != lead[s, u, g]))


@compiled
def _fill_closings(
    service: NDArray[np.int64],
    interstage: NDArray[np.int64],
    lead: NDArray[np.int64],
    keeps: NDArray[np.int64],
    needs: NDArray[np.int64],
    shortens: NDArray[np.int64],
) -> None:
    stages, groups = service.shape
    for s in range(stages):
        for t in range(stages):
            for u in range(stages):
                for g in range(groups):
                    if service[s, g] == RED or service[u, g] != RED:
                        continue
                    if service[t, g] == RED:
                        # u would stand in for t after s.
                        if _closes_worse(service, lead, s, u, s, t, g):
                            shortens[s, t, u] |= group_bit(g)
                    elif interstage[t, u] >= 0 and _closes_worse(service, lead, s, u, t, u, g):
                        # s would stay in the place of t before u.
                        keeps[s, t] |= group_bit(g)
                        needs[t, s] |= group_bit(g)


@compiled
def _fill_substitutes(
    interstage: NDArray[np.int64],
    least_green: NDArray[np.int64],
    earlier_is_better: NDArray[np.bool_],
    bypass: NDArray[np.bool_],
    instead: NDArray[np.bool_],
) -> None:
    stages = interstage.shape[0]
    for s in range(stages):
        for t in range(stages):
            # Whatever follows t must follow s no later.
            fits = s != t
            for u in range(stages):
                if u in (s, t) or interstage[t, u] < 0:
                    continue
                sooner = interstage[t, u] - interstage[s, u]
                better = earlier_is_better[s, u] and earlier_is_better[t, u]
                if interstage[s, u] < 0 or sooner < 0 or (sooner > 0 and not better):
                    fits = False
            bypass[s, t] = fits
            instead[t, s] = fits and least_green[s] <= least_green[t]
