"""Designed signals of a scenario: made once, kept in one file, and taken from there by every run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controllers.designed_signals import FORMAT, REMEDY, SIGNALS, DesignedSignals, SignalsError, read_designed_signals, signals_entry
from controllers.sumo.audit import audit
from controllers.sumo.designed_programs import PROGRAM_ID, designed_plan_programs
from controllers.sumo.programs import write_programs
from controllers.sumo.stage_programs import all_changes, stage_program
from experiments.checking import finding_values
from experiments.design.outputs import PROGRAMS, record
from experiments.design.planning import PlanRequest, plan_scenario
from experiments.folders import write_whole
from experiments.provenance import file_hash, fingerprint_of
from experiments.requests import DESIGNED, SHIPPED
from optimizer.design.requests import with_requests
from optimizer.design.stages import designed_stages
from sumo_networks.cache import built

if TYPE_CHECKING:
    from controllers.sumo.findings import Finding
    from experiments.design.planning import ScenarioPlan
    from sumo_networks import Scenario

STAGES: Final = "stages.add.xml"
STAGES_ID: Final = "ampelwerk_stages"


def write_signals(designed: ScenarioPlan, out: Path) -> list[Finding]:
    """Write designed signals into an existing folder: ``signals.json`` last, and two additional files with programs for the check.

    ``programs.add.xml`` holds the fixed-time plans, ``stages.add.xml`` a program in which each stage follows each other one.

    Returns
    -------
    list of Finding
        What the safety check says about both.

    Raises
    ------
    ResultError
        If the folder cannot be written.
    """
    content: dict[str, Any] = record(designed, [])
    for name, result in designed.results.items():
        junction = result.problem.junction
        stages = designed_stages(with_requests(result.plan, junction, result.requests), junction)
        content["junctions"][name]["designed"] = signals_entry(junction, stages)
    content |= {"signals_format": FORMAT, "network_sha256": file_hash(designed.place.network)}
    draft = out / f".{SIGNALS}.unchecked"
    write_whole(draft, json.dumps(content))
    signals = read_designed_signals(draft)
    draft.unlink()
    junctions = signals.applied(designed.site.reading.junctions)
    timed = [junctions[name] for name in signals.junctions]
    write_programs(
        (
            stage_program(j, order := all_changes(len(j.stages)), [0.0] * len(order), STAGES_ID)  # each for its minimum green
            for j in timed
        ),
        out / STAGES,
    )
    write_programs(designed_plan_programs(signals, junctions), out / PROGRAMS)
    place = designed.place
    checked = audit(place.network, (*place.additional_files, out / STAGES, out / PROGRAMS))
    findings = [f for f in checked.findings if f.program in (STAGES_ID, PROGRAM_ID)]
    content["findings"] = [finding_values(finding) for finding in findings]
    write_whole(out / SIGNALS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return findings


def signals_for(place: Scenario, signals: str) -> DesignedSignals | None:
    """Return the signals that a run is to have; None for the shipped ones.

    Designed ones stay in the cache folder for the next run.

    Parameters
    ----------
    place
        The scenario.
    signals
        ``shipped``, ``designed`` or a file of designed signals (or its folder).

    Raises
    ------
    SignalsError
        If the file cannot be used or was designed for another network.
    ExperimentError, DesignError, ScenarioError, NetworkError
        If no signals can be designed.
    """
    if signals == SHIPPED:
        return None
    found = read_designed_signals(_designed(place) if signals == DESIGNED else Path(signals))
    if found.network_sha256 != file_hash(place.network):
        raise SignalsError(f"{found.path}: was designed for another network, or another revision of it, than {place.network}; {REMEDY}")
    return found


def _designed(place: Scenario) -> Path:
    """Return the folder of a scenario's designed signals, made now unless the cache has it."""

    def build(folder: Path) -> None:
        write_signals(plan_scenario(place, PlanRequest()), folder)

    files = (place.network, *place.route_files, *place.additional_files)
    window = f"{place.begin_s:g} {place.end_s:g}"
    name = hashlib.sha256(place.name.encode()).hexdigest()[:8]
    return built(f"signals-{name}", [fingerprint_of("optimizer", "controllers", "experiments"), window, *files], build)
