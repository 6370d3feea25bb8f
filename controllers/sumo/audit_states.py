"""Safety check, what single phases show: conflicting greens, movements without green, permissive greens, letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controllers.sumo.findings import AuditRule, Finding, Severity, by_phases, flat, words
from controllers.sumo.links import direction_of, enters
from controllers.sumo.programs import KNOWN, MAY_GO
from optimizer.intersection import GroupKind, Turn, turn_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from controllers.sumo.conflict_points import Path
    from controllers.sumo.links import ControlledLink, RightOfWay
    from controllers.sumo.programs import ShippedProgram

FULL: Final = frozenset("GO")
FAST_M_S: Final = 70 / 3.6
MOTORS: Final = frozenset([GroupKind.VEHICLE, GroupKind.BUS])


@dataclass(frozen=True, slots=True)
class AuditedLight:
    """A traffic light with what the net says about its links.

    Attributes
    ----------
    id
        The traffic light.
    links, way
        Its links and their right of way.
    paths
        The centre lines of each link.
    needs_s
        For each ordered pair of links whose paths meet, the intergreen from the one to the other before rounding.
    left_hand
        Whether one drives on the left.
    unusable
        Links that no vehicle may use, which are not judged.
    """

    id: str
    links: Mapping[int, ControlledLink]
    way: RightOfWay
    paths: Mapping[int, Sequence[Path]]
    needs_s: Mapping[tuple[int, int], float]
    left_hand: bool = False
    unusable: frozenset[int] = frozenset()

    def crossing_m(self, link: int) -> float:
        """Return the length of a link's longest path; of the crossings alone where pedestrians use it."""
        found = self.paths[link]
        return max((path.length_m for path in [p for p in found if p.on_foot] or found), default=0.0)

    def finding(
        self,
        program: ShippedProgram,
        rule: AuditRule,
        severity: Severity,
        phases: Iterable[int],
        links: Iterable[int],
        sentence: str,
        pairs: Iterable[tuple[int, int, float, float]] = (),
    ) -> Finding:
        """Return a finding at this light."""
        return Finding(severity, rule, self.id, program.program_id, tuple(phases), tuple(sorted(set(links))), sentence, tuple(pairs))

    def name(self, link: int) -> str:
        """Return a link with where it leads, for sentences."""
        first = self.links[link].connections[0]
        return f"{link} ({first.getFrom().getID()} to {first.getTo().getID()})"


def letter_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find states that do not match the links: too short, of different lengths, with unknown letters or with letters for no link."""
    lengths = [len(phase.state) for phase in program.phases]
    needed = max([*light.links, *light.unusable], default=-1) + 1
    short = [p for p, length in enumerate(lengths) if length < needed or length != lengths[0]]
    if short:
        sentence = f"phase {short[0]} has {lengths[short[0]]} letters; {needed} links need one each, and phase 0 has {lengths[0]}."
        yield light.finding(program, AuditRule.STATE_LENGTH, Severity.ERROR, short, (), sentence)
        return
    unknown = [p for p, phase in enumerate(program.phases) if set(phase.state) - KNOWN]
    if unknown:
        letter = min(set(program.phases[unknown[0]].state) - KNOWN)
        sentence = f"phase {unknown[0]} shows the unknown letter {letter!r}."
        yield light.finding(program, AuditRule.UNKNOWN_LETTER, Severity.ERROR, unknown, (), sentence)
        return
    spare = [link for link in range(lengths[0]) if link not in light.links and link not in light.unusable]
    if spare:
        sentence = f"{len(spare)} of {lengths[0]} letters belong to no link."
        yield light.finding(program, AuditRule.UNUSED_SIGNAL, Severity.NOTE, (), spare, sentence)


def empty_phase_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find phases that last no time."""
    empty = [(p,) for p, phase in enumerate(program.phases) if phase.is_empty]
    if empty:
        last = "lasts" if len(empty) == 1 else "last"
        sentence = f"{words(empty)} {last} 0 s, which SUMO refuses."
        yield light.finding(program, AuditRule.EMPTY_PHASE, Severity.ERROR, flat(empty), (), sentence)


