"""Repeating runs of a study while watching them: ``python -m experiments.report.repeat FOLDER < RUN.json``."""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import runs
from experiments.exits import ended_with_code
from experiments.folders import read_record, write_whole
from experiments.processes import end_with_starter, in_fresh_processes, module_command
from experiments.requests import request_from_dict
from experiments.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from experiments.processes import Ended

TRAJECTORIES_FROM = 0.5
"""Trajectories are kept from the middle of the window on, when the network has filled."""
REQUEST = "repeat.json"
AT_A_TIME = 2


def repeat(records: Mapping[str, Mapping[str, Any]], folder: Path, on_end: Callable[[str], None]) -> dict[str, str]:
    """Repeat runs, watched, each in a process of its own and in ``folder/<key>``; those that lie there already are not made again.

    Parameters
    ----------
    records
        What ``run.json`` says of each run, by its key.
    folder
        Where the repetitions are kept.
    on_end
        Told the key of each that has come to its end.

    Returns
    -------
    dict
        By key, why a repetition is of no use; those that gave the same key figures as the run itself are left out.
    """
    waiting = deque(key for key in records if read_record(folder / key) is None)
    for key in waiting:
        (folder / key).mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{key}.json", json.dumps(records[key]))
    wrong: dict[str, str] = {}

    def command(key: str) -> list[str]:
        return module_command("experiments.report.repeat", str(folder / f"{key}.json"), str(folder / key))

    def take_up(key: str, ended: Ended) -> None:
        (folder / f"{key}.json").unlink(missing_ok=True)
        if ended.code != 0:
            wrong[key] = f"It could not be repeated: {ended.sentence()}"
        on_end(key)

    in_fresh_processes(waiting, command, AT_A_TIME, take_up)
    for key, record in records.items():
        known = read_record(folder / key)
        if known is None:
            wrong.setdefault(key, "It could not be repeated.")
        elif {name: known["kpis"].get(name) for name in record["kpis"]} != record["kpis"]:  # an older record may lack newer figures
            then_s, now_s = record["kpis"]["full_delay_s"], known["kpis"]["full_delay_s"]
            wrong[key] = (
                f"Repeated, it gives other figures ({now_s} instead of {then_s} s full delay): "
                f"the versions installed here, or the files, are not those of the study. Remove {folder / key} and repeat it with those."
            )
    return wrong


def trajectories_from_s(begin_s: float, end_s: float) -> float:
    """Return from when on the trajectories of a repeated run are kept."""
    return float(round(begin_s + TRAJECTORIES_FROM * (end_s - begin_s)))


def main() -> None:
    """Do one repetition in this process."""
    end_with_starter()
    sys.path.append(str(Path.cwd()))  # for controllers package.module:Class of the user's own
    record = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    watching = Watching(trajectories_from_s(record["simulated"]["begin_s"], record["simulated"]["end_s"]))
    sys.exit(ended_with_code(lambda: runs.run(request_from_dict(record["request"]), Path(sys.argv[2]), watching)))


if __name__ == "__main__":
    main()
