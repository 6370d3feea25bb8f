"""What the command line chooses of a study, kept beside its results so that it can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ExperimentError
from experiments.requests import controller_choice
from experiments.study.definition import ControllerVariant
from experiments.study.reading import study_from_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from experiments.study.definition import Study
    from experiments.study.store import StudyIdentity


@dataclass(frozen=True, slots=True)
class StudyChoice:
    """What was chosen on the command line beside the study's file.

    Attributes
    ----------
    quick
        Whether the quick form is wanted.
    also
        Further controllers, as in ``ampelwerk compare``.
    scenarios
        Only these; all where empty.
    """

    quick: bool = False
    also: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"quick": self.quick, "also": list(self.also), "scenarios": list(self.scenarios)}

    def applied(self, study: Study) -> Study:
        """Return the study as it was chosen.

        Raises
        ------
        ExperimentError
            If a scenario is not the study's, or a further controller is in it already.
        """
        for name in self.scenarios:
            if name not in study.scenarios:
                raise ExperimentError(f"--scenarios: {name!r} is none of the study's; choose from {', '.join(study.scenarios)}.")
        if self.scenarios:
            study = replace(study, scenarios=tuple(name for name in study.scenarios if name in self.scenarios))
            kept = tuple(name for name in study.quick.scenarios or () if name in self.scenarios)
            study = replace(study, quick=replace(study.quick, scenarios=kept or None))
        if self.quick:
            study = study.in_quick_form()
        known = {variant.label for variant in study.controllers}
        for label in self.also:
            if label in known:
                raise ExperimentError(f"--also: {label!r} is one of the study's controllers already; leave it out.")
        return replace(study, controllers=(*study.controllers, *(ControllerVariant(one, controller_choice(one)) for one in self.also)))


def study_of(identity: StudyIdentity, ran: Collection[str] | None = None) -> Study:
    """Return the study whose results a folder holds; `ran` as in `study_from_text`.

    Raises
    ------
    ExperimentError
        If it cannot be read any more.
    """
    choice = identity.choice
    chosen = StudyChoice(choice["quick"], tuple(choice["also"]), tuple(choice["scenarios"]))
    return chosen.applied(study_from_text(identity.text, identity.file, Path(identity.folder), ran))
