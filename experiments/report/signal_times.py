"""From the log of signal changes to who had green when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from optimizer.intersection import Direction, GroupKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.intersection import Intersection

GREEN, PERMISSIVE, YELLOW, RED_YELLOW, RED = "green", "permissive green", "yellow", "red-yellow", "red"
TURN_ON_RED = "red, may turn"
ASPECTS = {"G": GREEN, "g": PERMISSIVE, "s": TURN_ON_RED, "y": YELLOW, "Y": YELLOW, "u": RED_YELLOW, "r": RED}
"""SUMO's letters; others (switched off) let traffic give way, as a permissive green does."""

SPAN_COLUMNS = ("group", "aspect", "start_s", "end_s")


def signal_spans(changes: pd.DataFrame, junction: Intersection, begin_s: float, end_s: float) -> pd.DataFrame:
    """Return what each signal group showed, span after span.

    Parameters
    ----------
    changes
        Changes of this junction's signals: ``time_s``, ``state`` (SUMO's letters), ``event``.
    junction
        Its description.
    begin_s, end_s
        The window; spans are cut to it.

    Returns
    -------
    pd.DataFrame
        Columns `SPAN_COLUMNS`, by group and time; the spans of a group cover the window from its first known state on.
    """
    shown = changes[~changes["event"].isin(["refused", "violation"])].sort_values("time_s", kind="stable")
    times_s, states = shown["time_s"].to_list(), shown["state"].to_list()
    rows: list[tuple[str, str, float, float]] = []
    for group in junction.groups:
        current: str | None = None
        since_s = begin_s
        for time_s, state in [*zip(times_s, states, strict=True), (end_s, None)]:
            aspect = None if state is None else ASPECTS.get(state[group.links[0]], PERMISSIVE)
            at_s = min(max(time_s, begin_s), end_s)
            if aspect == current and state is not None:
                continue
            if current is not None and at_s > since_s:
                rows.append((group.id, current, since_s, at_s))
            current, since_s = aspect, at_s
    return pd.DataFrame(rows, columns=list(SPAN_COLUMNS))


def green_shares(spans: pd.DataFrame, begin_s: float, end_s: float) -> dict[str, float]:
    """Return for each group the share of the window in which it had green, protected or permissive."""
    green = spans[spans["aspect"].isin([GREEN, PERMISSIVE])]
    lengths_s = (green["end_s"] - green["start_s"]).groupby(green["group"]).sum()
    return {group: float(lengths_s.get(group, 0.0)) / (end_s - begin_s) for group in spans["group"].unique()}


def group_names(junction: Intersection, arms: Mapping[str, str]) -> dict[str, str]:
    """Return what to call each signal group in a picture.

    Parameters
    ----------
    junction
        Its description.
    arms
        Name of the arm of each approach edge, such as ``N``.
    """
    names: dict[str, str] = {}
    for index, group in enumerate(junction.groups):
        movements = [m for m in junction.movements if m.group == index]
        if not movements:
            names[group.id] = f"walk {group.id.removeprefix(junction.id + '_')}"
            continue
        arm = arms[junction.incoming[movements[0].incoming].approach]
        ways = {m.direction for m in movements} - {Direction.TURN} or {Direction.TURN}
        turns = " + ".join(way.value for way in (Direction.LEFT, Direction.STRAIGHT, Direction.RIGHT, Direction.TURN) if way in ways)
        kind = "" if group.kind is GroupKind.VEHICLE else f", {group.kind.value}"
        names[group.id] = f"{arm} {turns}{kind}"
    doubled = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {group: f"{name} ({group})" if name in doubled else name for group, name in names.items()}
