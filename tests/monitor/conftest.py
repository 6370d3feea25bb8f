from __future__ import annotations

import pytest

from optimizer.intersection import Aspect, GroupKind, Intersection, SignalGroup, Stage

R, P, Y = Aspect.RED, Aspect.PROTECTED, Aspect.PERMISSIVE


@pytest.fixture
def crossing() -> Intersection:
    """A main road with a walk beside it and a permissive left turn, crossed by a side road; the last signal is a spare one.

    States: stage 0 ``GGrGgr``, stage 1 ``rrGrrr``, stage 2 (left turn alone) ``rrrrGr``.
    """
    groups = (
        SignalGroup("main", GroupKind.VEHICLE, (0, 1), minimum_green_s=5, yellow_s=3, maximum_red_s=90),
        SignalGroup("side", GroupKind.VEHICLE, (2,), minimum_green_s=5, yellow_s=3, red_yellow_s=1, maximum_red_s=90),
        SignalGroup("walk", GroupKind.PEDESTRIAN, (3,), minimum_green_s=7, yellow_s=0, maximum_red_s=90),
        SignalGroup("left", GroupKind.VEHICLE, (4,), minimum_green_s=5, yellow_s=3, maximum_red_s=90),
    )
    return Intersection(
        id="crossing",
        incoming=(),
        outgoing=(),
        groups=groups,
        movements=(),
        stages=(Stage("through", (P, R, P, Y), 60), Stage("side", (R, P, R, R), 40), Stage("left", (R, R, R, P), 40)),
        conflicts=(frozenset({1}), frozenset({0, 2, 3}), frozenset({1}), frozenset({1})),
        yields_to=(frozenset(), frozenset(), frozenset(), frozenset({0})),
        intergreen_s=((0, 4, 0, 0), (5, 0, 4, 5), (0, 8, 0, 0), (0, 5, 0, 0)),
        signal_count=6,
    )
