"""What seeds can tell: paired differences, runs that fall into two groups, and how many seeds would be needed.

All controllers see the same traffic with the same seed (common random numbers), so their difference is taken seed by seed; the spread that
the traffic itself brings cancels out (Law, Simulation Modeling and Analysis, 5th ed., section 10.2: the paired-t confidence interval).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIDENCE = 0.95
GROUP_RATIO = 2.0
"""Runs fall into two groups where each of the worse ones is at least this many times as bad as each of the better ones."""
GROUP_SPREAD = 1.5
"""... and the better ones lie close together: their worst is at most this many times their best."""
MOST_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its confidence interval.

    Attributes
    ----------
    count
        Values that it was taken over.
    mean, deviation
        Mean and sample standard deviation (n - 1 in the denominator); the deviation is None for a single value.
    low, high
        Ends of the confidence interval of the mean (Student's t); None for a single value.
    """

    count: int
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of independent values with its confidence interval, ``mean ± t(n - 1) s / sqrt(n)``.

    Parameters
    ----------
    values
        At least one.
    confidence
        Wanted coverage, between 0 and 1.
    """
    count, mean = len(values), statistics.fmean(values)
    if count < 2:
        return Interval(count, mean, None, None, None)
    deviation = statistics.stdev(values)
    half = _quantile(count, confidence) * deviation / math.sqrt(count)
    return Interval(count, mean, deviation, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class Groups:
    """Runs that fall into two groups, such as a network that locks with some seeds and flows with the others.

    Attributes
    ----------
    lower, upper
        The values of each, sorted.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]


def two_groups(values: Sequence[float]) -> Groups | None:
    """Return the two groups that values of a delay or a queue fall into, or None where they do not.

    The rule is coarse on purpose, since five runs allow no test of modality: the lower group ends at the first value that is followed by
    one at least `GROUP_RATIO` times as great, and must lie within a factor of `GROUP_SPREAD`. Values below 1 % of the greatest one count
    as that much, so that nothing follows from the ratio of two that are next to nothing.
    """
    ordered = sorted(values)
    if len(ordered) < 2 or ordered[-1] <= 0:
        return None
    floor = ordered[-1] / 100
    raised = [max(value, floor) for value in ordered]
    cut = next((i for i in range(1, len(raised)) if raised[i] >= GROUP_RATIO * raised[i - 1]), None)
    if cut is None or raised[cut - 1] > GROUP_SPREAD * raised[0]:
        return None
    return Groups(tuple(ordered[:cut]), tuple(ordered[cut:]))


def far_apart(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the least and the greatest of values that do not fall into two groups and yet differ as much, or None.

    Five runs of which one locks, one half and three not at all have no gap wide enough for two groups (see `two_groups`), but their mean
    speaks for none of them either. Values below 1 % of the greatest one count as that much.
    """
    if len(values) < 2 or max(values) <= 0 or two_groups(values) is not None:
        return None
    least, greatest = min(values), max(values)
    return (least, greatest) if greatest >= GROUP_RATIO * max(least, greatest / 100) else None


class Verdict(StrEnum):
    """What the seeds say of a figure of which less is better."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "the same"
    UNDECIDED = "the seeds cannot decide"
    TWO_GROUPS = "two groups"
    TOO_FEW = "one seed decides nothing"


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A controller against the baseline, seed by seed.

    Attributes
    ----------
    difference
        Controller minus baseline: mean and confidence interval over the common seeds.
    relative
        Mean difference as a share of the baseline's mean; None where that is 0.
    better_seeds
        Common seeds with which the controller is strictly below the baseline.
    verdict
        What follows.
    seeds_to_decide
        About how many seeds would let the interval leave 0, if mean and spread stay as they are; None where that cannot be told.
    """

    difference: Interval
    relative: float | None
    better_seeds: int
    verdict: Verdict
    seeds_to_decide: int | None


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float], confidence: float = CONFIDENCE, *, grouping: bool = True
) -> PairedDifference | None:
    """Compare two controllers by the seeds that both have, or return None where they have none in common.

    Where the runs of either fall into two groups (see `two_groups`) the mean of their differences speaks for no run at all: the verdict
    then only says so.

    Parameters
    ----------
    values, baseline
        The figure by seed; less is better.
    confidence
        Wanted coverage of the interval.
    grouping
        Whether to look for two groups; not for small counts.
    """
    seeds = sorted(values.keys() & baseline.keys())
    if not seeds:
        return None
    differences = [values[seed] - baseline[seed] for seed in seeds]
    found = mean_interval(differences, confidence)
    base = statistics.fmean(baseline[seed] for seed in seeds)
    grouped = grouping and any(two_groups([side[seed] for seed in seeds]) for side in (values, baseline))
    return PairedDifference(
        difference=found,
        relative=found.mean / base if base else None,
        better_seeds=sum(difference < 0 for difference in differences),
        verdict=Verdict.TWO_GROUPS if grouped else _verdict(found),
        seeds_to_decide=None if found.deviation is None or not found.mean else seeds_needed(found.deviation, abs(found.mean), confidence),
    )


def _verdict(found: Interval) -> Verdict:
    if found.low is None or found.high is None:
        return Verdict.TOO_FEW
    if found.low == found.high == 0:
        return Verdict.SAME
    if found.high < 0:
        return Verdict.BETTER
    return Verdict.WORSE if found.low > 0 else Verdict.UNDECIDED


def seeds_needed(deviation: float, half_width: float, confidence: float = CONFIDENCE) -> int | None:
    """Return the least number of seeds with which the confidence interval is no wider than wanted, if the spread stays as it is.

    The least n with ``t(n - 1) s / sqrt(n) <= h`` (Law, section 9.4.1); 2 at least, None where a million would not do.

    Parameters
    ----------
    deviation
        Sample standard deviation s.
    half_width
        Wanted half width h, above 0.
    """
    low, high = 2, MOST_SEEDS
    if _half_width(high, deviation, confidence) > half_width:
        return None
    while low < high:  # the half width falls with n
        middle = (low + high) // 2
        low, high = (low, middle) if _half_width(middle, deviation, confidence) <= half_width else (middle + 1, high)
    return low


def _half_width(count: int, deviation: float, confidence: float) -> float:
    return _quantile(count, confidence) * deviation / math.sqrt(count)


def _quantile(count: int, confidence: float) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415 - a quarter of a second to load, which most commands need not wait for

    return float(stdtrit(count - 1, (1 + confidence) / 2))
