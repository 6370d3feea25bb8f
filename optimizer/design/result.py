"""What a plan design answers: the plan, how good it is, and the table an engineer expects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.design.plan import SignalPlan
    from optimizer.design.problem import DesignProblem, Stream
    from optimizer.design.requests import RequestWindow
    from optimizer.horizon.solution import SolutionStatus


class Objective(StrEnum):
    """What a design strives for.

    Attributes
    ----------
    DELAY
        Least weighted delay, vehicle-hours per hour (HCM 2016 control delay with random and overflow terms).
    WITHIN_CAPACITY
        Least delay among the plans under which no stream exceeds its capacity; where the demand is above the capacity of every plan, the
        least overload: the same as `RESERVE`.
    RESERVE
        Greatest factor on all flows that the plan still carries (Allsop 1972), which is the smallest greatest degree of saturation; at that
        cycle, the least delay.
    """

    DELAY = "delay"
    WITHIN_CAPACITY = "capacity"
    RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class StreamPerformance:
    """How one stream fares under a plan.

    Attributes
    ----------
    stream
        The stream: flow and saturation flow.
    green_s
        Green in which it is served, per cycle.
    capacity_h
        Vehicles per hour that can pass; infinite for persons.
    saturation_degree
        Flow over capacity; 0 for persons.
    delay_s
        Mean control delay per vehicle or person.
    queue95_veh, queue95_m
        95th percentile of the longest queue in a cycle.
    longest_wait_s
        Longest red that somebody may wait for.
    level_hcm, level_hbs
        Level of service A to F after HCM 2016 and HBS 2015.
    """

    stream: Stream
    green_s: float
    capacity_h: float
    saturation_degree: float
    delay_s: float
    queue95_veh: float
    queue95_m: float
    longest_wait_s: float
    level_hcm: str
    level_hbs: str


@dataclass(frozen=True, slots=True)
class DesignResult:
    """A designed plan and what is known of it.

    Attributes
    ----------
    problem
        What was asked.
    plan
        The answer.
    stages
        For a stage-based plan, the groups of each stage in their order within the cycle; empty for a group-based plan.
    objective
        What it strives for in the end: for `Objective.WITHIN_CAPACITY`, delay or reserve.
    cost
        For `Objective.DELAY` the weighted delay in the model of the design, vehicle-hours per hour (mean number of delayed vehicles); for
        `Objective.RESERVE` the greatest degree of saturation.
    bound
        Proven lower bound of the cost of every plan.
    status
        `OPTIMAL` where cost and bound agree to the relative gap that was asked for.
    capacity_factor
        Factor on all flows at which the plan's busiest stream reaches its capacity: below 1 the demand exceeds what this plan carries.
    performance
        Each stream under the plan, in the order of the problem's streams.
    solve_s
        Time spent.
    requests
        Where the greens of groups on request may be inserted; the plan is that of a cycle without any.
    """

    problem: DesignProblem
    plan: SignalPlan
    stages: tuple[tuple[int, ...], ...]
    objective: Objective
    cost: float
    bound: float
    status: SolutionStatus
    capacity_factor: float
    performance: tuple[StreamPerformance, ...]
    solve_s: float
    requests: tuple[RequestWindow, ...] = ()

    @property
    def overloaded(self) -> bool:
        """Whether the demand exceeds what the plan carries."""
        return self.capacity_factor < 1 - 1e-9

    @property
    def overload_sentence(self) -> str:
        """Say by how much the demand exceeds the plan's capacity and where; empty where it does not."""
        if not self.overloaded:
            return ""
        worst = max(self.performance, key=lambda row: row.saturation_degree)
        percent = 100 * (worst.saturation_degree - 1)
        return (
            f"junction {self.problem.junction.id!r}: the demand exceeds the capacity of the plan by {percent:.0f} % "
            f"on {worst.stream.id!r} ({worst.stream.flow_h:.0f} of {worst.capacity_h:.0f} veh/h)."
        )
