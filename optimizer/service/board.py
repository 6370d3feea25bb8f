"""What the live page shows of a junction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.service.site import JunctionSite


def board_entry(site: JunctionSite) -> dict[str, Any]:
    """Return the present signals by group, the detectors, and the last answer of a junction."""
    description, seen, body = site.description, site.seen, site.last_body
    loops, disbelieved = None if seen is None else seen.loops, site.disbelieved
    return {
        "id": site.junction.id,
        "position": None if description.position is None else [description.position.x_m, description.position.y_m],
        "groups": [{"id": g.id, "kind": g.kind.value, "signal": _letter(site.shown, g.links)} for g in site.junction.groups],
        "stages": [
            {"id": stage.id, "groups": [g.id for i, g in enumerate(site.junction.groups) if stage.serves(i)]}
            for stage in site.junction.stages
        ],
        "detectors": [
            {
                "id": detector.id,
                "role": detector.role.value,
                "covered": bool(loops is not None and loops.occupied_s[index] > 0),
                "silent": bool(loops is not None and loops.count[index] < 0),
                "failed": detector.id in disbelieved,
            }
            for index, detector in enumerate(site.junction.detectors)
        ],
        "answered_at": site.answered_at,
        "answer": None if body is None else json.loads(body),
    }


def _letter(state: str, links: tuple[int, ...]) -> str:
    return state[links[0]] if state and links else ""
