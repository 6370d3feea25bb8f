"""What becomes of each option of the user's configuration: left to SUMO, refused, overridden, or sent into our own folder.

Files, window, step, scale and seed of the configuration are the scenario's own defaults (`sumo_networks.configuration` reads them). What
stands in none of the tables here goes to SUMO as it is.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from controllers.sumo.xml_reading import InputFileError, top_level_elements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OUTPUTS: Final = "outputs"
"""The folder within a run's folder that takes what the user's own files ask SUMO to write."""

_SYNONYMS: Final = {
    "net-file": ("net", "n"),
    "route-files": ("routes", "r"),
    "additional-files": ("additional", "a"),
    "begin": ("b",),
    "end": ("e",),
    "seed": ("srand",),
    "random": ("abs-rand",),
    "human-readable-time": ("H",),
    "save-configuration": ("C", "save-config"),
    "netstate-dump": ("ndump", "netstate", "netstate-output"),
    "person-fcd-output": ("person-fcd",),
    "summary-output": ("summary",),
    "tripinfo-output": ("tripinfo",),
    "personinfo-output": ("personinfo",),
    "vehroute-output": ("vehroutes",),
    "personroute-output": ("personroutes",),
    "statistic-output": ("statistics-output",),
    "no-warnings": ("W", "suppress-warnings"),
    "verbose": ("v",),
    "help": ("?",),
    "version": ("V",),
    "log": ("l", "log-file"),
    "duration-log.disable": ("no-duration-log",),
    "duration-log.statistics": ("t",),
    "quit-on-end": ("Q",),
    "game": ("G",),
    "start": ("S",),
    "demo": ("D",),
}

_REFUSED: Final = {
    "mesosim": "asks for SUMO's mesoscopic model, in which no lane, no loop and no signal works as in a street",
    "tls.all-off": "switches every traffic light off, so there is nothing to time",
    "save-configuration": "makes SUMO write a file and end without a run",
    "save-template": "makes SUMO write a file and end without a run",
    "save-schema": "makes SUMO write a file and end without a run",
    "load-state": "begins with the vehicles of a saved state, of which no key figure knows when they were due",
}

_NAMING_FILES: Final = frozenset({"save-configuration", "save-template", "save-schema", "load-state"})

_OVERRIDDEN: Final = {
    # who drives the simulation
    "num-clients": "1",
    "help": "false",
    "version": "false",
    "print-options": "false",
    # our seed decides, not the clock
    "random": "false",
    # the form of the files that we read
    "human-readable-time": "false",
    "output-prefix": "",
    "output-suffix": "",
    "output.format": "xml",
    "output.compression": "",
    "write-metadata": "false",
    # every vehicle is measured, all the time
    "device.emissions.begin": "-1",
    "device.emissions.period": "0",
    # nobody is taken out of a jam
    "time-to-teleport.highways": "0",
    "time-to-teleport.bidi": "-1",
    "time-to-teleport.ride": "-1",
    # the words and the form of the messages that we read
    "language": "C",
    "log.timestamps": "false",
    "log.processid": "false",
    "verbose": "false",
    "duration-log.statistics": "false",
}
_OVERRIDDEN_IN_WINDOW: Final = {"demo": "false", "game": "false", "gui-testing": "false"}  # plain sumo does not know these
_LEAST_PRECISION: Final = 2

_WRITTEN: Final = frozenset(
    {
        *("netstate-dump", "emission-output", "battery-output", "elechybrid-output", "chargingstations-output"),
        *("overheadwiresegments-output", "substations-output", "fcd-output", "person-fcd-output", "full-output", "queue-output"),
        *("vtk-output", "amitran-output", "summary-output", "person-summary-output", "tripinfo-output", "personinfo-output"),
        *("vehroute-output", "personroute-output", "link-output", "railsignal-block-output", "railsignal-vehicle-output", "bt-output"),
        *("lanechange-output", "stop-output", "collision-output", "edgedata-output", "lanedata-output", "statistic-output"),
        *("deadlock-output", "save-state.prefix", "save-state.files", "pedestrian.jupedsim.wkt", "pedestrian.jupedsim.py"),
        *("device.rerouting.output", "device.taxi.dispatch-algorithm.output", "device.taxi.idle-algorithm.output"),
        *("device.ssm.file", "device.toc.file", "log", "message-log", "error-log"),
    }
)
"""Options that name files to write."""

TRUE: Final = frozenset({"1", "yes", "true", "on", "x", "t"})
"""How SUMO's configurations say yes."""

