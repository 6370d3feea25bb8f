"""From the JSON of a plan job to values of `optimizer.design`; whatever makes no sense is refused with the field's name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import ValidationError

from optimizer.design.demand import JunctionDemand
from optimizer.design.errors import DesignError
from optimizer.design.problem import DesignTask
from optimizer.design.wave_text import wave_instance
from optimizer.service.description import JunctionDescription, to_intersection
from optimizer.service.plan_messages import JunctionPlansRequest, WavesRequest
from optimizer.service.problems import contradiction, from_validation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optimizer.design.wave import WaveInstance
    from optimizer.intersection import Intersection
    from optimizer.service.plan_messages import JunctionFlows


def waves_request(body: bytes) -> WavesRequest:
    """Return a request for a green wave.

    Raises
    ------
    ProblemError
        If it has the wrong form or makes no sense.
    """
    try:
        request = WavesRequest.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error) from None
    try:
        instance_of(request)
    except DesignError as error:
        raise contradiction("/instance", str(error).removesuffix(".")) from None
    return request


def instance_of(request: WavesRequest) -> WaveInstance:
    """Return the corridor of a request; raise `DesignError` where it makes no sense."""
    return wave_instance(request.instance.model_dump(mode="json", exclude_none=True))


def plans_request(body: bytes) -> JunctionPlansRequest:
    """Return a request for plans.

    Raises
    ------
    ProblemError
        If it has the wrong form or names a junction twice.
    """
    try:
        request = JunctionPlansRequest.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error) from None
    names = [flows.id for flows in request.junctions]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise contradiction(f"/junctions/{index}/id", f"junction {name[:200]!r} is given twice; give it once")
    if request.cycle_s[0] > request.cycle_s[1]:
        raise contradiction("/cycle_s", "the shortest cycle is longer than the longest; give [shortest, longest]")
    return request


def design_tasks(request: JunctionPlansRequest, descriptions: Sequence[bytes]) -> dict[str, DesignTask]:
    """Return what is to be designed, by junction.

    Parameters
    ----------
    request
        The request.
    descriptions
        The stored descriptions of its junctions, in their order.

    Raises
    ------
    ProblemError
        If flows do not fit their junction, or bounds contradict each other.
    """
    tasks = {}
    for index, (flows, description) in enumerate(zip(request.junctions, descriptions, strict=True)):
        place = f"/junctions/{index}"
        task = _task(to_intersection(JunctionDescription.model_validate_json(description)), flows, place)
        try:
            task.problem((request.cycle_s[0], request.cycle_s[1]))
        except DesignError as error:
            raise contradiction(place, str(error).removesuffix(".")) from None
        if not any(task.junction.conflicts):
            raise contradiction(place, f"junction {flows.id!r} has no conflicting traffic, so there is nothing to time; leave it out")
        tasks[flows.id] = task
    return tasks


def _task(junction: Intersection, given: JunctionFlows, place: str) -> DesignTask:
    groups = {group.id: index for index, group in enumerate(junction.groups)}
    lanes = {lane.id for lane in junction.incoming}
    _known(f"{place}/crossings_h", given.crossings_h, groups, "group")
    _known(f"{place}/maximum_green_s", given.maximum_green_s, groups, "group")
    _known(f"{place}/on_request", given.on_request, groups, "group")
    _known(f"{place}/saturation_veh_h", given.saturation_veh_h, lanes, "incoming lane")
    flow_veh_h = dict.fromkeys(((junction.incoming[m.incoming].id, junction.outgoing[m.outgoing].id) for m in junction.movements), math.nan)
    for index, flow in enumerate(given.flows):
        way = flow.incoming, flow.outgoing
        if way not in flow_veh_h:
            field = f"{place}/flows/{index}"
            sentence = f"there is no movement from lane {way[0][:80]!r} to lane {way[1][:80]!r}; name one of the description"
            raise contradiction(field, sentence)
        flow_veh_h[way] = flow.flow_veh_h
    crossings = {groups[name]: flow for name, flow in given.crossings_h.items()}
    longest_s = {groups[name]: span_s for name, span_s in given.maximum_green_s.items()}
    count = range(len(groups))
    return DesignTask(
        junction,
        JunctionDemand(tuple(flow_veh_h.values()), tuple(crossings.get(g, 0.0) for g in count)),
        given.saturation_veh_h,
        [longest_s.get(g, math.inf) for g in count],
        frozenset(groups[name] for name in given.on_request),
    )


def _known(field: str, names: Iterable[str], described: Mapping[str, int] | set[str], what: str) -> None:
    for name in names:
        if name not in described:
            raise contradiction(field, f"the junction has no {what} {name[:80]!r}; name one of its description")
