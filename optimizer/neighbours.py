"""What a junction is sent from beyond its sight: its neighbours' planned departures, some seconds later, are its arrivals."""

# ruff: noqa: C901, PLR0912, PLR0913  # kernels take arrays as arguments

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.beyond_sight import MOST_EXPECTED, add_flow, nothing_seen, watch_reach
from optimizer.compiling import Kept, compiled, keep
from optimizer.estimation.kinematics import FOLLOWING_S, JAM_SPACING_M
from optimizer.estimation.snapshots import packed, unpack_into
from optimizer.estimation.traffic import REFILL_AFTER_S, REFILL_VEH_S, ExpectedTraffic, room_for_traffic
from optimizer.horizon.paths import STARTING_LOSS_S, ways_of
from optimizer.intersection import DetectorRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from optimizer.beyond_sight import BeyondSight
    from optimizer.estimation.traffic import TrafficArrays
    from optimizer.horizon.parameters import HorizonParameters
    from optimizer.intersection import Intersection

REMEMBERED_S = 120.0
"""A departure is forgotten after this time: no link takes longer."""

MOST_DEPARTURES = 512
"""Departures kept per junction, the earliest ones; 20 lanes let go 600 vehicles in a minute at most."""

USUAL_VEHICLES = 512
"""A junction that sees more vehicles than this itself gets more room for them."""

QUEUE_WAVE_M_S = 5.0
"""So fast the start of a queue runs back from its front: 7.5 m for each vehicle, 1.5 s for each to start."""

MOST_LANES = 128
"""Incoming lanes of one junction of which is told whether its plan leaves vehicles there."""

MOST_FREED = 32
"""Places on a lane whose next freeing is foretold: as many as vehicles of a lane are planned for."""

SHARE_KEPT = 0.998
"""Part of what was learnt about turning that is kept from one second to the next (half of it is forgotten in six minutes)."""


@dataclass(frozen=True, slots=True)
class Link:
    """The way from one junction to the next.

    Attributes
    ----------
    source, outgoing
        The junction that sends, and the index of its outgoing lane.
    target, lanes
        The junction that receives, and the indices of the incoming lanes on which the vehicles may arrive.
    distance_m
        From stop line to stop line.
    travel_time_s
        At the allowed speed.
    lane
        Index of the incoming lane that the outgoing lane itself is; -1 where other lanes lie between.
    """

    source: str
    outgoing: int
    target: str
    lanes: tuple[int, ...]
    distance_m: float
    travel_time_s: float
    lane: int = -1


class Departures(NamedTuple):
    """When vehicles left or are to leave the stop lines of all junctions, changed in place; earliest first.

    Attributes
    ----------
    time_s
        Absolute times, shape ``(junctions, MOST_DEPARTURES)``.
    incoming, outgoing
        Indices of the lanes of each.
    number
        How many are kept, shape ``(junctions,)``.
    standing
        Vehicles that stand on an incoming lane, shape ``(junctions, MOST_LANES)``.
    held
        Whether the last plan leaves vehicles there, shape ``(junctions, MOST_LANES)``.
    """

    time_s: NDArray[np.float64]
    incoming: NDArray[np.int64]
    outgoing: NDArray[np.int64]
    number: NDArray[np.int64]
    standing: NDArray[np.int64]
    held: NDArray[np.bool_]


def no_departures(junctions: int) -> Departures:
    """Return an empty record for so many junctions."""
    shape = junctions, MOST_DEPARTURES
    lanes = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    standing = np.zeros((junctions, MOST_LANES), dtype=np.int64)
    return Departures(np.zeros(shape), *lanes, np.zeros(junctions, dtype=np.int64), standing, standing > 0)