_NO_FILES: Final = frozenset({"", "NUL", "/dev/null", "stdout", "stderr", "-"})


def read_options(configuration: Path) -> dict[str, str]:
    """Return the options of a ``.sumocfg`` by SUMO's long names, as they stand there.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    long_name = {short: name for name, shorts in _SYNONYMS.items() for short in shorts}
    found: dict[str, str] = {}
    for section in top_level_elements(configuration):
        for element in section.iter():  # options may stand in sections or right below the root
            value = element.get("value", element.get("v"))
            if value is not None:
                found[long_name.get(element.tag, element.tag)] = value.strip()
    return found


def check_options(configuration: Path) -> None:
    """Raise `InputFileError` where a configuration asks for something that no run of ours can do."""
    options = read_options(configuration)
    for name, reason in _REFUSED.items():
        asked = options.get(name, "")
        if asked.lower() in TRUE or (name in _NAMING_FILES and asked):
            raise InputFileError(f"{configuration}: <{name}> {reason}; take that option out.")


def overriding(configuration: Path, names: OutputNames, *, backend: str, gui: bool) -> dict[str, str]:
    """Return the options that a run puts in the place of its configuration's own.

    Parameters
    ----------
    configuration
        The user's ``.sumocfg``.
    names
        Where files go that it asks SUMO to write.
    backend, gui
        As in `SimulationSettings`.
    """
    options = read_options(configuration)
    own = dict(_OVERRIDDEN)
    if backend == "libsumo":
        own["remote-port"] = "0"  # traci gives its own
    if gui:
        own |= _OVERRIDDEN_IN_WINDOW
    chosen = {name: value for name, value in own.items() if name in options}
    for name in sorted(_WRITTEN & options.keys()):
        chosen[name] = ",".join(names.of(part.strip(), configuration.parent) for part in options[name].split(","))
    if any(name.startswith("save-state.") for name in options):
        chosen.setdefault("save-state.prefix", names.of("state", configuration.parent))
    if any(name.startswith("device.tripinfo.") for name in options):
        chosen["device.tripinfo.probability"] = "1"
    if any(name.startswith("device.ssm.") for name in options):
        chosen.setdefault("device.ssm.file", names.of("ssm.xml", configuration.parent))
    precision = options.get("precision", "")
    if precision.isdigit() and int(precision) < _LEAST_PRECISION:
        chosen["precision"] = str(_LEAST_PRECISION)
    return chosen


def arguments(options: Mapping[str, str]) -> list[str]:
    """Return options as the command line takes them."""
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def from_arguments(told: Iterable[str]) -> dict[str, str]:
    """Return what a command line says by option; a flag is true."""
    found: dict[str, str] = {}
    for part in told:
        if part.startswith("--"):
            name = part[2:]
            found[name] = "true"
        else:
            found[name] = part
    return found


def expanded(entry: str) -> str:
    """Replace ``${NAME}`` by the environment's value, as SUMO does."""
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), entry)


def names_file(name: str) -> bool:
    """Whether the name of an output is that of a file, not of the screen or of nothing."""
    return name not in _NO_FILES


class OutputNames:
    """The names of files that the user's own files ask SUMO to write, moved into a folder of ours.

    What the user calls by one name keeps one name, and two files in different folders never become one.

    Parameters
    ----------
    folder
        The folder; it is made with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._moved: dict[Path, Path] = {}

    def of(self, name: str, base: Path) -> str:
        """Return the new name of a file.

        Parameters
        ----------
        name
            As the user's file has it; what is no file (``NUL``, ``stdout``) stays as it is.
        base
            Folder that relative names start from.
        """
        if not names_file(name):
            return name
        asked = Path(os.path.normpath(base / expanded(name)))
        if asked not in self._moved:
            self._folder.mkdir(exist_ok=True)
            plain = re.sub(r"[^\w.@-]", "_", asked.name)  # a socket's name, too
            free = (f"{number}_{plain}" if number > 1 else plain for number in itertools.count(1))
            self._moved[asked] = next(path for name in free if (path := self._folder / name) not in self._moved.values())
        return str(self._moved[asked])
