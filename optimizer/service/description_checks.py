"""What a junction's description may not say: every check names the field and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.intersection import Aspect, DetectorRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimizer.service.description import GroupDescription, JunctionDescription, StageDescription


class DescriptionError(ValueError):
    """A description contradicts itself.

    Attributes
    ----------
    field
        JSON pointer to the part that is wrong; empty for the whole.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def check_description(description: JunctionDescription) -> None:
    """Raise `DescriptionError` where a description names what it does not describe, or contradicts itself."""
    parts: dict[str, Sequence[str]] = {
        "incoming": [lane.id for lane in description.incoming],
        "outgoing": [lane.id for lane in description.outgoing],
        "groups": [group.id for group in description.groups],
        "stages": [stage.id for stage in description.stages],
        "detectors": [detector.id for detector in description.detectors],
    }
    for name, ids in parts.items():
        _once(f"/{name}", ids)
    known = {name: frozenset(ids) for name, ids in parts.items()}
    _check_signals(description)
    _check_movements(description, known["incoming"], known["outgoing"], known["groups"])
    _check_pairs(description, known["groups"])
    _check_stages(description, known["groups"])
    _check_changes(description, known["stages"])
    for index, detector in enumerate(description.detectors):
        side = "outgoing" if detector.role is DetectorRole.EXIT else "incoming"
        _known(f"/detectors/{index}/lanes", detector.lanes, known[side], f"{side} lane")
    for index, lane in enumerate(description.connectors):
        _known(f"/connectors/{index}", [lane], known["incoming"] | known["outgoing"], "lane")
    for index, exit_ in enumerate(description.exits):
        _known(f"/exits/{index}/lane", [exit_.lane], known["outgoing"], "outgoing lane")
    for index, link in enumerate(description.links):
        _known(f"/links/{index}/to", link.to, known["incoming"], "incoming lane")


def _check_signals(description: JunctionDescription) -> None:
    owner: dict[int, str] = {}
    for index, group in enumerate(description.groups):
        for signal in group.signals:
            field = f"/groups/{index}/signals"
            if signal >= description.signal_count:
                raise DescriptionError(field, f"signal {signal} lies beyond signal_count ({description.signal_count}); raise signal_count")
            if signal in owner:
                raise DescriptionError(field, f"signal {signal} belongs to {owner[signal]!r} and to {group.id!r}; give it to one group")
            owner[signal] = group.id


def _check_movements(description: JunctionDescription, incoming: frozenset[str], outgoing: frozenset[str], groups: frozenset[str]) -> None:
    for index, movement in enumerate(description.movements):
        _known(f"/movements/{index}/incoming", [movement.incoming], incoming, "incoming lane")
        _known(f"/movements/{index}/outgoing", [movement.outgoing], outgoing, "outgoing lane")
        _known(f"/movements/{index}/group", [movement.group], groups, "group")


def _check_pairs(description: JunctionDescription, groups: frozenset[str]) -> None:
    conflicts = set()
    for index, pair in enumerate(description.conflicts):
        _known(f"/conflicts/{index}", pair, groups, "group")
        if pair[0] == pair[1]:
            raise DescriptionError(f"/conflicts/{index}", f"group {pair[0]!r} conflicts with itself; name two groups")
        conflicts.add(frozenset(pair))
    seen = set()
    for index, entry in enumerate(description.intergreens):
        field, pair = f"/intergreens/{index}", (entry.ending, entry.starting)
        _known(field, pair, groups, "group")
        if pair in seen or pair[0] == pair[1]:
            raise DescriptionError(field, f"the intergreen from {pair[0]!r} to {pair[1]!r} is given twice or to itself; give it once")
        seen.add(pair)
    for a, b in (sorted(names) for names in sorted(conflicts, key=sorted)):
        for ending, starting in ((a, b), (b, a)):
            if (ending, starting) not in seen:
                sentence = (
                    f"the groups {ending!r} and {starting!r} conflict but have no intergreen in this direction; give one (0 s at least)"
                )
                raise DescriptionError("/intergreens", sentence)
    _once("/gives_way", [row.group for row in description.gives_way])
    for index, row in enumerate(description.gives_way):
        _known(f"/gives_way/{index}", [row.group, *row.to], groups, "group")
        if row.group in row.to:
            raise DescriptionError(f"/gives_way/{index}/to", f"group {row.group!r} gives way to itself; name other groups")


def _check_stages(description: JunctionDescription, groups: frozenset[str]) -> None:
    conflicts = {frozenset(pair) for pair in description.conflicts}
    ways = {row.group: row.to for row in description.gives_way}
    by_id = {group.id: group for group in description.groups}
    for index, stage in enumerate(description.stages):
        field = f"/stages/{index}/aspects"
        _known(field, stage.aspects, groups, "group")
        green = [name for name, aspect in stage.aspects.items() if aspect.is_green]
        for place, a in enumerate(green):
            for b in green[place + 1 :]:
                if frozenset((a, b)) in conflicts:
                    raise DescriptionError(
                        field, f"stage {stage.id!r} gives green to the conflicting groups {a!r} and {b!r}; separate them"
                    )
        _check_giving_way(field, stage, ways)
        _check_length(index, stage, [by_id[name] for name in green])


def _check_giving_way(field: str, stage: StageDescription, ways: dict[str, list[str]]) -> None:
    """Two permissive groups that wait for each other would never go."""
    waits = {
        name: [other for other in ways.get(name, []) if stage.aspects.get(other, Aspect.RED) is not Aspect.RED]
        for name, aspect in stage.aspects.items()
        if aspect in {Aspect.PERMISSIVE, Aspect.RED_THEN_GO}
    }
    while free := [name for name, others in waits.items() if not any(other in waits for other in others)]:
        for name in free:
            del waits[name]
    if waits:
        names = " and ".join(repr(name) for name in waits)
        raise DescriptionError(field, f"in stage {stage.id!r} the groups {names} all give way to each other; let one of them go first")


def _check_length(index: int, stage: StageDescription, green: Sequence[GroupDescription]) -> None:
    least_s = max((group.minimum_green_s for group in green), default=0.0)
    if stage.maximum_green_s < least_s:
        sentence = f"stage {stage.id!r} may be green for {stage.maximum_green_s:g} s at most but must for {least_s:g} s; raise its maximum"
        raise DescriptionError(f"/stages/{index}/maximum_green_s", sentence)


def _check_changes(description: JunctionDescription, stages: frozenset[str]) -> None:
    for index, pair in enumerate(description.allowed_changes or []):
        _known(f"/allowed_changes/{index}", pair, stages, "stage")
    for index, step in enumerate(description.fallback):
        _known(f"/fallback/{index}/stage", [step.stage], stages, "stage")
    allowed = None if description.allowed_changes is None else set(description.allowed_changes)
    order = [step.stage for step in description.fallback]
    for index, (old, new) in enumerate(zip(order, [*order[1:], *order[:1]], strict=True)):
        if allowed is not None and old != new and (old, new) not in allowed:
            sentence = f"the plan goes from stage {old!r} to {new!r}, which allowed_changes forbids; allow it or order the plan otherwise"
            raise DescriptionError(f"/fallback/{index}", sentence)


def _known(field: str, names: Iterable[str], described: frozenset[str], what: str) -> None:
    for name in names:
        if name not in described:
            raise DescriptionError(field, f"there is no {what} {name!r} in this description; describe it or name another")


def _once(field: str, ids: Sequence[str]) -> None:
    seen = set()
    for index, name in enumerate(ids):
        if name in seen:
            raise DescriptionError(f"{field}/{index}", f"the name {name!r} is given twice; give each its own")
        seen.add(name)
