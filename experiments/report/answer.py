"""The answer in words: who has the least delay, by how much, and how sure that is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from experiments.statistics import Verdict, paired_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.report.situations import Situation, Standing
    from experiments.statistics import Groups, PairedDifference


def headline(winners: Sequence[str], certain: Sequence[bool], baseline: str) -> str:
    """Return the answer of a whole study in one or two sentences.

    Parameters
    ----------
    winners
        Who has the least mean full delay in each situation.
    certain
        Whether it is better than the baseline there, by the confidence interval of the paired difference.
    baseline
        Label of the baseline.
    """
    if not winners:
        return "No run of this study has finished, so there is no answer yet."
    many = len(winners)
    if many == 1:
        if winners[0] == baseline:
            return f"{baseline}, the baseline, has the least delay."
        surely = "surely better than" if certain[0] else "not surely better than"
        return f"{winners[0]} has the least delay; it is {surely} {baseline}, the baseline."
    told = [f"{name} in {times} of {many}" for name, times in Counter(winners).most_common()]
    sure = sum(certain)
    compared = sum(name != baseline for name in winners)
    beaten = f" In {sure} of these {compared} the difference to {baseline}, the baseline, is certain." if compared else ""
    return f"The least delay has {_listed(told)} situations.{beaten}"


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
    return " ".join(sentences)


def difference_sentence(other: str, mean_s: float, found: PairedDifference) -> str:
    """Return how much less delay there is than another controller's, and what the seeds say to it."""
    less_s = -found.difference.mean
    share = f" ({abs(found.relative):.0%})" if found.relative is not None else ""
    size = f"{abs(less_s):.1f} s{share} {'less' if less_s >= 0 else 'more'} than {other} ({mean_s:.1f} s)"
    low, high = found.difference.low, found.difference.high
    if found.verdict is Verdict.TOO_FEW or low is None or high is None:
        return f"That is {size}, with one seed, which decides nothing."
    if found.verdict is Verdict.TWO_GROUPS:
        return f"On average that is {size}, but the runs fall into two groups, so that the average speaks for none of them."
    if found.verdict is Verdict.SAME:
        return f"That is the same as {other}, seed by seed."
    interval = f"95 % confidence interval {_signed(low)} to {_signed(high)} s"
    if found.verdict is Verdict.UNDECIDED:
        needed = f"; about {found.seeds_to_decide} seeds would" if found.seeds_to_decide is not None else ""
        return f"That is {size}; the seeds cannot decide whether there is a difference ({interval}{needed})."
    return f"That is {size}; certain ({interval})."


def groups_sentence(groups: Groups) -> str:
    """Return that runs fall into two groups, and which."""
    return f"The runs fall into two groups: {_range(groups.lower)} and {_range(groups.upper)}."


def is_certain(standing: Standing) -> bool:
    """Whether a controller is surely better than the baseline."""
    return standing.to_baseline is not None and standing.to_baseline.verdict is Verdict.BETTER


def _range(values: Sequence[float]) -> str:
    span = f"{values[0]:.1f} s" if values[0] == values[-1] else f"{values[0]:.1f} to {values[-1]:.1f} s"
    return f"{span} ({len(values)} {'run' if len(values) == 1 else 'runs'})"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _seeds(count: int) -> str:
    return f", mean of {count} seeds" if count > 1 else ", one seed"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
