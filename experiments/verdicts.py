"""The last word of a run and of a comparison: who is best, by how much, how sure, and whether anybody is worse off than in the street."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from experiments.report.answer import certainty, difference_sentence
from experiments.statistics import paired_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STREET: Final = "static"
"""The controller that leaves the signals to the programs that the scenario ships: what is in the street."""

FIGURE: Final = "full_delay_s"


@dataclass(frozen=True, slots=True)
class Word:
    """A sentence, and whether it warns: it is shown in red then."""

    sentence: str
    warns: bool = False


def comparison_verdict(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Word]:
    """Return who has the least full delay, against the plan in the street and the next one, and who is worse than the street.

    Parameters
    ----------
    records
        Contents of ``run.json`` of the finished runs by controller.
    """
    values = {name: by_seed for name, of_name in records.items() if (by_seed := _by_seed(of_name))}
    if not values:
        return []
    means = {name: sum(by_seed.values()) / len(by_seed) for name, by_seed in values.items()}
    order = sorted(means, key=means.__getitem__)
    best = order[0]
    street = STREET if STREET in values and not any(_is_designed(record) for record in records[STREET]) else None
    sentence = f"Verdict: {best} has the least full delay, {means[best]:.1f} s per vehicle."
    other = street if street not in (None, best) else next(iter(order[1:]), None)
    if other is not None:
        found = paired_difference(values[best], values[other])
        name = f"{other}, the plan in the street" if other == street else other
        sentence += "" if found is None else f" {difference_sentence(name, means[other], found)}"
    words = [Word(sentence)]
    if street is None:
        words.append(Word(f"Nothing here tells what is in the street; add {STREET} (with the shipped programs) to --controllers."))
        return words
    for name in order:
        found = paired_difference(values[name], values[street]) if name != street else None
        if found is not None and found.difference.mean > 0:
            share = "" if found.relative is None else f" ({100 * found.relative:.0f} %)"
            sentence = f"{name} is worse than the plan in the street: {found.difference.mean:.1f} s{share} more delay, {certainty(found)}."
            words.append(Word(sentence, warns=True))
    return words


def run_verdict(record: Mapping[str, Any]) -> list[Word]:
    """Return what one run alone can tell: what went wrong in it, how long somebody waited at a red, and how to compare it.

    Parameters
    ----------
    record
        Content of its ``run.json``.
    """
    kpis, request = record["kpis"], record["request"]
    faults = [
        f"{count} {noun if count == 1 else nouns}"
        for count, noun, nouns in (
            (kpis["never_inserted"], "vehicle never got in", "vehicles never got in"),
            (kpis["refused_commands"], "command was refused", "commands were refused"),
            (kpis["violations"], "unsafe signal state was seen", "unsafe signal states were seen"),
            (kpis["collisions"], "collision", "collisions"),
        )
        if count
    ]
    words = (
        [Word(f"Verdict: {', '.join(faults)}.", warns=True)] if faults else [Word("Verdict: every vehicle got in, nothing was refused.")]
    )
    longest = record["simulated"].get("longest_red")
    if longest is not None:
        limit_s = request["accepted"]["vehicles_s"]
        where = f"group {longest['group']} of {longest['junction']}, from {longest['since_s']:g} s on"
        words.append(
            Word(f"Longest red with somebody waiting: {longest['waited_s']:.0f} s ({where}).", warns=longest["waited_s"] > limit_s + 1)
        )
    if request["controller"] != STREET:
        compared = f"ampelwerk compare {request['scenario']} --controllers {STREET},{request['controller']} --out DIR"
        words.append(Word(f"Whether that is better than what is in the street, tells: {compared}"))
    return words


def _by_seed(records: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    return {record["request"]["seed"]: value for record in records if (value := record["kpis"][FIGURE]) is not None}


def _is_designed(record: Mapping[str, Any]) -> bool:
    """Whether a run replaced the shipped programs."""
    return "programs" in record["request"]["parameters"]
