"""A junction's description as JSON: ids instead of indices, checked as a whole, and back to `optimizer.intersection.Intersection`.

This is the one place that knows both forms. `ampelwerk export junctions` writes it, ``PUT /v1/junctions/{id}`` takes it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from optimizer.connectors import connector_lanes
from optimizer.intersection import (
    ACCEPTED_REDS,
    Aspect,
    Detector,
    DetectorRole,
    Direction,
    GroupKind,
    Intersection,
    IntersectionError,
    Lane,
    Movement,
    SignalGroup,
    Stage,
)
from optimizer.service.description_checks import DescriptionError, check_description
from optimizer.service.wire import ID_PATTERN, MOST_GROUPS, JunctionId, Metres, Name, Span, Speed, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optimizer.neighbours import Link

FORMAT: Literal[2] = 2

__all__ = ["FORMAT", "DescriptionError", "JunctionDescription", "content_hash", "describe", "to_intersection"]


class LaneDescription(Wire):
    """A lane before or behind the junction; see `optimizer.intersection.Lane`."""

    id: Name
    length_m: Metres
    speed_m_s: Speed
    storage_m: Metres
    approach: Annotated[str, Field(max_length=1000, description="Lanes of one approach share this name.")] = ""


def _accepted_red_s(told: dict[str, Any]) -> float:
    return ACCEPTED_REDS.of(told["kind"]) if "kind" in told else ACCEPTED_REDS.vehicles_s


class GroupDescription(Wire):
    """A signal group; see `optimizer.intersection.SignalGroup`."""

    id: Name
    kind: GroupKind
    signals: Annotated[list[Annotated[int, Field(ge=0, lt=1000)]], Field(max_length=1000, description="Places in the state string.")]
    minimum_green_s: Span = 5.0
    yellow_s: Span = 3.0
    red_yellow_s: Span = 0.0
    maximum_red_s: Annotated[
        Span | None,
        Field(
            default_factory=_accepted_red_s,
            description="Left out: 90 on foot and on bicycles, else 120. null: never due, for a group that no stage serves.",
        ),
    ]


class MovementDescription(Wire):
    """A traffic stream from one lane to one lane."""

    incoming: Name
    outgoing: Name
    group: Name
    direction: Direction
    crossing_m: Metres


class StageDescription(Wire):
    """A stage: what each group shows that is not red in it."""

    id: Name
    aspects: Annotated[dict[Name, Aspect], Field(description="By group; groups that are left out are red.")]
    maximum_green_s: Span = 300.0


class GivingWay(Wire):
    """A group that gives way to others where it is green permissively."""

    group: Name
    to: Annotated[list[Name], Field(min_length=1, max_length=MOST_GROUPS)]


class Intergreen(Wire):
    """Least time from the end of green of one group to the start of green of another."""

    ending: Name
    starting: Name
    intergreen_s: Span


class DetectorDescription(Wire):
    """An induction loop; see `optimizer.intersection.Detector`."""

    id: Name
    role: DetectorRole
    lanes: Annotated[list[Name], Field(min_length=1, max_length=100)]
    distance_m: Metres
    speed_m_s: Speed
    on_lane: bool = True
    measures_speed: bool = True


class FallbackStep(Wire):
    """A stage of the junction's own plan, and how long it is green."""

    stage: Name
    green_s: Annotated[float, Field(gt=0, le=3600)]


class NeighbourLink(Wire):
    """The way from a neighbour's outgoing lane to this junction; see `optimizer.neighbours.Link`."""

    source: JunctionId
    lane: Annotated[Name, Field(description="The neighbour's outgoing lane.")]
    to: Annotated[list[Name], Field(min_length=1, max_length=100, description="Incoming lanes on which its vehicles may arrive.")]
    distance_m: Annotated[float, Field(gt=0, le=1e5)]
    travel_time_s: Annotated[float, Field(gt=0, le=3600)]


class Exit(Wire):
    """An outgoing lane at whose end another junction lets vehicles go: its `outflow` tells when places on it become free."""

    lane: Name
    junction: JunctionId


class Position(Wire):
    """Where the junction lies on a plane map."""

    x_m: Annotated[float, Field(ge=-1e8, le=1e8)]
    y_m: Annotated[float, Field(ge=-1e8, le=1e8)]


