"""Reading a SUMO network: every traffic light becomes a junction description."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import sumolib

from controllers.sumo import interstages
from controllers.sumo.groups import conflicts, foes, link_groups, yields_to
from controllers.sumo.links import (
    controlled_links,
    crossing_m,
    crossing_of,
    direction_of,
    enters,
    incoming_lane,
    outgoing_lane,
    right_of_way,
)
from controllers.sumo.programs import (
    NetworkError,
    fault,
    is_left_hand,
    read_signals,
    refuse_empty_phases,
    with_red_for_off,
    without_rings,
)
from controllers.sumo.stages import maximal_stages, shipped_stages
from optimizer.intersection import ACCEPTED_REDS, Intersection, Movement, SignalGroup
from optimizer.red_limits import unavoidable_s

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from controllers.sumo.groups import LinkGroup
    from controllers.sumo.links import ControlledLink, RightOfWay
    from controllers.sumo.programs import DaySwitching, ShippedProgram
    from optimizer.intersection import AcceptedReds, Lane, Stage

__all__ = ["NetworkError", "NetworkReading", "read_net", "read_network"]

_log = logging.getLogger(__name__)


class _LeftAlone(Exception):  # noqa: N818 - no error: the reason why a light keeps its own program
    """A traffic light cannot be controlled; the message says why."""


@dataclass(frozen=True, slots=True)
class NetworkReading:
    """What a network says about its signals.

    Attributes
    ----------
    net
        The sumolib net, with internal lanes and pedestrian connections.
    junctions
        Descriptions of the traffic lights that can be controlled, by id.
    left_alone
        Why the others stay on their own program, by id.
    shipped
        The programs that run at the start, by id, as the files have them.
    switched_off
        Lights that SUMO would begin with switched off; `shipped` holds the last program of each that does not switch it off.
    switchings
        What the files switch by the time of day.
    """

    net: Any
    junctions: dict[str, Intersection]
    left_alone: dict[str, str]
    shipped: dict[str, ShippedProgram]
    switched_off: frozenset[str] = frozenset()
    switchings: tuple[DaySwitching, ...] = ()


def read_network(
    net_file: Path, additional_files: Sequence[Path] = (), accepted: AcceptedReds = ACCEPTED_REDS, *, begin_s: float = 0.0
) -> NetworkReading:
    """Read a network and describe its traffic lights.

    Parameters
    ----------
    net_file
        SUMO network (``.net.xml``, may be gzipped).
    additional_files
        Additional files; their programs count as SUMO would count them: the last one loaded runs, or the one that a WAUT names.
    accepted
        The longest reds; a group for which its program's own red is longer may be red for as long as that.
    begin_s
        When the simulation begins, by which a WAUT names it.

    Returns
    -------
    NetworkReading
        The net, the junctions, and the lights that stay on their own program (each also named in the log).

    Raises
    ------
    NetworkError
        If a file is missing or broken, or the network has no traffic light.
    """
    signals = read_signals([net_file, *additional_files])
    refuse_empty_phases(program for row in signals.programs.values() for program in row)
    net, left_hand = read_net(net_file), is_left_hand(net_file)
    lights = {light.getID(): light for light in net.getTrafficLights()}
    if not net.getEdges():
        raise NetworkError(f"{net_file}: holds no road network; name the .net.xml file.")
    if not lights:
        raise NetworkError(f"{net_file}: has no traffic light; choose a network with signals.")
    junctions: dict[str, Intersection] = {}
    left_alone: dict[str, str] = {}
    shipped: dict[str, ShippedProgram] = {}
    switched_off: set[str] = set()
    for name in sorted(lights):
        program, is_switched_off = signals.at_start(name, begin_s)
        if program is not None:
            shipped[name] = program
        if is_switched_off:
            switched_off.add(name)
        try:
            junctions[name] = replace(_describe(net, lights[name], program, accepted), left_hand=left_hand)
        except _LeftAlone as left:
            left_alone[name] = str(left)
    for reason in sorted(set(left_alone.values())):
        names = ", ".join(name for name, why in left_alone.items() if why == reason)
        _log.warning("left on their own program, because %s: %s", reason, names)
    return NetworkReading(
        net, junctions, left_alone, shipped, frozenset(switched_off), tuple(chain.from_iterable(signals.switchings.values()))
    )


def read_net(net_file: Path) -> Any:  # noqa: ANN401
    """Read a network with internal lanes and pedestrian connections by sumolib.

    Raises
    ------
    NetworkError
        If the file is no usable network.
    """
    try:
        return sumolib.net.readNet(str(net_file), withInternal=True, withPedestrianConnections=True)
    except (KeyError, ValueError, IndexError, AttributeError, SyntaxError) as error:
        raise NetworkError(f"{net_file}: is no usable SUMO network ({error!r}); rebuild it with netconvert.") from error


def _describe(net: Any, light: Any, shipped: ShippedProgram | None, accepted: AcceptedReds) -> Intersection:  # noqa: ANN401
    links = controlled_links(light)
    if any(c.getJunction().getType() in ("rail_signal", "rail_crossing") for link in links.values() for c in link.connections):
        raise _LeftAlone("it is a rail signal or rail crossing, which SUMO operates itself")
    if shipped is None:
        raise _LeftAlone("it has no program, or only one that is switched off")
    reason = fault(shipped, list(links))
    if reason is not None:
        raise _LeftAlone(reason)
    program = with_red_for_off(without_rings(shipped))
    size = len(program.phases[0].state)
    way = right_of_way(net, links, size)
    drafts = link_groups(links, program)
    matrix = conflicts(drafts, way)
    giving_way = yields_to(light.getID(), drafts, way)
    stages = _stages(program, drafts, matrix, giving_way)
    groups, intergreen_s = _timing(net, drafts, links, program, way, stages, accepted)
    lanes_in, lanes_out, movements = _streams(net, drafts, links)
    described = Intersection(
        id=light.getID(),
        incoming=lanes_in,
        outgoing=lanes_out,
        groups=groups,
        movements=movements,
        stages=stages,
        conflicts=matrix,
        yields_to=giving_way,
        intergreen_s=intergreen_s,
        signal_count=size,
    )
    late_s = math.ceil(unavoidable_s(described))
    if late_s == 0:
        return described
    # So many stages that their minimum greens alone take longer than people accept: nobody can do better than to serve them in turn.
    return replace(described, groups=tuple(replace(group, maximum_red_s=group.maximum_red_s + late_s) for group in groups))


def _stages(
    program: ShippedProgram, drafts: Sequence[LinkGroup], matrix: Sequence[frozenset[int]], giving_way: Sequence[frozenset[int]]
) -> tuple[Stage, ...]:
    stages = shipped_stages(program, drafts)
    if len(stages) < 2 and any(matrix):
        known = {stage.aspects for stage in stages}
        stages += tuple(s for s in maximal_stages([d.kind for d in drafts], matrix, giving_way) if s.aspects not in known)
    if not stages:
        raise _LeftAlone("its program never shows green")
    if len(stages) < 2:
        raise _LeftAlone("it has a single stage and no conflicting traffic, so there is nothing to decide")
    return stages


def _timing(
    net: Any,  # noqa: ANN401
    drafts: Sequence[LinkGroup],
    links: Mapping[int, ControlledLink],
    program: ShippedProgram,
    way: RightOfWay,
    stages: Sequence[Stage],
    accepted: AcceptedReds,
) -> tuple[tuple[SignalGroup, ...], tuple[tuple[float, ...], ...]]:
    connections = [[c for index in draft.links for c in links[index].connections] for draft in drafts]
    crossings_m = [_clearing_m(net, row) for row in connections]
    speeds_m_s = [max(c.getFromLane().getSpeed() for c in row) for row in connections]
    yellows_s = [interstages.yellow_s(draft, program, speed_m_s) for draft, speed_m_s in zip(drafts, speeds_m_s, strict=True)]
    groups = tuple(
        SignalGroup(
            id=draft.id,
            kind=draft.kind,
            links=draft.links,
            minimum_green_s=interstages.minimum_green_s(draft.kind, crossings_m[g]),
            yellow_s=yellows_s[g],
            red_yellow_s=interstages.red_yellow_s(draft, program),
            # A group that no stage serves (a closed turn) waits for ever by design.
            maximum_red_s=max(accepted.of(draft.kind), interstages.longest_red_s(draft, program))
            if any(s.serves(g) for s in stages)
            else float("inf"),
        )
        for g, draft in enumerate(drafts)
    )
    meeting = [frozenset(h for h, b in enumerate(drafts) if h != g and foes(a, b, way)) for g, a in enumerate(drafts)]
    return groups, interstages.intergreens_s(drafts, program, meeting, yellows_s, crossings_m)


def _clearing_m(net: Any, connections: Sequence[Any]) -> float:  # noqa: ANN401
    # Bicycles that share a pedestrian signal may have far longer paths than the crossing; walking pace is not theirs.
    on_foot = [c for c in connections if crossing_of(c) is not None]
    return max(crossing_m(net, c) for c in on_foot or connections)


def _streams(
    net: Any,  # noqa: ANN401
    drafts: Sequence[LinkGroup],
    links: Mapping[int, ControlledLink],
) -> tuple[tuple[Lane, ...], tuple[Lane, ...], tuple[Movement, ...]]:
    lanes_in: dict[str, Any] = {}
    lanes_out: dict[str, Any] = {}
    group_of = {index: g for g, draft in enumerate(drafts) for index in draft.links}
    streams = [(index, c) for index in sorted(group_of) for c in links[index].connections if enters(c) and crossing_of(c) is None]
    for _, connection in streams:
        lanes_in.setdefault(connection.getFromLane().getID(), connection.getFromLane())
        lanes_out.setdefault(connection.getToLane().getID(), connection.getToLane())
    seat_in = {name: seat for seat, name in enumerate(lanes_in)}
    seat_out = {name: seat for seat, name in enumerate(lanes_out)}
    movements = tuple(
        Movement(
            incoming=seat_in[c.getFromLane().getID()],
            outgoing=seat_out[c.getToLane().getID()],
            group=group_of[index],
            direction=direction_of(c),
            crossing_m=crossing_m(net, c),
        )
        for index, c in streams
    )
    incoming = tuple(incoming_lane(net, lane) for lane in lanes_in.values())
    outgoing = tuple(outgoing_lane(net, lane) for lane in lanes_out.values())
    return incoming, outgoing, movements
