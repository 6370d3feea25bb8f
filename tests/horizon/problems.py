"""Random horizon problems and the enumeration of all their plans."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from optimizer.horizon.problem import PERMISSIVE, PROTECTED, RED, RED_THEN_GO, HorizonProblem, SignalModel, Tandem
from optimizer.horizon.simulation import command_window_ds
from optimizer.horizon.solution import PlannedStage

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_signals(
    service: list[list[int]],
    *,
    interstage_s: float | np.ndarray = 3.0,
    leads_s: dict[tuple[int, int, int], float] | None = None,
    minimum_green_s: float = 5.0,
    maximum_green_s: float = 300.0,
    yields: list[tuple[int, int]] | None = None,
    horizon_s: float = 60.0,
    fine_grid_until_s: float = 10.0,
) -> SignalModel:
    """Return signals with the default parameters of the horizon; one interstage for all changes unless a matrix is given.

    Greens end with the command unless `leads_s` says by (old stage, new stage, group) how much later they do.
    """
    table = np.array(service, dtype=np.int64)
    stages, groups = table.shape
    interstage = np.rint(np.broadcast_to(interstage_s, (stages, stages)) * 10).astype(np.int64)
    np.fill_diagonal(interstage, -1)
    lead = np.zeros((stages, stages, groups), dtype=np.int64)
    for place, lead_s in (leads_s or {}).items():
        lead[place] = round(lead_s * 10)
    gives_way = np.zeros((groups, groups), dtype=np.bool_)
    for g, h in yields or []:
        gives_way[g, h] = True
    return SignalModel(
        service=table,
        interstage_ds=interstage,
        closing_lead_ds=lead,
        minimum_green_ds=np.full(stages, round(minimum_green_s * 10), dtype=np.int64),
        maximum_green_ds=np.full(stages, round(maximum_green_s * 10), dtype=np.int64),
        yields=gives_way,
        horizon_ds=round(horizon_s * 10),
        fine_grid_until_ds=round(fine_grid_until_s * 10),
        startup_ds=10,
        yellow_used_ds=10,
        gap_ds=40,
        clear_ds=5,
        stop_then_go_ds=20,
        stop_penalty_ds=60,
        stop_tolerance_ds=20,
        change_penalty_ds=1,
    )


def make_problem(
    signals: SignalModel,
    lanes: list[list[tuple[float, int]]],
    *,
    stage: int = 0,
    green_start_s: float = -20.0,
    earliest_change_s: float = 0.0,
    latest_change_s: float = 300.0,
    headway_s: float = 1.9,
    weight: int = 10,
) -> HorizonProblem:
    """Return a problem whose lanes hold vehicles given by (arrival in s, group); those that arrive before 0 stand."""
    vehicles = [v for lane in lanes for v in lane]
    arrival = np.array([round(a * 10) for a, _ in vehicles], dtype=np.int64)
    weights = np.full(len(vehicles), weight, dtype=np.int64)
    return HorizonProblem(
        signals=signals,
        stage=stage,
        green_start_ds=round(green_start_s * 10),
        group_green_since_ds=np.full(signals.service.shape[1], round(green_start_s * 10), dtype=np.int64),
        earliest_change_ds=round(earliest_change_s * 10),
        latest_change_ds=round(latest_change_s * 10),
        lane_start=np.cumsum([0, *(len(lane) for lane in lanes)]).astype(np.int64),
        lane_free_ds=np.zeros(len(lanes), dtype=np.int64),
        headway_ds=np.full(len(lanes), round(headway_s * 10), dtype=np.int64),
        arrival_ds=arrival,
        release_ds=arrival.copy(),
        group=np.array([g for _, g in vehicles], dtype=np.int64),
        weight=weights,
        moving=arrival > 0,
        unserved_cost=unserved_cost(signals, arrival, weights),
    )


def unserved_cost(signals: SignalModel, arrival: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return waiting to the horizon plus a stop and a terminal cost of 16 s, 30 % of it where the group is green."""
    waiting = signals.horizon_ds - arrival + signals.stop_penalty_ds
    return np.stack([weight * (waiting + 160), weight * (waiting + 48)], axis=1).astype(np.int64)


def random_signals(rng: np.random.Generator, *, groups: int, stages: int, horizon_s: float, fine_grid_until_s: float = 10.0) -> SignalModel:
    """Return random signals, with aspects of all kinds and unequal interstages."""
    aspects = [PROTECTED, PROTECTED, PERMISSIVE, RED_THEN_GO]
    service = np.where(rng.random((stages, groups)) < 0.45, rng.choice(aspects, size=(stages, groups)), RED)
    pairs = [(g, h) for g in range(groups) for h in range(g) if rng.random() < 0.5]
    base = rng.integers(1, 5)
    interstage = base + rng.integers(0, 3, size=(stages, stages)) * (rng.random() < 0.5)
    table = service.astype(np.int64)
    signals = make_signals(
        service.tolist(),
        interstage_s=interstage.astype(float),
        minimum_green_s=float(rng.integers(0, 6)),
        maximum_green_s=float(rng.choice([300, 300, 10])),
        yields=pairs,
        horizon_s=horizon_s,
        fine_grid_until_s=fine_grid_until_s,
    )
    if stages > 2 and rng.random() < 0.4:
        a, b = rng.choice(stages, size=2, replace=False)
        signals.interstage_ds[a, b] = -1
    if rng.random() < 0.6:
        closing = (table[:, None, :] != RED) & (table[None, :, :] == RED) & (signals.interstage_ds[:, :, None] >= 0)
        latest = np.maximum(signals.interstage_ds[:, :, None], 0) // 10
        signals.closing_lead_ds[:] = np.where(closing, np.floor(rng.random(closing.shape) * (latest + 1)) * 10, 0)
    return signals