@compiled
def _record(
    around: Kept,
    time_s: float,
    planned_start: NDArray[np.int64],
    departure_ds: NDArray[np.int64],
    onward_ds: NDArray[np.int64],
    lane_start: NDArray[np.int64],
    movement: NDArray[np.int64],
    moving: NDArray[np.bool_],
) -> None:
    departures, row, ways, beyond = around.value.departures, around.value.row, around.value.ways, around.value.beyond
    times, incoming, outgoing = departures.time_s[row], departures.incoming[row], departures.outgoing[row]
    kept = 0
    for k in range(departures.number[row]):
        if time_s - REMEMBERED_S < times[k] < time_s:
            times[kept] = times[k]
            incoming[kept] = incoming[k]
            outgoing[kept] = outgoing[k]
            kept += 1
    gone = kept
    for lane in range(len(lane_start) - 1):
        # A mean flow is not sent on: it would be taken for vehicles that come at that very moment.
        last = planned_start[lane + 1]
        if beyond.lanes[lane]:
            last = min(last, planned_start[lane] + beyond.known[lane])
        if lane < MOST_LANES:
            standing = 0
            for i in range(lane_start[lane], lane_start[lane + 1]):
                standing += not moving[i]
            departures.standing[row, lane] = standing
            departures.held[row, lane] = last > planned_start[lane] and departure_ds[last - 1] < 0
        for i in range(planned_start[lane], last):
            if departure_ds[i] < 0:
                continue
            way, left = movement[lane_start[lane] + i - planned_start[lane]], lane
            out = ways.outgoing[way]
            leaves_s = time_s + departure_ds[i] / 10.0 + ways.lag_s[way]
            if out < 0:  # by way of an inner lane, where its departure is another one
                if onward_ds[i, 0] < 0:
                    continue
                left = onward_ds[i, 1]
                out = ways.onward_outgoing[left]
                leaves_s = time_s + onward_ds[i, 0] / 10.0
                if out < 0:
                    continue
            if kept == MOST_DEPARTURES:
                if leaves_s >= times[kept - 1]:
                    continue
                kept -= 1
            place = kept
            while place > gone and times[place - 1] > leaves_s:
                times[place] = times[place - 1]
                incoming[place] = incoming[place - 1]
                outgoing[place] = outgoing[place - 1]
                place -= 1
            times[place] = leaves_s
            incoming[place] = left
            outgoing[place] = out
            kept += 1
    departures.number[row] = kept


def loops_reach_m(junction: Intersection) -> list[float]:
    """Return how far before the stop line each incoming lane has a loop; 0 where it has none."""
    reach_m = [0.0] * len(junction.incoming)
    for detector in junction.detectors:
        if detector.role is not DetectorRole.EXIT:
            for lane in detector.lanes:
                reach_m[lane] = max(reach_m[lane], detector.distance_m)
    return reach_m


class _Links(NamedTuple):
    source: NDArray[np.int64]
    outgoing: NDArray[np.int64]
    travel_s: NDArray[np.float64]
    sight_s: NDArray[np.float64]
    first_option: NDArray[np.int64]  # movements first_option[k] to first_option[k + 1] of `option` may follow link k
    option: NDArray[np.int64]


class _WaysOut(NamedTuple):
    outgoing: NDArray[np.int64]  # per movement: the lane by which its vehicles leave the junction; -1 by way of an inner lane with a queue
    lag_s: NDArray[np.float64]  # per movement: from its stop line to the last one that is passed with it
    onward_outgoing: NDArray[np.int64]  # per incoming lane: the same as `outgoing` for those who drove onto it from another stop line


class _LanesBehind(NamedTuple):
    row: NDArray[np.int64]  # per outgoing lane: the junction at its end, -1 where that is not known
    lane: NDArray[np.int64]  # the incoming lane that it is there
    queue_veh: NDArray[np.float64]  # so many who stand there are the queue that fills it
    wave_s: NDArray[np.float64]  # from a departure there to the moment when the end of the queue has moved up
    freed_s: NDArray[np.float64]  # see `ExpectedTraffic`, changed in place


class _Surroundings(NamedTuple):
    links: _Links
    behind: _LanesBehind
    departures: Departures
    row: int
    incoming: NDArray[np.int64]  # lane of each movement
    ways: _WaysOut
    seen: NDArray[np.float64]  # how often each movement was seen of late, changed in place
    beyond: BeyondSight
    traffic: TrafficArrays  # what is expected with the neighbours' vehicles, written in place


