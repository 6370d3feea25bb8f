"""The junctions of a scenario as plans are designed for them: with the guideline's yellows and intergreens in place of the shipped ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from controllers.sumo.conflict_points import conflict_points, link_paths
from controllers.sumo.groups import LinkGroup
from controllers.sumo.interstages import guideline_yellow_s
from controllers.sumo.links import controlled_links, right_of_way
from controllers.sumo.network import read_network
from experiments.errors import ExperimentError
from optimizer.design.intergreen_files import with_overrides
from optimizer.design.intergreens import Intergreen, intergreen_table

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.sumo.network import NetworkReading
    from optimizer.design.intergreens import IntergreenParameters, IntergreenTable
    from optimizer.intersection import Intersection
    from sumo_networks import Scenario


@dataclass(frozen=True, slots=True)
class DesignSite:
    """The signals of a scenario, ready for design.

    Attributes
    ----------
    reading
        The network as it is shipped.
    junctions
        The junctions with the yellows and intergreens that plans must keep.
    intergreens
        How these intergreens came about, by junction.
    """

    reading: NetworkReading
    junctions: dict[str, Intersection]
    intergreens: dict[str, IntergreenTable]


def design_site(place: Scenario, overrides: Path | None = None, parameters: IntergreenParameters | None = None) -> DesignSite:
    """Read a scenario's signals and compute their intergreens from the lanes inside the junctions.

    Parameters
    ----------
    place
        The scenario.
    overrides
        A folder with the office's own matrices, each in a file named after its junction (`file_name`, ``.csv``).
    parameters
        Speeds, lengths and times behind the intergreens; the guideline's where None.

    Raises
    ------
    NetworkError
        If the network cannot be used.
    ExperimentError, DesignError
        If the overrides cannot be used.
    """
    reading = read_network(place.network, place.additional_files, begin_s=place.begin_s)
    lights = {light.getID(): light for light in reading.net.getTrafficLights()}
    tables = {name: _table(reading.net, lights[name], junction, parameters) for name, junction in reading.junctions.items()}
    if overrides is not None:
        tables |= _overridden(overrides, tables)
    junctions = {name: _timed(junction, tables[name]) for name, junction in reading.junctions.items()}
    return DesignSite(reading, junctions, tables)


def file_name(junction: str) -> str:
    """Return a junction's id as a file name of bounded length."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in junction)
    return plain if len(plain) <= 80 else f"{plain[:72]}_{sum(map(ord, plain)):07d}"


def _table(net: Any, light: Any, junction: Intersection, parameters: IntergreenParameters | None) -> IntergreenTable:  # noqa: ANN401
    links = controlled_links(light)
    way = right_of_way(net, links, junction.signal_count)
    drafts = [LinkGroup(group.id, group.kind, group.links, "") for group in junction.groups]
    yellow_s = _yellows_s(junction)
    table = intergreen_table([g.id for g in junction.groups], yellow_s, conflict_points(link_paths(net, links), way, drafts), parameters)
    # What the right of way calls foes although their paths stay apart is kept apart by its yellow.
    apart = {
        (g, h): Intergreen(None, 0.0, 0.0, yellow_s[g])
        for g, row in enumerate(junction.conflicts)
        for h in row
        if (g, h) not in table.entries
    }
    return replace(table, entries={**table.entries, **apart})


def _yellows_s(junction: Intersection) -> list[float]:
    speeds_m_s = [
        max((junction.incoming[m.incoming].speed_m_s for m in junction.movements if m.group == g), default=0.0)
        for g in range(len(junction.groups))
    ]
    return [guideline_yellow_s(group.kind, speed_m_s) for group, speed_m_s in zip(junction.groups, speeds_m_s, strict=True)]


def _timed(junction: Intersection, table: IntergreenTable) -> Intersection:
    groups = tuple(replace(group, yellow_s=yellow_s) for group, yellow_s in zip(junction.groups, _yellows_s(junction), strict=True))
    return replace(junction, groups=groups, intergreen_s=table.matrix_s())


def _overridden(folder: Path, tables: dict[str, IntergreenTable]) -> dict[str, IntergreenTable]:
    if not folder.is_dir():
        raise ExperimentError(f"--intergreens {folder} is no folder; name one with a file <junction>.csv for each matrix.")
    found, names = {}, {file_name(name): name for name in tables}
    for file in sorted(folder.glob("*.csv")):
        if file.stem not in names:
            known = ", ".join(sorted(names))
            raise ExperimentError(f"--intergreens {file}: there is no junction {file.stem!r} to time; name the file after one of {known}.")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ExperimentError(f"--intergreens {file} cannot be read ({error}); check the file.") from error
        found[names[file.stem]] = with_overrides(tables[names[file.stem]], text, str(file))
    if not found:
        raise ExperimentError(f"--intergreens {folder} holds no .csv; name a folder with a file <junction>.csv for each matrix.")
    return found
