"""What a worker holds does not grow with the descriptions and problems that it has seen."""

from __future__ import annotations

import gc
import json
import time

from optimizer.horizon import search
from optimizer.service.rehearsal import small_junction
from optimizer.service.worker import Worker
from tests.service.calls import PROBLEM, call

ROUNDS = 8


def test_search_tables_go_with_the_description_or_problem_they_were_made_for() -> None:
    worker = Worker()
    gc.collect()
    before = len(search._kept_tables)
    for k in range(ROUNDS):
        version = {**small_junction().model_dump(mode="json"), "position": {"x_m": float(k), "y_m": 0.0}}
        worker.put(json.dumps(version).encode(), None)
        reply = worker.decide("rehearsal", json.dumps(call(k + 1, 100.0 + k)).encode(), time.monotonic())
        assert reply.engine == "search"
    gc.collect()
    assert len(search._kept_tables) == before + 1
    for _ in range(ROUNDS):
        worker.optimize(json.dumps({"problem": PROBLEM}).encode())
    worker.delete("rehearsal")
    gc.collect()
    assert len(search._kept_tables) == before