class NeighbourTraffic:
    """Adds to a junction's expected traffic what its neighbours are about to send, and tells them what it sends itself.

    Parameters
    ----------
    junction
        The junction.
    links
        All links of the network.
    departures
        The record that all junctions share.
    rows
        Row of each junction in it.
    sight_m
        How far before the stop line the junction itself sees vehicles, per incoming lane, shape ``(lanes,)``. What is nearer is left to its
        own eyes.
    parameters
        Arrivals later than their horizon are left out.
    room_is_seen
        Whether the junction sees how far the lanes behind it are full. Else a lane is full only where the next junction, too, knows of a
        queue on all of it: a loop at its start may be covered by somebody who passes slowly.
    """

    def __init__(
        self,
        junction: Intersection,
        links: Iterable[Link],
        departures: Departures,
        rows: Mapping[str, int],
        sight_m: Sequence[float],
        parameters: HorizonParameters,
        *,
        room_is_seen: bool = False,
    ) -> None:
        self._horizon_s = parameters.horizon_s
        incoming = np.array([m.incoming for m in junction.movements], dtype=np.int64)
        options = [(link, np.flatnonzero(np.isin(incoming, link.lanes))) for link in links if link.target == junction.id]
        ours = [(link, movements) for link, movements in options if movements.size]
        seen_m = [min(max(sight_m[lane] for lane in link.lanes), link.distance_m) for link, _ in ours]
        sources = _Links(
            source=np.array([rows[link.source] for link, _ in ours], dtype=np.int64),
            outgoing=np.array([link.outgoing for link, _ in ours], dtype=np.int64),
            travel_s=np.array([link.travel_time_s for link, _ in ours], dtype=np.float64),
            sight_s=np.array([link.travel_time_s * reach_m / link.distance_m for (link, _), reach_m in zip(ours, seen_m, strict=True)]),
            first_option=np.cumsum([0, *(movements.size for _, movements in ours)]).astype(np.int64),
            option=np.concatenate([np.empty(0, dtype=np.int64), *(movements for _, movements in ours)]),
        )
        ways = ways_of(junction)
        outgoing = [way.leaves_by for way in ways.by_movement]
        ways_out = _WaysOut(
            outgoing=np.array(outgoing, dtype=np.int64),
            lag_s=np.array([way.lags_s[-1] for way in ways.by_movement], dtype=np.float64),
            onward_outgoing=np.array([outgoing[m] if m >= 0 else -1 for m in ways.onward_movement], dtype=np.int64),
        )
        self._seen = np.ones(len(junction.movements))
        lanes = range(len(junction.incoming))
        unsent = set(lanes).difference(*(link.lanes for link, _ in ours)) if parameters.looks_far(junction) else set()
        self._beyond = nothing_seen(len(lanes), unsent)
        behind = _lanes_behind(junction, links, rows, room_is_seen=room_is_seen)
        self._adds_nothing = not ours and not unsent and not (behind.row >= 0).any()
        self._surroundings = _Surroundings(
            sources,
            behind,
            departures,
            rows[junction.id],
            incoming,
            ways_out,
            self._seen,
            self._beyond,
            room_for_traffic(0, len(lanes), 0, 0, 0),
        )
        self._most_sent = MOST_DEPARTURES * len(ours) + MOST_EXPECTED * len(unsent)
        self._make_room(USUAL_VEHICLES)

    def _make_room(self, vehicles: int) -> None:
        """Make room for so many vehicles of the junction's own beside all that may be sent."""
        lanes = len(self._surroundings.traffic.lane_free_s)
        traffic = room_for_traffic(vehicles + self._most_sent, lanes, 0, 0, 0)
        self._surroundings = self._surroundings._replace(traffic=traffic)
        self._around = keep(self._surroundings)

    def expect(self, time_s: float, traffic: ExpectedTraffic) -> ExpectedTraffic:
        """Return the traffic with the neighbours' vehicles behind those that the junction sees itself.

        Where plans look far (`HorizonParameters.looks_far`), the mean flow is expected on lanes to which no neighbour sends.

        Each vehicle gets the movement that is owed most by the shares in which vehicles of the lanes it may come on have turned so far.
        Each call learns from the vehicles in sight that are under way (those that wait would be counted for longer).

        Parameters
        ----------
        time_s
            Now.
        traffic
            What the junction expects by itself.
        """
        if self._adds_nothing:
            return traffic
        own = traffic.arrival_s
        if own.size + self._most_sent > self._surroundings.traffic.arrival_s.size:
            self._make_room(2 * own.size)
        seen = traffic.lane_start, own, traffic.movement, traffic.moving, traffic.weight
        vehicles = _expect(self._around, time_s, self._horizon_s, *seen, traffic.flow_veh_s)
        lane_start, arrival_s, movement, moving, weight, *_ = self._surroundings.traffic
        return ExpectedTraffic(
            lane_start,
            arrival_s[:vehicles],
            movement[:vehicles],
            moving[:vehicles],
            weight[:vehicles],
            traffic.lane_free_s,
            traffic.room_veh,
            traffic.inside,
            traffic.queued_s,
            traffic.flow_veh_s,
            self._surroundings.behind.freed_s,
        )

    def record(
        self,
        time_s: float,
        traffic: ExpectedTraffic,
        planned_start: NDArray[np.int64],
        departure_ds: NDArray[np.int64],
        onward_ds: NDArray[np.int64],
    ) -> None:
        """Replace what the junction was to send from now on by a new plan; what has left before stays.

        Parameters
        ----------
        time_s
            Now.
        traffic
            What the plan was made for.
        planned_start, departure_ds, onward_ds
            Vehicles ``planned_start[l]`` to ``planned_start[l + 1]`` of the plan are the first ones of lane l of the traffic; when they
            leave from now, -1 where they do not (`HorizonProblem.lane_start` and the times of `HorizonSolution`). Lanes beyond those of the
            traffic (people on foot) send nothing.
        """
        _record(self._around, time_s, planned_start, departure_ds, onward_ds, traffic.lane_start, traffic.movement, traffic.moving)

    def snapshot(self) -> bytes:
        """Return what has been learnt of turning and of sight; see `optimizer.estimation.snapshots.Keeps`."""
        return packed(self._learnt())

    def restore(self, snapshot: bytes) -> None:
        """Take up what was learnt before."""
        unpack_into(self._learnt(), snapshot)

    def _learnt(self) -> dict[str, NDArray[Any]]:
        return {"seen": self._seen, "reach_s": self._beyond.reach_s}


