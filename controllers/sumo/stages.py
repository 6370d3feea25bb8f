"""Stages of a junction: those its program ships, and those that its conflicts would allow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from controllers.sumo.programs import GREEN, OFF, is_green_phase
from optimizer.intersection import Aspect, GroupKind, Intersection, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controllers.sumo.groups import LinkGroup
    from controllers.sumo.programs import ShippedProgram

ASPECT_OF: Final = {"G": Aspect.PROTECTED, "g": Aspect.PERMISSIVE, "s": Aspect.RED_THEN_GO, "O": Aspect.PROTECTED, "o": Aspect.PERMISSIVE}
"""A switched-off signal ("O", "o") lets traffic go by the signs, which is what the same-sized green letter means."""


def shipped_stages(program: ShippedProgram, groups: Sequence[LinkGroup]) -> tuple[Stage, ...]:
    """Return the green phases of the program, each combination of aspects once.

    A group that is green only while another one has yellow (overlapping programs) gets the longest such phase, with red for yellow.
    """
    columns = [[group.column[phase] for group in groups] for phase in range(len(program.phases))]
    lit = [g for g, group in enumerate(groups) if not OFF.issuperset(group.column)]
    chosen = [phase for phase, column in enumerate(columns) if is_green_phase("".join(column[g] for g in lit))]
    for g in range(len(groups)):
        if any(columns[phase][g] in GREEN for phase in chosen):
            continue
        overlaps = [phase for phase, column in enumerate(columns) if column[g] in GREEN]
        if overlaps:
            chosen.append(max(overlaps, key=lambda phase: program.phases[phase].duration_s))
    aspects = {tuple(ASPECT_OF.get(letter, Aspect.RED) for letter in columns[phase]): phase for phase in reversed(chosen)}
    kept = sorted(aspects.items(), key=lambda item: item[1])
    return tuple(Stage(f"phase {phase}", row) for row, phase in kept)


def maximal_stages(
    kinds: Sequence[GroupKind], conflicts: Sequence[frozenset[int]], yields_to: Sequence[frozenset[int]]
) -> tuple[Stage, ...]:
    """Return all maximal sets of compatible vehicle groups as stages, each filled up with the other groups that fit.

    Groups of pedestrians, bicycles, buses and trams that fit nowhere get a stage of their own, filled up likewise.

    Parameters
    ----------
    kinds
        Kind of each group.
    conflicts, yields_to
        As in `Intersection`; a group that yields to another one of its stage is shown a permissive green.
    """
    vehicles = frozenset(g for g, kind in enumerate(kinds) if kind is GroupKind.VEHICLE)
    others = [g for g in range(len(kinds)) if g not in vehicles]
    sets = [_filled(chosen, others, conflicts) for chosen in sorted(map(sorted, _cliques(frozenset(), vehicles, frozenset(), conflicts)))]
    for g in others:
        if not any(g in chosen for chosen in sets):
            sets.append(_filled([g], [*others, *sorted(vehicles)], conflicts))
    return tuple(
        Stage(f"set {number}", tuple(_aspect(g, chosen, yields_to) for g in range(len(kinds))))
        for number, chosen in enumerate(s for s in sets if s)
    )


def with_maximal_stages(junction: Intersection) -> Intersection:
    """Return the junction with the generated stages added to those it has."""
    generated = maximal_stages([group.kind for group in junction.groups], junction.conflicts, junction.yields_to)
    generated = tuple(replace(stage, aspects=_with_permissions(junction, stage)) for stage in generated)
    known = {stage.aspects for stage in junction.stages}
    return replace(junction, stages=junction.stages + tuple(stage for stage in generated if stage.aspects not in known))


def _with_permissions(junction: Intersection, stage: Stage) -> tuple[Aspect, ...]:
    green = [g for g in range(len(junction.groups)) if stage.serves(g)]
    return tuple(junction.red_aspect(g, green) if aspect is Aspect.RED else aspect for g, aspect in enumerate(stage.aspects))


def _filled(chosen: Sequence[int], candidates: Sequence[int], conflicts: Sequence[frozenset[int]]) -> frozenset[int]:
    result = set(chosen)
    for g in candidates:
        if not conflicts[g] & result:
            result.add(g)
    return frozenset(result)


def _aspect(group: int, chosen: frozenset[int], yields_to: Sequence[frozenset[int]]) -> Aspect:
    if group not in chosen:
        return Aspect.RED
    return Aspect.PERMISSIVE if yields_to[group] & chosen else Aspect.PROTECTED


def _cliques(
    chosen: frozenset[int], candidates: frozenset[int], done: frozenset[int], conflicts: Sequence[frozenset[int]]
) -> Iterator[frozenset[int]]:
    """Enumerate the maximal compatible sets (Bron and Kerbosch 1973, with a pivot)."""
    if not candidates and not done:
        yield chosen
        return
    pivot = min(candidates | done, key=lambda g: len(candidates & conflicts[g]))
    for g in sorted(candidates & (conflicts[pivot] | {pivot})):
        compatible = frozenset(h for h in candidates | done if h != g and h not in conflicts[g])
        yield from _cliques(chosen | {g}, candidates & compatible, done & compatible, conflicts)
        candidates -= {g}
        done |= {g}
