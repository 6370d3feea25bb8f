"""Safety check of signal programs: every program of every traffic light of a network, whoever runs it.

The check works on links, not on groups, and knows nothing of how a program was made. What must not be green together, and how long must
lie between two greens, comes from the net's connections and the lanes inside its junctions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controllers.sumo.audit_states import (
    AuditedLight,
    conflict_findings,
    empty_phase_findings,
    letter_findings,
    never_green_findings,
    permissive_findings,
)
from controllers.sumo.audit_timing import green_findings, intergreen_findings, yellow_findings
from controllers.sumo.conflict_points import link_needs_s, link_paths
from controllers.sumo.findings import Severity
from controllers.sumo.links import controlled_links, right_of_way
from controllers.sumo.network import NetworkError, read_net
from controllers.sumo.programs import is_left_hand, is_off, read_signals, without_rings
from optimizer.design.intergreens import IntergreenParameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from controllers.sumo.findings import Finding
    from controllers.sumo.programs import ShippedProgram

_RULES = (
    empty_phase_findings,
    never_green_findings,
    conflict_findings,
    permissive_findings,
    yellow_findings,
    green_findings,
    intergreen_findings,
)
_RAIL = ("rail_signal", "rail_crossing")


@dataclass(frozen=True, slots=True)
class Audit:
    """What the check of a network has found.

    Attributes
    ----------
    findings
        All findings, by junction and program.
    programs
        How many programs were checked.
    never_run
        The ``(junction, program)`` that never run: neither loaded last nor called up by a WAUT.
    files
        For each ``(junction, program)``, the file that holds it.
    left_out
        Why some lights or programs were not checked, by junction.
    """

    findings: tuple[Finding, ...]
    programs: int
    never_run: frozenset[tuple[str, str]]
    files: dict[tuple[str, str], Path]
    left_out: dict[str, str]

    @property
    def errors(self) -> int:
        """How many of the findings are errors of programs that run."""
        return sum(finding.severity is Severity.ERROR and self.runs(finding) for finding in self.findings)

    def runs(self, finding: Finding) -> bool:
        """Whether the program of a finding is one that runs."""
        return (finding.junction, finding.program) not in self.never_run


def audit(net_file: Path, additional_files: Sequence[Path] = (), parameters: IntergreenParameters | None = None) -> Audit:
    """Check every program of a network and its additional files.

    Parameters
    ----------
    net_file, additional_files
        As for `read_network`.
    parameters
        Speeds, lengths and times behind the intergreens; the guideline's where None.

    Raises
    ------
    NetworkError
        If a file is missing or broken, or the network has no traffic light.
    """
    signals = read_signals([net_file, *additional_files])
    programs = signals.programs
    files = {(p.id, p.program_id): p.file for row in programs.values() for p in row if p.file is not None}
    net, left_hand = read_net(net_file), is_left_hand(net_file)
    lights = {light.getID(): light for light in net.getTrafficLights()}
    if not lights:
        raise NetworkError(f"{net_file}: has no traffic light; choose a network with signals.")
    findings: list[Finding] = []
    left_out: dict[str, str] = {}
    never_run: set[tuple[str, str]] = set()
    checked = 0
    for name in sorted(lights):
        usable = [p for p in programs.get(name, []) if not is_off(p)]
        reason = _reason(lights[name], usable)
        if reason is not None:
            left_out[name] = reason
            continue
        checked += len(usable)
        running = {usable[-1].program_id, *(program for switching in signals.switchings.get(name, ()) for _, program in switching.programs)}
        never_run |= {(name, p.program_id) for p in usable if p.program_id not in running}
        light = replace(_audited(net, lights[name], parameters or IntergreenParameters(), usable), left_hand=left_hand)
        for program in usable:
            findings += _of_program(light, without_rings(program))
    return Audit(tuple(findings), checked, frozenset(never_run), files, left_out)


def _reason(light: Any, usable: Sequence[ShippedProgram]) -> str | None:  # noqa: ANN401 - sumolib's traffic light
    if any(lane.getEdge().getToNode().getType() in _RAIL for lane, _, _ in light.getConnections()):
        return "it is a rail signal or rail crossing, which SUMO operates itself"
    return None if usable else "it has no program, or only one that is switched off"


def _audited(net: Any, light: Any, parameters: IntergreenParameters, programs: Sequence[ShippedProgram]) -> AuditedLight:  # noqa: ANN401
    every = controlled_links(light)
    links = {index: link for index, link in every.items() if link.is_usable}
    size = max([*every, *(len(phase.state) - 1 for program in programs for phase in program.phases)], default=0) + 1
    way = right_of_way(net, links, size)
    paths = link_paths(net, links)
    return AuditedLight(
        light.getID(), links, way, paths, link_needs_s(paths, way, parameters), unusable=frozenset(every) - frozenset(links)
    )


def _of_program(light: AuditedLight, program: ShippedProgram) -> Iterator[Finding]:
    letters = list(letter_findings(light, program))
    yield from letters
    if all(finding.severity is not Severity.ERROR for finding in letters):
        for rule in _RULES:
            yield from rule(light, program)
