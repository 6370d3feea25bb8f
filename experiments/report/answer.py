"""The answer in words: who has the least delay, by how much, and how sure that is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from experiments.statistics import Verdict, paired_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.report.situations import Situation, Standing
    from experiments.statistics import Groups, PairedDifference


def headline(winners: Sequence[Standing], baseline: str) -> str:
    """Return the answer of a whole study in one or two sentences.

    Parameters
    ----------
    winners
        Who has the least mean full delay in each situation.
    baseline
        Label of the baseline.
    """
    many = len(winners)
    if many == 1:
        best = winners[0]
        if best.controller == baseline:
            return f"{baseline}, the baseline, has the least delay."
        share = _shares([best])
        sure = "certain" if is_certain(best) else "not certain"
        return f"{best.controller} has the least delay{share and f', {share} less than {baseline}; that is {sure}'}."
    told = [f"{name} in {times}" for name, times in Counter(one.controller for one in winners).most_common()]
    told[0] = told[0].replace(" in ", " has the least delay in ", 1) + f" of {many} situations"
    beaten = [one for one in winners if one.controller != baseline]
    if not beaten:
        return f"{baseline}, the baseline, has the least delay in all {many} situations."
    share = _shares(beaten)
    than = f"The best has {share} less delay than {baseline}, the baseline; " if share else ""
    certain = sum(map(is_certain, beaten))
    sure = f"that is certain in {certain or 'none'} of {len(beaten)} situations."
    return f"{_listed(told)}. {than}{sure if than else sure.capitalize()}"


def _shares(winners: Sequence[Standing]) -> str:
    """Return by which share of the baseline's delay others are better, such as ``5 to 9 %``."""
    shares = [-100.0 * d.relative for one in winners if (d := one.to_baseline) is not None and d.relative is not None]
    if not shares:
        return ""
    low, high = round(min(shares)), round(max(shares))
    return f"{low} %" if low == high else f"{low} to {high} %"


def comparison_sentence(situation: Situation, standings: Sequence[Standing], baseline: str) -> str:
    """Return who did best in one situation, by how much less than the baseline and than the next one, and how sure that is."""
    best = standings[0]
    sentences = [f"{best.controller} has the least full delay: {best.mean.mean:.1f} s per vehicle due{_seeds(best.mean.count)}."]
    if best.groups is not None:
        sentences.append(groups_sentence(best.groups))
    base = next((one for one in standings if one.controller == baseline), None)
    if base is None:
        sentences.append(f"The baseline {baseline} has no finished run here.")
    elif best.to_baseline is not None:
        sentences.append(difference_sentence(baseline, base.mean.mean, best.to_baseline))
        if base.groups is not None:
            sentences.append(f"Of {baseline}: {groups_sentence(base.groups)}")
    if len(standings) > 1 and standings[1].controller != baseline:
        following = standings[1]
        found = paired_difference(situation.by_seed(best.controller), situation.by_seed(following.controller))
        if found is not None:
            sentences.append(difference_sentence(following.controller, following.mean.mean, found))
    untold = [one for one in standings if one.apart or (one.groups and one.controller not in {best.controller, baseline})]
    if untold:
        sentences.append(f"Unsteady: {'; '.join(f'{one.controller} {spread(one)}' for one in untold)}.")
    return " ".join(sentences)


def caution(standings: Mapping[str, Sequence[Standing]]) -> str:
    """Return where the runs of a controller that is the best somewhere fall into two groups or lie far apart; empty where nowhere.

    Parameters
    ----------
    standings
        By the situation's name, the best first.
    """
    winners = list(dict.fromkeys(of_situation[0].controller for of_situation in standings.values()))
    told = []
    for winner in winners:
        places = [
            f"{name}, {spread(one)}"
            for name, of_situation in standings.items()
            for one in of_situation
            if one.controller == winner and (one.groups or one.apart)
        ]
        if places:
            told.append(f"Not every run of {winner} goes well: {'; '.join(places)} per vehicle.")
    return " ".join(told)


