"""The service as its clients meet it: a real process, real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.sync.client import connect

from optimizer.service.messages import DecisionAnswer
from optimizer.service.problems import Problem
from optimizer.service.rehearsal import small_junction
from tests.service.calls import PROBLEM, call

if TYPE_CHECKING:
    from tests.service.running import Service

JSON = {"Content-Type": "application/json"}


def described(name: str, **changes: Any) -> str:  # noqa: ANN401
    return json.dumps({**json.loads(small_junction().model_dump_json()), "id": name, **changes})


def assert_is_problem(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = Problem.model_validate(response.json())
    assert told.status == status
    assert told.request_id == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    for word in words:
        assert word in response.text
    return dict(response.json())


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers=JSON, timeout=30)


def put(client: httpx.Client, name: str, **changes: Any) -> httpx.Response:  # noqa: ANN401
    return client.put(f"/v1/junctions/{name}", content=described(name, **changes))


def test_a_junction_is_described_decided_for_and_forgotten(client: httpx.Client) -> None:
    made = put(client, "one")
    assert made.status_code == 201
    assert put(client, "one").status_code == 200
    got = client.get("/v1/junctions/one")
    assert got.headers["etag"] == made.headers["etag"]
    assert client.get("/v1/junctions/one", headers={"If-None-Match": got.headers["etag"]}).status_code == 304
    assert {"id": "one", "hash": got.headers["etag"].strip('"')} in client.get("/v1/junctions").json()
    answer = client.post("/v1/junctions/one/decisions", json=call(1, 100.0))
    assert DecisionAnswer.model_validate_json(answer.content).command == "change"
    assert "ampelwerk-repeated" not in answer.headers
    again = client.post("/v1/junctions/one/decisions", json=call(1, 100.0))
    assert (again.headers["ampelwerk-repeated"], again.content) == ("true", answer.content)
    assert client.delete("/v1/junctions/one").status_code == 204
    assert_is_problem(client.post("/v1/junctions/one/decisions", json=call(2, 101.0)), 404, "PUT")
    assert_is_problem(client.get("/v1/junctions/one"), 404)


def test_a_description_is_replaced_only_where_it_is_the_one_that_was_meant(client: httpx.Client) -> None:
    first = put(client, "two").headers["etag"]
    other = described("two", position={"x_m": 1.0, "y_m": 2.0})
    assert_is_problem(client.put("/v1/junctions/two", content=other, headers={"If-None-Match": "*"}), 412)
    assert_is_problem(
        client.put("/v1/junctions/two", content=other, headers={"If-Match": f"W/{first}"}), 412
    )  # weak ETags never match here
    second = client.put("/v1/junctions/two", content=other, headers={"If-Match": f'"another", {first}'})
    assert second.status_code == 200
    assert second.headers["etag"] != first
    assert_is_problem(client.put("/v1/junctions/two", content=described("two"), headers={"If-Match": first}), 412)
    assert_is_problem(client.delete("/v1/junctions/two", headers={"If-Match": first}), 412)
    for known in (f'"another", W/{second.headers["etag"]}', "*"):
        assert client.get("/v1/junctions/two", headers={"If-None-Match": known}).status_code == 304
    assert client.get("/v1/junctions/two").json()["position"] == {"x_m": 1.0, "y_m": 2.0}


def test_bad_descriptions_are_refused_and_leave_nothing_behind(client: httpx.Client) -> None:
    conflicting = json.loads(described("three"))
    conflicting["stages"][0]["aspects"] = {"a": "G", "b": "G"}
    told = assert_is_problem(client.put("/v1/junctions/three", json=conflicting), 422, "conflicting")
    assert told["errors"][0]["field"] == "/stages/0/aspects"
    negative = json.loads(described("three"))
    negative["intergreens"][0]["intergreen_s"] = -1
    told = assert_is_problem(client.put("/v1/junctions/three", json=negative), 422)
    assert told["errors"][0]["field"] == "/intergreens/0/intergreen_s"
    assert_is_problem(client.put("/v1/junctions/three", content=described("four")), 422, "name one junction")
    assert_is_problem(client.put("/v1/junctions/three", content=b"{"), 400)
    assert_is_problem(client.put("/v1/junctions/three", content=b"x" * 10_000_000), 413)
    assert_is_problem(client.put("/v1/junctions/three", content=described("three"), headers={"Content-Type": "text/xml"}), 415, "json")
    assert_is_problem(client.get("/v1/junctions/three"), 404)


def test_bad_calls_are_refused_with_the_field(client: httpx.Client) -> None:
    put(client, "five")
    path = "/v1/junctions/five/decisions"
    nan = json.dumps(call(1, 100.0)).replace("100.0", "NaN", 1)
    assert assert_is_problem(client.post(path, content=nan), 422)["errors"][0]["field"] == "/time_s"
    early = call(1, 100.0, shown=[{"since_s": 300.0, "state": "Gr"}])
    assert assert_is_problem(client.post(path, json=early), 422)["errors"][0]["field"] == "/shown/0/since_s"
    assert client.post(path, json=call(5, 100.0)).status_code == 200
    assert assert_is_problem(client.post(path, json=call(4, 101.0)), 409)["last_sequence"] == 5
    assert_is_problem(client.get("/v1/nothing"), 404)
    assert_is_problem(client.patch(path), 405)


def test_the_stream_answers_as_the_calls_do(service: Service, client: httpx.Client) -> None:
    put(client, "six")
    with connect(f"{service.url.replace('http', 'ws')}/v1/junctions/six/stream") as stream:
        stream.send(json.dumps(call(1, 100.0)))
        answer = json.loads(stream.recv())
        assert answer["command"] == "change"
        stream.send("nonsense")
        assert json.loads(stream.recv())["status"] == 400
        stream.send(json.dumps(call(2, 101.0, stage="b", since_s=100.5)))
        assert json.loads(stream.recv())["sequence"] == 2


def test_a_whole_problem_is_solved(client: httpx.Client) -> None:
    answers = [client.post("/v1/optimize", json={"problem": PROBLEM, "engine": engine}).json() for engine in ("search", "cp-sat")]
    # Change at once, 5 s of interstage, 1 s to start: the one vehicle (weight 10) leaves after 60 ds; one change costs 1 ds x 10.
    assert [(a["plan"][1]["command_ds"], a["departure_ds"], a["cost"]) for a in answers] == [(0, [60], 610)] * 2
    assert_is_problem(client.post("/v1/optimize", json={"problem": {**PROBLEM, "lane_start": [0, 5]}}), 422)


def fallback_s(client: httpx.Client, by: str) -> float:
    told = re.search(f'ampelwerk_fallback_seconds_total{{by="{by}"}} (.*)', client.get("/metrics").text)
    return float(told[1]) if told else 0.0


def test_state_and_figures_are_told(client: httpx.Client) -> None:
    put(client, "seven")
    own_plan, waiting = (fallback_s(client, by) for by in ("own plan", "waiting"))  # Other tests' clients have been without answers too.
    earlier = {name: value for name, value in call(1, 99.0).items() if name in {"time_s", "signal", "loops"}} | {"led_by": "waiting"}
    client.post("/v1/junctions/seven/decisions", json=call(1, 100.0, missed=[earlier], led_by="own plan"))
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "storage": "working"}
    figures = client.get("/metrics").text
    assert 'ampelwerk_waiting_vehicles{junction="seven"} 1.0' in figures
    assert "ampelwerk_decision_seconds_bucket" in figures
    assert (fallback_s(client, "own plan"), fallback_s(client, "waiting")) == (own_plan + 1, waiting + 1)
    assert 'ampelwerk_failed_detectors{junction="seven"} 0.0' in figures
    shown = next(entry for entry in client.get("/v1/board").json() if entry["id"] == "seven")
    assert [group["signal"] for group in shown["groups"]] == ["G", "r"]
    assert [detector["covered"] for detector in shown["detectors"]] == [False, True]


def test_the_given_request_id_comes_back_and_stands_in_the_log(service: Service, client: httpx.Client) -> None:
    response = client.get("/v1/junctions/nobody", headers={"X-Request-ID": "find-me-1"})
    assert response.headers["x-request-id"] == "find-me-1"
    told: list[int] = []
    for _ in range(100):  # the line may be written after the answer
        lines = [json.loads(line) for line in service.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        told = [line["status"] for line in lines if line.get("request_id") == "find-me-1"]
        if told:
            break
        time.sleep(0.05)
    assert told == [404]


def test_a_killed_worker_is_replaced_and_knows_its_junctions(service: Service, client: httpx.Client) -> None:
    put(client, "eight")
    client.post("/v1/junctions/eight/decisions", json=call(1, 100.0))
    assert service.process is not None
    # Not its other children: a plan job that an earlier test has left may still run.
    found = subprocess.run(["pgrep", "-P", str(service.process.pid), "-f", "nursery"], capture_output=True, text=True, check=True)  # noqa: S607
    nursery = found.stdout.split()
    workers = [
        int(pid)
        for parent in nursery
        for pid in subprocess.run(["pgrep", "-P", parent], capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    ]
    assert len(workers) == 3
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    statuses = []
    for n in range(2, 200):
        response = client.post("/v1/junctions/eight/decisions", json=call(n, 99.0 + n))
        statuses.append(response.status_code)
        if response.status_code == 200:
            break
        assert_is_problem(response, 503)
        assert response.headers["retry-after"] == "1"
        time.sleep(0.05)
    assert statuses[-1] == 200
