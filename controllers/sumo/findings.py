"""What the safety check of signal programs can find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class Severity(StrEnum):
    """How bad a finding is; the words are those of SARIF's levels."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class AuditRule(StrEnum):
    """What a program can break."""

    STATE_LENGTH = "state-length"
    UNKNOWN_LETTER = "unknown-letter"
    EMPTY_PHASE = "empty-phase"
    CONFLICTING_GREEN = "conflicting-green"
    UNRESOLVED_GREEN = "unresolved-green"
    MISSING_YELLOW = "missing-yellow"
    SHORT_YELLOW = "short-yellow"
    SHORT_INTERGREEN = "short-intergreen"
    SHORT_GREEN = "short-green"
    SHORT_CROSSING = "short-crossing"
    NEVER_GREEN = "never-green"
    PERMISSIVE_FAST = "permissive-fast"
    PERMISSIVE_MULTI_LANE = "permissive-multi-lane"
    UNUSED_SIGNAL = "unused-signal"


RULES: Final = {
    AuditRule.STATE_LENGTH: "Every phase has a letter for every link, and all phases have equally many.",
    AuditRule.UNKNOWN_LETTER: "Phases use SUMO's signal letters only.",
    AuditRule.EMPTY_PHASE: "Every phase lasts longer than 0 s; SUMO refuses others.",
    AuditRule.CONFLICTING_GREEN: "Streams that cross or merge are not shown a full green together.",
    AuditRule.UNRESOLVED_GREEN: "Where a permissive green meets another green, the net's right of way makes the lesser one wait.",
    AuditRule.MISSING_YELLOW: "A green of vehicles, buses, trams or bicycles ends with yellow.",
    AuditRule.SHORT_YELLOW: "Yellow lasts 3 s up to 50 km/h, 4 s up to 60, 5 s above (RiLSA 2015, 2.4); too short to brake is an error.",
    AuditRule.SHORT_INTERGREEN: "Between two greens whose streams meet lies the intergreen (RiLSA 2015, 2.7).",
    AuditRule.SHORT_GREEN: "A green lasts 5 s at least, for pedestrians until they are half across at 1.2 m/s (RiLSA 2015, 2.7).",
    AuditRule.SHORT_CROSSING: "A pedestrian green lasts as long as the crossing takes at 1.2 m/s.",
    AuditRule.NEVER_GREEN: "Every movement gets green.",
    AuditRule.PERMISSIVE_FAST: "No permissive green across a stream faster than 70 km/h (RiLSA 2015, 2.3).",
    AuditRule.PERMISSIVE_MULTI_LANE: "No permissive green across a stream of two or more lanes (RiLSA 2015, 2.3).",
    AuditRule.UNUSED_SIGNAL: "Every letter belongs to a link.",
}
"""The rules in one sentence each."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a program breaks a rule.

    Attributes
    ----------
    severity, rule
        How bad, and what.
    junction, program
        Ids of the traffic light and of its program.
    phases
        Positions of the phases concerned, in the order in which they are shown.
    links
        Positions in the state string concerned, ascending.
    sentence
        What is wrong, with the numbers.
    pairs
        Of intergreens all pairs concerned: link that clears, link that enters, time between, time needed, s.
    """

    severity: Severity
    rule: AuditRule
    junction: str
    program: str
    phases: tuple[int, ...]
    links: tuple[int, ...]
    sentence: str
    pairs: tuple[tuple[int, int, float, float], ...] = ()


def by_phases(seen: Iterable[tuple[T, tuple[int, ...]]]) -> list[tuple[tuple[tuple[int, ...], ...], list[T]]]:
    """Join what was seen again and again: each thing once, together with those that were seen in the same places.

    Parameters
    ----------
    seen
        Things and where each was seen: a phase, or the two phases of a change.

    Returns
    -------
    list
        The places, in their order, and the things.
    """
    places: dict[T, list[tuple[int, ...]]] = {}
    for thing, place in seen:
        places.setdefault(thing, []).append(place)
    joined: dict[tuple[tuple[int, ...], ...], list[T]] = {}
    for thing, where in places.items():
        joined.setdefault(tuple(sorted(set(where))), []).append(thing)
    return sorted(joined.items(), key=lambda row: row[0])


def flat(places: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the phases of places, each once, in the order in which they are named."""
    return tuple(dict.fromkeys(phase for place in places for phase in place))


def words(places: Sequence[tuple[int, ...]], before: str = "") -> str:
    """Return phases (or changes of phases) as words: ``phase 3``, ``phases 1, 4 and 7``, ``phase 2 to 3 and 5 to 6``."""
    names = [" to ".join(map(str, place)) for place in places]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{before}phase{'s' if len(names) > 1 else ''} {listed}"
