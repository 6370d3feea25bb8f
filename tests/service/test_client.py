"""The client's memory: what it brings along, when it gives up, and how its own plan takes over and lets go without a jump."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.exports import junction_descriptions
from optimizer.service.client import AsyncServiceClient, Guidance, LedBy, Pilot, ServiceClient, ServiceUnusableError
from optimizer.service.client.last_plan import LastPlan
from optimizer.service.client.own_plan import OwnPlan
from optimizer.service.description import NeighbourLink
from optimizer.service.rehearsal import small_junction
from tests.service.calls import STATE, call
from tests.service.running import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.running import Service


def second(time_s: float, stage: str = "a", since_s: float = 0.0) -> dict[str, Any]:
    body = call(0, time_s, stage, since_s)
    return {name: body[name] for name in ("time_s", "signal", "loops")}


def reported(pilot: Pilot, time_s: float, stage: str = "a", since_s: float = 0.0) -> dict[str, Any] | None:
    body = pilot.report(second(time_s, stage, since_s), STATE[stage], since_s)
    return None if body is None else json.loads(body)


def answer_to(request: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {
        "sequence": request["sequence"],
        "time_s": request["time_s"],
        "valid_until_s": request["time_s"] + 1,
        "stage": "a",
        "green_not_before_s": None,
        "timeline": [],
        "outflow": {},
        "reason": "",
        **changes,
    }


def test_a_neighbours_vehicles_that_go_elsewhere_are_left_out() -> None:
    link = NeighbourLink(source="before", lane="here", to=["a in"], distance_m=100, travel_time_s=10)
    pilot = Pilot(small_junction().model_copy(update={"links": [link]}))
    told = {
        "junction": "before",
        "times_s": [1.0, 2.0, 3.0],
        "lanes": ["elsewhere", "here", "elsewhere"],
        "time_s": 4.0,
    }
    other = {**told, "junction": "behind"}
    body = pilot.report(second(5.0), STATE["a"], 0.0, [told, other])
    assert body is not None
    assert json.loads(body)["neighbours"] == [
        {**told, "times_s": [2.0], "lanes": ["here"], "from_lanes": []},
        {**other, "times_s": [], "lanes": [], "from_lanes": []},
    ]


def test_unanswered_seconds_and_states_come_along_until_they_are_answered() -> None:
    pilot = Pilot(small_junction())
    reported(pilot, 10.0)
    pilot.unanswered("lost")
    request = reported(pilot, 11.0, "b", 10.5)
    assert request is not None
    assert [each["time_s"] for each in request["missed"]] == [10.0]
    assert [each["since_s"] for each in request["shown"]] == [0.0, 10.5]
    pilot.answered(answer_to(request))
    request = reported(pilot, 12.0, "b", 10.5)
    assert request is not None
    assert (request["missed"], [each["since_s"] for each in request["shown"]]) == ([], [10.5])


def test_an_answer_to_another_call_or_for_another_second_is_none() -> None:
    pilot = Pilot(small_junction())
    request = reported(pilot, 10.0)
    assert request is not None
    assert pilot.answered(answer_to(request, sequence=1)).source is LedBy.WAITING
    request = reported(pilot, 11.0)
    assert request is not None
    assert pilot.answered(answer_to(request, valid_until_s=10.0, stage="b")).stage == "a"
    assert pilot.lost == 2


def drive(pilot: Pilot, seconds: range, stage: str = "a", since_s: float = 0.0) -> list[Guidance]:
    """Let a junction follow its guidance without any answer, changing stage at once."""
    guidance = []
    for time_s in seconds:
        reported(pilot, float(time_s), stage, since_s)
        told = pilot.unanswered("nobody answers")
        guidance.append(told)
        if told.stage != stage:
            stage, since_s = told.stage, float(time_s)
    return guidance


def test_without_answers_the_own_plan_takes_over_after_three_seconds_where_it_stands() -> None:
    # Greens of 20 s (a) and 15 s (b); a has been green since 0 s when the answers stop at 10 s.
    told = drive(Pilot(small_junction()), range(10, 60))
    assert [each.source for each in told[:4]] == [LedBy.WAITING] * 3 + [LedBy.OWN_PLAN]
    changes = [10 + k for k in range(1, len(told)) if told[k].stage != told[k - 1].stage]
    assert changes == [20, 35, 55]


def test_the_circuit_opens_after_three_failures_and_is_tried_every_four_seconds() -> None:
    pilot = Pilot(small_junction())
    called = []
    for time_s in range(20):
        called.append(reported(pilot, float(time_s)) is not None)
        pilot.unanswered("nobody answers")
    assert [time_s for time_s, was in enumerate(called) if was] == [0, 1, 2, 6, 10, 14, 18]
    assert not pilot.may_retry()


def test_retries_are_limited_to_a_fifth_of_the_calls() -> None:
    pilot = Pilot(small_junction())
    retries = 0
    for time_s in range(200):
        request = reported(pilot, float(time_s))
        assert request is not None
        retries += pilot.may_retry()
        pilot.answered(answer_to(request))
    assert retries <= 5 + 200 / 5


def test_after_an_answer_the_service_leads_again() -> None:
    pilot = Pilot(small_junction())
    drive(pilot, range(10, 40))
    request = reported(pilot, 44.0)
    assert request is not None
    assert len(request["missed"]) == 30
    assert pilot.answered(answer_to(request, stage="b")) == Guidance("b", None, LedBy.SERVICE, "")
    assert not pilot.is_open


def timeline(*entries: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"stage": stage, "commanded_s": commanded_s, "green_start_s": start_s} for stage, commanded_s, start_s in entries]


def test_while_answers_are_missing_the_last_plan_is_gone_along_for_half_a_minute() -> None:
    # At 10 s the service planned b for 14 s. The own plan would leave a (green since 0 s) at 20 s only.
    pilot = Pilot(small_junction())
    request = reported(pilot, 10.0)
    assert request is not None
    pilot.answered(answer_to(request, timeline=timeline(("a", 0.0, 0.0), ("b", 14.0, 19.0))))
    told = drive(pilot, range(11, 44))
    assert [each.stage for each in told[:23]] == ["a"] * 3 + ["b"] * 20
    assert [each.source for each in told] == [LedBy.LAST_PLAN] * 30 + [LedBy.OWN_PLAN] * 3


def test_a_call_tells_what_led_the_junction_in_the_second_before() -> None:
    pilot = Pilot(small_junction())
    drive(pilot, range(10, 16))
    request = reported(pilot, 16.0)
    assert request is not None
    told = [second.get("led_by") for second in (*request["missed"], request)]
    assert told == [None, "waiting", "waiting", "waiting", "own plan", "own plan", "own plan"]
    pilot.answered(answer_to(request))
    request = reported(pilot, 17.0)
    assert request is not None
    assert request["led_by"] == "service"


def test_a_call_that_was_used_already_does_not_cost_what_was_learnt() -> None:
    pilot = Pilot(small_junction())
    request = reported(pilot, 10.0)
    assert request is not None
    pilot.rejected({"status": 409, "type": "/problems/sequence-reused", "last_sequence": request["sequence"]})
    request = reported(pilot, 11.0)
    assert request is not None
    assert not request["begin_anew"]
    pilot.rejected({"status": 409, "type": "/problems/clock-went-back", "last_sequence": request["sequence"] + 7})
    following = reported(pilot, 12.0)
    assert following is not None
    assert (following["begin_anew"], following["sequence"]) == (True, request["sequence"] + 8)


def test_a_late_answer_ends_what_must_be_told_again_and_its_plan_leads() -> None:
    pilot = Pilot(small_junction())
    first = reported(pilot, 10.0)
    pilot.unanswered("late")
    second_call = reported(pilot, 11.0)
    assert first is not None
    assert second_call is not None
    pilot.unanswered("late")
    pilot.came_late(answer_to(first, timeline=timeline(("a", 0.0, 0.0), ("b", 12.0, 17.0))))
    third = reported(pilot, 12.0)
    assert third is not None
    assert [each["time_s"] for each in third["missed"]] == [11.0]
    told = pilot.unanswered("late")
    assert (told.stage, told.source, pilot.late, pilot.is_open) == ("b", LedBy.LAST_PLAN, 1, False)
    # An older answer than the newest one is passed over.
    pilot.came_late(answer_to(second_call, timeline=timeline(("a", 0.0, 0.0))))
    pilot.came_late(answer_to(first, timeline=timeline(("a", 0.0, 0.0), ("b", 12.0, 17.0))))
    reported(pilot, 13.0)
    assert (pilot.unanswered("late").stage, pilot.late) == ("a", 2)


def test_a_junction_that_has_left_the_last_plan_waits_and_then_follows_its_own() -> None:
    # The plan knows only b, but a is shown.
    pilot = Pilot(small_junction())
    request = reported(pilot, 10.0, "b", 0.0)
    assert request is not None
    pilot.answered(answer_to(request, timeline=timeline(("b", 0.0, 0.0))))
    assert [each.source for each in drive(pilot, range(11, 15))] == [LedBy.WAITING] * 2 + [LedBy.OWN_PLAN] * 2


def test_a_green_that_began_later_than_planned_keeps_its_length() -> None:
    plan = LastPlan()
    plan.take({"time_s": 10.0, "timeline": timeline(("a", 0.0, 0.0), ("b", 10.0, 12.0), ("a", 17.0, 19.0))})
    told = [plan.next_stage(float(time_s), "b", 14.0) for time_s in range(14, 21)]
    assert told == ["b"] * 5 + ["a"] * 2  # 5 s of green as planned, from 14 s on
    assert plan.next_stage(41.0, "b", 14.0) is None


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100)), max_size=6),
    st.sampled_from("abc"),
    st.floats(0, 120),
    st.floats(0, 120),
)
def test_a_last_plan_only_names_its_stages(entries: list[tuple[str, float]], stage: str, time_s: float, since_s: float) -> None:
    plan = LastPlan()
    plan.take({"time_s": 50.0, "timeline": timeline(*((name, at_s, at_s + 5) for name, at_s in sorted(entries, key=lambda e: e[1])))})
    told = plan.next_stage(time_s, stage, since_s)
    assert told is None or told in {stage, *(name for name, _ in entries)}
    assert told is None or 50 <= time_s <= 80


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(5, 60)), max_size=5), st.lists(st.sampled_from("abc"), min_size=1))
def test_an_own_plan_only_names_its_stages_and_never_cuts_a_green_short(steps: list[tuple[str, float]], stages: list[str]) -> None:
    plan, time_s = OwnPlan(steps), 0.0
    for stage in stages:
        since_s = time_s
        for _ in range(20):
            told = plan.next_stage(time_s, stage, since_s)
            assert told in {stage, *(name for name, _ in steps)}
            if told != stage:
                assert time_s - since_s >= min([green_s for _, green_s in steps] + [15.0])
                break
            time_s += 1.0


def test_the_clients_get_guidance_from_a_real_service_and_describe_what_it_forgot(service: Service) -> None:
    description = small_junction().model_copy(update={"id": "forgotten"})

    def ask_waiting() -> Guidance:
        with ServiceClient(service.url, timeout_s=10) as client:
            return client.ask(Pilot(description), second(100.0), "Gr", 0.0)

    async def ask_async() -> Guidance:
        async with AsyncServiceClient(service.url, timeout_s=10) as client:
            return await client.ask(Pilot(description, begin_anew=True), second(100.0), "Gr", 0.0)

    for told in (ask_waiting(), asyncio.run(ask_async())):
        assert (told.stage, told.source) == ("b", LedBy.SERVICE)


NO_PATIENCE_S = 0.001
"""Nearly each answer is late, but a call is on its way by then: one that is not is never made."""


@pytest.mark.parametrize("kind", [ServiceClient, AsyncServiceClient])
def test_an_answer_that_comes_after_its_time_brings_the_plan_of_the_next_second(service: Service, kind: type) -> None:
    description = small_junction().model_copy(update={"id": f"late-{kind.__name__}"})
    with ServiceClient(service.url, timeout_s=10) as client:
        client.put_junction(description)
    pilot = Pilot(description)

    async def asked() -> list[Guidance]:
        told = []
        async with AsyncServiceClient(service.url, timeout_s=NO_PATIENCE_S) as client:
            for n in range(200):
                told.append(await client.ask(pilot, second(100.0 + n), "Gr", 0.0))
                if pilot.late and told[-1].source is LedBy.LAST_PLAN:
                    break
                await asyncio.sleep(0.05)
        return told

    if kind is ServiceClient:
        told = []
        with ServiceClient(service.url, timeout_s=NO_PATIENCE_S) as client:
            for n in range(200):
                told.append(client.ask(pilot, second(100.0 + n), "Gr", 0.0))
                if pilot.late and told[-1].source is LedBy.LAST_PLAN:
                    break
                time.sleep(0.05)
    else:
        told = asyncio.run(asked())
    assert told[-1].source is LedBy.LAST_PLAN
    assert pilot.late > 0


def test_a_clock_that_was_set_back_costs_one_second(service: Service) -> None:
    description = small_junction().model_copy(update={"id": "clock"})
    with ServiceClient(service.url, timeout_s=10) as client:
        client.put_junction(description)
        pilot = Pilot(description)
        client.ask(pilot, second(100.0), "Gr", 0.0)
        assert client.ask(pilot, second(50.0), "Gr", 0.0).source is LedBy.WAITING
        assert client.ask(pilot, second(51.0), "Gr", 0.0).source is LedBy.SERVICE


def test_a_client_without_a_service_says_so_only_where_nothing_else_helps() -> None:
    with ServiceClient("http://127.0.0.1:9") as client:
        assert client.ask(Pilot(small_junction()), second(1.0), "Gr", 0.0).source is LedBy.WAITING
        with pytest.raises(ServiceUnusableError, match="ampelwerk serve"):
            client.put_junction(small_junction())


def test_the_program_that_the_documentation_shows_is_led_by_the_service(tmp_path: Path, service: Service) -> None:
    told = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "service.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert told is not None
    assert "http://127.0.0.1:8080" in told[1]
    (tmp_path / "program.py").write_text(told[1].replace("http://127.0.0.1:8080", service.url), encoding="utf-8")
    (description,) = junction_descriptions("rilsa/1")
    (tmp_path / "one.json").write_text(description.model_dump_json(), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert "by service" in done.stdout
