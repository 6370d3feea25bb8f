"""What the report needs of a scenario's streets and of its runs, gathered from the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from controllers.sumo.network import read_network
from experiments.report.approaches import COLUMNS, Approach, approach_table, approaches_of
from experiments.report.corridors import Corridor, corridor, heaviest_chain, read_routes
from experiments.report.levels import approach_levels
from experiments.report.signal_times import GREEN, PERMISSIVE, signal_spans
from experiments.report.trajectories import read_trajectories
from experiments.watching import ROUTES, TRAJECTORIES
from optimizer.intersection import GroupKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sumolib.net import Net

    from experiments.report.corridors import StopLine
    from optimizer.intersection import Intersection
    from sumo_networks import Scenario

LONGEST_NAME = 8
_MEDIANS = ("vehicles", "flow_veh_h", "delay_s", "halting_s", "queue_mean_veh", "queue_most_veh", "green_share", "saturation")


@dataclass(frozen=True, slots=True)
class Streets:
    """A scenario's network as the report sees it.

    Attributes
    ----------
    net
        The network.
    junctions
        Descriptions of the controlled junctions.
    approaches
        Their approaches, by junction.
    signalled
        Junction of each edge that ends at a signal.
    names
        What each junction is called in pictures: its id, or a number where ids are long.
    """

    net: Net
    junctions: Mapping[str, Intersection]
    approaches: Mapping[str, tuple[Approach, ...]]
    signalled: Mapping[str, str]
    names: Mapping[str, str]

    def all_approaches(self) -> list[Approach]:
        """Return the approaches of all junctions."""
        return [one for some in self.approaches.values() for one in some]


def read_streets(place: Scenario) -> Streets:
    """Read a scenario's network."""
    reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
    approaches = {name: approaches_of(reading.net, junction) for name, junction in reading.junctions.items()}
    signalled = {one.edge: name for name, some in approaches.items() for one in some}
    return Streets(reading.net, reading.junctions, approaches, signalled, short_names(list(reading.junctions)))


def short_names(junctions: Sequence[str]) -> dict[str, str]:
    """Return what to call junctions in a picture: their ids where all are short, else J1, J2 and so on."""
    if all(len(name) <= LONGEST_NAME for name in junctions):
        return {name: name for name in junctions}
    return {name: f"J{number}" for number, name in enumerate(junctions, start=1)}


def median_approaches(streets: Streets, folders: Sequence[Path], window_s: tuple[float, float]) -> pd.DataFrame:
    """Return how traffic fared on each approach, the median of some runs; levels of service are those of the median.

    The median, because a network that locks with one seed says nothing of the others.

    Parameters
    ----------
    streets
        The network.
    folders
        Of runs with ``lanes.parquet`` and ``signals.parquet``.
    window_s
        Begin and end of the simulated time.
    """
    tables = []
    for folder in folders:
        lanes, changes = pd.read_parquet(folder / "lanes.parquet"), pd.read_parquet(folder / "signals.parquet")
        tables.append(approach_table(lanes, changes, streets.junctions, streets.approaches, window_s))
    return median_table(tables)


def median_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the median of tables of approaches, of the same approaches in the same order."""
    first = tables[0].copy()
    if len(tables) == 1:
        return first
    for column in _MEDIANS:
        first[column] = pd.concat([table[column] for table in tables], axis=1).median(axis=1)
    first[["hcm", "hbs"]] = [approach_levels(delay_s, x) for delay_s, x in zip(first["delay_s"], first["saturation"], strict=True)]
    return first[list(COLUMNS)]


def busiest_junction(table: pd.DataFrame) -> str:
    """Return the junction whose vehicles lose most time together."""
    lost_s = (table["delay_s"].fillna(0.0) * table["vehicles"]).groupby(table["junction"]).sum()
    return str(lost_s.idxmax())


def choose_corridor(streets: Streets, watched: Path, wanted: Sequence[str]) -> Corridor | None:
    """Return the wanted corridor where this network has its edges, else the one with the heaviest through flow.

    None where nobody passes a signal.
    """
    if wanted and all(streets.net.hasEdge(edge) for edge in wanted):
        return corridor(streets.net, wanted, streets.signalled)
    edges = heaviest_chain(read_routes(watched / ROUTES), streets.signalled)
    return corridor(streets.net, edges, streets.signalled) if edges else None


def ways_and_reds(
    streets: Streets, way: Corridor, watched: Path, changes: pd.DataFrame, window_s: tuple[float, float]
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return where vehicles were along a corridor in a watched run, and when the through traffic of each stop line had no green."""
    ways = read_trajectories(watched / TRAJECTORIES, way, *window_s)
    reds = []
    for line in way.stop_lines:
        junction = streets.junctions[line.junction]
        spans = signal_spans(changes[changes["junction"] == line.junction], junction, *window_s)
        group = through_group(junction, line)
        reds.append(spans[(spans["group"] == group) & ~spans["aspect"].isin([GREEN, PERMISSIVE])])
    return ways, reds


def through_group(junction: Intersection, line: StopLine) -> str:
    """Return the signal group that a corridor's traffic follows at a stop line (of vehicles, with most lanes); empty where none does."""
    counts: dict[tuple[bool, int], int] = {}
    for movement in junction.movements:
        lane_in, lane_out = junction.incoming[movement.incoming], junction.outgoing[movement.outgoing]
        if lane_in.approach == line.edge and lane_out.id.rpartition("_")[0] == line.next_edge:
            key = (junction.groups[movement.group].kind is GroupKind.VEHICLE, movement.group)
            counts[key] = counts.get(key, 0) + 1
    return junction.groups[max(counts, key=lambda key: (key[0], counts[key], -key[1]))[1]].id if counts else ""