def _lanes_behind(junction: Intersection, links: Iterable[Link], rows: Mapping[str, int], *, room_is_seen: bool) -> _LanesBehind:
    count = len(junction.outgoing)
    behind = _LanesBehind(np.full(count, -1), np.full(count, -1), np.zeros(count), np.zeros(count), np.empty((count, MOST_FREED)))
    behind.freed_s[:] = REFILL_AFTER_S + np.arange(1, MOST_FREED + 1) / REFILL_VEH_S
    for link in links:
        if link.source == junction.id and 0 <= link.lane < MOST_LANES:
            lane = junction.outgoing[link.outgoing]
            behind.row[link.outgoing], behind.lane[link.outgoing] = rows[link.target], link.lane
            behind.queue_veh[link.outgoing] = 0.0 if room_is_seen else lane.length_m / JAM_SPACING_M
            behind.wave_s[link.outgoing] = lane.length_m / QUEUE_WAVE_M_S
    return behind


@compiled
def _free_places(behind: _LanesBehind, departures: Departures, time_s: float) -> None:
    """Note when places become free on the lanes whose next junction is known: when its plan lets vehicles go, and the queue has moved up.

    Behind those that it lets go it knows of others that must stay, or of nobody: then there is more room than it can tell of.
    """
    for out in range(len(behind.row)):
        row = behind.row[out]
        if row < 0:
            continue
        free = behind.freed_s[out]
        count = 0
        for i in range(departures.number[row]):
            freed_s = departures.time_s[row, i] - time_s + behind.wave_s[out]
            if departures.incoming[row, i] == behind.lane[out] and freed_s > 0.0 and count < len(free):
                free[count] = freed_s
                count += 1
        if departures.standing[row, behind.lane[out]] < behind.queue_veh[out]:
            # A loop is covered at the start of the lane, but not by the end of a queue.
            for k in range(len(free)):
                free[k] = REFILL_AFTER_S + (k + 1) / REFILL_VEH_S
            continue
        told_s = max(free[count - 1], REFILL_AFTER_S) if count > 0 else REFILL_AFTER_S
        for k in range(count, len(free)):
            free[k] = np.inf if departures.held[row, behind.lane[out]] else told_s + (k - count + 1) / REFILL_VEH_S


