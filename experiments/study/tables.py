"""The tables of a study: sorted, without times of day, paths or machines, so that the same study gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from experiments.folders import write_whole
from experiments.statistics import Verdict, mean_interval, paired_difference, seeds_needed, two_groups
from experiments.study.condensing import MINUTES, SIGNALS
from experiments.tables import INDICATORS, Indicator, indicators_of_some, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from experiments.study.definition import Case
    from experiments.study.planning import PlannedRun, StudyPlan

STAMP = ".tables"
TOLD = (("study", pa.string()), ("label", pa.string()))
"""What every output has to say: whether this is the quick form, and what kind of scenario it is."""
CASE = (("scenario", pa.string()), ("controller", pa.string()), ("demand_scale", pa.float64()), ("loops", pa.string()))
COUNTS = ("unfinished", "never_inserted", "teleports", "refused_commands")
"""Counts, mostly of next to nothing: the ratio of two of them tells of no gridlock."""
EXTRA = tuple(Indicator((name,), name, name, 0) for name in ("collisions", "violations"))


def write_tables(plan: StudyPlan, records: Mapping[str, Mapping[str, Any]], folder: Path, runs: Path) -> None:
    """Write all tables of a study over the runs that have ended, unless they tell of these very runs already.

    Parameters
    ----------
    plan
        The study's rows.
    records
        Of the runs that have ended, by key.
    folder
        The results folder.
    runs
        The folder with a folder for each key.
    """
    content = _content(plan, records)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == content and (folder / "runs.parquet").is_file():
        return
    stamp.unlink(missing_ok=True)
    table = runs_table(plan, records)
    _write(table, folder, "runs")
    _write(summary_table(plan, table), folder, "summary")
    _write(differences_table(plan, table), folder, "differences")
    finished = [row for row in plan.rows if "kpis" in records.get(row.key, {})]
    for name, file in (("minutes", MINUTES), ("signals", SIGNALS)):
        _write_pieces(folder / f"{name}.parquet", ((row, runs / row.key / file) for row in finished))
    write_whole(stamp, content)


def _content(plan: StudyPlan, records: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a fingerprint of what the tables are made from: the study, its runs, and the code that makes tables."""
    here = Path(__file__).resolve().parent
    code = [path.read_bytes() for path in (*sorted(here.glob("*.py")), here.parent / "tables.py", here.parent / "statistics.py")]
    told = [repr(plan.study), *((row.key, row.seed, "error" in records[row.key]) for row in plan.rows if row.key in records)]
    return hashlib.sha256(json.dumps(told).encode() + b"".join(code)).hexdigest()


