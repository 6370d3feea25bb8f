"""What Prometheus is told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from optimizer.service.answered import Reply

RECENT_CALLS = 1000
BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """All figures of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("ampelwerk_requests", "HTTP calls.", ["route", "status"], registry=self.registry)
        self.decisions = Counter("ampelwerk_decisions", "Decisions answered.", ["engine"], registry=self.registry)
        self.repeated = Counter("ampelwerk_repeated_calls", "Calls that were answered before.", registry=self.registry)
        self.latency_s = Histogram("ampelwerk_decision_seconds", "Time from call to answer.", buckets=BUCKETS_S, registry=self.registry)
        self.solve_s = Histogram("ampelwerk_solve_seconds", "Time of the engine.", buckets=BUCKETS_S, registry=self.registry)
        self.refusals = Counter("ampelwerk_refusals", "Wishes of the optimizer that the monitor refused.", ["rule"], registry=self.registry)
        self.alarms = Counter("ampelwerk_alarms", "Alarms in answers.", ["kind"], registry=self.registry)
        self.fallbacks = Counter(
            "ampelwerk_fallback_seconds",
            "Seconds in which a junction followed no answer, by what it followed.",
            ["by"],
            registry=self.registry,
        )
        self.limited = Counter("ampelwerk_rate_limited_calls", "Calls beyond a client's rate.", registry=self.registry)
        self.storage_failures = Counter("ampelwerk_storage_failures", "Writes that the database refused.", registry=self.registry)
        self.workers_replaced = Gauge("ampelwerk_workers_replaced", "Worker processes replaced since the start.", registry=self.registry)
        self.plan_jobs = Counter("ampelwerk_plan_jobs", "Plan jobs that have ended.", ["kind", "state"], registry=self.registry)
        self.junctions = Gauge("ampelwerk_junctions", "Junctions described.", registry=self.registry)
        self.waiting_veh = Gauge("ampelwerk_waiting_vehicles", "Estimated vehicles in queues.", ["junction"], registry=self.registry)
        self._recent_s: deque[float] = deque(maxlen=RECENT_CALLS)
        self.silent = Gauge("ampelwerk_silent_detectors", "Detectors that send nothing.", ["junction"], registry=self.registry)
        self.failed = Gauge("ampelwerk_failed_detectors", "Detectors that cannot be right.", ["junction"], registry=self.registry)

    def count_reply(self, reply: Reply, latency_s: float) -> None:
        """Count an answered call."""
        if reply.repeated:
            self.repeated.inc()
            return
        self.decisions.labels(reply.engine).inc()
        self.latency_s.observe(latency_s)
        self._recent_s.append(latency_s)
        if reply.solve_s > 0:
            self.solve_s.observe(reply.solve_s)
        if reply.refused:
            self.refusals.labels(reply.refused).inc()
        for alarm in reply.alarms:
            self.alarms.labels(alarm).inc()
        for by in reply.led_by:
            self.fallbacks.labels(by).inc()

    def recent_latency_ms(self) -> dict[str, float]:
        """Return the median and the 99th percentile of the last calls, ms; empty before the first."""
        if not self._recent_s:
            return {}
        ordered = sorted(self._recent_s)
        return {name: 1000 * ordered[int(share * (len(ordered) - 1))] for name, share in (("median", 0.5), ("p99", 0.99))}

    def exposition(self, board: Iterable[dict[str, Any]]) -> bytes:
        """Return all figures as text; `board` holds the junctions as `optimizer.service.board` tells of them."""
        self.waiting_veh.clear()
        self.silent.clear()
        self.failed.clear()
        for entry in board:
            queues = entry["answer"]["queues"] if entry["answer"] is not None else []
            self.waiting_veh.labels(entry["id"]).set(sum(queue["waiting_veh"] for queue in queues))
            self.silent.labels(entry["id"]).set(sum(detector["silent"] for detector in entry["detectors"]))
            self.failed.labels(entry["id"]).set(sum(detector["failed"] for detector in entry["detectors"]))
        return generate_latest(self.registry)
