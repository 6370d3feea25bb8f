"""How often a client may call."""

from __future__ import annotations

import time
from typing import Final

MOST_CLIENTS: Final = 10_000
"""Clients that are remembered; beyond it those that have been quiet are forgotten."""


class RateLimits:
    """A bucket of calls for each client, refilled evenly.

    Parameters
    ----------
    per_s
        Calls per second in the long run.
    burst
        Calls at once.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, client: str) -> float:
        """Take one call from a client's bucket; return 0, or the seconds until there is one."""
        now = time.monotonic()
        left, since = self._buckets.get(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_s)
        if left < 1.0:
            self._buckets[client] = left, now
            return (1.0 - left) / self._per_s
        if client not in self._buckets and len(self._buckets) >= MOST_CLIENTS:
            self._forget(now)
        self._buckets[client] = left - 1.0, now
        return 0.0

    def _forget(self, now: float) -> None:
        full_after_s = self._burst / self._per_s
        self._buckets = {client: bucket for client, bucket in self._buckets.items() if now - bucket[1] < full_after_s}
        if len(self._buckets) >= MOST_CLIENTS:
            self._buckets.clear()