def runs_table(plan: StudyPlan, records: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """Return a row for each run that has ended; see docs/study_results.md for the columns."""
    kpis = [record["kpis"] for record in records.values() if "kpis" in record]
    indicators = (*INDICATORS, *EXTRA, *indicators_of_some(kpis))
    rows = []
    for row in plan.rows:
        record = records.get(row.key)
        if record is None:
            continue
        rows.append(
            {
                **_told_of(plan, row.case),
                "seed": row.seed,
                "key": row.key,
                "status": "failed" if "error" in record else "finished",
                "error": record.get("error", ""),
                **_figures(record, indicators),
            }
        )
    schema = pa.schema(
        [
            *TOLD,
            *CASE,
            ("information", pa.string()),
            ("seed", pa.int64()),
            ("key", pa.string()),
            ("status", pa.string()),
            ("error", pa.string()),
            ("begin_s", pa.float64()),
            ("end_s", pa.float64()),
            ("vehicles_due", pa.int64()),
            ("vehicles_inserted", pa.int64()),
            *((indicator.column, pa.float64()) for indicator in indicators),
            ("changes", pa.float64()),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def _figures(record: Mapping[str, Any], indicators: Sequence[Indicator]) -> dict[str, Any]:
    if "kpis" not in record:
        return {}
    kpis, simulated = record["kpis"], record["simulated"]
    return {
        "information": record["information"],
        "begin_s": simulated["begin_s"],
        "end_s": simulated["end_s"],
        "changes": simulated["changes"],
        "vehicles_due": kpis["vehicles_due"],
        "vehicles_inserted": kpis["vehicles_inserted"],
        **{indicator.column: value_of(kpis, indicator) for indicator in indicators},
    }


def summary_table(plan: StudyPlan, runs: pa.Table) -> pa.Table:
    """Return mean, spread and confidence interval of each metric of each case, or its two groups, and the seeds that would be needed."""
    rows = []
    for case, metric, values in _values(plan, runs):
        if not values:
            continue
        found = mean_interval(list(values.values()))
        groups = None if metric in COUNTS else two_groups(list(values.values()))
        wanted = plan.study.precision * abs(found.mean)
        needed = seeds_needed(found.deviation, wanted) if found.deviation is not None and wanted and groups is None else None
        rows.append(
            {
                **_told_of(plan, case),
                "metric": metric,
                "runs": found.count,
                "runs_planned": len(plan.study.seeds),
                # where runs fall into two groups their mean speaks for none of them
                "mean": found.mean if groups is None else None,
                "deviation": found.deviation if groups is None else None,
                "low": found.low if groups is None else None,
                "high": found.high if groups is None else None,
                "least": min(values.values()),
                "greatest": max(values.values()),
                "lower_runs": None if groups is None else len(groups.lower),
                "lower_mean": None if groups is None else sum(groups.lower) / len(groups.lower),
                "upper_runs": None if groups is None else len(groups.upper),
                "upper_mean": None if groups is None else sum(groups.upper) / len(groups.upper),
                "seeds_for_precision": needed,
            }
        )
    numbers = [(name, pa.float64()) for name in ("mean", "deviation", "low", "high", "least", "greatest")]
    groups_of = [("lower_runs", pa.int64()), ("lower_mean", pa.float64()), ("upper_runs", pa.int64()), ("upper_mean", pa.float64())]
    head = [*TOLD, *CASE, ("metric", pa.string()), ("runs", pa.int64()), ("runs_planned", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema([*head, *numbers, *groups_of, ("seeds_for_precision", pa.int64())]))


def differences_table(plan: StudyPlan, runs: pa.Table) -> pa.Table:
    """Return the paired difference of each case to the baseline on the same traffic, for each metric."""
    values = {(case, metric): found for case, metric, found in _values(plan, runs)}
    rows = []
    for (case, metric), found in values.items():
        if case.controller == plan.study.baseline:
            continue
        base = type(case)(case.scenario, plan.study.baseline, case.demand_scale, case.loops)
        paired = paired_difference(found, values[base, metric], grouping=metric not in COUNTS)
        if paired is None:
            continue
        grouped = paired.verdict is Verdict.TWO_GROUPS  # then the mean difference speaks for no run at all
        rows.append(
            {
                **_told_of(plan, case),
                "metric": metric,
                "baseline": plan.study.baseline,
                "seeds": paired.difference.count,
                "difference": None if grouped else paired.difference.mean,
                "low": None if grouped else paired.difference.low,
                "high": None if grouped else paired.difference.high,
                "relative": None if grouped else paired.relative,
                "better_seeds": paired.better_seeds,
                "verdict": str(paired.verdict),
                "seeds_to_decide": None if grouped else paired.seeds_to_decide,
            }
        )
    head = [*TOLD, *CASE, ("metric", pa.string()), ("baseline", pa.string()), ("seeds", pa.int64())]
    numbers = [(name, pa.float64()) for name in ("difference", "low", "high", "relative")]
    tail = [("better_seeds", pa.int64()), ("verdict", pa.string()), ("seeds_to_decide", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema([*head, *numbers, *tail]))


def _values(plan: StudyPlan, runs: pa.Table) -> Iterator[tuple[Case, str, dict[int, float]]]:
    """Yield each case and metric with the figures by seed."""
    columns = {metric: runs[metric].to_pylist() for metric in plan.study.metrics if metric in runs.column_names}
    at = {
        (row["scenario"], row["controller"], row["demand_scale"], row["loops"], row["seed"]): index
        for index, row in enumerate(runs.select([*(name for name, _ in CASE), "seed"]).to_pylist())
    }
    for case in plan.study.cases():
        for metric, column in columns.items():
            rows = {seed: at.get((*_case_values(case).values(), seed)) for seed in plan.study.seeds}
            yield case, metric, {seed: column[i] for seed, i in rows.items() if i is not None and column[i] is not None}


def _told_of(plan: StudyPlan, case: Case) -> dict[str, Any]:
    return {"study": plan.study.full_name, "label": plan.places[case.scenario].label, **_case_values(case)}


def _case_values(case: Case) -> dict[str, Any]:
    return {"scenario": case.scenario, "controller": case.controller, "demand_scale": case.demand_scale, "loops": case.loops}


def _write(table: pa.Table, folder: Path, name: str) -> None:
    """Write a table as Parquet and as CSV, each whole or not at all."""
    for draft, path, write in (
        (folder / f".{name}.parquet.draft", folder / f"{name}.parquet", pq.write_table),
        (folder / f".{name}.csv.draft", folder / f"{name}.csv", pyarrow.csv.write_csv),
    ):
        write(table, draft)
        draft.replace(path)


def _write_pieces(path: Path, pieces: Iterator[tuple[PlannedRun, Path]]) -> None:
    """Write the tables of all runs below each other, one run at a time, with the case columns before them."""
    draft = path.with_name(f".{path.name}.draft")
    writer = None
    try:
        for row, piece in pieces:
            table = pq.ParquetFile(piece).read()
            values = [*_case_values(row.case).items(), ("seed", row.seed)]
            kinds = [*CASE, ("seed", pa.int64())]
            for place, ((name, value), (_, kind)) in enumerate(zip(values, kinds, strict=True)):
                table = table.add_column(place, name, pa.repeat(pa.scalar(value, kind), table.num_rows))
            writer = writer or pq.ParquetWriter(draft, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    if writer is not None:
        draft.replace(path)
    else:
        path.unlink(missing_ok=True)
