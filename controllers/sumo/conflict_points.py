"""Conflict points from the lanes inside a junction: how far each stream's stop line is from where it meets another stream."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from controllers.sumo.links import crossing_of, path_lanes
from optimizer.design.intergreens import ConflictPoint, intergreen_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from controllers.sumo.groups import LinkGroup
    from controllers.sumo.links import ControlledLink, RightOfWay
    from optimizer.design.intergreens import IntergreenParameters
    from optimizer.intersection import GroupKind

STEP_M: Final = 0.5
"""Paths are compared at points this far apart."""

MEETING_M: Final = 2.5
"""Streams whose centre lines stay farther apart do not touch (a car is 1.8 m wide and needs some room)."""

JOINED_M: Final = 1.0
"""Streams that merge have joined where their centre lines are this close."""

STRAIGHT_RAD: Final = math.radians(20)
"""A path that bends less goes straight on."""


@dataclass(frozen=True, slots=True)
class Path:
    """The centre line of one connection from its stop line (or of a crossing from kerb to kerb).

    Attributes
    ----------
    points
        Shape ``(points, 2)``, m, about `STEP_M` apart.
    along_m
        Distance of each point from the start.
    width_m
        Width of the way.
    radius_m
        Radius of its turn, infinite where it goes straight on.
    kind
        Who uses it.
    on_foot
        Whether it is a crossing, which is used in both directions.
    target
        The lane it leads to.
    """

    points: NDArray[np.float64]
    along_m: NDArray[np.float64]
    width_m: float
    radius_m: float
    kind: GroupKind
    on_foot: bool
    target: str

    @property
    def length_m(self) -> float:
        """Its length."""
        return float(self.along_m[-1])


def link_paths(net: Any, links: Mapping[int, ControlledLink]) -> dict[int, list[Path]]:  # noqa: ANN401 - sumolib's net
    """Return the paths of each link."""
    return {index: [path for c in link.connections if (path := _path(net, c, link.kind)) is not None] for index, link in links.items()}


def conflict_points(paths: Mapping[int, Sequence[Path]], way: RightOfWay, groups: Sequence[LinkGroup]) -> Iterator[ConflictPoint]:
    """Yield the conflict points of all pairs of groups whose links cross or merge, in each direction.

    Parameters
    ----------
    paths
        The paths of each link.
    way
        Which links cross or merge.
    groups
        The groups of links; links of one group are not compared.
    """
    group_of = {index: g for g, group in enumerate(groups) for index in group.links}
    for i, g in group_of.items():
        for j, h in group_of.items():
            if g != h and way.foes[i, j]:
                for clearing in paths[i]:
                    for entering in paths[j]:
                        point = _point(clearing, entering, g, h)
                        if point is not None:
                            yield point


def link_needs_s(paths: Mapping[int, Sequence[Path]], way: RightOfWay, parameters: IntergreenParameters) -> dict[tuple[int, int], float]:
    """Return the intergreen of each ordered pair of links whose paths meet, s, not rounded (negative where nobody has to wait)."""
    needs_s: dict[tuple[int, int], float] = {}
    for i in paths:
        for j in paths:
            if i != j and way.foes[i, j]:
                points = [_point(a, b, i, j) for a in paths[i] for b in paths[j]]
                found_s = [intergreen_of(point, parameters).need_s for point in points if point is not None]
                if found_s:
                    needs_s[i, j] = max(found_s)
    return needs_s


def distances_m(clearing: Path, entering: Path) -> tuple[float, float] | None:
    """Return how far the one clears and how far the other enters until they meet (s_0, s_e); None where they do not touch.

    Vehicles meet where their centre lines cross, or where they have joined. A crossing is left and reached at its edge; pedestrians
    clear up to the far edge of the lane, from whichever kerb is farther, and enter from the nearer one.
    """
    apart_m = np.hypot(*(clearing.points[:, None, axis] - entering.points[None, :, axis] for axis in (0, 1)))
    if apart_m.min() > MEETING_M:
        return None
    i, j = np.unravel_index(int(apart_m.argmin()), apart_m.shape)
    if clearing.target == entering.target and not clearing.on_foot:
        j = int(np.argmax(apart_m.min(axis=0) <= max(JOINED_M, float(apart_m.min()))))
        i = int(apart_m[:, j].argmin())
    clear_m, enter_m = float(clearing.along_m[i]), float(entering.along_m[j])
    if clearing.on_foot:
        farther_m = max(clear_m, clearing.length_m - clear_m)
        clear_m = min(farther_m + entering.width_m / 2, clearing.length_m)
        enter_m = max(enter_m - clearing.width_m / 2, 0.0)
    elif entering.on_foot:
        clear_m += entering.width_m / 2
        enter_m = max(min(enter_m, entering.length_m - enter_m) - clearing.width_m / 2, 0.0)
    return clear_m, enter_m


def _point(clearing: Path, entering: Path, g: int, h: int) -> ConflictPoint | None:
    distances = distances_m(clearing, entering)
    if distances is None:
        return None
    return ConflictPoint(g, h, clearing.kind, entering.kind, clearing.radius_m, *distances)


def _path(net: Any, connection: Any, kind: GroupKind) -> Path | None:  # noqa: ANN401 - sumolib's nets and connections
    crossing = crossing_of(connection)
    lanes = path_lanes(net, connection)
    if lanes:
        corners = [point for lane in lanes for point in lane.getShape()]
    else:  # a net without the lanes inside its junctions
        corners = [connection.getFromLane().getShape()[-1], connection.getToLane().getShape()[0]]
    points, along_m = _sampled(np.array([corner[:2] for corner in corners], dtype=np.float64))
    if along_m[-1] <= 0:
        return None
    width_m = float(crossing.getLane(0).getWidth() if crossing is not None else connection.getFromLane().getWidth())
    # Bicycles on a pedestrian's signal ride their own path: the crossing itself is what pedestrians use.
    radius_m = math.inf if crossing is not None else _radius_m(points, float(along_m[-1]))
    return Path(points, along_m, width_m, radius_m, kind, crossing is not None, connection.getToLane().getID())


def _sampled(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lengths_m = np.hypot(*np.diff(corners, axis=0).T) if len(corners) > 1 else np.zeros(0)
    at_m = np.concatenate([[0.0], np.cumsum(lengths_m)])
    along_m = np.linspace(0.0, at_m[-1], max(2, math.ceil(at_m[-1] / STEP_M) + 1))
    return np.column_stack([np.interp(along_m, at_m, corners[:, axis]) for axis in (0, 1)]), along_m


def _radius_m(points: NDArray[np.float64], length_m: float) -> float:
    """Return the radius of a circular arc with the path's length and change of heading."""
    steps = np.diff(points, axis=0)
    heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    turned = abs(float(heading[-1] - heading[0]))
    return math.inf if turned < STRAIGHT_RAD else length_m / turned
