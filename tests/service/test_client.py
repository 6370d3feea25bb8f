"""The client's memory: what it brings along, when it gives up, and how its own plan takes over and lets go without a jump."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.service.client import AsyncServiceClient, Guidance, Pilot, ServiceClient, ServiceUnusableError, Source
from optimizer.service.client.own_plan import OwnPlan
from optimizer.service.rehearsal import small_junction
from tests.service.calls import STATE, call

if TYPE_CHECKING:
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
        "valid_until_s": request["time_s"] + 1,
        "stage": "a",
        "green_not_before_s": None,
        "outflow": {},
        "reason": "",
        **changes,
    }


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
    assert pilot.answered(answer_to(request, sequence=1)).source is Source.WAITING
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
    assert [each.source for each in told[:4]] == [Source.WAITING] * 3 + [Source.OWN_PLAN]
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
    assert pilot.answered(answer_to(request, stage="b")) == Guidance("b", None, Source.SERVICE, "")
    assert not pilot.is_open


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
        assert (told.stage, told.source) == ("b", Source.SERVICE)


def test_a_clock_that_was_set_back_costs_one_second(service: Service) -> None:
    description = small_junction().model_copy(update={"id": "clock"})
    with ServiceClient(service.url, timeout_s=10) as client:
        client.put_junction(description)
        pilot = Pilot(description)
        client.ask(pilot, second(100.0), "Gr", 0.0)
        assert client.ask(pilot, second(50.0), "Gr", 0.0).source is Source.WAITING
        assert client.ask(pilot, second(51.0), "Gr", 0.0).source is Source.SERVICE


def test_a_client_without_a_service_says_so_only_where_nothing_else_helps() -> None:
    with ServiceClient("http://127.0.0.1:9") as client:
        assert client.ask(Pilot(small_junction()), second(1.0), "Gr", 0.0).source is Source.WAITING
        with pytest.raises(ServiceUnusableError, match="ampelwerk serve"):
            client.put_junction(small_junction())
