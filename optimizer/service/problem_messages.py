"""A whole horizon problem and its solution as JSON: ``POST /v1/optimize``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from optimizer.service.wire import MOST_GROUPS, Wire

MOST_STAGES = 64
MOST_LANES = 100
MOST_VEHICLES = 1000
MOST_NODES = 20_000

# Ten hours in deciseconds: larger numbers are a mistake, and these cannot overflow in the search.
Ds = Annotated[int, Field(ge=-360_000, le=360_000)]
Span = Annotated[int, Field(ge=0, le=36_000)]
Weight = Annotated[int, Field(ge=1, le=100_000)]
Cost = Annotated[int, Field(ge=0, le=10**10)]
Rows = Field(min_length=1, max_length=MOST_STAGES)


class SignalModelMessage(Wire):
    """See `optimizer.horizon.problem.SignalModel`."""

    service: Annotated[list[Annotated[list[Annotated[int, Field(ge=0, le=3)]], Field(min_length=1, max_length=MOST_GROUPS)]], Rows]
    interstage_ds: Annotated[list[Annotated[list[Annotated[int, Field(ge=-1, le=36_000)]], Field(max_length=MOST_STAGES)]], Rows]
    closing_lead_ds: Annotated[
        list[Annotated[list[Annotated[list[Span], Field(max_length=MOST_GROUPS)]], Rows]] | None,
        Field(min_length=1, max_length=MOST_STAGES, description="null: each closing group ends its green at the command."),
    ] = None
    minimum_green_ds: Annotated[list[Span], Rows]
    maximum_green_ds: Annotated[list[Span], Rows]
    yields: Annotated[list[Annotated[list[bool], Field(max_length=MOST_GROUPS)]], Field(max_length=MOST_GROUPS)]
    horizon_ds: Annotated[int, Field(ge=10, le=3000)] = 600
    fine_grid_until_ds: Annotated[int, Field(ge=0, le=3000, multiple_of=10)] = 100
    startup_ds: Annotated[int, Field(ge=0, le=100)] = 10
    yellow_used_ds: Annotated[int, Field(ge=0, le=100)] = 10
    gap_ds: Annotated[int, Field(ge=1, le=600)] = 40
    clear_ds: Annotated[int, Field(ge=1, le=600)] = 5
    stop_then_go_ds: Annotated[int, Field(ge=0, le=600)] = 20
    stop_penalty_ds: Annotated[int, Field(ge=0, le=6000)] = 60
    stop_tolerance_ds: Annotated[int, Field(ge=0, le=6000)] = 20
    change_penalty_ds: Annotated[int, Field(ge=0, le=6000)] = 1


class ProblemMessage(Wire):
    """See `optimizer.horizon.problem.HorizonProblem`."""

    signals: SignalModelMessage
    stage: Annotated[int, Field(ge=0, lt=MOST_STAGES)]
    green_start_ds: Ds
    group_green_since_ds: Annotated[list[Ds], Field(max_length=MOST_GROUPS)]
    earliest_change_ds: Span
    latest_change_ds: Span
    lane_start: Annotated[list[Annotated[int, Field(ge=0, le=MOST_VEHICLES)]], Field(min_length=2, max_length=MOST_LANES + 1)]
    lane_free_ds: Annotated[list[Span], Field(max_length=MOST_LANES)]
    headway_ds: Annotated[list[Annotated[int, Field(ge=1, le=600)]], Field(max_length=MOST_LANES)]
    arrival_ds: Annotated[list[Ds], Field(max_length=MOST_VEHICLES)]
    release_ds: Annotated[list[Ds], Field(max_length=MOST_VEHICLES)]
    group: Annotated[list[Annotated[int, Field(ge=0, lt=MOST_GROUPS)]], Field(max_length=MOST_VEHICLES)]
    weight: Annotated[list[Weight], Field(max_length=MOST_VEHICLES)]
    moving: Annotated[list[bool], Field(max_length=MOST_VEHICLES)]
    unserved_cost: Annotated[list[tuple[Cost, Cost]], Field(max_length=MOST_VEHICLES)]


class OptimizeRequest(Wire):
    """A problem, and who is to solve it."""

    problem: ProblemMessage
    engine: Literal["search", "cp-sat"] = "search"
    node_limit: Annotated[int, Field(ge=0, le=MOST_NODES, description="Nodes of the exact search.")] = 6000
    time_limit_ms: Annotated[float, Field(gt=0, le=1000, description="For CP-SAT.")] = 50.0


class PlannedStageMessage(Wire):
    """See `optimizer.horizon.solution.PlannedStage`."""

    stage: int
    command_ds: int
    start_ds: int


class OptimizeAnswer(Wire):
    """See `optimizer.horizon.solution.HorizonSolution`."""

    plan: list[PlannedStageMessage]
    departure_ds: list[int]
    cost: int
    bound: int
    status: str
    engine: str
    solve_s: float
