"""Green waves from plain instance files, without any network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from experiments.errors import ExperimentError
from experiments.folders import write_whole
from optimizer.design.bands import widest_band, widest_bands
from optimizer.design.errors import DesignError
from optimizer.design.wave_text import wave_content, wave_instance

if TYPE_CHECKING:
    from pathlib import Path

    from optimizer.design.wave import WaveInstance

BANDS: Final = ("common", "links")


def read_instance(path: Path) -> WaveInstance:
    """Read an instance from a JSON file.

    Raises
    ------
    ExperimentError
        If the file is missing, no JSON, or describes no corridor.
    """
    try:
        return wave_instance(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExperimentError(f"--instance {path} cannot be read ({error.strerror or error}); check the path.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, DesignError):
            raise ExperimentError(f"--instance {path}: {error}") from error
        raise ExperimentError(f"--instance {path} is no JSON ({error}); mend that place.") from error


def solve_instance(path: Path, out: Path, bands: str, relative_gap: float, time_limit_s: float) -> dict[str, Any]:
    """Solve an instance and write the result as JSON.

    Parameters
    ----------
    path
        The instance.
    out
        The result; written whole or not at all.
    bands
        ``"common"`` for one band each way (MAXBAND), ``"links"`` for one per link (MULTIBAND).
    relative_gap, time_limit_s
        When the answer is good enough.

    Returns
    -------
    dict
        What was written.

    Raises
    ------
    ExperimentError
        If an option or the instance makes no sense, or the result cannot be written.
    """
    if bands not in BANDS:
        raise ExperimentError(f"--bands {bands!r} is unknown; choose {' or '.join(BANDS)}.")
    if not relative_gap >= 0:
        raise ExperimentError(f"--gap {relative_gap:g} is no gap; give 0 or more, such as 0.01 for 1 %.")
    if not time_limit_s > 0:
        raise ExperimentError(f"--time-limit {time_limit_s:g} leaves no time; give seconds above 0.")
    if out.is_dir() or not out.parent.is_dir():
        raise ExperimentError(f"--out {out} is a folder or lies in none that exists; name a file in a folder that exists.")
    instance = read_instance(path)
    solve = widest_band if bands == "common" else widest_bands
    try:
        wave = solve(instance, relative_gap=relative_gap, time_limit_s=time_limit_s)
    except DesignError as error:
        raise ExperimentError(f"--instance {path}: {error}") from error
    content = wave_content(wave, instance, bands=bands)
    write_whole(out, json.dumps(content, indent=1) + "\n")
    return content
