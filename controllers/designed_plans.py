"""Designed plans as controllers take them up: from the ``design.json`` that ``ampelwerk design`` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.design.plan import GreenWindow, SignalPlan
from optimizer.design.requests import RequestWindow, with_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.intersection import Intersection

RECORD = "design.json"


@dataclass(frozen=True, slots=True)
class DesignedPlan:
    """One junction's part of a ``design.json``.

    Attributes
    ----------
    cycle_s, offset_s
        As in `SignalPlan`.
    greens
        Start and length of each green by group.
    coordinated
        Groups that carry the green wave.
    yellow_s, intergreen_s
        What the plan was designed with, by group and by ending and starting group.
    requests
        Start and least length of the green of each group on request, which `greens` leave red.
    """

    cycle_s: float
    offset_s: float
    greens: Mapping[str, tuple[tuple[float, float], ...]]
    coordinated: tuple[str, ...]
    yellow_s: Mapping[str, float]
    intergreen_s: Mapping[str, Mapping[str, float]]
    requests: Mapping[str, tuple[float, float]]

    def plan(self, junction: Intersection) -> SignalPlan:
        """Return the plan of a cycle without requests, with the groups in the junction's order.

        Raises
        ------
        ValueError
            If it does not describe the junction's groups.
        """
        self._check(junction)
        windows = tuple(tuple(GreenWindow(start_s, length_s) for start_s, length_s in self.greens[group.id]) for group in junction.groups)
        return SignalPlan(junction.id, self.cycle_s, self.offset_s, windows)

    def plan_with_requests(self, junction: Intersection) -> SignalPlan:
        """Return the plan of a cycle in which all requests are served.

        Raises
        ------
        ValueError
            If it does not describe the junction's groups, or the requests do not fit into it.
        """
        return with_requests(self.plan(junction), self.timed(junction), self.requests_in(junction))

    def requests_in(self, junction: Intersection) -> tuple[RequestWindow, ...]:
        """Return where the greens on request are inserted, in the order in which they were placed."""
        number = {group.id: g for g, group in enumerate(junction.groups)}
        return tuple(RequestWindow(number[name], start_s, length_s, ()) for name, (start_s, length_s) in self.requests.items())

    def coordinated_in(self, junction: Intersection) -> tuple[int, ...]:
        """Return the indices of the groups that carry the green wave."""
        return tuple(g for g, group in enumerate(junction.groups) if group.id in self.coordinated)

    def timed(self, junction: Intersection) -> Intersection:
        """Return the junction with the yellows and intergreens that the plan was designed with; its own where the plan names none.

        Raises
        ------
        ValueError
            If it does not describe the junction's groups.
        """
        self._check(junction)
        groups = tuple(replace(group, yellow_s=self.yellow_s.get(group.id, group.yellow_s)) for group in junction.groups)
        matrix = tuple(
            tuple(self.intergreen_s.get(g.id, {}).get(h.id, own_s) for h, own_s in zip(junction.groups, row, strict=True))
            for g, row in zip(junction.groups, junction.intergreen_s, strict=True)
        )
        return replace(junction, groups=groups, intergreen_s=matrix)

    def _check(self, junction: Intersection) -> None:
        ids = [group.id for group in junction.groups]
        unknown = [name for name in ids if name not in self.greens]
        if unknown:
            raise ValueError(f"the plan has no group {unknown[0]!r} at junction {junction.id!r}; design it for this network.")
        strange = [name for name in self.requests if name not in ids]
        if strange:
            raise ValueError(
                f"the plan has requests of a group {strange[0]!r}, which junction {junction.id!r} lacks; design it for this network."
            )


def read_designed_plans(path: str) -> dict[str, DesignedPlan]:
    """Read the plans of a ``design.json``, or of the folder that holds it.

    Returns
    -------
    dict of str to DesignedPlan
        By junction.

    Raises
    ------
    ValueError
        If it cannot be read or is none.
    """
    file = Path(path) / RECORD if Path(path).is_dir() else Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: plan_entry(values) for name, values in content["junctions"].items()}
    except OSError as error:
        told = error.strerror or "it cannot be opened"
    except KeyError as error:
        told = f"it lacks {error}"
    except (TypeError, AttributeError):
        told = "its values are not those of a designed plan"
    except json.JSONDecodeError as error:
        told = f"it is no JSON: {error}"
    except ValueError as error:
        told = str(error)
    raise ValueError(f"the plan {file} cannot be read ({told}); name a {RECORD} of `ampelwerk design`.")


def plan_entry(values: Mapping[str, Any]) -> DesignedPlan:
    """Return the plan that one junction's entry in such a file holds."""
    return DesignedPlan(
        cycle_s=float(values["cycle_s"]),
        offset_s=float(values["offset_s"]),
        greens={name: tuple((float(start), float(length)) for start, length in windows) for name, windows in values["greens"].items()},
        coordinated=tuple(values["coordinated"]),
        yellow_s={name: float(value) for name, value in values["yellow_s"].items()},
        intergreen_s={
            ending: {starting: float(value) for starting, value in row.items()} for ending, row in values["intergreen_s"].items()
        },
        requests={name: (float(entry["start_s"]), float(entry["green_s"])) for name, entry in values.get("requests", {}).items()},
    )
