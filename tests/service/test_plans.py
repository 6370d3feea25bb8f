"""Plan jobs on a real service: plans and waves, progress, cancellation, a full queue."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from optimizer.design.bands import widest_band
from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.plan_check import plan_violations
from optimizer.design.wave_text import wave_instance
from optimizer.service.description import to_intersection
from optimizer.service.gate import scope_of
from optimizer.service.keys import Scope
from optimizer.service.plan_jobs import MOST_WAITING
from optimizer.service.plan_messages import JobState, PlanJob
from optimizer.service.rehearsal import small_junction
from tests.service.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.running import Service

JOBS = "/v1/plans/jobs"
PATIENCE_S = 60.0
CORRIDOR = {
    "cycle_s": [60, 100],
    "signals": [
        {"red_out": 0.5, "red_in": 0.45, "left_out": 0.1, "left_in": 0.15, "left_pattern": "free"},
        {"red_out": 0.4, "red_in": 0.4},
    ],
    "links": [{"distance_out_m": 300, "distance_in_m": 310, "speed_m_s": [11, 14]}],
}


def hard_corridor() -> dict[str, Any]:
    """A corridor that no machine solves to the last digit within a test."""
    signals = [{"red_out": 0.3 + 0.01 * (7 * k % 31), "red_in": 0.3 + 0.01 * (11 * k % 29)} for k in range(60)]
    links = [{"distance_out_m": 150 + 37 * k % 400, "distance_in_m": 150 + 53 * k % 400, "speed_m_s": [9, 17]} for k in range(59)]
    return {"instance": {"cycle_s": [60, 120], "k": 0.7, "signals": signals, "links": links}, "relative_gap": 0, "time_limit_s": 600}


def flows(name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    ways = [("a in", "a out", 700.0), ("b in", "b out", 450.0)]
    return {"id": name, "flows": [{"incoming": i, "outgoing": o, "flow_veh_h": flow} for i, o, flow in ways], **changes}


def ended(client: httpx.Client, location: str) -> PlanJob:
    until = time.monotonic() + PATIENCE_S
    while True:
        told = client.get(location)
        job = PlanJob.model_validate_json(told.content)
        if job.state in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}:
            return job
        assert time.monotonic() < until, told.text
        time.sleep(0.05)


def working(client: httpx.Client, location: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while client.get(location).json()["progress"]["step"] == "":
        assert time.monotonic() < until
        time.sleep(0.05)


def job_processes(service: Service) -> list[int]:
    assert service.process is not None
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text(encoding="ascii").split()
    return [int(pid) for pid in children if b"plan_work" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers={"Content-Type": "application/json"}, timeout=30) as http:
        yield http


def put(client: httpx.Client, name: str, **changes: Any) -> None:  # noqa: ANN401
    content = {**small_junction().model_dump(mode="json"), "id": name, **changes}
    client.put(f"/v1/junctions/{name}", content=json.dumps(content)).raise_for_status()


def test_a_green_wave_is_the_one_that_the_design_finds(client: httpx.Client) -> None:
    taken = client.post("/v1/plans/waves", json={"instance": CORRIDOR})
    assert taken.status_code == 202
    assert taken.headers["location"] == f"{JOBS}/{taken.json()['id']}"
    job = ended(client, taken.headers["location"])
    assert (job.state, job.problem, job.progress.steps_done) == (JobState.DONE, None, job.progress.steps)
    wave = widest_band(wave_instance(CORRIDOR))
    assert job.result is not None
    assert job.result.band_out == pytest.approx(wave.bands_out[0], abs=1e-5)  # type: ignore[union-attr]
    assert job.result.offsets[0] == 0  # type: ignore[union-attr]
    assert job.id in {each["id"] for each in client.get(JOBS).json()}


def test_linked_junctions_get_safe_plans_with_one_cycle_and_offsets(client: httpx.Client) -> None:
    put(client, "plan-west")
    link = {"source": "plan-west", "lane": "a out", "to": ["a in"], "distance_m": 300.0, "travel_time_s": 22.0}
    put(client, "plan-east", links=[link])
    order = {"junctions": [flows("plan-west"), flows("plan-east", maximum_green_s={"b": 25.0})], "cycle_s": [40, 80]}
    job = ended(client, client.post("/v1/plans/junctions", json=order).headers["location"])
    assert job.problem is None
    assert job.result is not None
    plans = job.result.plans  # type: ignore[union-attr]
    assert len({plan.cycle_s for plan in plans.values()}) == 1
    assert [each.junctions for each in job.result.coordination] == [["plan-west", "plan-east"]]  # type: ignore[union-attr]
    junction = to_intersection(small_junction())
    for plan in plans.values():
        greens = tuple(tuple(GreenWindow(*window) for window in plan.greens[group.id]) for group in junction.groups)
        assert not plan_violations(SignalPlan("rehearsal", plan.cycle_s, plan.offset_s, greens), junction)
        assert [stream.flow_h for stream in plan.streams] == [700.0, 450.0]
    assert job.result.warnings == []  # type: ignore[union-attr]
    assert plans["plan-east"].greens["b"][0][1] <= 25.0


def test_a_demand_above_capacity_is_told_beside_the_best_plan(client: httpx.Client) -> None:
    put(client, "plan-full")
    put(client, "plan-calm")
    full = flows("plan-full")
    full["flows"][0]["flow_veh_h"] = 2500.0
    job = ended(client, client.post("/v1/plans/junctions", json={"junctions": [full, flows("plan-calm")]}).headers["location"])
    assert job.state is JobState.DONE
    (warning,) = job.result.warnings  # type: ignore[union-attr]
    worst = max(job.result.plans["plan-full"].streams, key=lambda stream: stream.saturation_degree)  # type: ignore[union-attr]
    assert worst.saturation_degree > 1
    assert f"by {100 * (worst.saturation_degree - 1):.0f} %" in warning
    assert worst.stream in warning


def test_what_cannot_be_planned_is_told_with_the_field_and_leaves_no_job(client: httpx.Client) -> None:
    put(client, "plan-bad")
    before = len(client.get(JOBS).json())
    for order, status, words in (
        ({"junctions": [flows("plan-nobody")]}, 404, "plan-nobody"),
        ({"junctions": [flows("plan-bad"), flows("plan-bad")]}, 422, "/junctions/1/id"),
        ({"junctions": [{"id": "plan-bad", "flows": flows("plan-bad")["flows"][:1]}]}, 422, "b in"),
        ({"junctions": [flows("plan-bad", maximum_green_s={"b": 2.0})]}, 422, "maximum green"),
        ({"junctions": [flows("plan-bad", on_request=["c"])]}, 422, "/junctions/0/on_request"),
        ({"junctions": [flows("plan-bad")], "cycle_s": [90, 60]}, 422, "/cycle_s"),
    ):
        told = client.post("/v1/plans/junctions", json=order)
        assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json")
        assert words in told.text
    free = {**CORRIDOR, "signals": [{**CORRIDOR["signals"][0], "red_in": 0.7}, CORRIDOR["signals"][1]]}  # type: ignore[dict-item,index]
    assert "left_pattern" in client.post("/v1/plans/waves", json={"instance": free}).json()["detail"]
    assert client.get(f"{JOBS}/nothing").status_code == 404
    assert len(client.get(JOBS).json()) == before


def test_a_plan_that_does_not_exist_fails_with_its_sentence(client: httpx.Client) -> None:
    put(client, "plan-tight")
    # 2 · 5 s of intergreens and 2 · 5 s of greens fit into no cycle of 19 s.
    order = {"junctions": [flows("plan-tight")], "cycle_s": [10, 19]}
    job = ended(client, client.post("/v1/plans/junctions", json=order).headers["location"])
    assert (job.state, job.result) == (JobState.FAILED, None)
    assert job.problem is not None
    assert "cycle" in job.problem.detail


def test_cancelled_jobs_end_with_their_processes_and_a_full_queue_is_told(tmp_path: Path) -> None:
    with running(tmp_path, WORKERS="1") as service, httpx.Client(base_url=service.url, timeout=30) as client:
        hard = client.post("/v1/plans/waves", json=hard_corridor()).headers["location"]
        working(client, hard)
        (process,) = job_processes(service)
        assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
        waiting = [client.post("/v1/plans/waves", json={"instance": CORRIDOR}).headers["location"] for _ in range(MOST_WAITING)]
        full = client.post("/v1/plans/waves", json={"instance": CORRIDOR})
        assert (full.status_code, full.headers["retry-after"]) == (429, "30")
        assert client.delete(waiting[0]).status_code == 204
        assert client.delete(hard).status_code == 204
        assert client.get(hard).json()["state"] == "cancelled"
        for location in waiting[2:]:
            client.delete(location)
        assert ended(client, waiting[1]).state is JobState.DONE
        assert client.get(waiting[0]).json()["state"] == "cancelled"
        assert not Path(f"/proc/{process}").exists()
        assert client.delete(hard).status_code == 204
        assert client.get(hard).status_code == 404
        figures = client.get("/metrics").text
        assert 'ampelwerk_plan_jobs_total{kind="waves",state="cancelled"} 20.0' in figures


def test_a_job_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, WORKERS="1") as service, httpx.Client(base_url=service.url, timeout=30) as client:
        working(client, client.post("/v1/plans/waves", json=hard_corridor()).headers["location"])
        (process,) = job_processes(service)
        service.kill()
        until = time.monotonic() + PATIENCE_S
        while Path(f"/proc/{process}").exists():
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/plans/waves"), ("GET", f"{JOBS}/a"), ("DELETE", f"{JOBS}/a"), ("GET", JOBS)])
def test_plans_are_for_those_who_may_configure(method: str, path: str) -> None:
    assert scope_of(method, path) is Scope.CONFIGURE
