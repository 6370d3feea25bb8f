"""Traffic at a junction in one period, as plans are designed for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimizer.design.errors import DesignError

if TYPE_CHECKING:
    from optimizer.intersection import Intersection


@dataclass(frozen=True, slots=True)
class JunctionDemand:
    """Flows at one junction in one period.

    Attributes
    ----------
    movement_veh_h
        Vehicles per hour of each movement, in the order of `Intersection.movements` (from one lane to one lane: see
        `lanes.spread_over_lanes` for flows that are known by approach only). NaN where nobody counted.
    crossing_h
        Persons per hour who cross at each signal group, in the order of `Intersection.groups`; 0 for groups that serve movements.
    """

    movement_veh_h: tuple[float, ...]
    crossing_h: tuple[float, ...]


def check_demand(demand: JunctionDemand, junction: Intersection) -> None:
    """Hold a demand against its junction.

    Raises
    ------
    DesignError
        If a flow is missing (NaN), negative or infinite, or if there are more or fewer flows than movements or groups.
    """
    place = f"junction {junction.id!r}"
    if len(demand.movement_veh_h) != len(junction.movements) or len(demand.crossing_h) != len(junction.groups):
        raise DesignError(
            f"{place} has {len(junction.movements)} movements and {len(junction.groups)} groups, but the demand gives "
            f"{len(demand.movement_veh_h)} and {len(demand.crossing_h)} flows; give one flow each."
        )
    for movement, flow in zip(junction.movements, demand.movement_veh_h, strict=True):
        if not (math.isfinite(flow) and flow >= 0):
            way = f"the movement from lane {junction.incoming[movement.incoming].id!r} to lane {junction.outgoing[movement.outgoing].id!r}"
            raise DesignError(f"{place}: {_fault(flow)} for {way}; give vehicles per hour, 0 where there are none.")
    for group, flow in zip(junction.groups, demand.crossing_h, strict=True):
        if not (math.isfinite(flow) and flow >= 0):
            raise DesignError(f"{place}: {_fault(flow)} for the signal group {group.id!r}; give persons per hour, 0 where there are none.")


def _fault(flow: float) -> str:
    return "there is no count" if math.isnan(flow) else f"{flow:g} is no flow"