class JunctionDescription(Wire):
    """Everything that the service knows of a junction before traffic comes."""

    format: Annotated[Literal[1, 2], Field(description="2 where `exits` are told.")] = 1
    id: Annotated[str, Field(min_length=1, max_length=1000, description="As in the path; no slash and no control characters.")]
    incoming: Annotated[list[LaneDescription], Field(min_length=1, max_length=100)]
    outgoing: Annotated[list[LaneDescription], Field(max_length=100)]
    groups: Annotated[list[GroupDescription], Field(min_length=1, max_length=MOST_GROUPS)]
    movements: Annotated[list[MovementDescription], Field(min_length=1, max_length=1000)]
    stages: Annotated[list[StageDescription], Field(min_length=2, max_length=64)]
    conflicts: Annotated[list[tuple[Name, Name]], Field(max_length=2000, description="Pairs of groups, each once.")]
    gives_way: Annotated[list[GivingWay], Field(max_length=MOST_GROUPS)] = Field(default_factory=list)
    intergreens: Annotated[list[Intergreen], Field(max_length=4000)]
    detectors: Annotated[list[DetectorDescription], Field(max_length=500)] = Field(default_factory=list)
    signal_count: Annotated[int, Field(ge=1, le=1000, description="Letters of the state string.")]
    allowed_changes: Annotated[list[tuple[Name, Name]] | None, Field(max_length=4096, description="null: all.")] = None
    fallback: Annotated[list[FallbackStep], Field(max_length=200, description="The junction's own plan, in the order of its stages.")] = (
        Field(default_factory=list)
    )
    links: Annotated[list[NeighbourLink], Field(max_length=500)] = Field(default_factory=list)
    exits: Annotated[
        list[Exit], Field(max_length=100, description="Outgoing lanes that are incoming lanes, of the same name, of the next junction.")
    ] = Field(default_factory=list)
    connectors: Annotated[
        list[Name], Field(max_length=200, description="Short lanes from or to the next signal, named alike in both descriptions.")
    ] = Field(default_factory=list)
    position: Position | None = None
    left_hand: Annotated[bool, Field(description="Whether one drives on the left.")] = False


def to_intersection(description: JunctionDescription) -> Intersection:
    """Return the junction that a description describes.

    Raises
    ------
    DescriptionError
        If its parts contradict each other; it names the field and the remedy.
    """
    if not re.match(ID_PATTERN, description.id):
        raise DescriptionError("/id", f"the id {description.id!r} holds a slash or a control character; name the junction without")
    check_description(description)
    groups = {group.id: index for index, group in enumerate(description.groups)}
    incoming = {lane.id: index for index, lane in enumerate(description.incoming)}
    outgoing = {lane.id: index for index, lane in enumerate(description.outgoing)}
    stages = {stage.id: index for index, stage in enumerate(description.stages)}
    conflicts: list[set[int]] = [set() for _ in groups]
    for a, b in description.conflicts:
        conflicts[groups[a]].add(groups[b])
        conflicts[groups[b]].add(groups[a])
    yields_to = [frozenset[int]() for _ in groups]
    for row in description.gives_way:
        yields_to[groups[row.group]] = frozenset(groups[other] for other in row.to)
    intergreen_s = [[0.0] * len(groups) for _ in groups]
    for entry in description.intergreens:
        intergreen_s[groups[entry.ending]][groups[entry.starting]] = entry.intergreen_s
    try:
        return Intersection(
            id=description.id,
            incoming=tuple(Lane(lane.id, lane.length_m, lane.speed_m_s, lane.storage_m, lane.approach) for lane in description.incoming),
            outgoing=tuple(Lane(lane.id, lane.length_m, lane.speed_m_s, lane.storage_m, lane.approach) for lane in description.outgoing),
            groups=tuple(
                SignalGroup(g.id, g.kind, tuple(g.signals), g.minimum_green_s, g.yellow_s, g.red_yellow_s, _unlimited(g.maximum_red_s))
                for g in description.groups
            ),
            movements=tuple(
                Movement(incoming[m.incoming], outgoing[m.outgoing], groups[m.group], m.direction, m.crossing_m)
                for m in description.movements
            ),
            stages=tuple(
                Stage(stage.id, tuple(stage.aspects.get(name, Aspect.RED) for name in groups), stage.maximum_green_s)
                for stage in description.stages
            ),
            conflicts=tuple(frozenset(row) for row in conflicts),
            yields_to=tuple(yields_to),
            intergreen_s=tuple(tuple(row) for row in intergreen_s),
            detectors=tuple(
                Detector(
                    d.id,
                    d.role,
                    tuple((outgoing if d.role is DetectorRole.EXIT else incoming)[lane] for lane in d.lanes),
                    d.distance_m,
                    d.speed_m_s,
                    d.on_lane,
                    d.measures_speed,
                )
                for d in description.detectors
            ),
            signal_count=description.signal_count,
            left_hand=description.left_hand,
            allowed_changes=(
                None if description.allowed_changes is None else frozenset((stages[a], stages[b]) for a, b in description.allowed_changes)
            ),
        )
    except IntersectionError as error:
        raise DescriptionError("", str(error).removesuffix(".")) from error


