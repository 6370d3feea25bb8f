"""Realistic four-arm junctions: 4 to 8 stages, 6 to 16 lanes, 10 to 40 vehicles in 60 s."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, HorizonProblem, SignalModel
from tests.horizon.problems import make_signals, unserved_cost

if TYPE_CHECKING:
    from collections.abc import Sequence

# Groups: straight-and-right of the arms north, east, south, west (0 to 3), then their left turns (4 to 7).
_STAGES = {
    "north-south": {0: PROTECTED, 2: PROTECTED, 4: PERMISSIVE, 6: PERMISSIVE},
    "east-west": {1: PROTECTED, 3: PROTECTED, 5: PERMISSIVE, 7: PERMISSIVE},
    "north-south lefts": {4: PROTECTED, 6: PROTECTED},
    "east-west lefts": {5: PROTECTED, 7: PROTECTED},
    "north": {0: PROTECTED, 4: PROTECTED},
    "south": {2: PROTECTED, 6: PROTECTED},
    "east": {1: PROTECTED, 5: PROTECTED},
    "west": {3: PROTECTED, 7: PROTECTED},
}
_ORDERS: Sequence[Sequence[str]] = (
    ("north-south", "north-south lefts", "east-west", "east-west lefts"),
    ("north", "east", "south", "west"),
    ("north-south", "east-west", "north", "south", "east", "west"),
    tuple(_STAGES),
)


def four_arm_signals(rng: np.random.Generator) -> SignalModel:
    """Return a four-arm junction with 4, 6 or 8 stages; its left turns are permissive beside the opposing stream, or only protected.

    At some of them people on foot need long to clear: there each interstage lasts 6 s longer, and the groups that close go on meanwhile.
    """
    names = _ORDERS[rng.integers(len(_ORDERS))]
    permissive = rng.random() < 0.5
    service = np.zeros((len(names), 8), dtype=np.int64)
    for s, name in enumerate(names):
        for g, aspect in _STAGES[name].items():
            service[s, g] = RED if aspect == PERMISSIVE and not permissive and len(names) != 6 else aspect
    yellow = float(rng.integers(3, 6))
    interstage = np.full((len(names), len(names)), yellow)
    for a in range(len(names)):
        for b in range(len(names)):
            if not ((service[a] != RED) & (service[b] == RED)).any():
                interstage[a, b] = 0.0
    leads_s = {}
    if rng.random() < 0.3:
        closing = (service[:, None, :] != RED) & (service[None, :, :] == RED)
        interstage[closing.any(axis=2)] += 6.0
        leads_s = {(int(a), int(b), int(g)): 6.0 for a, b, g in zip(*np.nonzero(closing), strict=True)}
    return make_signals(service.tolist(), interstage_s=interstage, leads_s=leads_s, yields=[(4, 2), (6, 0), (5, 3), (7, 1)])


def four_arm_problem(rng: np.random.Generator, signals: SignalModel) -> HorizonProblem:
    """Return a moment at the junction: standing queues and moving arrivals, some lanes shared by straight and left."""
    groups = signals.service.shape[1]
    lane_groups: list[list[int]] = []
    for arm in range(4):
        if rng.random() < 0.25:
            lane_groups.append([arm, 4 + arm])
        else:
            lane_groups += [[arm]] * int(rng.integers(1, 4))
            lane_groups.append([4 + arm])
    lanes = len(lane_groups)
    vehicles = int(rng.integers(10, 41))
    share = np.array([1.0 if g[0] < 4 else 0.5 for g in lane_groups])
    lane_of = np.sort(rng.choice(lanes, size=vehicles, p=share / share.sum()))
    arrival = np.where(rng.random(vehicles) < 0.35, rng.integers(-300, 1, size=vehicles), rng.integers(1, 560, size=vehicles))
    headway = np.full(lanes, 19, dtype=np.int64)
    for lane in range(lanes):
        own = np.sort(arrival[lane_of == lane])
        moving = own > 0
        for k in range(1, own.size):
            if moving[k]:
                own[k] = max(own[k], own[k - 1] + 13)
        arrival[lane_of == lane] = np.minimum(own, 590)
    arrival = arrival.astype(np.int64)
    group = np.array([rng.choice(lane_groups[lane]) for lane in lane_of], dtype=np.int64)
    stage = int(rng.integers(signals.service.shape[0]))
    green_start = int(rng.integers(-20, 2)) * 10
    weight = np.full(vehicles, 10, dtype=np.int64)
    return HorizonProblem(
        signals=signals,
        stage=stage,
        green_start_ds=green_start,
        group_green_since_ds=np.full(groups, green_start, dtype=np.int64),
        earliest_change_ds=max(0, green_start + 50),
        latest_change_ds=3000 + green_start,
        lane_start=np.searchsorted(lane_of, np.arange(lanes + 1)).astype(np.int64),
        lane_free_ds=rng.integers(0, 20, size=lanes).astype(np.int64),
        headway_ds=headway,
        arrival_ds=arrival,
        release_ds=np.maximum(arrival, 0),
        group=group,
        weight=weight,
        moving=arrival > 0,
        unserved_cost=unserved_cost(signals, arrival, weight),
    )
