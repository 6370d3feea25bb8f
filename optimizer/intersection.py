"""The description of a signalised junction: what every other part of Ampelwerk plans, watches and serves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray


class IntersectionError(ValueError):
    """A junction description contradicts itself; the message names the element and the remedy."""


class GroupKind(StrEnum):
    """Who looks at a signal group."""

    VEHICLE = "vehicle"
    PEDESTRIAN = "pedestrian"
    BICYCLE = "bicycle"
    BUS = "bus"
    TRAM = "tram"


class Direction(StrEnum):
    """Where a movement turns, seen by its driver."""

    STRAIGHT = "straight"
    LEFT = "left"
    RIGHT = "right"
    TURN = "turn"


class Turn(StrEnum):
    """Where a movement turns, seen by the side of the road one drives on."""

    STRAIGHT = "straight"
    ACROSS = "across"  # over the way of the oncoming traffic: to the left where one drives on the right
    NEAR = "near"  # to one's own side: to the right where one drives on the right
    BACK = "back"


class Aspect(StrEnum):
    """What a signal group shows in a stage (letters as in SUMO's signal states)."""

    RED = "r"
    PROTECTED = "G"
    PERMISSIVE = "g"
    RED_THEN_GO = "s"  # red with a permission: stop at the line, then turn when the way is free ("right turn on red")

    @property
    def is_green(self) -> bool:
        """Whether it is a green: one that ends with a yellow and has intergreens. Red with a permission is red."""
        return self in (Aspect.PROTECTED, Aspect.PERMISSIVE)


class DetectorRole(StrEnum):
    """What a loop is there for."""

    STOP_LINE = "stop_line"
    NEAR = "near"
    FAR = "far"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that leads to (or away from) the stop line.

    Attributes
    ----------
    id
        Name, unique within the junction.
    length_m
        Length of the lane itself.
    speed_m_s
        Allowed speed.
    storage_m
        Room for a standing queue: the lane and its unbranched continuation upstream (for an incoming lane)
        or downstream up to the next stop line or fork (for an outgoing lane).
    """

    id: str
    length_m: float
    speed_m_s: float
    storage_m: float
    approach: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """One traffic stream through the junction, from one lane to one lane.

    Attributes
    ----------
    incoming, outgoing
        Indices into `Intersection.incoming` and `Intersection.outgoing`.
    group
        Index of the signal group that governs it.
    direction
        Where it turns.
    crossing_m
        Length of its path across the junction.
    """

    incoming: int
    outgoing: int
    group: int
    direction: Direction
    crossing_m: float


@dataclass(frozen=True, slots=True)
class AcceptedReds:
    """The longest reds that people accept: who waits longer takes the signal to be broken, and goes.

    Attributes
    ----------
    vehicles_s
        In a vehicle.
    people_s
        On foot or on a bicycle.
    """

    vehicles_s: float = 120.0
    people_s: float = 90.0

    def of(self, kind: GroupKind) -> float:
        """Return the longest red that those accept who look at a group, s."""
        return self.people_s if kind in (GroupKind.PEDESTRIAN, GroupKind.BICYCLE) else self.vehicles_s


ACCEPTED_REDS: Final = AcceptedReds()


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """Movements that always show the same signal.

    Attributes
    ----------
    id
        Name, unique within the junction.
    kind
        Who looks at it.
    links
        Positions of the group's signals in the field device's (SUMO's) state string.
    minimum_green_s
        Least length of its green.
    yellow_s
        Length of its yellow after green (0 for pedestrians).
    red_yellow_s
        Length of its red-yellow before green.
    maximum_red_s
        Longest red that may be shown to it.
    """

    id: str
    kind: GroupKind
    links: tuple[int, ...]
    minimum_green_s: float = 5.0
    yellow_s: float = 3.0
    red_yellow_s: float = 0.0
    maximum_red_s: float = ACCEPTED_REDS.vehicles_s


@dataclass(frozen=True, slots=True)
class Stage:
    """Compatible signal groups that are green together.

    Attributes
    ----------
    id
        Name, unique within the junction.
    aspects
        What each signal group shows, in the order of `Intersection.groups`.
    maximum_green_s
        Longest uninterrupted time the stage may be shown while a conflicting group exists.
    """

    id: str
    aspects: tuple[Aspect, ...]
    maximum_green_s: float = 300.0

    def serves(self, group: int) -> bool:
        """Whether `group` is green in this stage."""
        return self.aspects[group].is_green

    def lets_go(self, group: int) -> bool:
        """Whether traffic of `group` may go in this stage: at green, or after stopping at red."""
        return self.aspects[group] is not Aspect.RED


@dataclass(frozen=True, slots=True)
class Detector:
    """An induction loop as the junction knows it.

    Attributes
    ----------
    id
        Name, unique within the junction.
    role
        What it is there for.
    lanes
        Indices of the incoming lanes that its vehicles can reach (of the outgoing lane for `EXIT`);
        the first is the one it lies on or leads straight into.
    distance_m
        Distance from its downstream edge to the stop line; for `EXIT`, from the junction.
    speed_m_s
        Allowed speed where it lies.
    on_lane
        Whether it lies on the incoming lane itself (its vehicles are that lane's, whatever else it could feed).
    measures_speed
        Whether it is a double loop.
    """

    id: str
    role: DetectorRole
    lanes: tuple[int, ...]
    distance_m: float
    speed_m_s: float
    on_lane: bool = True
    measures_speed: bool = True


@dataclass(frozen=True, slots=True)
class Intersection:
    """A signalised junction.

    Attributes
    ----------
    id
        Name of the junction.
    incoming, outgoing
        Lanes before and behind the junction.
    groups
        Signal groups.
    movements
        Traffic streams; pedestrian groups have none.
    stages
        Stages among which a controller may choose.
    conflicts
        For each group, the groups that may not be green together with it (protected conflicts; symmetric).
    yields_to
        For each group, the groups it must give way to where it is green permissively together with them.
    intergreen_s
        Matrix ``[ending group][starting group]``: least time from the end of green (start of yellow) of the one to the
        start of green of the other, s; 0 where they never meet. Also given where one may be green permissively beside the other.
    detectors
        Loops; empty until the coupling or the operator adds them.
    signal_count
        Length of the field device's state string.
    allowed_changes
        Stage pairs ``(old, new)`` that may follow each other; all where it is None.
    left_hand
        Whether one drives on the left.
    inner_lanes
        The lanes between two stop lines of the junction: those whose id stands both before and behind it. Index in `incoming` by index in
        `outgoing`.

    Raises
    ------
    IntersectionError
        If the parts contradict each other.
    """

    id: str
    incoming: tuple[Lane, ...]
    outgoing: tuple[Lane, ...]
    groups: tuple[SignalGroup, ...]
    movements: tuple[Movement, ...]
    stages: tuple[Stage, ...]
    conflicts: tuple[frozenset[int], ...]
    yields_to: tuple[frozenset[int], ...]
    intergreen_s: tuple[tuple[float, ...], ...]
    detectors: tuple[Detector, ...] = ()
    signal_count: int = 0
    allowed_changes: frozenset[tuple[int, int]] | None = None
    left_hand: bool = False
    inner_lanes: dict[int, int] = field(init=False, repr=False, compare=False)
    _closing: tuple[tuple[tuple[int, ...], ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        incoming = {lane.id: index for index, lane in enumerate(self.incoming)}
        inner = {index: incoming[lane.id] for index, lane in enumerate(self.outgoing) if lane.id in incoming}
        object.__setattr__(self, "inner_lanes", inner)
        # The monitor and the signals ask for it many times a second.
        green = [frozenset(g for g in range(len(self.groups)) if stage.serves(g)) for stage in self.stages]
        object.__setattr__(self, "_closing", tuple(tuple(tuple(sorted(old - new)) for new in green) for old in green))

    def state(self, stage: int) -> str:
        """Return the field device's state string for a stage, one letter per signal."""
        letters = [Aspect.RED.value] * self.signal_count
        for group, aspect in zip(self.groups, self.stages[stage].aspects, strict=True):
            for link in group.links:
                letters[link] = aspect.value
        return "".join(letters)

    def turn(self, movement: Movement) -> Turn:
        """Return where a movement turns, seen by the side one drives on."""
        return turn_of(movement.direction, self.left_hand)

    def turns_on_red(self, group: int) -> bool:
        """Whether any stage gives a group the permission to turn on red."""
        return any(stage.aspects[group] is Aspect.RED_THEN_GO for stage in self.stages)

    def red_aspect(self, group: int, others: Collection[int]) -> Aspect:
        """Return what a group shows that is not green while others are: red, with the permission to turn where it has one beside them.

        It has one if some stage gives it, and if for each of the others whose way its own crosses or joins some stage gives it beside that
        one's green.
        """
        permitting = [stage for stage in self.stages if stage.aspects[group] is Aspect.RED_THEN_GO]
        foes = [h for h in others if h in self.conflicts[group] or h in self.yields_to[group] or self.intergreen_s[group][h] > 0]
        beside_all = all(any(stage.serves(h) for stage in permitting) for h in foes)
        return Aspect.RED_THEN_GO if permitting and beside_all else Aspect.RED

    def closing(self, old: int, new: int) -> tuple[int, ...]:
        """Return the groups that lose their green when `new` follows `old`."""
        return self._closing[old][new]

    def opening(self, old: int, new: int) -> tuple[int, ...]:
        """Return the groups that gain green when `new` follows `old`."""
        return self.closing(new, old)

    def interstage_s(self, old: int, new: int) -> float:
        """Return the length of the interstage from the end of `old` to the common start of green of `new`.

        It is the greatest of: the yellow of each closing group, the intergreen of each closing and opening pair, and the
        red-yellow of each opening group. Where no group closes or opens nothing has to be waited for.
        """
        spans = [span_s for _, span_s in self._closing_spans_s(old, new)]
        spans += [self.groups[g].red_yellow_s for g in self.opening(old, new)]
        return max(spans, default=0.0)

    @property
    def longest_interstage_s(self) -> float:
        """Length of the longest interstage between two stages."""
        stages = range(len(self.stages))
        return max((self.interstage_s(old, new) for old in stages for new in stages), default=0.0)

    def green_ends_s(self, old: int, new: int, command_s: float, green_start_s: float) -> dict[int, float]:
        """Return when the closing groups end their greens: as late as their own yellows and intergreens allow, on full seconds.

        Where pedestrians need long to clear, the vehicles beside them go on meanwhile (RiLSA's stage transitions do the same).

        Parameters
        ----------
        old, new
            The stages.
        command_s
            When the change is commanded; no green ends before.
        green_start_s
            Common start of green of the groups that open.

        Returns
        -------
        dict of int to float
            End of green by closing group.
        """
        return {g: max(command_s, float(math.floor(green_start_s - span_s))) for g, span_s in self._closing_spans_s(old, new)}

    def _closing_spans_s(self, old: int, new: int) -> list[tuple[int, float]]:
        """Return the closing groups, each with the least time from the end of its green to the start of green of those that open."""
        opening = self.opening(old, new)
        return [(g, max([self.groups[g].yellow_s, *(self.intergreen_s[g][h] for h in opening)])) for g in self.closing(old, new)]

    def stage_minimum_green_s(self, stage: int) -> float:
        """Return the least length of a stage's green: the longest minimum green of the groups it serves."""
        serving = [g.minimum_green_s for i, g in enumerate(self.groups) if self.stages[stage].serves(i)]
        return max(serving, default=0.0)

    def change_allowed(self, old: int, new: int) -> bool:
        """Whether the operator allows `new` to follow `old` (all orders, unless `allowed_changes` is given)."""
        return self.allowed_changes is None or (old, new) in self.allowed_changes


def turn_of(direction: Direction, left_hand: bool) -> Turn:  # noqa: FBT001 - which side one drives on has two answers
    """Return where somebody turns, seen by the side one drives on."""
    across, near = (Direction.RIGHT, Direction.LEFT) if left_hand else (Direction.LEFT, Direction.RIGHT)
    return {across: Turn.ACROSS, near: Turn.NEAR, Direction.TURN: Turn.BACK}.get(direction, Turn.STRAIGHT)


def interstage_matrix_s(intersection: Intersection) -> NDArray[np.float64]:
    """Return all interstage lengths, shape ``(stages, stages)``, s."""
    count = len(intersection.stages)
    return np.array([[intersection.interstage_s(a, b) for b in range(count)] for a in range(count)])


def _check(junction: Intersection) -> None:
    place = f"junction {junction.id!r}"
    _check_groups(junction, place)
    for stage in junction.stages:
        _check_stage(junction, stage, place)
    groups = len(junction.groups)
    for movement in junction.movements:
        if movement.incoming >= len(junction.incoming) or movement.outgoing >= len(junction.outgoing) or movement.group >= groups:
            raise IntersectionError(f"{place}: a movement points to a lane or group that is not described: {movement}.")
    _check_inner_lanes(junction, place)
    for detector in junction.detectors:
        lanes = junction.outgoing if detector.role is DetectorRole.EXIT else junction.incoming
        if not detector.lanes or max(detector.lanes) >= len(lanes):
            raise IntersectionError(f"{place}: detector {detector.id!r} lies on no described lane; name its lanes.")


def _check_inner_lanes(junction: Intersection, place: str) -> None:
    behind = {junction.outgoing[movement.outgoing].id for movement in junction.movements}
    onward = {junction.incoming[movement.incoming].id for movement in junction.movements}
    for lane in junction.incoming:
        if lane.id in behind and not (lane.length_m > 0 and lane.speed_m_s > 0):
            raise IntersectionError(f"{place}: the inner lane {lane.id!r} has no length or no speed; give both.")
        if lane.id in behind and lane.id not in onward:
            raise IntersectionError(f"{place}: no movement leads on from the inner lane {lane.id!r}; describe where its vehicles go.")


def _check_groups(junction: Intersection, place: str) -> None:
    groups = len(junction.groups)
    if not junction.stages:
        raise IntersectionError(f"{place} has no stage; describe at least one.")
    for name, rows in (("conflicts", junction.conflicts), ("yields_to", junction.yields_to), ("intergreen_s", junction.intergreen_s)):
        if len(rows) != groups:
            raise IntersectionError(f"{place}: {name} has {len(rows)} rows for {groups} groups; give one row per group.")
    for index, row in enumerate(junction.intergreen_s):
        if len(row) != groups or min(row, default=0.0) < 0:
            raise IntersectionError(f"{place}: intergreen_s row {index} needs {groups} values of 0 s or more.")
    for a, others in enumerate(junction.conflicts):
        for b in others:
            if a not in junction.conflicts[b]:
                raise IntersectionError(f"{place}: the conflict of groups {a} and {b} is given on one side only; give both.")


def _check_stage(junction: Intersection, stage: Stage, place: str) -> None:
    groups = len(junction.groups)
    where = f"{place}: stage {stage.id!r}"
    if len(stage.aspects) != groups:
        raise IntersectionError(f"{where} has {len(stage.aspects)} aspects for {groups} groups; give one per group.")
    green = [g for g in range(groups) if stage.serves(g)]
    for a in green:
        for b in green:
            if b in junction.conflicts[a]:
                names = f"{junction.groups[a].id!r} and {junction.groups[b].id!r}"
                raise IntersectionError(f"{where} gives green to the conflicting groups {names}; separate them.")
