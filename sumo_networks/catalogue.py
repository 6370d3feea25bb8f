"""Names of scenarios and how each is found."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controllers.sumo.xml_reading import InputFileError
from sumo_networks.city import city
from sumo_networks.configuration import read_configuration
from sumo_networks.demand import vehicles_due
from sumo_networks.grid import grid
from sumo_networks.network import network_contents
from sumo_networks.neudorf import VARIANTS, neudorf
from sumo_networks.resco import WINDOWS_S, resco
from sumo_networks.rilsa import EXAMPLES, rilsa
from sumo_networks.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A line of ``ampelwerk networks``.

    Attributes
    ----------
    name
        What `scenario` takes.
    signals, vehicles
        Traffic lights in the network and vehicles due in its window; 0 where it is not available.
    licence, source, label
        As in `Scenario`.
    missing
        Why it cannot be used here and what to do about it; empty where it can.
    """

    name: str
    signals: int = 0
    vehicles: int = 0
    licence: str = ""
    source: str = ""
    label: str = ""
    missing: str = ""


_NAMED: dict[str, Callable[[], Scenario]] = {
    "neudorf": partial(neudorf, "morning", "neudorf"),
    **{f"neudorf/{variant}": partial(neudorf, variant, f"neudorf/{variant}") for variant in VARIANTS},
    **{f"rilsa/{example}": partial(rilsa, example) for example in EXAMPLES},
    **{f"grid/{size}": partial(grid, f"grid/{size}") for size in ("3x3", "4x4", "6x6")},  # any other size works too
    "city/0": partial(city, "city/0"),  # so does any other seed
    **{f"resco/{network}": partial(resco, network) for network in WINDOWS_S},
}
# names of which the list above holds a few examples: what such a name begins with, and who reads the rest
_FAMILIES: dict[str, Callable[[str], Scenario]] = {"grid/": grid, "city/": city}


def names() -> tuple[str, ...]:
    """Return the names in the catalogue."""
    return tuple(_NAMED)


def is_of_a_family(name: str) -> bool:
    """Return whether a name is one of a family, such as ``grid/<n>x<m>`` or ``city/<seed>``, which the catalogue lists by examples."""
    return name.startswith(tuple(_FAMILIES))


def scenario(name_or_path: str | Path) -> Scenario:
    """Return the scenario of a name in the catalogue or of a ``.sumocfg``.

    Raises
    ------
    ScenarioError
        If the name is unknown (the nearest ones are suggested) or the scenario cannot be used.
    """
    text = str(name_or_path)
    if text in _NAMED:
        return _NAMED[text]()
    for beginning, family in _FAMILIES.items():
        if text.startswith(beginning):
            return family(text)
    path = Path(text)
    if path.is_dir():
        inside = sorted(file.name for file in path.glob("*.sumocfg"))
        raise ScenarioError(f"{text} is a folder; name a .sumocfg{f' in it, such as {inside[0]}' if inside else ', there is none in it'}.")
    if path.is_file() or path.suffix in {".sumocfg", ".cfg", ".xml"}:
        return read_configuration(path.absolute(), _short_name(path.absolute()))
    nearest = difflib.get_close_matches(text, names(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else "list the names with: ampelwerk networks."
    raise ScenarioError(f"There is no scenario {text!r}; {hint}")


def _short_name(configuration: Path) -> str:
    """Return a name for tables and titles: of the folder, or of the file where its folder holds several configurations."""
    alone = len(list(configuration.parent.glob("*.sumocfg"))) <= 1 and bool(configuration.parent.name)
    return configuration.parent.name if alone else configuration.stem


def catalogue() -> list[CatalogueEntry]:
    """Return an entry for each name; those that cannot be used here say why."""
    return [_entry(name) for name in names()]


def _entry(name: str) -> CatalogueEntry:
    try:
        found = scenario(name)
    except InputFileError as error:
        return CatalogueEntry(name, missing=str(error))
    signals = len(network_contents(found.network).signals)
    return CatalogueEntry(name, signals, vehicles_due(found), found.licence, found.source, found.label)