def worst_results(standings: Mapping[str, Sequence[Standing]], baseline: str) -> str:
    """Return where each controller that is the best somewhere does worst against the baseline; empty where only the baseline is.

    Parameters
    ----------
    standings
        By the situation's name, the best first.
    baseline
        Label of the baseline.
    """
    winners = list(dict.fromkeys(of_situation[0].controller for of_situation in standings.values()))
    told = []
    for winner in winners:
        against = [
            (one.to_baseline.relative, name, one.to_baseline)
            for name, of_situation in standings.items()
            for one in of_situation
            if one.controller == winner and one.to_baseline is not None and one.to_baseline.relative is not None
        ]
        if against:
            relative, name, found = max(against, key=lambda row: row[0])
            share = f"{100 * abs(relative):.0f} % {'more' if relative > 0 else 'less'} delay than {baseline}"
            told.append(f"The worst result of {winner} is {share}, in {name} ({certainty(found)}).")
    return " ".join(told)


def certainty(found: PairedDifference) -> str:
    """Return what the seeds say of a difference, in a word or two."""
    words = {
        Verdict.BETTER: "certain",
        Verdict.WORSE: "certain",
        Verdict.UNDECIDED: "undecided",
        Verdict.TOO_FEW: "one seed",
    }
    return words.get(found.verdict, str(found.verdict))


def difference_sentence(other: str, mean_s: float, found: PairedDifference) -> str:
    """Return how much less delay there is than another controller's, and what the seeds say to it."""
    less_s = -found.difference.mean
    share = f" ({100 * abs(found.relative):.0f} %)" if found.relative is not None else ""
    size = f"{abs(less_s):.1f} s{share} {'less' if less_s >= 0 else 'more'} than {other} ({mean_s:.1f} s)"
    low, high = found.difference.low, found.difference.high
    if found.verdict is Verdict.TOO_FEW or low is None or high is None:
        return f"That is {size}, with one seed, which decides nothing."
    if found.verdict is Verdict.TWO_GROUPS:
        return f"On average that is {size}, but the runs fall into two groups, so that the average speaks for none of them."
    if found.verdict is Verdict.SAME:
        return f"That is the same as {other}, seed by seed."
    interval = f"95 % confidence interval {signed(low)} to {signed(high)} s"
    if found.verdict is Verdict.UNDECIDED:
        needed = f"; about {found.seeds_to_decide} seeds would" if found.seeds_to_decide is not None else ""
        return f"That is {size}; the seeds cannot decide whether there is a difference ({interval}{needed})."
    return f"That is {size}; certain ({interval})."


def groups_sentence(groups: Groups) -> str:
    """Return that runs fall into two groups, and which."""
    return f"The runs fall into two groups: {_both(groups)}."


def spread(one: Standing) -> str:
    """Return the groups, or the least and the greatest, of runs that fall into two groups or lie far apart."""
    if one.groups is not None:
        return _both(one.groups)
    assert one.apart is not None
    return f"{one.apart[0]:.1f} to {one.apart[1]:.1f} s"


def is_certain(standing: Standing) -> bool:
    """Whether a controller is surely better than the baseline."""
    return standing.to_baseline is not None and standing.to_baseline.verdict is Verdict.BETTER


def _both(groups: Groups) -> str:
    return f"{_range(groups.lower)} and {_range(groups.upper)}"


def _range(values: Sequence[float]) -> str:
    span = f"{values[0]:.1f} s" if values[0] == values[-1] else f"{values[0]:.1f} to {values[-1]:.1f} s"
    return f"{span} ({len(values)} {'run' if len(values) == 1 else 'runs'})"


def signed(value: float) -> str:
    """Return a number with its sign and one decimal."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _seeds(count: int) -> str:
    return f", mean of {count} seeds" if count > 1 else ", one seed"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