def random_problem(rng: np.random.Generator, signals: SignalModel, *, lanes: int, vehicles: int) -> HorizonProblem:
    """Return a random problem: mixed lanes, late releases, weights, a running interstage."""
    stages, groups = signals.service.shape
    lane_of = np.sort(rng.integers(0, lanes, size=vehicles))
    arrival = rng.integers(-150, signals.horizon_ds - 20, size=vehicles)
    arrival = np.concatenate([np.sort(arrival[lane_of == lane]) for lane in range(lanes)]).astype(np.int64)
    late = np.where(rng.random(vehicles) < 0.2, rng.integers(0, 60, size=vehicles), 0)
    home = rng.integers(0, groups, size=lanes)
    group = np.where(rng.random(vehicles) < 0.7, home[lane_of], rng.integers(0, groups, size=vehicles)).astype(np.int64)
    weight = rng.choice([10, 10, 10, 5, 300], size=vehicles).astype(np.int64)
    green_start = int(rng.integers(-100, 40))
    since = np.minimum(green_start, rng.integers(-100, 40, size=groups)).astype(np.int64)
    earliest = max(0, green_start + int(rng.integers(0, 50)))
    return HorizonProblem(
        signals=signals,
        stage=int(rng.integers(stages)),
        green_start_ds=green_start,
        group_green_since_ds=since,
        earliest_change_ds=earliest,
        latest_change_ds=int(rng.choice([3000, 3000, earliest + 40])),
        lane_start=np.searchsorted(lane_of, np.arange(lanes + 1)).astype(np.int64),
        lane_free_ds=rng.integers(-10, 30, size=lanes).astype(np.int64),
        headway_ds=rng.integers(15, 25, size=lanes).astype(np.int64),
        arrival_ds=arrival,
        release_ds=arrival + late,
        group=group,
        weight=weight,
        moving=(arrival > 0) & (rng.random(vehicles) < 0.8),
        unserved_cost=unserved_cost(signals, arrival, weight),
    )


def with_inner_lanes(
    problem: HorizonProblem, ways: dict[tuple[int, int], tuple[int, float]], room: dict[int, tuple[int, int]]
) -> HorizonProblem:
    """Return the problem with inner lanes.

    `ways` gives by lane and group the inner lane and the seconds to its stop line, `room` by inner lane the vehicles it holds and their
    group there. Who is left on one costs 16 s, 30 % of it where its group is green.
    """
    lanes, groups = len(problem.lane_free_ds), problem.signals.service.shape[1]
    onward, travel = np.full((lanes, groups), -1, dtype=np.int64), np.ones((lanes, groups), dtype=np.int64)
    holds, group = np.zeros(lanes, dtype=np.int64), np.full(lanes, -1, dtype=np.int64)
    terminal = np.zeros((lanes, 2), dtype=np.int64)
    for place, (inner, travel_s) in ways.items():
        onward[place], travel[place] = inner, round(travel_s * 10)
    for inner, (vehicles, its_group) in room.items():
        holds[inner], group[inner], terminal[inner] = vehicles, its_group, (160, 48)
    return replace(problem, tandem=Tandem(onward, travel, holds, group, terminal))


def random_tandem_problem(rng: np.random.Generator, signals: SignalModel, *, lanes: int, vehicles: int) -> HorizonProblem:
    """Return a random problem of which the last lane or the last two are inner ones."""
    problem = random_problem(rng, signals, lanes=lanes, vehicles=vehicles)
    groups = signals.service.shape[1]
    inner = list(range(lanes - int(rng.integers(1, 3)), lanes))
    room = {lane: (int(rng.integers(1, 4)), int(rng.integers(groups))) for lane in inner}
    ways = {
        (lane, g): (int(rng.choice([m for m in inner if m > lane])), float(rng.integers(1, 60)) / 10)
        for lane in range(lanes - 1)
        for g in range(groups)
        if rng.random() < 0.6
    }
    return with_inner_lanes(problem, ways, room)


def all_plans(problem: HorizonProblem, longest: int = 9) -> Iterator[tuple[PlannedStage, ...]]:
    """Yield every plan that the model allows, up to `longest` stages."""

    def longer(plan: tuple[PlannedStage, ...]) -> Iterator[tuple[PlannedStage, ...]]:
        commands, may_stay = command_window_ds(problem, plan, len(plan) - 1)
        if may_stay:
            yield plan
        if len(plan) == longest:
            raise AssertionError("the problem is too large to be enumerated")
        for c in commands:
            for s, span in enumerate(problem.signals.interstage_ds[plan[-1].stage]):
                if span >= 0:
                    yield from longer((*plan, PlannedStage(s, c, c + int(span))))

    yield from longer((PlannedStage(problem.stage, problem.green_start_ds, problem.green_start_ds),))
