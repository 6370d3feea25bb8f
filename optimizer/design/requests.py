"""Trams on request: greens that cost nobody anything stand in the plan, the others are inserted when a tram has reported.

A plan for trams on request is designed without them, so that no cycle is longer for a tram that does not come. Where their green then fits
beside what is green anyway, the plan shows it. Elsewhere a *request window* tells where in the cycle it may be inserted: the greens in its
way end earlier or begin later, by no more than their minimum greens leave, and all others stay as they are. So a cycle with a tram is as
long as one without, and the plan is in step again as soon as the last of these greens is over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optimizer.design.performance import performance, weighted_delay_veh
from optimizer.design.plan import GreenWindow
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem
    from optimizer.intersection import Intersection


@dataclass(frozen=True, slots=True)
class RequestWindow:
    """Where in the cycle the green of a group on request may be inserted.

    Attributes
    ----------
    group
        Its index.
    start_s, length_s
        Second of the cycle at which the green begins, and its least length.
    taken_s
        The groups that get less green in such a cycle, each with what it loses; intergreens are those of the junction.
    """

    group: int
    start_s: float
    length_s: float
    taken_s: tuple[tuple[int, float], ...]


def groups_on_request(junction: Intersection) -> frozenset[int]:
    """Return the trams that can be left out of the cycle: those on lanes of their own, where others conflict without them.

    A tram that stands before a car holds it up, so that its green is needed in each cycle.
    """
    of_lane: dict[int, set[int]] = {}
    for movement in junction.movements:
        of_lane.setdefault(movement.incoming, set()).add(movement.group)
    trams = {g for g, group in enumerate(junction.groups) if group.kind is GroupKind.TRAM and junction.conflicts[g]}
    alone = frozenset(g for g in trams if all(groups <= trams for groups in of_lane.values() if g in groups))
    rest = any(junction.conflicts[g] - alone for g in range(len(junction.groups)) if g not in alone)
    return alone if rest else frozenset()


def with_free_greens(plan: SignalPlan, problem: DesignProblem) -> SignalPlan:
    """Return the plan with the greens of the groups that it leaves out wherever that takes nothing from anybody.

    A green is shown where intergreens leave at least its minimum between the greens that conflict with it, and beside no group that would
    have to give way to it.

    Parameters
    ----------
    plan
        A plan that leaves the groups red.
    problem
        What it is for.
    """
    shown = plan
    for g in sorted(problem.left_out):
        window = _free_window(shown, problem.junction, g, problem.maximum_green_s[g])
        if window is not None:
            shown = replace(shown, greens=tuple((window,) if h == g else row for h, row in enumerate(shown.greens)))
    return shown


def request_windows(plan: SignalPlan, problem: DesignProblem) -> tuple[tuple[RequestWindow, ...], tuple[int, ...]]:
    """Return where the greens of the groups that a plan leaves out cost the others least, and the groups for which there is no place.

    Each is placed in the cycle that shows those before it as well: what holds for all requests together holds for each of them alone.

    Parameters
    ----------
    plan
        The plan.
    problem
        Its streams.
    """
    windows, without = [], []
    shown, junction = plan, problem.junction
    for g in sorted(g for g in problem.left_out if not plan.greens[g]):
        length_s = float(max(1, math.ceil(junction.groups[g].minimum_green_s - 1e-9)))
        tried = [inserted(shown, junction, g, GreenWindow(float(second), length_s)) for second in range(math.ceil(plan.cycle_s))]
        delayed_veh = [math.inf if cycle is None else weighted_delay_veh(performance(cycle, problem)) for cycle in tried]
        second = _middle_of_least(delayed_veh)
        best = tried[second]
        if best is None:
            without.append(g)
            continue
        taken_s = [(h, shown.green_s(h) - best.green_s(h)) for h in sorted(junction.conflicts[g])]
        windows.append(RequestWindow(g, float(second), length_s, tuple((h, lost_s) for h, lost_s in taken_s if lost_s > 0)))
        shown = best
    return tuple(windows), tuple(without)


def with_requests(plan: SignalPlan, junction: Intersection, windows: Iterable[RequestWindow]) -> SignalPlan:
    """Return the cycle of a plan in which these requests are served.

    Raises
    ------
    ValueError
        If one of them takes more than there is.
    """
    for window in windows:
        longer = inserted(plan, junction, window.group, GreenWindow(window.start_s, window.length_s))
        if longer is None:
            raise ValueError(
                f"junction {junction.id!r}: the green of group {junction.groups[window.group].id!r} at second {window.start_s:g} leaves "
                "another group less than its minimum green; design the plan for this junction."
            )
        plan = longer
    return plan


def inserted(plan: SignalPlan, junction: Intersection, group: int, window: GreenWindow) -> SignalPlan | None:
    """Return the plan with one more green, for which the greens in its way are cut; None where one of them would be left too short."""
    greens = list(plan.greens)
    for h in junction.conflicts[group]:
        before_s, after_s = junction.intergreen_s[h][group], junction.intergreen_s[group][h]
        closed = GreenWindow((window.start_s - before_s) % plan.cycle_s, before_s + window.length_s + after_s)
        if closed.length_s >= plan.cycle_s:
            return None
        least_s = junction.groups[h].minimum_green_s
        left = [piece for w in greens[h] for piece in _outside(w, closed, plan.cycle_s) if piece.length_s >= least_s - 1e-9]
        if greens[h] and not left:
            return None
        greens[h] = tuple(sorted(left, key=lambda piece: piece.start_s))
    greens[group] = tuple(sorted((*greens[group], window), key=lambda piece: piece.start_s))
    return replace(plan, greens=tuple(greens))


def _middle_of_least(costs: Sequence[float]) -> int:
    """Return the middle of the longest row of seconds, round the cycle, with the least cost."""
    count, least = len(costs), min(costs)
    is_least = [cost <= least + 1e-6 for cost in costs]
    rows = []
    for second in range(count):
        if is_least[second]:
            length = next((k for k in range(1, count) if not is_least[(second + k) % count]), count)
            rows.append((-length, second))
    length, second = min(rows)
    return (second + -length // 2) % count


def _outside(window: GreenWindow, closed: GreenWindow, cycle_s: float) -> list[GreenWindow]:
    """Return the parts of a green that lie outside a closed part of the cycle."""
    if window.length_s >= cycle_s:
        return [GreenWindow((closed.start_s + closed.length_s) % cycle_s, cycle_s - closed.length_s)]
    start_s = (window.start_s - closed.start_s) % cycle_s
    end_s = start_s + window.length_s
    spans = (max(start_s, closed.length_s), min(end_s, cycle_s)), (cycle_s + closed.length_s, end_s)
    return [GreenWindow((closed.start_s + begin_s) % cycle_s, until_s - begin_s) for begin_s, until_s in spans if until_s - begin_s > 1e-9]


def _free_window(plan: SignalPlan, junction: Intersection, group: int, most_s: float) -> GreenWindow | None:
    """Return the longest green that a group can have beside what is green; None where it falls short of its minimum."""
    cycle_s = plan.cycle_s
    taken = [
        GreenWindow((w.start_s - junction.intergreen_s[group][h]) % cycle_s, _between_s(junction, group, h, w))
        for h in junction.conflicts[group]
        for w in plan.greens[h]
    ]
    taken += [w for y, others in enumerate(junction.yields_to) if group in others for w in plan.greens[y]]
    if any(w.length_s >= cycle_s for w in taken):
        return None
    best: GreenWindow | None = None
    for w in taken:
        start_s = (w.start_s + w.length_s) % cycle_s
        # A time inside another closed part is none: what is left after it is found from that part's own end.
        if any(1e-9 < (start_s - other.start_s) % cycle_s < other.length_s - 1e-9 or _starts(other, start_s, cycle_s) for other in taken):
            continue
        length_s = min((other.start_s - start_s) % cycle_s for other in taken)
        if best is None or length_s > best.length_s:
            best = GreenWindow(start_s, length_s)
    if not taken:
        best = GreenWindow(0.0, cycle_s)
    if best is None or best.length_s < junction.groups[group].minimum_green_s - 1e-9:
        return None
    return best if best.length_s <= most_s else GreenWindow(best.start_s, most_s)


def _between_s(junction: Intersection, group: int, other: int, window: GreenWindow) -> float:
    return junction.intergreen_s[group][other] + window.length_s + junction.intergreen_s[other][group]


def _starts(window: GreenWindow, time_s: float, cycle_s: float) -> bool:
    distance_s = (time_s - window.start_s) % cycle_s
    return window.length_s > 1e-9 and min(distance_s, cycle_s - distance_s) <= 1e-9
