"""The contracts between a controller and whatever couples it to signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from controllers.designed_plans import DesignedPlan
    from controllers.sumo.programs import ShippedProgram
    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from optimizer.observation import InformationClass, Observation


class Controller(Protocol):
    """Anything that decides for junctions.

    Attributes
    ----------
    information
        What the controller may know; it is given nothing beyond.
    """

    information: InformationClass

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Take over the junctions (by id) before the first decision."""

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction that is to change or to have its interstage extended.

        A junction without a decision stays as it is. Called once a second.
        """


@runtime_checkable
class NetworkedController(Controller, Protocol):
    """A controller that also wants to know which junction sends its traffic to which."""

    def connect(self, links: Iterable[Link]) -> None:
        """Take in the links between the junctions; called once, before `start`."""


@runtime_checkable
class FallingBackController(Controller, Protocol):
    """A controller that may be left without an answer, and then follows the junctions' own plans."""

    def fall_back_on(self, plans: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """Take in each junction's own plan, stages and their greens, s, in their order; called once, before `start`."""


@runtime_checkable
class MappingController(Controller, Protocol):
    """A controller that shows its junctions on a map."""

    def locate(self, position_m: Mapping[str, tuple[float, float]]) -> None:
        """Take in where each junction lies on a plane map, m; called once, before `start`."""


@runtime_checkable
class RetimingController(Controller, Protocol):
    """A controller that works with other yellows and intergreens than those of the network's programs."""

    def retimed(self, junctions: Mapping[str, Intersection]) -> dict[str, Intersection]:
        """Return the junctions (by id) as they are to be signalled; called once, before everything else."""


@runtime_checkable
class PlannedController(Controller, Protocol):
    """A controller that follows a designed plan."""

    def follow(self, plans: Mapping[str, DesignedPlan]) -> None:
        """Take in the plans (by junction) of the designed signals; called once, before `start`. A plan of its own comes first."""


@runtime_checkable
class ProgramController(Protocol):
    """A controller that decides nothing itself: SUMO runs its programs.

    Attributes
    ----------
    information
        What SUMO's own control uses; nothing is handed over.
    """

    information: InformationClass

    def write_programs(self, shipped: Mapping[str, ShippedProgram], path: Path) -> Path | None:
        """Write an additional file with the programs and return its path; None where the shipped programs are to run."""


@runtime_checkable
class ReplacingController(ProgramController, Protocol):
    """A controller with programs of its own, whose interstages hold in place of the shipped ones'.

    Attributes
    ----------
    programs
        The additional file with the programs; None where the shipped ones run.
    """

    programs: Path | None
