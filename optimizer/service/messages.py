"""What a signal controller tells every second, and what it is answered: the JSON of ``POST /v1/junctions/{id}/decisions``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from optimizer.service.wire import JunctionId, Name, TimeS, Wire

MOST_MISSED = 60
"""Unanswered seconds that a call may bring along."""

MOST_VEHICLES = 4096

Share = Annotated[float, Field(ge=0, le=1)]
CoveredS = Annotated[float, Field(ge=0, le=1e7)]
SpeedSeen = Annotated[float, Field(ge=0, le=150)]
Index = Annotated[int, Field(ge=0, le=10_000)]


class SignalReport(Wire):
    """What the junction's state machine is doing; see `optimizer.observation.SignalStatus`."""

    stage: Annotated[Name, Field(description="The stage that is green or, during an interstage, comes next.")]
    previous: Annotated[Name, Field(description="The stage that was green before.")]
    green_start_s: Annotated[TimeS, Field(description="Start of the stage's green; later than now during an interstage.")]
    commanded_s: Annotated[TimeS, Field(description="When the change to the stage was commanded.")]


class ShownState(Wire):
    """Signals as they were really shown."""

    since_s: TimeS
    state: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[ryGgsuoO]+$", description="One letter per signal.")]


class LoopReport(Wire):
    """Readings of the last second, in the order of the description's detectors; see `optimizer.observation.LoopReadings`."""

    count: Annotated[list[Annotated[int, Field(ge=-1, le=50)]], Field(max_length=500, description="-1: the loop sent nothing.")]
    occupancy: Annotated[list[Share], Field(max_length=500)]
    occupied_s: Annotated[list[CoveredS], Field(max_length=500)]
    speed_m_s: Annotated[list[SpeedSeen | None], Field(max_length=500, description="null: no speed was measured.")]


class DetectorEvent(Wire):
    """A loop is covered by a vehicle, or freed."""

    detector: Name
    time_s: TimeS
    on: Annotated[bool, Field(description="true: a front has reached the loop; false: a rear has left it.")]
    speed_m_s: Annotated[SpeedSeen | None, Field(description="Where a double loop has measured it.")] = None


class EventReport(Wire):
    """What loops told since the second before, in place of readings."""

    events: Annotated[list[DetectorEvent], Field(max_length=5000, description="In the order of time.")]
    silent: Annotated[list[Name], Field(max_length=500, description="Loops that are known to tell nothing.")] = Field(default_factory=list)


class VehicleReport(Wire):
    """Vehicles within 200 m of their stop lines, nearest first on each lane; see `optimizer.observation.VehicleViews`."""

    lane: Annotated[list[Index], Field(max_length=MOST_VEHICLES, description="Index of the incoming lane, not falling.")]
    movement: Annotated[list[Index], Field(max_length=MOST_VEHICLES, description="Index of the movement.")]
    distance_m: Annotated[list[Annotated[float, Field(ge=-50, le=1000)]], Field(max_length=MOST_VEHICLES)]
    speed_m_s: Annotated[list[SpeedSeen], Field(max_length=MOST_VEHICLES)]
    length_m: Annotated[list[Annotated[float, Field(ge=0, le=100)]], Field(max_length=MOST_VEHICLES)]
    in_junction: Annotated[list[Index], Field(max_length=100, description="By group.")]
    outgoing_vehicles: Annotated[list[Index], Field(max_length=100, description="By outgoing lane.")]
    outgoing_room_m: Annotated[list[Annotated[float, Field(ge=0, le=1e6)]], Field(max_length=100, description="By outgoing lane.")]


class LedBy(StrEnum):
    """What a junction followed."""

    SERVICE = "service"
    LAST_PLAN = "last plan"
    WAITING = "waiting"
    OWN_PLAN = "own plan"


class Second(Wire):
    """One second at the junction, with one of `loops`, `events` and `vehicles`."""

    time_s: TimeS
    signal: SignalReport
    loops: LoopReport | None = None
    events: EventReport | None = None
    vehicles: VehicleReport | None = None
    led_by: Annotated[LedBy | None, Field(description="What the junction followed in the second before; for figures only.")] = None


class Outflow(Wire):
    """What a junction has sent and plans to send, and what stands before it; from its last answer, for the junctions around it."""

    junction: JunctionId
    times_s: Annotated[list[TimeS], Field(max_length=512)]
    lanes: Annotated[list[Name], Field(max_length=512, description="The neighbour's outgoing lane of each.")]
    from_lanes: Annotated[
        list[Name], Field(max_length=512, description="The neighbour's incoming lane of each, for those behind whom places become free.")
    ] = Field(default_factory=list)
    time_s: Annotated[TimeS | None, Field(description="When it told this; without it `standing` says nothing of `connectors`.")] = None
    standing: Annotated[
        dict[Name, Annotated[int, Field(ge=0, le=10_000)]], Field(max_length=200, description="Vehicles that stand on its incoming lanes.")
    ] = Field(default_factory=dict)


