"""What a controller commands next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """A command for one junction.

    Naming the stage that is green means *stay*. Naming another one starts its interstage at once, or so late that the
    stage's green starts no earlier than `earliest_s`. While the interstage runs, a further decision for the same stage
    with a later `earliest_s` extends the all-red (for instance to let a left-turner leave the junction).

    Attributes
    ----------
    stage
        Index of the stage to show.
    earliest_s
        The stage's green starts no earlier than this.
    latest_s
        The controller expects to need a change away from `stage` no later than this (infinite where nothing waits).
    reason
        Why, in a few words; ends up in the log of signal changes.
    """

    stage: int
    earliest_s: float = float("-inf")
    latest_s: float = float("inf")
    reason: str = ""
