"""Intergreens after the German guideline RiLSA: how long must pass between the end of one green and the start of another.

The last vehicle that still passes its stop line must have left the conflict point when the first vehicle of the other stream gets there:

    t_z = t_ü + t_r - t_e,    t_r = (s_0 + l) / v_r,    t_e = s_e / v_e,

rounded up to full seconds. t_ü is the time from the end of green in which the last one may still cross its stop line, t_r the time it
needs from there over s_0 and its own length, t_e the time of the other stream's first one over s_e.

Source: FGSV, RiLSA 2010/2015, 2.7. The numbers below are from secondary sources; those of bicycles and trams differ between editions.
An office's own numbers go into `IntergreenParameters`, its own matrix into `optimizer.design.intergreen_files`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROUNDING_S = 1e-6
"""A need of 5.0000001 s is 5 s: what is computed from coordinates carries such noise."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """How the last one of a stream leaves the junction.

    Attributes
    ----------
    overrun_s
        Time after the end of green in which it may still cross the stop line (t_ü).
    speed_m_s
        Its speed from there on (v_r).
    length_m
        Its length (l): its rear must be through as well.
    """

    overrun_s: float
    speed_m_s: float
    length_m: float

    def time_s(self, distance_m: float) -> float:
        """Return the time from the end of green until it has cleared a point this far behind the stop line (t_ü + t_r)."""
        return self.overrun_s + (distance_m + self.length_m) / self.speed_m_s


@dataclass(frozen=True, slots=True)
class IntergreenParameters:
    """The guideline's speeds, lengths and times by mode.

    Attributes
    ----------
    straight, turning, tight
        Vehicles that go straight on, that turn, and that turn with a radius below `tight_radius_m`.
    bicycle, tram, pedestrian
        The other modes. Buses on lanes of their own clear like other vehicles, but are longer.
    bus_length_m
        Length of a bus.
    tight_radius_m
        Limit between `turning` and `tight`.
    entering_m_s
        Speed of the first one of the other stream (v_e): a flying start of 40 km/h for vehicles, buses and trams, a brisk one for
        the others.
    """

    straight: Clearing = Clearing(3.0, 10.0, 6.0)
    turning: Clearing = Clearing(2.0, 7.0, 6.0)
    tight: Clearing = Clearing(2.0, 5.0, 6.0)
    bicycle: Clearing = Clearing(1.0, 4.0, 0.0)
    tram: Clearing = Clearing(3.0, 10.0, 15.0)
    bus_length_m: float = 15.0
    pedestrian: Clearing = Clearing(0.0, 1.2, 0.0)
    tight_radius_m: float = 10.0
    entering_m_s: Mapping[GroupKind, float] = field(
        default_factory=lambda: {
            GroupKind.VEHICLE: 40 / 3.6,
            GroupKind.BUS: 40 / 3.6,
            GroupKind.TRAM: 40 / 3.6,
            GroupKind.BICYCLE: 5.0,
            GroupKind.PEDESTRIAN: 1.5,
        }
    )

    def clearing(self, kind: GroupKind, radius_m: float) -> Clearing:
        """Return how a stream clears; `radius_m` is that of its turn, infinite where it goes straight on."""
        others = {GroupKind.BICYCLE: self.bicycle, GroupKind.TRAM: self.tram, GroupKind.PEDESTRIAN: self.pedestrian}
        if kind in others:
            return others[kind]
        driven = self.straight if math.isinf(radius_m) else self.tight if radius_m < self.tight_radius_m else self.turning
        return replace(driven, length_m=self.bus_length_m) if kind is GroupKind.BUS else driven


@dataclass(frozen=True, slots=True)
class ConflictPoint:
    """Where the path of one group crosses or joins that of another, seen by the one that clears.

    Attributes
    ----------
    clearing, entering
        Indices of the groups.
    clearing_kind, entering_kind
        Who moves there.
    radius_m
        Radius of the clearing path's turn; infinite where it goes straight on.
    clearing_m, entering_m
        Distances from the two stop lines (kerbs) to the conflict point: s_0 and s_e.
    """

    clearing: int
    entering: int
    clearing_kind: GroupKind
    entering_kind: GroupKind
    radius_m: float
    clearing_m: float
    entering_m: float


@dataclass(frozen=True, slots=True)
class Intergreen:
    """The intergreen of one ordered pair of groups with what it is made of.

    Attributes
    ----------
    point
        The conflict point that decides; None where the value was given, not computed.
    clearing_s, entering_s
        t_ü + t_r, and t_e, at this point.
    value_s
        What counts: the need rounded up to full seconds, not less than the clearing group's yellow.
    """

    point: ConflictPoint | None
    clearing_s: float
    entering_s: float
    value_s: float

    @property
    def need_s(self) -> float:
        """The computed need before rounding."""
        return self.clearing_s - self.entering_s


@dataclass(frozen=True, slots=True)
class IntergreenTable:
    """All intergreens of a junction.

    Attributes
    ----------
    groups
        Names of the groups.
    entries
        By ``(ending, starting)``; pairs without a conflict are missing.
    """

    groups: tuple[str, ...]
    entries: Mapping[tuple[int, int], Intergreen]

    def matrix_s(self) -> tuple[tuple[float, ...], ...]:
        """Return the matrix ``[ending][starting]``, s, 0 where there is no conflict (as `Intersection.intergreen_s` has it)."""
        every = range(len(self.groups))
        return tuple(tuple(self.entries[g, h].value_s if (g, h) in self.entries else 0.0 for h in every) for g in every)


def intergreen_of(point: ConflictPoint, parameters: IntergreenParameters) -> Intergreen:
    """Return the intergreen that one conflict point demands.

    Parameters
    ----------
    point
        The point with its distances.
    parameters
        Speeds, lengths and times.

    Returns
    -------
    Intergreen
        Its value is at least 0: one that is far from the point needs no protection from one that is near.
    """
    clearing_s = parameters.clearing(point.clearing_kind, point.radius_m).time_s(point.clearing_m)
    entering_s = point.entering_m / parameters.entering_m_s[point.entering_kind]
    return Intergreen(point, clearing_s, entering_s, float(max(0, math.ceil(clearing_s - entering_s - ROUNDING_S))))


def intergreen_table(
    groups: Sequence[str],
    yellow_s: Sequence[float],
    points: Iterable[ConflictPoint],
    parameters: IntergreenParameters | None = None,
) -> IntergreenTable:
    """Return the intergreens of a junction: for each pair of groups the greatest over its conflict points.

    Parameters
    ----------
    groups, yellow_s
        Names and yellows of the groups; an intergreen is never shorter than the yellow it begins with.
    points
        The conflict points of all pairs, each direction on its own.
    parameters
        Speeds, lengths and times; the guideline's where None.
    """
    used = parameters or IntergreenParameters()
    worst: dict[tuple[int, int], Intergreen] = {}
    for point in points:
        found, pair = intergreen_of(point, used), (point.clearing, point.entering)
        if pair not in worst or found.need_s > worst[pair].need_s:
            worst[pair] = found
    raised = {
        pair: Intergreen(
            found.point, found.clearing_s, found.entering_s, max(found.value_s, float(math.ceil(yellow_s[pair[0]] - ROUNDING_S)))
        )
        for pair, found in worst.items()
    }
    return IntergreenTable(tuple(groups), raised)
