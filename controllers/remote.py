"""The rolling horizon as a service: every junction asks over HTTP, and follows its own plan where no answer comes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from controllers.registry import ControllerError
from optimizer.decision import Decision
from optimizer.observation import InformationClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optimizer.intersection import Intersection
    from optimizer.neighbours import Link
    from optimizer.observation import JunctionObservation, Observation
    from optimizer.service.client import Guidance, Pilot

_log = logging.getLogger(__name__)


class Remote:
    """Asks a service what to show.

    Parameters
    ----------
    url
        Where the service is (``ampelwerk serve`` starts one).
    information
        ``"loops"`` or ``"zone"``.
    engine
        ``"search"`` or ``"cp-sat"``.
    key
        API key, where the service asks for one.
    timeout_s
        For one attempt; longer than a field device would wait, so that results do not depend on how busy the machine is.
    deadline_ms
        Asked of the service; 0: it may take its time.
    start_limit_s
        How long to wait for the service at the start.
    seconds_per_second
        Pace: simulated seconds per second of real time; 0: as fast as it goes.

    Raises
    ------
    ValueError
        If there is no such information class, or the extra ``service`` is not installed.
    """

    name = "remote"

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        information: str = "loops",
        engine: str = "search",
        key: str | None = None,
        timeout_s: float = 10.0,
        deadline_ms: float = 0.0,
        start_limit_s: float = 10.0,
        seconds_per_second: float = 0.0,
    ) -> None:
        if information not in (InformationClass.LOOPS, InformationClass.ZONE):
            raise ValueError(f"the service knows no information {information!r}; choose loops or zone.")
        try:
            from optimizer.service import client  # noqa: PLC0415 - the service and its client are an extra
        except ImportError as error:
            raise ValueError(
                f"it needs the package {error.name!r}; install it in the folder of your clone with: pip install '.[service]'."
            ) from error
        self.information = InformationClass(information)
        self._client = client.ServiceClient(url, key, timeout_s)
        self._new_pilot, self._unusable = client.Pilot, client.ServiceUnusableError
        self._engine, self._deadline_ms = engine, deadline_ms or None
        self._start_limit_s, self._pace = start_limit_s, seconds_per_second
        self._links: tuple[Link, ...] = ()
        self._plans: Mapping[str, Sequence[tuple[int, float]]] = {}
        self._position_m: Mapping[str, tuple[float, float]] = {}
        self._junctions: dict[str, Intersection] = {}
        self._stages: dict[str, dict[str, int]] = {}
        self._pilots: dict[str, Pilot] = {}
        self._around: dict[str, list[str]] = {}
        self._due = 0.0

    def connect(self, links: Iterable[Link]) -> None:
        """Take in which junction sends its traffic to which; before `start`."""
        self._links = tuple(links)

    def fall_back_on(self, plans: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """Take in the junctions' own plans, for when no answer comes; before `start`."""
        self._plans = plans

    def locate(self, position_m: Mapping[str, tuple[float, float]]) -> None:
        """Take in where the junctions lie, for the service's map; before `start`."""
        self._position_m = position_m

    def start(self, junctions: Mapping[str, Intersection]) -> None:
        """Describe all junctions to the service.

        Raises
        ------
        ControllerError
            If the service is not there or does not take them.
        """
        try:
            self._describe(junctions)
        except self._unusable as error:
            raise ControllerError(f"Controller 'remote': {error}") from error
        self._due = time.monotonic()

    def _describe(self, junctions: Mapping[str, Intersection]) -> None:
        from optimizer.service.description import describe  # noqa: PLC0415

        self._client.await_ready(self._start_limit_s)
        self._junctions = dict(junctions)
        for name, junction in junctions.items():
            description = describe(junction, junctions, self._links, self._plans.get(name, ()), self._position_m.get(name))
            self._client.put_junction(description)
            self._pilots[name] = self._new_pilot(description, self._engine, self._deadline_ms, begin_anew=True)
            self._around[name] = _around(junction, self._links)
            self._stages[name] = {stage.id: index for index, stage in enumerate(junction.stages)}

    def decide(self, observation: Observation) -> dict[str, Decision]:
        """Ask for each junction; those without an answer follow their own plans."""
        self._keep_pace()
        decisions = {}
        for name, seen in observation.junctions.items():
            guidance = self._ask(name, observation.time_s, seen)
            stage = self._stages[name][guidance.stage]
            if guidance.green_not_before_s is not None:
                decisions[name] = Decision(stage, earliest_s=guidance.green_not_before_s, reason=guidance.reason)
            elif stage != seen.signal.stage:
                decisions[name] = Decision(stage, reason=guidance.reason)
        return decisions

    @property
    def lost(self) -> int:
        """Seconds of junctions without a usable answer so far."""
        return sum(pilot.lost for pilot in self._pilots.values())

    def _ask(self, name: str, time_s: float, seen: JunctionObservation) -> Guidance:
        from optimizer.service.client.reporting import second_of  # noqa: PLC0415

        pilot = self._pilots[name]
        around = [self._pilots[neighbour].outflow for neighbour in self._around[name]]
        second = second_of(self._junctions[name], time_s, seen)
        before = pilot.lost
        guidance = self._client.ask(pilot, second, seen.state, seen.state_since_s, [outflow for outflow in around if outflow is not None])
        if pilot.lost > before:
            _log.warning("%s, %g s: %s, %s", name, time_s, guidance.source, guidance.reason)
        return guidance

    def _keep_pace(self) -> None:
        if self._pace > 0:
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due += 1.0 / self._pace


def _around(junction: Intersection, links: Iterable[Link]) -> list[str]:
    """Return the junctions that matter to one: those that send to it, and those that let vehicles go at the ends of its outgoing lanes."""
    before = [link.source for link in links if link.target == junction.id]
    behind = [link.target for link in links if link.source == junction.id and link.lane >= 0]
    return list(dict.fromkeys((*before, *behind)))
