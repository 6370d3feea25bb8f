"""One run of a study in a fresh process: ``python -m experiments.study.one_run KEY FOLDER REQUEST``, the request as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ExperimentError, ResultError
from experiments.exits import complain, ended_with_code
from experiments.folders import RECORD, write_whole
from experiments.minutes import MinuteOutput
from experiments.processes import end_with_starter
from experiments.requests import request_from_dict
from experiments.runs import run
from experiments.study.keys import deciding_versions, run_key
from sumo_networks import scenario

if TYPE_CHECKING:
    from experiments.requests import RunRequest

UNWRITTEN_CODE = 4
"""Exit code beside those of `experiments.exits` and `experiments.processes`: something could not be written."""


def do_run(request: RunRequest, key: str, folder: Path) -> dict[str, Any]:
    """Make a run and return its record; its starter condenses what it leaves (see `experiments.study.condensing`).

    Raises
    ------
    ExperimentError
        If this process would make another run than the one that was asked for: other files or other versions lie here.
    """
    if run_key(request, scenario(request.scenario)) != key:
        versions = ", ".join(f"{name} {version[:12]}" for name, version in deciding_versions().items())
        raise ExperimentError(
            f"{request.scenario} would not be the same run here as where the study was started (here: {versions}); "
            "let all machines have the same files and versions."
        )
    record = run(request, folder, minutes=MinuteOutput())
    record = {**record, "key": key, "timing": {**record["timing"], "process_s": time.process_time()}}
    write_whole(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return record


def main() -> None:
    """Make the run that the arguments ask for, and end the process with a code as the command line does."""
    end_with_starter()
    sys.path.append(str(Path.cwd()))  # for controllers of the user's own
    key, folder, request = sys.argv[1], Path(sys.argv[2]), request_from_dict(json.loads(sys.argv[3]))

    def make() -> int:
        try:
            do_run(request, key, folder)
        except (ResultError, OSError) as error:
            complain(str(error))
            return UNWRITTEN_CODE
        return 0

    sys.exit(ended_with_code(make))


if __name__ == "__main__":
    main()
