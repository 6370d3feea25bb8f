"""Designed signals as controllers work with them: from the ``signals.json`` that ``ampelwerk design signals`` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from controllers.designed_plans import DesignedPlan, plan_entry
from optimizer.intersection import Aspect, IntersectionError, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optimizer.intersection import Intersection

SIGNALS: Final = "signals.json"
FORMAT: Final = 1
"""Version of the file's form; it grows when the meaning of a field changes."""


class SignalsError(ValueError):
    """Designed signals cannot be used; the message names the file, the element and the remedy."""


@dataclass(frozen=True, slots=True)
class JunctionSignalsDesign:
    """What is designed of one junction's signals.

    Attributes
    ----------
    plan
        Its fixed-time plan, with the yellows and intergreens.
    signals
        Places of each group in the state string: by these the junction is known again.
    minimum_green_s
        Least green of each group.
    stages
        What each group shows that is not red, by stage.
    """

    plan: DesignedPlan
    signals: Mapping[str, tuple[int, ...]]
    minimum_green_s: Mapping[str, float]
    stages: Mapping[str, Mapping[str, Aspect]]


@dataclass(frozen=True, slots=True)
class DesignedSignals:
    """The designed signals of a network.

    Attributes
    ----------
    path
        Their file.
    network_sha256
        Fingerprint of the network that they were designed for.
    junctions
        By id.
    """

    path: Path
    network_sha256: str
    junctions: Mapping[str, JunctionSignalsDesign]

    @property
    def plans(self) -> dict[str, DesignedPlan]:
        """The fixed-time plans by junction."""
        return {name: design.plan for name, design in self.junctions.items()}

    def applied(self, junctions: Mapping[str, Intersection]) -> dict[str, Intersection]:
        """Return the junctions with their designed signals; those that were left out of the design as they are.

        Raises
        ------
        SignalsError
            If the file has a junction that is not there, or whose groups are others.
        """
        for name in self.junctions:
            if name not in junctions:
                raise SignalsError(f"{self.path}: the network has no junction {name!r} to control; {REMEDY}")
        return {name: self._applied(junction) if name in self.junctions else junction for name, junction in junctions.items()}

    def _applied(self, junction: Intersection) -> Intersection:
        design = self.junctions[junction.id]
        for group in junction.groups:
            if design.signals.get(group.id) != group.links:
                raise SignalsError(
                    f"{self.path}: the group {group.id!r} of junction {junction.id!r} has other signals in this network; {REMEDY}"
                )
        try:
            timed = design.plan.timed(junction)
            return replace(
                timed,
                groups=tuple(replace(group, minimum_green_s=design.minimum_green_s[group.id]) for group in timed.groups),
                stages=tuple(
                    Stage(name, tuple(shown.get(group.id, Aspect.RED) for group in timed.groups)) for name, shown in design.stages.items()
                ),
            )
        except (IntersectionError, KeyError, ValueError) as error:
            raise SignalsError(f"{self.path}: junction {junction.id!r} does not fit ({error}); {REMEDY}") from error


REMEDY: Final = "design them for this network with `ampelwerk design signals`."


def signals_entry(junction: Intersection, stages: tuple[Stage, ...]) -> dict[str, Any]:
    """Return what a file of designed signals says of a junction beside its plan, as plain values."""
    ids = [group.id for group in junction.groups]
    return {
        "signals": {group.id: list(group.links) for group in junction.groups},
        "minimum_green_s": {group.id: group.minimum_green_s for group in junction.groups},
        "stages": {
            stage.id: {name: aspect.value for name, aspect in zip(ids, stage.aspects, strict=True) if aspect is not Aspect.RED}
            for stage in stages
        },
    }


def read_designed_signals(path: Path) -> DesignedSignals:
    """Read a file of designed signals, or the one in a folder.

    Raises
    ------
    SignalsError
        If it cannot be read or is none.
    """
    file = path / SIGNALS if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        form = content["signals_format"]
        junctions = {name: _entry(values) for name, values in content["junctions"].items()} if form == FORMAT else {}
        found = DesignedSignals(file, content["network_sha256"], junctions)
    except OSError as error:
        told = error.strerror or "it cannot be opened"
    except KeyError as error:
        told = f"it lacks {error}"
    except json.JSONDecodeError as error:
        told = f"it is no JSON: {error}"
    except (TypeError, AttributeError, ValueError) as error:
        told = f"its values are not those of designed signals: {error}"
    else:
        if form == FORMAT:
            return found
        told = f"its form is {form}, and this version reads form {FORMAT}"
    raise SignalsError(f"the signals {file} cannot be read ({told}); name a {SIGNALS} of `ampelwerk design signals`.")


def _entry(values: Mapping[str, Any]) -> JunctionSignalsDesign:
    designed = values["designed"]
    return JunctionSignalsDesign(
        plan=plan_entry(values),
        signals={name: tuple(places) for name, places in designed["signals"].items()},
        minimum_green_s={name: float(value) for name, value in designed["minimum_green_s"].items()},
        stages={name: {group: Aspect(letter) for group, letter in shown.items()} for name, shown in designed["stages"].items()},
    )
