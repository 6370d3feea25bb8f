"""What the page's template is given: tables as texts and marks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.report.answer import certainty, signed, spread
from experiments.report.situations import by_mean_place
from experiments.statistics import Verdict
from experiments.study.store import read_identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.report.sections import Section
    from experiments.report.situations import Situation, Standing
    from experiments.study.definition import Published
    from experiments.study.results import StudyResults

_LEGEND = (
    "Bold: the least mean. ▼ surely less than the baseline, ▲ surely more (paired by seed, 95 %); no mark: the baseline, or the seeds "
    "cannot decide. † the runs fall into two groups: mean and number of runs of each. ‡ the runs lie far apart: least to greatest. "
    "Columns: by mean place over all rows."
)
_APPROACHES_LEGEND = (
    "Arm and edge of each approach. Delay: time loss per vehicle that crosses the stop line. Saturation: of the critical lane. Levels of "
    "service by HCM 2016 and HBS 2015. Median over the seeds."
)
_QUALITY_LEGEND = "bias_veh: estimated less true. mean_error_veh: mean absolute error. Empty correlation: one of the two never changed."


def overview(standings: Sequence[Sequence[Standing]], parts: Sequence[Section], results: StudyResults) -> dict[str, Any]:
    """Return the table of the answer: situations downwards, controllers across; `standings` and `parts` by situation."""
    columns = by_mean_place(standings)
    rows = []
    for part, of_situation in zip(parts, standings, strict=True):
        by_name = {one.controller: one for one in of_situation}
        cells = [_cell(by_name.get(name), best=of_situation[0].controller == name) for name in columns]
        rows.append({"name": part.name, "anchor": part.anchor, "cells": cells})
    caption = f"Full delay, s per vehicle due: mean ± standard deviation over the seeds. Baseline: {results.study.baseline}."
    return {"caption": caption, "columns": columns, "baseline": results.study.baseline, "rows": rows, "legend": _LEGEND}


def winners(standings: Sequence[Sequence[Standing]], parts: Sequence[Section], baseline: str) -> dict[str, Any]:
    """Return the table of who has the least delay in each situation, and of how much less and how certain that is."""
    rows = []
    for part, of_situation in zip(parts, standings, strict=True):
        best = of_situation[0]
        base = next((one for one in of_situation if one.controller == baseline), None)
        rows.append(
            {
                "name": part.name,
                "anchor": part.anchor,
                "best": best.controller,
                "delay": _delay(best),
                "baseline": "-" if base is None else _delay(base),
                **_gain(best, baseline),
            }
        )
    return {"baseline": baseline, "rows": rows}


def _delay(one: Standing) -> str:
    return spread(one) if one.groups is not None or one.apart is not None else f"{one.mean.mean:.1f} s"


def _gain(best: Standing, baseline: str) -> dict[str, str]:
    found = best.to_baseline
    if found is None or found.relative is None:
        return {"gain": "", "interval": "", "certainty": "is the baseline" if best.controller == baseline else "-"}
    if found.verdict is Verdict.TWO_GROUPS:
        return {"gain": "", "interval": "", "certainty": certainty(found)}
    low, high = found.difference.low, found.difference.high
    interval = "" if low is None or high is None else f"{signed(low)} to {signed(high)} s"
    percent = f"{100 * found.relative:+.0f} %".replace("-", "\N{MINUS SIGN}")
    return {"gain": percent, "interval": interval, "certainty": certainty(found)}


def _cell(one: Standing | None, *, best: bool) -> dict[str, str]:
    if one is None:
        return {"text": "-", "marks": ""}
    marks = ["best"] if best else []
    if one.to_baseline is not None:
        marks += {Verdict.BETTER: ["better"], Verdict.WORSE: ["worse"]}.get(one.to_baseline.verdict, [])
    if one.groups is not None:
        marks.append("groups")
        halves = (one.groups.lower, one.groups.upper)
        return {"text": ", ".join(f"{sum(half) / len(half):.1f} ({len(half)})" for half in halves), "marks": " ".join(marks)}
    if one.apart is not None:
        return {"text": f"{one.apart[0]:.1f} to {one.apart[1]:.1f}", "marks": " ".join([*marks, "apart"])}
    spread = "" if one.mean.deviation is None else f" ± {one.mean.deviation:.1f}"
    return {"text": f"{one.mean.mean:.1f}{spread}", "marks": " ".join(marks)}


def overview_csv(found: Sequence[Situation], standings: Sequence[Sequence[Standing]]) -> str:
    """Return the table of the answer for programs: a row for each controller in each situation."""
    rows = [
        {
            "scenario": situation.scenario,
            "demand_scale": situation.demand_scale,
            "loops": situation.loops,
            "controller": one.controller,
            "runs": one.mean.count,
            "mean_s": one.mean.mean,
            "low_s": one.mean.low,
            "high_s": one.mean.high,
            "difference_s": None if one.to_baseline is None else one.to_baseline.difference.mean,
            "difference_low_s": None if one.to_baseline is None else one.to_baseline.difference.low,
            "difference_high_s": None if one.to_baseline is None else one.to_baseline.difference.high,
            "verdict": "baseline" if one.to_baseline is None else str(one.to_baseline.verdict),
        }
        for situation, of_situation in zip(found, standings, strict=True)
        for one in of_situation
    ]
    return str(pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def section_content(part: Section) -> dict[str, Any]:
    """Return a section with its tables as texts."""
    tables = []
    shown = {} if part.levels is None else {"levels": part.levels}
    shown |= {name: table for name, table in part.tables.items() if not name.endswith("_approaches")}
    for name, table in shown.items():
        of_approaches = name == "levels"
        tables.append(
            {
                "title": "Levels of service of all approaches" if of_approaches else f"Quality of estimated queues: {part.tables_of[name]}",
                "columns": list(table.columns),
                "rows": [[_shown(value) for value in row] for row in table.itertuples(index=False)],
                "legend": _APPROACHES_LEGEND if of_approaches else _QUALITY_LEGEND,
                "screen_only": not of_approaches,  # long, and beside the page as CSV
            }
        )
    return {
        "name": part.name,
        "anchor": part.anchor,
        "label": part.label,
        "sentence": part.sentence,
        "notes": part.notes,
        "pictures": part.pictures,
        "tables": tables,
    }


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else "inf" if math.isinf(value) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def published(one: Published, scenarios: Sequence[str]) -> dict[str, Any]:
    """Return the figures of others, for the scenarios of the study."""
    columns = [name for name in scenarios if any(name in row for row in one.delays_s.values())]
    known = {name: row for name, row in one.delays_s.items() if any(column in row for column in columns)}
    rows = [[name, *(_shown(row[column]) if column in row else "-" for column in columns)] for name, row in known.items()]
    return {"source": one.source, "sumo_version": one.sumo_version, "definition": one.definition, "columns": columns, "rows": rows}


def provenance(results: StudyResults, drawn: Sequence[Situation]) -> list[tuple[str, str]]:
    """Return versions, numbers of runs, and what the scenarios of some situations were made of."""
    told: Mapping[str, Any] = results.provenance
    rows = [
        ("Study", f"{results.study.full_name}, from {read_identity(results.root).file}"),
        ("Runs", f"{told['finished']} finished, {told['failed']} failed, {told['planned']} planned"),
    ]
    rows += [("Seeds", ", ".join(map(str, results.study.seeds)))]
    rows += [(str(name), str(value)) for name, value in told["versions"].items()]
    for one in drawn:
        record = results.record(str(one.runs["key"].iloc[0]))
        place = record["scenario"]
        parts = [f"content SHA-256 {place['sha256'][:16]}", place["source"], place["licence"]]
        rows.append((place["name"], "; ".join(part for part in parts if part)))
    return rows
