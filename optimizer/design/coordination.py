"""Offsets between junctions with one common cycle: least delay of the platoons that travel from one to the next.

The delay on the way between two junctions depends on the difference of their offsets only (Hillier 1965, the combination method). Each
such way gets a table of delay against difference, computed from the departures that the upstream greens let through, dispersed after
Robertson. The offsets of all junctions together are chosen by CP-SAT. As the departures depend on how platoons arrive in turn, tables and
offsets are computed again, `ROUNDS` times, and the best is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from ortools.sat.python import cp_model

from optimizer.design.discharge import cell_s, discharge_veh, queues_veh
from optimizer.design.errors import DesignError
from optimizer.design.platoons import dispersed
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from optimizer.design.demand import JunctionDemand
    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link

ROUNDS: Final = 3
ROUNDING: Final = 1e-6
"""What a time may miss a whole cell by."""

UNIT_VEH_S: Final = 0.01
"""Delays are whole multiples of this in the model."""

WORK: Final = 3.0
"""Deterministic time of each solve: the same input gives the same offsets on any machine."""


@dataclass(frozen=True, slots=True)
class CoordinatedJunction:
    """A junction with its plan, whose offset is to be chosen.

    Attributes
    ----------
    problem
        Streams and right of way.
    plan
        Greens; its offset does not matter.
    demand
        The flows of its movements.
    """

    problem: DesignProblem
    plan: SignalPlan
    demand: JunctionDemand


@dataclass(frozen=True, slots=True)
class Coordination:
    """The chosen offsets.

    Attributes
    ----------
    offset_s
        Offset of each junction.
    delay_veh
        Mean number of vehicles that wait, on all ways between the junctions.
    uncoordinated_veh
        The same where vehicles arrive evenly.
    """

    offset_s: dict[str, float]
    delay_veh: float
    uncoordinated_veh: float


def coordinate(
    junctions: Mapping[str, CoordinatedJunction], links: Sequence[Link], rooms_s: Mapping[str, tuple[float, float]] | None = None
) -> Coordination:
    """Choose the offsets of junctions with one common cycle.

    Parameters
    ----------
    junctions
        The junctions by name.
    links
        The ways between them; others are left out.
    rooms_s
        First and last offset that some of the junctions may have, such as those that keep a green wave open (`band_geometry.offset_room`);
        the others may have any.

    Raises
    ------
    DesignError
        If the cycles differ.
    """
    cycles = {junction.plan.cycle_s for junction in junctions.values()}
    if len(cycles) > 1:
        raise DesignError(f"the junctions have the cycles {sorted(cycles)} s; offsets need one common cycle.")
    model = _Network(junctions, [link for link in links if link.source in junctions and link.target in junctions])
    rooms = {name: _cells_of(room, model.cell_s, model.cells) for name, room in (rooms_s or {}).items() if name in junctions}
    best: tuple[float, dict[str, int]] | None = None
    offsets: dict[str, int] | None = None
    for _ in range(ROUNDS):
        offsets = _chosen(list(junctions), model.tables(offsets), model.cells, offsets, rooms)
        cost = model.delay_veh(offsets)
        if best is None or cost < best[0]:
            best = cost, offsets
    if best is None:
        return Coordination({}, 0.0, 0.0)
    return Coordination({name: cell * model.cell_s for name, cell in best[1].items()}, best[0], model.even_delay_veh())


def achieved(junctions: Mapping[str, CoordinatedJunction], links: Sequence[Link]) -> Coordination:
    """Return what the offsets achieve that the plans of junctions with one common cycle have."""
    model = _Network(junctions, [link for link in links if link.source in junctions and link.target in junctions])
    offsets = {name: round(junction.plan.offset_s / model.cell_s) % model.cells for name, junction in junctions.items()}
    delay_veh = model.delay_veh(offsets)
    return Coordination({name: junction.plan.offset_s for name, junction in junctions.items()}, delay_veh, model.even_delay_veh())


def coordinated_groups(junction: Intersection, demand: JunctionDemand, fed: Iterable[int]) -> tuple[int, ...]:
    """Return the groups whose greens carry a junction's part of the coordination.

    Of each approach with lanes that other signals feed, that is the group with most traffic on them; the busiest come first, and one that
    conflicts with a busier one is left out.

    Parameters
    ----------
    junction
        The junction.
    demand
        Its flows.
    fed
        Indices of the incoming lanes that other coordinated signals feed.
    """
    lanes = frozenset(fed)
    flow_h: dict[tuple[str, int], float] = {}
    for movement, flow in zip(junction.movements, demand.movement_veh_h, strict=True):
        if movement.incoming in lanes and junction.groups[movement.group].kind is GroupKind.VEHICLE:
            key = junction.incoming[movement.incoming].approach, movement.group
            flow_h[key] = flow_h.get(key, 0.0) + flow
    busiest: dict[str, int] = {}
    for approach, group in sorted(flow_h, key=lambda key: -flow_h[key]):
        busiest.setdefault(approach, group)
    chosen: list[int] = []
    for group in dict.fromkeys(busiest.values()):
        if junction.conflicts[group].isdisjoint(chosen):
            chosen.append(group)
    return tuple(chosen)


class _Network:
    """Profiles of departures and arrivals in the cells of the common cycle."""

    def __init__(self, junctions: Mapping[str, CoordinatedJunction], links: Sequence[Link]) -> None:
        self._junctions, self._links = junctions, links
        plans = [junction.plan for junction in junctions.values()]
        self.cell_s = min(map(cell_s, plans), default=1.0)
        self.cells = round(plans[0].cycle_s / self.cell_s) if plans else 0
        self._discharge = {name: self._repeated(discharge_veh(j.plan, j.problem), j.plan) for name, j in junctions.items()}
        self._stream_of = {name: {s.id: i for i, s in enumerate(j.problem.streams)} for name, j in junctions.items()}
        self._ways: dict[tuple[str, str], list[Link]] = {}
        for link in links:
            self._ways.setdefault((link.source, link.target), []).append(link)

    def tables(self, offsets: Mapping[str, int] | None) -> dict[tuple[str, str], NDArray[np.float64]]:
        """Return the delay on each way for each difference ``(source - target)`` of the offsets, vehicles, shape ``(cells,)``."""
        departures = self._departures(offsets)
        found = {}
        for (source, target), links in self._ways.items():
            arrivals, streams = self._arrivals(source, target, links, departures[source])
            rolled = np.stack([np.roll(arrivals, shift, axis=1) for shift in range(self.cells)])
            discharge = np.broadcast_to(self._discharge[target][streams], rolled.shape)
            flat = rolled.reshape(-1, self.cells), discharge.reshape(-1, self.cells)
            waited = queues_veh(*flat)[1].sum(axis=1).reshape(self.cells, len(streams))
            found[source, target] = waited.sum(axis=1) / self.cells
        return found

    def delay_veh(self, offsets: Mapping[str, int]) -> float:
        """Return the delay on all ways under these offsets, with departures as these offsets let platoons arrive."""
        tables = self.tables(offsets)
        return float(sum(table[(offsets[a] - offsets[b]) % self.cells] for (a, b), table in tables.items()))

    def even_delay_veh(self) -> float:
        """Return the delay on all ways where vehicles arrive evenly."""
        total = 0.0
        for (source, target), links in self._ways.items():
            arrivals, streams = self._arrivals(source, target, links, self._departures(None)[source])
            even = np.broadcast_to(arrivals.mean(axis=1, keepdims=True), arrivals.shape)
            total += float(queues_veh(even, self._discharge[target][streams])[1].sum()) / self.cells
        return total

    def _repeated(self, discharge: NDArray[np.float64], plan: SignalPlan) -> NDArray[np.float64]:
        times = round(cell_s(plan) / self.cell_s)
        return np.repeat(discharge, times, axis=1) / times

    def _departures(self, offsets: Mapping[str, int] | None) -> dict[str, NDArray[np.float64]]:
        """Return what leaves each stream in each cell of its junction's own cycle, by junction."""
        arrivals = {name: self._even(name) for name in self._junctions}
        if offsets is not None:
            first = {name: self._left(name, arrivals[name]) for name in self._junctions}
            for (source, target), links in self._ways.items():
                coming, streams = self._arrivals(source, target, links, first[source])
                arrivals[target][streams] = np.roll(coming, (offsets[source] - offsets[target]) % self.cells, axis=1)
        return {name: self._left(name, arrivals[name]) for name in self._junctions}

    def _even(self, name: str) -> NDArray[np.float64]:
        flows = np.array([stream.flow_h for stream in self._junctions[name].problem.streams])
        passing = self._discharge[name].sum(axis=1)
        per_cycle = np.minimum(flows * self.cells * self.cell_s / 3600, 0.99 * passing)
        return np.repeat(per_cycle[:, None] / self.cells, self.cells, axis=1)

    def _left(self, name: str, arrivals: NDArray[np.float64]) -> NDArray[np.float64]:
        finite = np.where(np.isfinite(self._discharge[name]), self._discharge[name], 1e6)
        queue = queues_veh(arrivals, finite)[0]
        return np.asarray(arrivals + queue - np.roll(queue, -1, axis=1))

    def _arrivals(
        self, source: str, target: str, links: Sequence[Link], departures: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return what arrives at the streams of the target in each cell (both offsets 0), and which streams these are.

        The vehicles of an approach share its lanes in proportion to the lanes' flows; what does not come from the source arrives evenly.
        """
        sender, receiver = self._junctions[source], self._junctions[target]
        lanes = {lane for link in links for lane in link.lanes}
        ids = [receiver.problem.junction.incoming[lane].id for lane in sorted(lanes)]
        streams = np.array([self._stream_of[target][lane] for lane in ids if lane in self._stream_of[target]], dtype=np.int64)
        platoon = np.zeros(self.cells)
        for link in links:
            platoon += dispersed(self._sent(sender, source, link.outgoing, departures), link.travel_time_s / self.cell_s)
        even = self._even(target)[streams]
        due = float(even.sum())
        if due <= 0 or platoon.sum() <= 0:
            return even, streams
        platoon *= min(1.0, due / float(platoon.sum()))
        rest = (due - float(platoon.sum())) / self.cells
        return np.asarray((even.sum(axis=1, keepdims=True) / due) * (platoon + rest)[None, :]), streams

    def _sent(self, sender: CoordinatedJunction, name: str, outgoing: int, departures: NDArray[np.float64]) -> NDArray[np.float64]:
        junction, sent = sender.problem.junction, np.zeros(self.cells)
        for movement, flow in zip(junction.movements, sender.demand.movement_veh_h, strict=True):
            stream = self._stream_of[name].get(junction.incoming[movement.incoming].id)
            if movement.outgoing == outgoing and flow > 0 and stream is not None:
                sent += departures[stream] * (flow / sender.problem.streams[stream].flow_h)
        return sent


def _cells_of(room_s: tuple[float, float], cell_s: float, cells: int) -> list[int]:
    """Return the offsets of a room, in whole cells of the cycle (the one nearest to its middle where it holds none)."""
    first, last = math.ceil(room_s[0] / cell_s - ROUNDING), math.floor(room_s[1] / cell_s + ROUNDING)
    if last < first:
        first = last = round((room_s[0] + room_s[1]) / 2 / cell_s)
    return sorted({cell % cells for cell in range(first, min(last, first + cells - 1) + 1)})


def _chosen(
    names: Sequence[str],
    tables: Mapping[tuple[str, str], NDArray[np.float64]],
    cells: int,
    hint: Mapping[str, int] | None,
    rooms: Mapping[str, Sequence[int]],
) -> dict[str, int]:
    """Return the offsets, in cells, with the least sum over the tables."""
    model = cp_model.CpModel()
    every = range(cells)
    offset = {
        name: model.new_int_var_from_domain(cp_model.Domain.from_values(rooms.get(name, every)), f"offset of {name}") for name in names
    }
    costs = []
    linked: dict[str, set[str]] = {name: set() for name in names}
    for (a, b), table in tables.items():
        values = [round(float(value) / UNIT_VEH_S) for value in table]
        difference = model.new_int_var(0, cells - 1, f"difference {a} - {b}")
        wraps = model.new_bool_var(f"wrap {a} - {b}")
        model.add(difference == offset[a] - offset[b] + cells * wraps)
        cost = model.new_int_var(min(values), max(values), f"cost {a} - {b}")
        model.add_element(difference, values, cost)
        costs.append(cost)
        linked[a].add(b)
        linked[b].add(a)
    for first in _firsts(linked):  # only differences count: one junction of each connected part keeps offset 0
        if not rooms:
            model.add(offset[first] == 0)
    for name in names if hint is not None else ():
        model.add_hint(offset[name], (hint or {})[name])
    model.minimize(sum(costs))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = WORK
    solver.parameters.random_seed = 0
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return dict(hint) if hint is not None else {name: rooms.get(name, every)[0] for name in names}
    return {name: solver.value(offset[name]) for name in names}


def _firsts(linked: Mapping[str, set[str]]) -> list[str]:
    seen: set[str] = set()
    firsts = []
    for name in linked:
        if name in seen:
            continue
        firsts.append(name)
        stack = [name]
        while stack:
            here = stack.pop()
            if here not in seen:
                seen.add(here)
                stack += linked[here]
    return firsts
