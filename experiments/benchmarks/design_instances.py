"""Random instances of plan design: four-arm junctions with eight or sixteen signal groups, and corridors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.design.demand import JunctionDemand
from optimizer.design.wave import LeftPattern, WaveInstance, WaveLink, WaveSignal
from optimizer.intersection import Aspect, Direction, GroupKind, Intersection, Lane, Movement, SignalGroup, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ARMS = ("north", "east", "south", "west")


def junction(
    groups: Sequence[SignalGroup],
    conflicts: Iterable[tuple[int, int]],
    lanes: Sequence[tuple[str, Mapping[int, Direction]]],
    intergreen_s: float | Mapping[tuple[int, int], float] = 5,
    yields: Iterable[tuple[int, int]] = (),
) -> Intersection:
    """Return a junction with one movement for each lane and group; every group alone is a stage.

    Parameters
    ----------
    groups
        Its signal groups.
    conflicts
        Pairs of groups that conflict.
    lanes
        Name of each lane and where its groups turn.
    intergreen_s
        Intergreens by pair (ending, starting), or one for all conflicts.
    yields
        Pairs of groups of which the first gives way to the second.
    """
    count = len(groups)
    pairs = {pair for a, b in conflicts for pair in ((a, b), (b, a))}
    yielding = set(yields)
    gaps = intergreen_s if isinstance(intergreen_s, dict) else dict.fromkeys(pairs, intergreen_s)
    return Intersection(
        id="junction",
        incoming=tuple(Lane(name, 200, 13.89, 200) for name, _ in lanes),
        outgoing=(Lane("away", 200, 13.89, 200),),
        groups=tuple(groups),
        movements=tuple(
            Movement(index, 0, group, direction, 20) for index, (_, ways) in enumerate(lanes) for group, direction in ways.items()
        ),
        stages=tuple(Stage(f"only {g}", tuple(Aspect.PROTECTED if h == g else Aspect.RED for h in range(count))) for g in range(count)),
        conflicts=tuple(frozenset(b for b in range(count) if (a, b) in pairs) for a in range(count)),
        yields_to=tuple(frozenset(b for b in range(count) if (a, b) in yielding) for a in range(count)),
        intergreen_s=tuple(tuple(float(gaps.get((a, b), 0)) for b in range(count)) for a in range(count)),
        signal_count=count,
    )


def four_arms(*, crossings: bool = False, permissive_left: bool = False) -> Intersection:
    """Return a four-arm junction with one straight and one left-turning lane on each arm.

    Parameters
    ----------
    crossings
        Add pedestrians (groups 8 to 11) and bicycles (12 to 15) over the arms to the straight groups (0 to 3) and left turns (4 to 7),
        all clockwise from the north.
    permissive_left
        Let left turns yield to the opposing stream instead of conflicting with it.
    """
    groups = [SignalGroup(f"{arm} straight", GroupKind.VEHICLE, (i,)) for i, arm in enumerate(ARMS)]
    groups += [SignalGroup(f"{arm} left", GroupKind.VEHICLE, (4 + i,)) for i, arm in enumerate(ARMS)]
    conflicts, yields = [], []
    for i in range(4):
        right, opposite, left = (i + 3) % 4, (i + 2) % 4, (i + 1) % 4
        conflicts += [(i, right), (i, left), (4 + i, right), (4 + i, left), (4 + i, 4 + right), (4 + i, 4 + left)]
        (yields if permissive_left else conflicts).append((4 + i, opposite))
    lanes: list[tuple[str, dict[int, Direction]]] = [(f"{arm}_0", {i: Direction.STRAIGHT}) for i, arm in enumerate(ARMS)]
    lanes += [(f"{arm}_1", {4 + i: Direction.LEFT}) for i, arm in enumerate(ARMS)]
    gaps = {}
    if crossings:
        groups += [SignalGroup(f"{arm} walk", GroupKind.PEDESTRIAN, (8 + i,), 8, 0) for i, arm in enumerate(ARMS)]
        groups += [SignalGroup(f"{arm} ride", GroupKind.BICYCLE, (12 + i,), 6, 2) for i, arm in enumerate(ARMS)]
        for i in range(4):
            # Over the arm go its own vehicles, the straight ones from opposite, and the left turns of the arm before it.
            for other in (i, 4 + i, (i + 2) % 4, 4 + (i + 3) % 4):
                conflicts += [(8 + i, other), (12 + i, other)]
    for a, b in conflicts:
        gaps[a, b], gaps[b, a] = (8 if a >= 8 else 5), (8 if b >= 8 else 5)
    return junction(groups, conflicts, lanes, gaps, yields)


def demand(place: Intersection, vehicles_h: Sequence[float], persons_h: float = 100) -> JunctionDemand:
    """Return flows: one for each movement, and the same number of persons at each crossing without lanes."""
    served = {movement.group for movement in place.movements}
    return JunctionDemand(tuple(vehicles_h), tuple(0.0 if g in served else persons_h for g in range(len(place.groups))))


def random_flows(seed: int, count: int = 8, total_h: float = 2600) -> list[float]:
    """Return flows of four straight and four left-turning lanes."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.4, 1.6, count) * np.array([1.0] * 4 + [0.45] * 4)
    return [float(flow) for flow in weights / weights.sum() * total_h]


def fixed_corridor(seed: int, signals: int) -> WaveInstance:
    """Return a two-way corridor with equal bands, fixed speed and cycle, and fixed left turns."""
    rng = np.random.default_rng(seed)
    places = tuple(WaveSignal(red, red) for red in (float(r) for r in rng.uniform(0.4, 0.6, signals)))
    links = tuple(WaveLink(d, d, (14.0, 14.0)) for d in (float(d) for d in rng.uniform(150, 600, signals - 1)))
    return WaveInstance((80.0, 80.0), 1.0, places, links)


def free_corridor(seed: int, signals: int) -> WaveInstance:
    """Return a corridor with variable cycle and speed, free left turns, queue clearance and some ratio of the bands."""
    rng = np.random.default_rng(seed)
    places = []
    for _ in range(signals):
        common, left_out, left_in = (float(value) for value in (rng.uniform(0.3, 0.45), *rng.uniform(0.08, 0.2, 2)))
        clear_out, clear_in = (float(value) for value in rng.uniform(0, 0.08, 2))
        places.append(WaveSignal(common + left_in, common + left_out, left_out, left_in, clear_out, clear_in, LeftPattern.FREE))
    distances_m = [float(d) for d in rng.uniform(150, 600, signals - 1)]
    links = tuple(WaveLink(d, d + float(rng.uniform(-20, 20)), (11.0, 16.0), 0.012) for d in distances_m)
    return WaveInstance((60.0, 100.0), float(rng.choice([0.6, 1.0, 1.5])), tuple(places), links)
