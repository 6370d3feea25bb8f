"""The process of one plan job: ``python -m optimizer.service.plan_work``.

It reads one line of JSON (kind, request, descriptions) and writes one for each step and one with the result. The front ends it by killing
it; where the front itself is gone, its end of the standard input closes, and the process ends with it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

from optimizer.design.bands import widest_band, widest_bands
from optimizer.design.errors import DesignError
from optimizer.design.linked import DesignOrder, carrying_groups, design_linked, linked_sets
from optimizer.design.plan_text import plan_content
from optimizer.design.wave_text import wave_content
from optimizer.neighbours import Link
from optimizer.service.description import JunctionDescription
from optimizer.service.plan_reading import design_tasks, instance_of, plans_request, waves_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optimizer.design.problem import DesignTask

NICENESS: Final = 10
"""Decisions are urgent, plans are not."""


def main() -> None:
    """Do one job."""
    os.nice(NICENESS)
    # Solvers may print; what goes to the front keeps a way of its own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        job = json.loads(sys.stdin.buffer.readline())
        threading.Thread(target=_end_with_the_front, daemon=True).start()

        def tell(**content: object) -> None:
            answers.write(json.dumps(content) + "\n")
            answers.flush()

        try:
            if job["kind"] == "waves":
                tell(result=_waves(job["request"].encode(), tell))
            else:
                tell(result=_plans(job["request"].encode(), [text.encode() for text in job["descriptions"]], tell))
        except DesignError as error:
            tell(failure=str(error))
        except Exception as error:  # noqa: BLE001 - the front logs it, in its own form
            tell(fault="".join(traceback.format_exception(error)))


def _end_with_the_front() -> None:
    while os.read(0, 1024):  # not sys.stdin: its lock, held here, would be missed when this process ends
        pass
    os._exit(1)


def _waves(body: bytes, tell: Callable[..., None]) -> dict[str, Any]:
    request = waves_request(body)
    instance = instance_of(request)
    tell(progress={"step": f"finding the widest bands of {len(instance.signals)} signals"})
    solve = widest_band if request.bands == "common" else widest_bands
    wave = solve(instance, relative_gap=request.relative_gap, time_limit_s=request.time_limit_s)
    return wave_content(wave, instance, bands=request.bands)


def _plans(body: bytes, descriptions: list[bytes], tell: Callable[..., None]) -> dict[str, Any]:
    request = plans_request(body)
    tasks = design_tasks(request, descriptions)
    links = _links(tasks, descriptions)
    sets = linked_sets(tasks, links) if request.cycle == "common" else [[name] for name in tasks]
    order = DesignOrder(
        objective=request.objective,
        way=request.way,
        cycle=request.cycle,
        cycle_s=(request.cycle_s[0], request.cycle_s[1]),
        gap=request.relative_gap,
        time_limit_s=request.time_limit_s,
    )
    plans: dict[str, Any] = {}
    coordination, warnings = [], []
    for done, names in enumerate(sets):

        def on_step(step: str, done: int = done) -> None:
            tell(progress={"steps_done": done, "steps": len(sets), "step": step})

        results, achieved = design_linked(tasks, links, [names], order, on_step)
        carrying = carrying_groups(tasks, links, achieved)
        plans |= {name: plan_content(result, carrying.get(name, ())) for name, result in results.items()}
        warnings += [result.overload_sentence for result in results.values() if result.overloaded]
        coordination += [
            {"junctions": names, "delay_veh": each.delay_veh, "uncoordinated_veh": each.uncoordinated_veh} for each in achieved
        ]
    return {"plans": plans, "coordination": coordination, "warnings": warnings}


def _links(tasks: Mapping[str, DesignTask], descriptions: list[bytes]) -> list[Link]:
    """Return the ways between the junctions that are designed for, from the descriptions of those that receive."""
    found = []
    for text in descriptions:
        description = JunctionDescription.model_validate_json(text)
        incoming = {lane.id: index for index, lane in enumerate(description.incoming)}
        for link in description.links:
            lanes = [lane.id for lane in tasks[link.source].junction.outgoing] if link.source in tasks else []
            if link.lane in lanes and link.source != description.id:
                to = tuple(incoming[lane] for lane in link.to)
                found.append(Link(link.source, lanes.index(link.lane), description.id, to, link.distance_m, link.travel_time_s))
    return found


if __name__ == "__main__":
    main()
