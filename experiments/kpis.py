"""Key performance indicators of a run, computed from SUMO's own ``tripinfo.xml`` and ``statistics.xml``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from controllers.sumo.xml_reading import InputFileError, top_level_elements
from experiments.errors import ResultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from xml.etree.ElementTree import Element

DEFAULT_CLASSES = {
    "DEFAULT_VEHTYPE": "passenger",
    "DEFAULT_TAXITYPE": "taxi",
    "DEFAULT_BIKETYPE": "bicycle",
    "DEFAULT_RAILTYPE": "rail",
    "DEFAULT_CONTAINERTYPE": "container",
}
"""Vehicle class of each type that SUMO defines by itself."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Mean delay of a part of the traffic.

    Attributes
    ----------
    count
        Vehicles due (pedestrians: those who started).
    mean_s
        Their mean delay, s; defined in `Kpis`.
    """

    count: int
    mean_s: float


@dataclass(frozen=True, slots=True)
class Kpis:
    """What a run cost its traffic.

    A vehicle is *due* where its scheduled departure lies in the simulated window; *inserted* where it entered the network;
    *unfinished* where it was still in the network at the end. Means are None where they would be taken over nobody.

    Attributes
    ----------
    vehicles_due, vehicles_inserted, unfinished, never_inserted
        Counts. ``vehicles_due = vehicles_inserted + never_inserted``.
    full_delay_s
        Mean over every vehicle due of time loss (against driving at the wished speed) plus departure delay. An unfinished
        vehicle counts with its loss so far, one never inserted with (end - scheduled departure).
    stops
        Mean over every vehicle inserted of how often it fell below 0.1 m/s (SUMO's ``waitingCount``).
    waiting_s
        Mean over every vehicle inserted of its time below 0.1 m/s, scheduled stops left out (SUMO's ``waitingTime``).
    travel_time_s
        Mean over every vehicle due of departure delay plus time in the network: what passes from the scheduled departure to
        the arrival, or to the end of the simulation for a vehicle that did not arrive. A controller cannot better it by
        keeping traffic out.
    co2_g
        Mean over every vehicle inserted of the CO2 it emitted, g (SUMO's emission device, which every vehicle carries, and the
        emission class of its type); None where the run had no emission device.
    queue_95_veh
        95th percentile, over the incoming lanes of the controlled junctions and over time (every ten seconds), of the vehicles that halt
        on the lane; counted by the coupling.
    longest_red_s
        The longest red with somebody waiting: the longest time for which a signal group of a controlled junction showed no green while the
        same vehicle stood first at its stop line, or the same person before its crossing; seen by the coupling, whatever the controller
        believes.
    teleports, collisions
        Vehicles that SUMO removed from a jam or from a wrong lane, and collisions.
    refused_commands
        Commands of the controller that the monitor refused.
    violations
        Unsafe signal states that the monitor saw; anything but 0 is a fault of ours.
    pedestrians
        Delay of persons who walk: over everyone who started, time loss of their finished walks, plus the waiting time of a walk
        that was not finished (SUMO knows no time loss before the arrival); None where nobody walks.
    by_class
        Full delay of each vehicle class (``tram``, ``bicycle``, ``bus`` ...), where there is more than one.
    """

    vehicles_due: int
    vehicles_inserted: int
    unfinished: int
    never_inserted: int
    full_delay_s: float | None
    stops: float | None
    waiting_s: float | None
    travel_time_s: float | None
    co2_g: float | None
    queue_95_veh: float | None
    longest_red_s: float | None
    teleports: int
    collisions: int
    refused_commands: int
    violations: int
    pedestrians: Delay | None = None
    by_class: Mapping[str, Delay] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the indicators as plain values for JSON."""
        return asdict(self)


def read_kpis(
    tripinfo: Path,
    statistics: Path,
    classes: Mapping[str, str],
    *,
    queue_95_veh: float | None,
    longest_red_s: float | None,
    refused_commands: int,
    violations: int,
) -> Kpis:
    """Compute the indicators of a run.

    Parameters
    ----------
    tripinfo
        SUMO's ``--tripinfo-output``, with ``--tripinfo-output.write-unfinished``, ``--tripinfo-output.write-undeparted`` and the
        emission device.
    statistics
        SUMO's ``--statistic-output``.
    classes
        Vehicle class of each vehicle type, from `vehicle_classes`.
    queue_95_veh, longest_red_s, refused_commands, violations
        What the coupling counted.

    Raises
    ------
    ResultError
        If one of the files is missing, cut off, or says something else than the other.
    """
    trips = _Trips(classes)
    for element in _elements(tripinfo):
        if element.tag == "tripinfo":
            trips.add_vehicle(element)
        elif element.tag == "personinfo":
            trips.add_person(element)
    counted = {element.tag: element for element in _elements(statistics)}
    vehicles = counted.get("vehicles")
    if vehicles is None:
        raise ResultError(f"{statistics} holds no <vehicles>: SUMO did not come to its end; run it again.")
    if int(vehicles.get("inserted", "-1")) != trips.inserted:
        raise ResultError(
            f"{tripinfo} tells of {trips.inserted} inserted vehicles, {statistics} of {vehicles.get('inserted')}; "
            "free some room on the disk, take device.tripinfo options out of the configuration, and run it again."
        )
    teleports, safety = counted.get("teleports"), counted.get("safety")
    due, inserted = trips.inserted + trips.never_inserted, trips.inserted
    return Kpis(
        vehicles_due=due,
        vehicles_inserted=inserted,
        unfinished=trips.unfinished,
        never_inserted=trips.never_inserted,
        full_delay_s=_mean(sum(delay for _, delay in trips.delays.values()), due),
        stops=_mean(trips.stops, inserted),
        waiting_s=_mean(trips.waiting_s, inserted),
        travel_time_s=_mean(trips.travel_time_s, due),
        co2_g=_mean(trips.co2_mg / 1000, trips.with_emissions),
        queue_95_veh=queue_95_veh,
        longest_red_s=longest_red_s,
        teleports=0 if teleports is None else int(teleports.get("total", "0")),
        collisions=0 if safety is None else int(safety.get("collisions", "0")),
        refused_commands=refused_commands,
        violations=violations,
        pedestrians=Delay(trips.pedestrians, trips.pedestrian_delay_s / trips.pedestrians) if trips.pedestrians else None,
        by_class={name: Delay(n, total / n) for name, (n, total) in sorted(trips.delays.items())} if len(trips.delays) > 1 else {},
    )


def vehicle_classes(files: Iterable[Path]) -> dict[str, str]:
    """Return the vehicle class of each vehicle type in route and additional files (``passenger`` where the type names none)."""
    classes = dict(DEFAULT_CLASSES)
    for path in files:
        for element in top_level_elements(path):
            for part in element.iter("vType"):
                classes[part.get("id", "")] = part.get("vClass", "passenger")
    return classes


class _Trips:
    """Sums over a tripinfo file."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        self._classes = classes
        self.inserted = self.never_inserted = self.unfinished = self.pedestrians = self.with_emissions = 0
        self.stops = self.waiting_s = self.travel_time_s = self.co2_mg = self.pedestrian_delay_s = 0.0
        self.delays: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))  # per class: vehicles, sum of their full delay

    def add_vehicle(self, trip: Element) -> None:
        depart_delay_s = _number(trip, "departDelay")
        departed = _number(trip, "depart") >= 0
        if not departed and depart_delay_s <= 0:
            return  # scheduled for the very end of the window: SUMO writes it, but it was never due
        delay_s = depart_delay_s + _number(trip, "timeLoss")
        name = self._classes.get(trip.get("vType", ""), "passenger")
        count, total = self.delays[name]
        self.delays[name] = (count + 1, total + delay_s)
        self.travel_time_s += depart_delay_s + _number(trip, "duration")
        if not departed:
            self.never_inserted += 1
            return
        self.inserted += 1
        self.unfinished += _number(trip, "arrival") < 0
        self.stops += _number(trip, "waitingCount")
        self.waiting_s += _number(trip, "waitingTime")
        emissions = trip.find("emissions")
        if emissions is not None:
            self.with_emissions += 1
            self.co2_mg += _number(emissions, "CO2_abs")

    def add_person(self, person: Element) -> None:
        walks = [walk for walk in person.iter("walk") if _number(walk, "depart") >= 0]
        if not walks or _number(person, "depart") < 0:
            return
        self.pedestrians += 1
        for walk in walks:
            self.pedestrian_delay_s += _number(walk, "timeLoss" if _number(walk, "arrival") >= 0 else "waitingTime")


def _elements(path: Path) -> Iterable[Element]:
    try:
        yield from top_level_elements(path)
    except InputFileError as error:
        raise ResultError(
            f"SUMO's output is not whole ({error.__cause__ or error}): {path}; free some room on the disk and run it again."
        ) from error


def _number(element: Element, attribute: str) -> float:
    return float(element.get(attribute, "0"))


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None
