"""Plan design and green waves as jobs: the JSON of ``/v1/plans/…``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from optimizer.design.result import Objective
from optimizer.design.wave import LeftPattern
from optimizer.service.problems import Problem
from optimizer.service.wire import JunctionId, Name, Wire

MOST_JUNCTIONS = 50
MOST_SIGNALS = 100
LONGEST_LIMIT_S = 600

Share = Annotated[float, Field(ge=0, le=1, description="Part of a cycle.")]
FlowH = Annotated[float, Field(ge=0, le=100_000)]
Distance = Annotated[float, Field(gt=0, le=1e5)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Speeds = Annotated[list[Annotated[float, Field(gt=0, le=150)]], Field(min_length=2, max_length=2, description="Least and greatest, m/s.")]
Gap = Annotated[float, Field(ge=0, le=1, description="Proven relative gap with which the answer is good enough.")]
LimitS = Annotated[float, Field(gt=0, le=LONGEST_LIMIT_S, description="The best answer so far is taken after this time.")]


class WaveSignalMessage(Wire):
    """See `optimizer.design.wave.WaveSignal`."""

    red_out: Share
    red_in: Share
    left_out: Share = 0.0
    left_in: Share = 0.0
    clearance_out: Share = 0.0
    clearance_in: Share = 0.0
    left_pattern: LeftPattern = LeftPattern.FIXED
    red_shift: Annotated[float, Field(gt=-1, lt=1)] = 0.0


class WaveLinkMessage(Wire):
    """See `optimizer.design.wave.WaveLink`."""

    distance_out_m: Distance
    distance_in_m: Distance
    speed_m_s: Speeds
    slowness_change_max_s_m: Annotated[float | None, Field(ge=0, le=1e3, description="null: no limit.")] = None
    weight_out: Weight = 1.0
    weight_in: Weight = 1.0


class WaveInstanceMessage(Wire):
    """See `optimizer.design.wave.WaveInstance`; reds, left turns and clearances in cycles."""

    cycle_s: Annotated[list[Annotated[float, Field(gt=0, le=3600)]], Field(min_length=2, max_length=2, description="Least and greatest.")]
    k: Annotated[float, Field(ge=0, le=1e3, description="Wanted ratio of the inbound to the outbound band.")] = 1.0
    signals: Annotated[list[WaveSignalMessage], Field(min_length=2, max_length=MOST_SIGNALS)]
    links: Annotated[list[WaveLinkMessage], Field(min_length=1, max_length=MOST_SIGNALS)]


class WavesRequest(Wire):
    """A corridor whose widest bands are wanted."""

    instance: WaveInstanceMessage
    bands: Annotated[Literal["common", "links"], Field(description="One band each way (MAXBAND), or one per link (MULTIBAND).")] = "common"
    relative_gap: Gap = 1e-6
    time_limit_s: LimitS = 60.0


class MovementFlow(Wire):
    """Vehicles from one lane to another."""

    incoming: Name
    outgoing: Name
    flow_veh_h: FlowH


class JunctionFlows(Wire):
    """A stored junction and its traffic."""

    id: JunctionId
    flows: Annotated[list[MovementFlow], Field(max_length=1000, description="Of each movement of the description, 0 where nobody goes.")]
    crossings_h: Annotated[dict[Name, FlowH], Field(max_length=100, description="Persons per hour by group; others: none.")] = Field(
        default_factory=dict
    )
    saturation_veh_h: Annotated[
        dict[Name, Annotated[float, Field(gt=0, le=10_000)]], Field(max_length=100, description="Measured, by incoming lane.")
    ] = Field(default_factory=dict)
    maximum_green_s: Annotated[dict[Name, Annotated[float, Field(gt=0, le=3600)]], Field(max_length=100, description="By group.")] = Field(
        default_factory=dict
    )
    on_request: Annotated[list[Name], Field(max_length=100, description="Groups that the plan leaves red.")] = Field(default_factory=list)


class JunctionPlansRequest(Wire):
    """Stored junctions that are to get fixed-time plans, with common cycles and offsets where they are linked."""

    junctions: Annotated[list[JunctionFlows], Field(min_length=1, max_length=MOST_JUNCTIONS)]
    objective: Objective = Objective.DELAY
    way: Annotated[Literal["groups", "stages"], Field(description="Each green free, or a free choice and order of stages.")] = "groups"
    cycle: Annotated[Literal["common", "own"], Field(description="One per set of linked junctions, or each its best.")] = "common"
    cycle_s: Annotated[
        list[Annotated[int, Field(ge=10, le=300)]], Field(min_length=2, max_length=2, description="Shortest and longest.")
    ] = Field(default_factory=lambda: [30, 120])
    relative_gap: Gap = 0.01
    time_limit_s: Annotated[LimitS, Field(description="For each junction.")] = 20.0


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Progress(Wire):
    """What a running job is doing."""

    steps_done: Annotated[int, Field(ge=0)] = 0
    steps: Annotated[int, Field(ge=1)] = 1
    step: Annotated[str, Field(description="What is done at the moment.")] = ""


class WavesResult(Wire):
    """The coordination; bands and offsets in cycles."""

    cycle_s: float
    band_out: float | list[float]
    band_in: float | list[float]
    offsets: list[float]
    red_shifts: list[float]
    speeds_out_m_s: list[float]
    speeds_in_m_s: list[float]
    status: str
    gap: float
    solve_s: float


class StreamOutcome(Wire):
    """How a stream fares; see `optimizer.design.result.StreamPerformance`. null stands for an infinite value."""

    stream: str
    groups: str
    flow_h: float
    saturation_h: float | None
    green_s: float
    capacity_h: float | None
    saturation_degree: float | None
    delay_s: float | None
    queue95_veh: float | None
    queue95_m: float | None
    longest_wait_s: float | None
    level_hcm: str
    level_hbs: str


class RequestOutcome(Wire):
    """Where a green on request is inserted; see `optimizer.design.requests.RequestWindow`."""

    start_s: float
    green_s: float
    taken_s: Annotated[dict[Name, float], Field(description="What it takes from the greens of other groups, s.")]


class PlanOutcome(Wire):
    """A junction's plan; see `optimizer.design.result.DesignResult`."""

    cycle_s: float
    offset_s: float
    greens: Annotated[dict[Name, list[list[float]]], Field(description="By group: start in the cycle and length, s.")]
    greens_with_requests: Annotated[
        dict[Name, list[list[float]]], Field(description="The same in a cycle in which all requests are served.")
    ]
    requests: Annotated[dict[Name, RequestOutcome], Field(description="By group that comes on request only.")]
    coordinated: Annotated[list[Name], Field(description="The groups that carry the coordination with other junctions.")]
    yellow_s: dict[Name, float]
    intergreen_s: dict[Name, dict[Name, float]]
    stages: list[list[Name]]
    objective: Objective
    cost: float
    bound: float
    status: str
    capacity_factor: float | None
    streams: list[StreamOutcome]
    solve_s: float


class CoordinationOutcome(Wire):
    """What the offsets of linked junctions achieve: vehicles that wait, with them and with even arrivals."""

    junctions: list[JunctionId]
    delay_veh: float
    uncoordinated_veh: float


class JunctionPlansResult(Wire):
    """The plans, by junction."""

    plans: dict[JunctionId, PlanOutcome]
    coordination: list[CoordinationOutcome]
    warnings: Annotated[
        list[str], Field(description="A sentence for each junction whose plan cannot carry the demand: where, and by how much.")
    ]


class PlanJob(Wire):
    """A job: its state, and in the end its result or what went wrong."""

    id: str
    kind: Literal["waves", "junctions"]
    state: JobState
    made_at: Annotated[float, Field(description="Seconds since 1970, as all three.")]
    started_at: float | None
    ended_at: float | None
    progress: Progress
    result: WavesResult | JunctionPlansResult | None
    problem: Problem | None
