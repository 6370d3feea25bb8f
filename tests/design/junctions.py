"""A small junction to design plans for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.benchmarks.design_instances import junction
from optimizer.intersection import Direction, GroupKind, SignalGroup

if TYPE_CHECKING:
    from optimizer.intersection import Intersection


def crossing(minimum_green_s: float = 5, intergreen_s: float = 5) -> Intersection:
    """Return two one-way streets that cross: one lane and one group each."""
    groups = [SignalGroup(name, GroupKind.VEHICLE, (i,), minimum_green_s) for i, name in enumerate(("main", "side"))]
    return junction(groups, [(0, 1)], [("main_0", {0: Direction.STRAIGHT}), ("side_0", {1: Direction.STRAIGHT})], intergreen_s)
