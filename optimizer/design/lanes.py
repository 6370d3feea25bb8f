"""Spreads the flow of each turn over the lanes from which the turn can be made, as drivers do: to the lane that is least used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from optimizer.design.parameters import DesignParameters
from optimizer.design.problem import saturation_flow_h

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.intersection import Intersection

ROUNDS: Final = 200
"""Rounds of levelling; each moves the flows of one turn after the other, and a few dozen suffice on real junctions."""

SETTLED_VEH_H: Final = 1e-6


def spread_over_lanes(
    junction: Intersection,
    turns: Mapping[tuple[int, ...], float],
    parameters: DesignParameters = DesignParameters(),  # noqa: B008 - an immutable value
) -> tuple[float, ...]:
    """Return the flow of each movement so that no lane could be relieved by another one.

    Drivers level the queues that they choose among: flow over saturation flow is equal on all lanes that a turn uses, and higher on the
    lanes that it avoids (HCM 2016, section 19-3, lane group flow rates, for shared lanes).

    Parameters
    ----------
    junction
        The junction.
    turns
        Flow of each turn, vehicles per hour, by the indices of the movements (one on each lane) that make it.
    parameters
        Saturation flows.

    Returns
    -------
    tuple of float
        Vehicles per hour of each movement, in the order of `Intersection.movements`.
    """
    flows = [0.0] * len(junction.movements)
    for movements, flow in turns.items():
        for m in movements:
            flows[m] = flow / len(movements)
    saturation_h = [saturation_flow_h({junction.turn(m): 1.0}, parameters) for m in junction.movements]
    shared = {movements: flow for movements, flow in turns.items() if len(movements) > 1 and flow > 0}
    for _ in range(ROUNDS):
        moved = 0.0
        for movements, flow in shared.items():
            before = [flows[m] for m in movements]
            loads = [_load(junction, flows, saturation_h, m) for m in movements]
            for m, value in zip(movements, _levelled(loads, [saturation_h[m] for m in movements], flow), strict=True):
                flows[m] = value
            moved += sum(abs(flows[m] - old) for m, old in zip(movements, before, strict=True))
        if moved < SETTLED_VEH_H:
            break
    return tuple(flows)


def _load(junction: Intersection, flows: Sequence[float], saturation_h: Sequence[float], movement: int) -> float:
    """Return the share of a movement's lane that the lane's other movements use."""
    lane = junction.movements[movement].incoming
    return sum(flows[m] / saturation_h[m] for m, other in enumerate(junction.movements) if other.incoming == lane and m != movement)


def _levelled(loads: Sequence[float], saturation_h: Sequence[float], flow: float) -> list[float]:
    """Pour a flow onto loaded lanes, the least loaded first, to one common level."""
    order = sorted(range(len(loads)), key=lambda k: loads[k])
    rest, level, width = flow, loads[order[0]], 0.0
    for position, k in enumerate(order):
        width += saturation_h[k]
        following = loads[order[position + 1]] if position + 1 < len(order) else float("inf")
        if rest <= (following - level) * width:
            level += rest / width
            break
        rest -= (following - level) * width
        level = following
    return [max(0.0, level - load) * s for load, s in zip(loads, saturation_h, strict=True)]
