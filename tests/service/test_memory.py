"""What a worker holds does not grow with what it has seen, and what it has learnt is given away in turn."""

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


def test_what_is_learnt_is_kept_of_a_part_of_the_junctions_at_a_time_and_of_each_in_turn() -> None:
    worker, names = Worker(), ["first", "second", "third", "fourth"]
    for name in names:
        worker.put(small_junction().model_copy(update={"id": name}).model_dump_json().encode(), None)

    def everybody_calls(sequence: int) -> None:
        for name in names:
            worker.decide(name, json.dumps(call(sequence, 100.0 + sequence)).encode(), time.monotonic())

    def kept(part: float) -> list[str]:
        return [name for name, _, _ in worker.snapshots(part)]

    everybody_calls(1)
    kept_in_turn = []
    for sequence in range(2, 18):
        kept_in_turn += kept(1 / 8)  # half a junction
        everybody_calls(sequence)
    assert kept_in_turn == names * 2
    worker.unsaved(["second"])
    assert sorted(kept(1.0)) == sorted(names)
    assert kept(1.0) == []