def describe(
    junction: Intersection,
    junctions: Mapping[str, Intersection] | None = None,
    links: Iterable[Link] = (),
    fallback: Sequence[tuple[int, float]] = (),
    position: tuple[float, float] | None = None,
) -> JunctionDescription:
    """Return the description of a junction.

    Parameters
    ----------
    junction
        The junction.
    junctions, links
        All junctions by id, and the links among them: those that lead to this one are part of its description, and so are the short lanes
        to and from it.
    fallback
        The junction's own plan: stages (their indices) and greens, s, in their order.
    position
        Place on a plane map, m.
    """
    groups = [group.id for group in junction.groups]
    stages = [stage.id for stage in junction.stages]
    lanes_in = [lane.id for lane in junction.incoming]
    lanes_out = [lane.id for lane in junction.outgoing]
    around = junctions if junctions is not None else {}
    return JunctionDescription(
        id=junction.id,
        incoming=[_lane(lane) for lane in junction.incoming],
        outgoing=[_lane(lane) for lane in junction.outgoing],
        groups=[
            GroupDescription(
                id=g.id,
                kind=g.kind,
                signals=list(g.links),
                minimum_green_s=g.minimum_green_s,
                yellow_s=g.yellow_s,
                red_yellow_s=g.red_yellow_s,
                maximum_red_s=_limited(g.maximum_red_s),
            )
            for g in junction.groups
        ],
        movements=[
            MovementDescription(
                incoming=lanes_in[m.incoming],
                outgoing=lanes_out[m.outgoing],
                group=groups[m.group],
                direction=m.direction,
                crossing_m=m.crossing_m,
            )
            for m in junction.movements
        ],
        stages=[
            StageDescription(
                id=stage.id,
                aspects={name: aspect for name, aspect in zip(groups, stage.aspects, strict=True) if aspect is not Aspect.RED},
                maximum_green_s=stage.maximum_green_s,
            )
            for stage in junction.stages
        ],
        conflicts=[(groups[a], groups[b]) for a, others in enumerate(junction.conflicts) for b in sorted(others) if a < b],
        gives_way=[
            GivingWay(group=groups[a], to=[groups[b] for b in sorted(others)]) for a, others in enumerate(junction.yields_to) if others
        ],
        intergreens=[
            Intergreen(ending=groups[a], starting=groups[b], intergreen_s=span_s)
            for a, row in enumerate(junction.intergreen_s)
            for b, span_s in enumerate(row)
            if span_s > 0
        ],
        detectors=[
            DetectorDescription(
                id=d.id,
                role=d.role,
                lanes=[(lanes_out if d.role is DetectorRole.EXIT else lanes_in)[lane] for lane in d.lanes],
                distance_m=d.distance_m,
                speed_m_s=d.speed_m_s,
                on_lane=d.on_lane,
                measures_speed=d.measures_speed,
            )
            for d in junction.detectors
        ],
        signal_count=junction.signal_count,
        allowed_changes=(
            None if junction.allowed_changes is None else [(stages[a], stages[b]) for a, b in sorted(junction.allowed_changes)]
        ),
        fallback=[FallbackStep(stage=stages[stage], green_s=green_s) for stage, green_s in fallback],
        links=[
            NeighbourLink(
                source=link.source,
                lane=around[link.source].outgoing[link.outgoing].id,
                to=[lanes_in[lane] for lane in link.lanes],
                distance_m=link.distance_m,
                travel_time_s=link.travel_time_s,
            )
            for link in links
            if link.target == junction.id
        ],
        exits=[
            Exit(lane=lanes_out[link.outgoing], junction=link.target) for link in links if link.source == junction.id and link.lane >= 0
        ],
        connectors=sorted(connector_lanes(around).intersection(lanes_in + lanes_out)),
        position=None if position is None else Position(x_m=position[0], y_m=position[1]),
        left_hand=junction.left_hand,
    )


def content_hash(description: JunctionDescription) -> str:
    """Return the SHA-256 of a description's content: the same for the same values, however they were written.

    Values that are the default do not count, so that a description keeps its hash when a later version knows more fields.
    """
    canonical = json.dumps(
        description.model_dump(mode="json", exclude_defaults=True), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _lane(lane: Lane) -> LaneDescription:
    return LaneDescription(id=lane.id, length_m=lane.length_m, speed_m_s=lane.speed_m_s, storage_m=lane.storage_m, approach=lane.approach)


def _limited(span_s: float) -> float | None:
    return None if math.isinf(span_s) else span_s


def _unlimited(span_s: float | None) -> float:
    return math.inf if span_s is None else span_s
