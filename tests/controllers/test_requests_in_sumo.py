"""The controller `coordinated` with trams on request, in real SUMO: on the bundled network with trams, and nobody is refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from controllers.sumo.findings import Severity
from controllers.sumo.plan_programs import plan_program, program_plan
from controllers.sumo.programs import read_programs, write_programs
from controllers.sumo.walkways import Walkways
from experiments.checking import check
from experiments.design.flows import busiest, from_routes, junction_demand
from experiments.design.junctions import design_site
from optimizer.design.designing import design
from optimizer.design.plan_text import plan_content
from optimizer.design.problem import design_problem
from optimizer.design.requests import groups_on_request, request_windows, with_requests
from sumo_networks.catalogue import scenario
from tests.commands import ampelwerk

if TYPE_CHECKING:
    from pathlib import Path

JUNCTIONS = ("m1", "m2", "m3")
END_S = 900
CYCLE_S = 70


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plans that show trams on request only, even where they could go beside the main road for free: there is more to see so."""
    place = scenario("neudorf")
    site = design_site(place)
    counts = busiest(from_routes(place, Walkways(site.reading.net, site.junctions), 900))
    entries, programs = {}, []
    for name in JUNCTIONS:
        junction = site.junctions[name]
        trams = groups_on_request(junction)
        problem = design_problem(junction, junction_demand(junction, counts), cycle_s=(CYCLE_S, CYCLE_S), left_out=trams)
        result = design(problem, relative_gap=0.02)
        windows, without = request_windows(result.plan, problem)
        assert {window.group for window in windows} == trams
        assert not without
        entries[name] = plan_content(replace(result, requests=windows))
        programs.append(plan_program(with_requests(result.plan, junction, windows), junction, "requests"))
    folder = tmp_path_factory.mktemp("plan")
    (folder / "design.json").write_text(json.dumps({"junctions": entries}))
    write_programs(programs, folder / "programs.add.xml")
    return folder


@pytest.fixture(scope="module")
def run(plan: Path) -> Path:
    """A run, with a record of when each tram passes the loops of its lane."""
    name = "tests.controllers.recording:Recording"
    (plan / "p.toml").write_text(f'["{name}"]\nplan = "design.json"\nrecord = "loops.jsonl"\n')
    order = ["run", "neudorf", "--controller", name, "--parameters", "p.toml", "--end", str(END_S), "--out", "run"]
    done = ampelwerk(*order, cwd=plan)
    assert done.returncode == 0, done.stderr
    return plan / "run"


def shown(run: Path, name: str, links: list[int]) -> list[tuple[float, float]]:
    """Return begin and end of the greens of some links, without one that was on at the start."""
    rows = [row for row in csv.DictReader((run / "signals.csv").open(newline="")) if row["junction"] == name and row["state"]]
    greens, since_s = [], None
    was_green = all(rows[0]["state"][link] in "Gg" for link in links)
    for row in rows[1:]:
        is_green = all(row["state"][link] in "Gg" for link in links)
        if is_green and not was_green:
            since_s = float(row["time_s"])
        if was_green and not is_green and since_s is not None:
            greens.append((since_s, float(row["time_s"])))
        was_green = is_green
    return greens


def test_nobody_is_refused(run: Path) -> None:
    kpis = json.loads((run / "run.json").read_text())["kpis"]
    assert kpis["refused_commands"] == kpis["violations"] == 0


def test_a_tram_is_green_only_after_one_has_reported_and_then_within_a_cycle(plan: Path, run: Path) -> None:
    reading = design_site(scenario("neudorf"))
    passed = [json.loads(line) for line in (plan / "loops.jsonl").read_text().splitlines()]
    seen = 0
    for name in JUNCTIONS:
        junction = reading.junctions[name]
        for tram in sorted(groups_on_request(junction)):
            (lane,) = {junction.incoming[m.incoming].id for m in junction.movements if m.group == tram}
            calls_s = [time_s for time_s, where, at, _, _ in passed if (where, at) == (name, lane)]
            fronts_s = [time_s for time_s, where, at, role, count in passed if (where, at, role) == (name, lane, "stop_line") and count]
            greens = shown(run, name, list(junction.groups[tram].links))
            before_s = 0.0
            for begin_s, end_s in greens:
                # Somebody has called since the last green ended: what stood on the loop then has driven on.
                assert any(before_s <= call_s <= begin_s for call_s in calls_s), (name, tram, begin_s)
                assert end_s - begin_s >= 5
                before_s = end_s
                seen += 1
            for front_s in fronts_s:
                if front_s < END_S - CYCLE_S - 15:
                    assert any(begin_s <= front_s + CYCLE_S + 15 and front_s <= end_s for begin_s, end_s in greens), (name, tram, front_s)
    assert seen >= 8


def test_the_other_greens_are_in_step_with_the_plan_one_cycle_later(plan: Path, run: Path) -> None:
    # The main road's green ends at the same second in each cycle, whether a tram came or not.
    content = json.loads((plan / "design.json").read_text())["junctions"]
    reading = design_site(scenario("neudorf"))
    for name in JUNCTIONS:
        junction = reading.junctions[name]
        main = max(
            (g for g in junction.groups if "straight" in g.id and g.kind == "vehicle"), key=lambda g: content[name]["greens"][g.id][0][1]
        )
        ends_s = [end_s % CYCLE_S for _, end_s in shown(run, name, list(main.links))]
        assert len(ends_s) >= 10
        assert len(set(ends_s[1:])) == 1, (name, main.id, ends_s)


def test_the_program_for_plain_sumo_serves_the_trams_in_each_cycle_and_passes_the_check(plan: Path) -> None:
    content = json.loads((plan / "design.json").read_text())["junctions"]
    site = design_site(scenario("neudorf"))
    programs = {program.id: program for program in (found for row in read_programs([plan / "programs.add.xml"]).values() for found in row)}
    for name in JUNCTIONS:
        shown_plan = program_plan(programs[name], site.junctions[name])
        assert content[name]["requests"]
        for group, windows in zip(site.junctions[name].groups, shown_plan.greens, strict=True):
            assert [[w.start_s, w.length_s] for w in windows] == content[name]["greens_with_requests"][group.id]
            assert windows or group.id not in content[name]["requests"]
    found = check("neudorf", [plan / "programs.add.xml"])
    assert not [finding for finding in found.findings if finding.program == "requests" and finding.severity is Severity.ERROR]
