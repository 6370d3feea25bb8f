"""One run of a study in a fresh process: ``python -m experiments.study.one_run KEY FOLDER REQUEST``, the request as JSON.

The process ends with its starter: when the other end of its standard input is gone, nobody will take its result.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from experiments.errors import ExperimentError, ResultError
from experiments.exits import complain, ended_with_code
from experiments.folders import RECORD, UNFINISHED, write_whole
from experiments.minutes import MinuteOutput, condense_lanes, condense_minutes
from experiments.requests import request_from_dict
from experiments.runs import run
from experiments.study.keys import deciding_versions, run_key
from sumo_networks import scenario

if TYPE_CHECKING:
    from experiments.requests import RunRequest

LANES, MINUTES, SIGNALS, TRIPS = "lanes.parquet", "minutes.parquet", "signals.parquet", "tripinfo.xml.gz"
SIGNALS_SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("junction", pa.string()),
        ("event", pa.string()),
        ("stage", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
    ]
)
ABANDONED_CODE, UNWRITTEN_CODE = 3, 4
"""Exit codes beside those of `experiments.exits`: nobody waits for the result any more; something could not be written."""


def do_run(request: RunRequest, key: str, folder: Path) -> dict[str, Any]:
    """Make a run and condense what it leaves; return its record.

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
    condense(record, folder)
    record = {**record, "key": key, "timing": {**record["timing"], "process_s": time.process_time()}}
    write_whole(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    return record


def condense(record: dict[str, Any], folder: Path) -> None:
    """Turn what a run wrote into what a study keeps: Parquet tables, and SUMO's trips packed."""
    begin_s, end_s = record["simulated"]["begin_s"], record["simulated"]["end_s"]
    lanes = condense_lanes(folder, begin_s, end_s)
    minutes = condense_minutes(folder, lanes, begin_s, end_s, record["kpis"]["never_inserted"])
    signals = pyarrow.csv.read_csv(
        folder / "signals.csv", convert_options=pyarrow.csv.ConvertOptions(column_types=SIGNALS_SCHEMA, strings_can_be_null=False)
    )
    for name, table in ((LANES, lanes), (MINUTES, minutes), (SIGNALS, signals)):
        pq.write_table(table, folder / name, compression="zstd")
    (folder / "signals.csv").unlink()
    plain = folder / "tripinfo.xml"
    with (
        plain.open("rb") as stream,
        gzip.GzipFile(filename="", fileobj=(folder / TRIPS).open("wb"), mode="wb", compresslevel=3, mtime=0) as packed,
    ):
        shutil.copyfileobj(stream, packed)
    plain.unlink()
    (folder / UNFINISHED).unlink(missing_ok=True)


def _end_with_starter() -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os._exit(ABANDONED_CODE)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Make the run that the arguments ask for, and end the process with a code as the command line does."""
    sys.path.append(str(Path.cwd()))  # for controllers of the user's own
    key, folder, request = sys.argv[1], Path(sys.argv[2]), request_from_dict(json.loads(sys.argv[3]))
    _end_with_starter()

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