def never_green_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find links that get green in no phase."""
    dark = [link for link in light.links if not MAY_GO.intersection(program.column(link))]
    if dark:
        more = f" (and {len(dark) - 1} more)" if len(dark) > 1 else ""
        sentence = f"link {light.name(dark[0])}{more} is green in no phase; its traffic waits for ever."
        yield light.finding(program, AuditRule.NEVER_GREEN, Severity.ERROR, (), dark, sentence)


def conflict_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find streams that meet while both are green and nobody is told to wait.

    Both in full green is an error. Beside a permissive green it is enough that the net's right of way makes one of them wait; where it
    is silent, SUMO lets them meet.
    """
    full, unresolved = [], []
    for p, phase in enumerate(program.phases):
        for i, j in _pairs(light):
            a, b = phase.state[i], phase.state[j]
            if a in FULL and b in FULL:
                full.append(((i, j), (p,)))
            elif a in MAY_GO and b in MAY_GO and not _someone_waits(light, i, j, a, b):
                unresolved.append(((i, j), (p,)))
    for places, pairs in by_phases(full):
        sentence = f"{_shows(places)} full green to {_pair_words(light, pairs)}, whose paths meet."
        yield light.finding(program, AuditRule.CONFLICTING_GREEN, Severity.ERROR, flat(places), _flat(pairs), sentence)
    for places, pairs in by_phases(unresolved):
        sentence = f"{_shows(places)} green to {_pair_words(light, pairs)}, but the net does not make the lesser green wait."
        yield light.finding(program, AuditRule.UNRESOLVED_GREEN, Severity.WARNING, flat(places), _flat(pairs), sentence)


def permissive_findings(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    """Find permissive greens of vehicles that must cross a fast stream or several lanes at once.

    Turns to the near side and merges are left out: the rule is about finding a gap in oncoming traffic.
    """
    fast, wide = [], []
    for p, phase in enumerate(program.phases):
        for i, link in light.links.items():
            if phase.state[i] not in "go" or link.kind not in MOTORS or not _crosses_oncoming(light, link):
                continue
            lanes: dict[str, set[str]] = {}
            for j, other in light.links.items():
                if phase.state[j] in FULL and (i, j) in light.needs_s and _opposes(light, i, j):
                    for c in other.connections:
                        lanes.setdefault(c.getFrom().getID(), set()).add(c.getFromLane().getID())
                        if c.getFromLane().getSpeed() > FAST_M_S + 0.1:
                            fast.append(((i, j), (p,)))
            wide += [((i, edge), (p,)) for edge, found in lanes.items() if len(found) > 1]
    for places, pairs in by_phases(fast):
        names = f"link {light.name(pairs[0][0])} cross link {light.name(pairs[0][1])}"
        sentence = f"{_lets(places)} {names}, which is faster than 70 km/h, without protection."
        yield light.finding(program, AuditRule.PERMISSIVE_FAST, Severity.WARNING, flat(places), _flat(pairs), sentence)
    for places, crossed in by_phases(wide):
        links = [i for i, _ in crossed]
        sentence = f"{_lets(places)} link {light.name(links[0])} cross two or more lanes from {crossed[0][1]} without protection."
        yield light.finding(program, AuditRule.PERMISSIVE_MULTI_LANE, Severity.WARNING, flat(places), links, sentence)


def _shows(places: Sequence[tuple[int, ...]]) -> str:
    return f"{words(places)} {'shows' if len(places) == 1 else 'show'}"


def _lets(places: Sequence[tuple[int, ...]]) -> str:
    return f"{words(places)} {'lets' if len(places) == 1 else 'let'}"


def _pairs(light: AuditedLight) -> Iterator[tuple[int, int]]:
    """Yield each pair of links once whose paths meet and that do not come from the same edge (those share one queue's discipline)."""
    for i, j in light.needs_s:
        if i < j and light.links[i].origins != light.links[j].origins:
            yield i, j


def _someone_waits(light: AuditedLight, i: int, j: int, a: str, b: str) -> bool:
    """Whether the one with the weaker letter (either, where both are permissive) has to give way by the net."""
    first, second = bool(light.way.yields[i, j]), bool(light.way.yields[j, i])
    if a in FULL:
        return second
    if b in FULL:
        return first
    return first or second


def _crosses_oncoming(light: AuditedLight, link: ControlledLink) -> bool:
    return any(turn_of(direction_of(c), light.left_hand) in (Turn.ACROSS, Turn.BACK) for c in link.connections if enters(c))


def _opposes(light: AuditedLight, i: int, j: int) -> bool:
    """Whether j is a stream of vehicles from another road that does not simply end in the same lane as i."""
    mine, other = light.links[i], light.links[j]
    if other.kind not in MOTORS or mine.origins == other.origins or not light.way.yields[i, j]:
        return False
    targets = {c.getTo().getID() for c in mine.connections}
    return not any(c.getTo().getID() in targets for c in other.connections)


def _flat(pairs: Iterable[tuple[int, int]]) -> list[int]:
    return [link for pair in pairs for link in pair]


def _pair_words(light: AuditedLight, pairs: list[tuple[int, int]]) -> str:
    more = f" and {len(pairs) - 1} more pair{'s' if len(pairs) > 2 else ''}" if len(pairs) > 1 else ""
    return f"links {light.name(pairs[0][0])} and {light.name(pairs[0][1])}{more}"