@compiled
def _expect(
    around: Kept,
    time_s: float,
    horizon_s: float,
    lane_start: NDArray[np.int64],
    arrival_s: NDArray[np.float64],
    movement: NDArray[np.int64],
    moving: NDArray[np.bool_],
    weight: NDArray[np.float64],
    flow_veh_s: NDArray[np.float64],
) -> int:
    links, departures, incoming, seen = around.value.links, around.value.departures, around.value.incoming, around.value.seen
    beyond, traffic = around.value.beyond, around.value.traffic
    _free_places(around.value.behind, departures, time_s)
    watch_reach(beyond, lane_start, arrival_s, moving)
    seen *= SHARE_KEPT
    for i in range(len(movement)):
        if moving[i]:
            seen[movement[i]] += 1.0 - SHARE_KEPT
    due_s, turn = _sent(links, seen, time_s, departures, horizon_s)
    order = np.argsort(due_s, kind="mergesort")
    lanes = len(lane_start) - 1
    starts, arrivals, movements, under_way, weights = (
        traffic.lane_start,
        traffic.arrival_s,
        traffic.movement,
        traffic.moving,
        traffic.weight,
    )
    count = 0
    for lane in range(lanes):
        before_s = -1e9
        for i in range(lane_start[lane], lane_start[lane + 1]):
            arrivals[count] = before_s = arrival_s[i]
            movements[count] = movement[i]
            under_way[count] = moving[i]
            weights[count] = weight[i]
            count += 1
        for k in order:
            if incoming[turn[k]] == lane:
                arrivals[count] = before_s = max(due_s[k], before_s + FOLLOWING_S)
                movements[count] = turn[k]
                under_way[count] = True
                weights[count] = 1.0
                count += 1
        count = add_flow(beyond, incoming, flow_veh_s, lane, traffic, count, horizon_s)
        starts[lane + 1] = count
    return count


@compiled
def _sent(
    links: _Links, seen: NDArray[np.float64], time_s: float, departures: Departures, horizon_s: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return when vehicles arrive that the junction does not see, and the movements dealt to them."""
    most = 0
    for k in range(len(links.source)):
        most += departures.number[links.source[k]]
    due_s = np.empty(most)
    turn = np.empty(most, dtype=np.int64)
    count = 0
    for k in range(len(links.source)):
        row, first, last = links.source[k], links.first_option[k], links.first_option[k + 1]
        share = np.empty(last - first)
        for n in range(first, last):
            share[n - first] = seen[links.option[n]]
        share /= share.sum()
        owed = np.zeros(last - first)
        for i in range(departures.number[row]):
            if departures.outgoing[row, i] != links.outgoing[k]:
                continue
            left_s = departures.time_s[row, i] - time_s
            arrives_s = left_s + links.travel_s[k] + STARTING_LOSS_S
            # Without the loss at the start it would already be in sight: rather forgotten for two seconds than counted twice.
            if arrives_s >= horizon_s or (left_s < 0.0 and arrives_s - STARTING_LOSS_S <= links.sight_s[k]):
                continue
            owed += share
            best = owed.argmax()
            owed[best] -= 1.0
            due_s[count] = arrives_s
            turn[count] = links.option[first + best]
            count += 1
    return due_s[:count], turn[:count]
