"""Whatever is sent: no crash, no undocumented answer, nothing unsafe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.service.description import DescriptionError, JunctionDescription, to_intersection
from optimizer.service.messages import DecisionAnswer
from optimizer.service.problems import ProblemError
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from tests.service.calls import site as small_site

if TYPE_CHECKING:
    from tests.service.running import Service

ROOT = Path(__file__).resolve().parents[2]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"


def fuzz(service: Service, folder: Path, phases: str, examples: int, *options: str) -> int:
    """Let schemathesis call everything that the OpenAPI document names; return how many calls it made."""
    settings = folder / "schemathesis.toml"
    settings.write_text('[parameters]\n"path.name" = "rehearsal"\n')
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run", f"{service.url}/openapi.json"]
    command += ["--checks", CHECKS, "--max-examples", str(examples), "--generation-deterministic", "--no-color", "--phases", phases]
    command += ["--continue-on-failure", "--request-timeout", "30", *options]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    made = re.search(r"(\d+) generated", done.stdout)
    assert made is not None
    return int(made[1])


@pytest.fixture
def described(service: Service) -> Service:
    httpx.put(f"{service.url}/v1/junctions/rehearsal", json=small_junction().model_dump(mode="json"), timeout=30).raise_for_status()
    return service


def test_no_call_of_the_documented_interface_has_an_undocumented_answer(described: Service, tmp_path: Path) -> None:
    assert fuzz(described, tmp_path, "fuzzing", 30, "--exclude-method", "DELETE") > 100


@pytest.mark.slow
def test_no_one_of_ten_thousand_calls_has_an_undocumented_answer(described: Service, tmp_path: Path) -> None:
    made = fuzz(described, tmp_path, "coverage,fuzzing", 1500, "--exclude-method", "DELETE")
    made += fuzz(described, tmp_path, "coverage,fuzzing", 300)
    print(f"\n{made} calls")  # noqa: T201
    assert made >= 10_000


SPANS = st.integers(0, 40).map(lambda value: value / 2)


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    """Junctions of a few groups with any conflicts and any stages; half of them contradict themselves."""
    names = [f"g{k}" for k in range(draw(st.integers(1, 4)))]
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    conflicts = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    compatible = {frozenset(pair) for pair in pairs} - {frozenset(pair) for pair in conflicts}
    stages = []
    for k in range(draw(st.integers(2, 4))):
        green: list[str] = []
        for name in draw(st.permutations(names)):
            if all(frozenset((name, other)) in compatible for other in green) and draw(st.booleans()):
                green.append(name)
        aspects = {name: draw(st.sampled_from("Ggs")) for name in green}
        stages.append({"id": f"s{k}", "aspects": aspects, "maximum_green_s": draw(st.sampled_from([20.0, 60.0, 300.0]))})
    kinds = st.sampled_from(["vehicle", "pedestrian", "tram", "bicycle"])
    lane = {"length_m": 80.0, "speed_m_s": 13.9, "storage_m": draw(st.sampled_from([5.0, 80.0]))}
    return {
        "id": "any",
        "incoming": [{"id": f"{name} in", "approach": name, **lane} for name in names],
        "outgoing": [{"id": "out", **lane}],
        "groups": [
            {
                "id": name,
                "kind": draw(kinds),
                "signals": [k],
                "minimum_green_s": draw(SPANS),
                "yellow_s": draw(SPANS) / 4,
                "red_yellow_s": draw(st.sampled_from([0.0, 1.0])),
                "maximum_red_s": draw(st.sampled_from([None, 60.0, 120.0])),
            }
            for k, name in enumerate(names)
        ],
        "movements": [
            {"incoming": f"{name} in", "outgoing": "out", "group": name, "direction": "straight", "crossing_m": 12.0} for name in names
        ],
        "stages": stages,
        "conflicts": conflicts,
        "gives_way": [{"group": a, "to": [b]} for a, b in draw(st.lists(st.sampled_from(pairs), unique_by=lambda p: p[0]))]
        if pairs
        else [],
        "intergreens": [{"ending": x, "starting": y, "intergreen_s": draw(SPANS)} for a, b in conflicts for x, y in ((a, b), (b, a))],
        "detectors": [
            {"id": f"{name} {role}", "role": role, "lanes": [f"{name} in"], "distance_m": metres, "speed_m_s": 13.9}
            for name in names
            for role, metres in (("stop_line", 2.0), ("near", 40.0))
        ],
        "signal_count": len(names),
    }


readings = st.fixed_dictionaries(
    {
        "count": st.integers(-1, 50),
        "occupancy": st.floats(0, 1),
        "occupied_s": st.floats(0, 1e7),
        "speed_m_s": st.none() | st.floats(0, 150),
    }
)


@given(descriptions(), st.data())
@settings(max_examples=60)
def test_whatever_the_loops_say_each_answer_passes_the_monitor(drawn: dict[str, Any], data: st.DataObject) -> None:
    try:
        site = JunctionSite(JunctionDescription.model_validate_json(json.dumps(drawn)))
    except DescriptionError:
        return
    junction = to_intersection(site.description)
    stage, since_s, time_s = 0, 0.0, 0.0
    for second in range(1, data.draw(st.integers(2, 12))):
        time_s += data.draw(st.sampled_from([1.0, 1.0, 10.0, 100.0]))
        read = [data.draw(readings) for _ in junction.detectors]
        call = {
            "sequence": second,
            "time_s": time_s,
            "signal": {
                "stage": junction.stages[stage].id,
                "previous": junction.stages[stage].id,
                "green_start_s": since_s,
                "commanded_s": since_s,
            },
            "shown": [{"since_s": since_s, "state": junction.state(stage)}],
            "loops": {name: [each[name] for each in read] for name in ("count", "occupancy", "occupied_s", "speed_m_s")},
        }
        answer = DecisionAnswer.model_validate_json(site.answer(json.dumps(call).encode(), time.monotonic()).body)
        assert {answer.stage, junction.stages[stage].id} <= {each.id for each in junction.stages}
        if answer.command == "change":
            following = next(k for k, each in enumerate(junction.stages) if each.id == answer.stage)
            # Never out of a minimum green, by the description alone.
            for group in junction.closing(stage, following):
                assert time_s - since_s >= junction.groups[group].minimum_green_s - 1e-6
            break


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_body_is_answered_or_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as told:
        small_site().answer(body, time.monotonic())
    assert told.value.status in {400, 422}