class MovementName(Wire):
    """A movement by its lanes."""

    incoming: Name
    outgoing: Name


class PriorityReport(Wire):
    """A bus, tram or ambulance that asks for its green; see `optimizer.priority.PriorityRequest`."""

    earliest_s: Annotated[TimeS, Field(description="When it reaches the stop line, if nothing holds it up, at the earliest.")]
    latest_s: Annotated[TimeS, Field(description="And at the latest; both in the past where it waits there.")]
    persons: Annotated[float, Field(gt=0, le=1000, description="Its weight: who are on board. A mean car counts 1.46.")]
    movement: MovementName | None = None
    group: Annotated[Name | None, Field(description="In place of the movement: any movement of this signal group.")] = None


class DecisionRequest(Second):
    """A call for a decision."""

    sequence: Annotated[int, Field(ge=0, lt=2**53, description="Grows with each new call; the same again repeats a call.")]
    shown: Annotated[
        list[ShownState],
        Field(min_length=1, max_length=200, description="What was shown since the last answered call; the last is on now."),
    ]
    missed: Annotated[list[Second], Field(max_length=MOST_MISSED, description="Earlier seconds that no answer came for.")] = Field(
        default_factory=list
    )
    neighbours: Annotated[list[Outflow], Field(max_length=100)] = Field(default_factory=list)
    priorities: Annotated[list[PriorityReport], Field(max_length=20, description="Requests that hold now; told in each call anew.")] = (
        Field(default_factory=list)
    )
    engine: Annotated[Literal["search", "cp-sat"], Field(description="Who solves.")] = "search"
    deadline_ms: Annotated[float | None, Field(gt=0, le=60_000, description="Answer in this time, with what is there by then.")] = None
    begin_anew: Annotated[
        bool,
        Field(description="Forget what was reported before, but not the traffic's habits; needed after the clock was set back."),
    ] = False


class Command(StrEnum):
    """What the junction is to do."""

    STAY = "stay"
    CHANGE = "change"
    EXTEND = "extend"


class AlarmKind(StrEnum):
    """What is wrong with what was reported."""

    CLOCK_JUMP = "clock-jump"
    GAP = "gap"
    CONTRADICTION = "contradiction"
    NOT_FOLLOWED = "not-followed"
    UNSAFE_STATE = "unsafe-state"
    MAXIMUM_RED = "maximum-red"
    SILENT_DETECTOR = "silent-detector"
    FAILED_DETECTOR = "failed-detector"
    DEADLINE = "deadline"


class Alarm(Wire):
    """Something that a person should look at."""

    kind: AlarmKind
    sentence: str


class Refusal(Wire):
    """The monitor refused what the optimizer wanted; the answer is a safe one instead."""

    rule: str
    sentence: str


class TimelineEntry(Wire):
    """A stage of the predicted timeline."""

    stage: Name
    commanded_s: TimeS
    green_start_s: TimeS
    green_end_s: Annotated[TimeS | None, Field(description="null: beyond the horizon.")]


class Queue(Wire):
    """Vehicles expected on an incoming lane."""

    lane: Name
    waiting_veh: Annotated[int, Field(ge=0)]
    coming_veh: Annotated[int, Field(ge=0)]


class DecisionAnswer(Wire):
    """What to show next."""

    junction: str
    description: Annotated[str, Field(description="Content hash of the description that was used.")]
    sequence: int
    time_s: TimeS
    valid_until_s: Annotated[TimeS, Field(description="Not to be carried out after this, on the junction's clock.")]
    command: Command
    stage: Name
    green_not_before_s: Annotated[TimeS | None, Field(description="With extend: the green of the stage starts no earlier.")]
    earliest_change_s: Annotated[TimeS | None, Field(description="The stage is left no earlier.")]
    latest_change_s: Annotated[TimeS | None, Field(description="The stage is left no later; null: nothing conflicts.")]
    timeline: list[TimelineEntry]
    queues: list[Queue]
    outflow: Outflow
    engine: str
    status: str | None
    cost_veh_s: float | None
    bound_veh_s: float | None
    solve_s: float
    reason: str
    refusal: Refusal | None
    alarms: list[Alarm]
