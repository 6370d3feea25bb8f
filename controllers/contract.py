"""The contract between a controller and whatever couples it to signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.decision import Decision
    from optimizer.intersection import Intersection
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

    # A controller that also has ``connect(links: Iterable[optimizer.neighbours.Link])`` is told before `start` which junction sends its
    # traffic to which. One that has ``fall_back_on(plans)`` is told the junctions' own plans: stages and greens, s, by junction.

    def decide(self, observation: Observation) -> Mapping[str, Decision]:
        """Return a decision for each junction that is to change or to have its interstage extended.

        A junction without a decision stays as it is. Called once a second.
        """
