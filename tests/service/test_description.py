"""The JSON of a junction's description: there and back, and everything that it may not say."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controllers.sumo.detectors import DetectorLayout, place_detectors, user_loops
from controllers.sumo.neighbours import links_between
from controllers.sumo.network import read_network
from experiments.exports import junction_descriptions
from optimizer.horizon import search_tables
from optimizer.service.description import DescriptionError, JunctionDescription, content_hash, describe, to_intersection
from optimizer.service.rehearsal import small_junction
from optimizer.service.site import JunctionSite
from optimizer.service.wire import MOST_GROUPS
from sumo_networks import scenario


@pytest.mark.parametrize("name", ["neudorf", "resco/cologne3", "resco/ingolstadt7"])
def test_a_junction_comes_back_from_its_json_as_it_was(name: str) -> None:
    place = scenario(name)
    reading = read_network(place.network, place.additional_files)
    junctions = place_detectors(reading.net, reading.junctions, DetectorLayout(), user_loops(place.additional_files)).junctions
    links = links_between(reading.net, junctions)
    for junction in junctions.values():
        text = describe(junction, junctions, links).model_dump_json()
        assert to_intersection(JunctionDescription.model_validate_json(text)) == junction


def test_the_export_names_plans_neighbours_and_places() -> None:
    described = {d.id: d for d in junction_descriptions("neudorf")}
    assert len(described) == 6
    for description in described.values():
        assert len(description.fallback) >= 2
        assert description.links
        assert all(link.source in described for link in description.links)
    places = [d.position for d in described.values()]
    assert len({(p.x_m, p.y_m) for p in places if p is not None}) == 6


def test_the_call_that_the_documentation_shows_is_answered_without_an_alarm() -> None:
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    told = re.search(r"/decisions -H [^\n]* -d '(\{.*?\})'\n", text, flags=re.DOTALL)
    assert told is not None
    (description,) = junction_descriptions("rilsa/1")
    assert f"/v1/junctions/{description.id}/decisions" in text
    answer = json.loads(JunctionSite(description).answer(told[1].encode(), time.monotonic()).body)
    assert not answer["alarms"]


def test_the_hash_tells_content_and_not_the_way_it_is_written() -> None:
    description = small_junction()
    mixed = dict(reversed(json.loads(description.model_dump_json()).items()))
    assert content_hash(JunctionDescription.model_validate_json(json.dumps(mixed, indent=3))) == content_hash(description)
    mixed["stages"][0]["maximum_green_s"] = 299.0
    assert content_hash(JunctionDescription.model_validate_json(json.dumps(mixed))) != content_hash(description)


def test_as_many_groups_are_allowed_as_the_search_holds() -> None:
    assert MOST_GROUPS == search_tables.MOST_GROUPS


def changed(path: str, value: object) -> str:
    content = copy.deepcopy(json.loads(small_junction().model_dump_json()))
    *way, last = path.split("/")
    place: Any = content
    for part in way:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(content)


CONTRADICTIONS = {
    "stages/0/aspects": ({"a": "G", "b": "G"}, "/stages/0/aspects", "conflicting"),
    "detectors/0/lanes": (["nowhere"], "/detectors/0/lanes", "nowhere"),
    "movements/0/group": ("c", "/movements/0/group", "'c'"),
    "groups/1/signals": ([0], "/groups/1/signals", "signal 0"),
    "groups/1/id": ("a", "/groups/1", "twice"),
    "signal_count": (1, "/groups/1/signals", "signal_count"),
    "intergreens": ([], "/intergreens", "no intergreen"),
    "conflicts/0": (["a", "a"], "/conflicts/0", "itself"),
    "stages/0/maximum_green_s": (2.0, "/stages/0/maximum_green_s", "must for 5 s"),
    "allowed_changes": ([["a", "b"]], "/fallback/1", "allowed_changes forbids"),
    "fallback/0/stage": ("z", "/fallback/0/stage", "'z'"),
    "id": ("a/b", "/id", "slash"),
    "gives_way": ([{"group": "a", "to": ["a"]}], "/gives_way/0/to", "itself"),
}


@pytest.mark.parametrize("path", CONTRADICTIONS)
def test_a_description_that_contradicts_itself_is_refused_with_the_field_and_the_remedy(path: str) -> None:
    value, field, words = CONTRADICTIONS[path]
    with pytest.raises(DescriptionError) as told:
        to_intersection(JunctionDescription.model_validate_json(changed(path, value)))
    assert told.value.field == field
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("intergreens/0/intergreen_s", -1.0),
        ("incoming/0/speed_m_s", 0.0),
        ("incoming/0/length_m", "100"),
        ("groups/0/kind", "aeroplane"),
        ("stages", []),
        ("unknown", 1),
        ("signal_count", 1e9),
    ],
)
def test_a_description_of_the_wrong_form_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        JunctionDescription.model_validate_json(changed(path, value))


def test_numbers_that_are_none_are_refused() -> None:
    for word in ("NaN", "Infinity", "1e999"):
        text = small_junction().model_dump_json().replace('"length_m":100.0', f'"length_m":{word}', 1)
        with pytest.raises(ValidationError):
            JunctionDescription.model_validate_json(text)


def test_groups_that_all_wait_for_each_other_are_refused() -> None:
    content = json.loads(small_junction().model_dump_json())
    content["conflicts"] = []
    content["stages"][0]["aspects"] = {"a": "g", "b": "g"}
    content["gives_way"] = [{"group": "a", "to": ["b"]}, {"group": "b", "to": ["a"]}]
    with pytest.raises(DescriptionError, match="give way to each other"):
        to_intersection(JunctionDescription.model_validate_json(json.dumps(content)))
