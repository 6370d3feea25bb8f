"""What a study keeps of a run: small tables instead of SUMO's long files.

It is done by the process that starts the runs: loading pyarrow (and pandas, which it asks for) in each of them would take longer than
many a run lasts.
"""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from experiments.errors import ResultError
from experiments.study.minute_tables import condense_lanes, condense_minutes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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


def condense(record: Mapping[str, Any], folder: Path) -> None:
    """Turn what a run wrote into what a study keeps: Parquet tables, and SUMO's trips packed.

    Raises
    ------
    ResultError
        If one of the run's files is not whole, or there is no room.
    """
    try:
        _condense(record, folder)
    except (OSError, pa.ArrowException) as error:
        raise ResultError(f"What the run left is not whole ({error}); free some room on the disk and make it again.") from error


def _condense(record: Mapping[str, Any], folder: Path) -> None:
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
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())  # a finished run outlives a power cut, too
