"""Comparison tables: mean and spread of each indicator per controller, for people (rich) and for programs (CSV)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from experiments.statistics import mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.statistics import Interval


@dataclass(frozen=True, slots=True)
class Indicator:
    """A row of the table: where it stands in a run's ``kpis``, its column in the CSV, what people call it, and its decimal places."""

    path: tuple[str, ...]
    column: str
    title: str
    places: int


INDICATORS = (
    Indicator(("full_delay_s",), "full_delay_s", "full delay, s", 1),
    Indicator(("stops",), "stops", "stops", 2),
    Indicator(("waiting_s",), "waiting_s", "waiting, s", 1),
    Indicator(("travel_time_s",), "travel_time_s", "travel time, s", 1),
    Indicator(("co2_g",), "co2_g", "CO2, g", 0),
    Indicator(("queue_95_veh",), "queue_95_veh", "queue (95 %), veh", 1),
    Indicator(("longest_red_s",), "longest_red_s", "longest red waited at, s", 0),
    Indicator(("unfinished",), "unfinished", "unfinished", 1),
    Indicator(("never_inserted",), "never_inserted", "never inserted", 1),
    Indicator(("teleports",), "teleports", "teleports", 0),
    Indicator(("refused_commands",), "refused_commands", "refused commands", 0),
)
"""The indicators of every comparison; fewer is better in each of them."""


@dataclass(frozen=True, slots=True)
class ComparisonTable:
    """Mean and spread of each indicator for each controller.

    Attributes
    ----------
    scenario, label
        What was simulated, and what every output has to say about it.
    planned
        Runs that were to be made with each controller.
    indicators
        Rows.
    runs
        Finished runs of each controller.
    cells
        Mean and spread by controller and column name; None where no run has the indicator.
    """

    scenario: str
    label: str
    planned: int
    indicators: tuple[Indicator, ...]
    runs: Mapping[str, int]
    cells: Mapping[str, Mapping[str, Interval | None]]

    def best(self, indicator: Indicator) -> frozenset[str]:
        """Return the controllers with the least mean; nobody where all are alike, or where some have fewer runs than others."""
        means = {name: cell.mean for name, row in self.cells.items() if (cell := row[indicator.column]) is not None}
        if len(set(self.runs.values())) > 1 or len(means) < len(self.cells) or len(set(means.values())) < 2:
            return frozenset()
        least = min(means.values())
        return frozenset(name for name, mean in means.items() if mean == least)


def comparison_table(scenario: str, label: str, planned: int, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> ComparisonTable:
    """Gather the records of the finished runs of each controller into a table.

    Parameters
    ----------
    scenario, label, planned
        As in `ComparisonTable`.
    records
        Contents of ``run.json`` by controller.
    """
    kpis = {name: [record["kpis"] for record in of_name] for name, of_name in records.items()}
    everything = [one for of_name in kpis.values() for one in of_name]
    indicators = INDICATORS + indicators_of_some(everything)
    cells: dict[str, dict[str, Interval | None]] = {}
    for name, of_name in kpis.items():
        values = {indicator.column: [v for one in of_name if (v := value_of(one, indicator)) is not None] for indicator in indicators}
        cells[name] = {column: mean_interval(found) if found else None for column, found in values.items()}
    return ComparisonTable(scenario, label, planned, indicators, {name: len(of_name) for name, of_name in kpis.items()}, cells)


def rich_table(table: ComparisonTable) -> Table:
    """Return the table for a terminal: indicators downwards, controllers across, the best in bold."""
    drawn = Table(title=_title(table), caption="mean ± standard deviation over runs")
    drawn.add_column("indicator")
    for name in table.cells:
        drawn.add_column(name.replace("@", "\n@"), justify="right", no_wrap=True)
    for indicator in table.indicators:
        best = table.best(indicator)
        drawn.add_row(
            indicator.title,
            *(
                Text(_shown(row[indicator.column], indicator.places), style="bold" if name in best else "")
                for name, row in table.cells.items()
            ),
        )
    drawn.add_row("runs", *(f"{count} of {table.planned}" for count in table.runs.values()))
    return drawn


def comparison_csv(table: ComparisonTable) -> str:
    """Return the table as CSV: a row for each controller, mean and standard deviation of each indicator, empty where there is none."""
    columns = [f"{indicator.column}_{part}" for indicator in table.indicators for part in ("mean", "sd")]
    rows = []
    for name, row in table.cells.items():
        spreads = [row[indicator.column] for indicator in table.indicators]
        values = [part for cell in spreads for part in ((None, None) if cell is None else (cell.mean, cell.deviation))]
        rows.append([table.scenario, table.label, name, table.runs[name], table.planned, *values])
    return _csv(["scenario", "label", "controller", "runs", "runs_planned", *columns], rows)


def runs_csv(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the finished runs as CSV, a row each."""
    everything = [record["kpis"] for of_name in records.values() for record in of_name]
    indicators = INDICATORS + indicators_of_some(everything)
    rows = [
        [record["scenario"]["name"], record["label"], name, record["request"]["seed"], record["kpis"]["vehicles_due"]]
        + [value_of(record["kpis"], indicator) for indicator in indicators]
        for name, of_name in records.items()
        for record in of_name
    ]
    return _csv(["scenario", "label", "controller", "seed", "vehicles_due", *(indicator.column for indicator in indicators)], rows)


def run_table(record: Mapping[str, Any]) -> Table:
    """Return one run's indicators for a terminal."""
    kpis = record["kpis"]
    place = record["scenario"]["name"]
    drawn = Table(title=f"{place} ({record['label']})" if record["label"] else place)
    drawn.add_column("indicator")
    drawn.add_column(f"{record['request']['controller']} ({record['information']})", justify="right")
    drawn.add_row("vehicles due", str(kpis["vehicles_due"]))
    for indicator in INDICATORS + indicators_of_some([kpis]):
        value = value_of(kpis, indicator)
        drawn.add_row(indicator.title, "-" if value is None else f"{value:.{indicator.places}f}")
    return drawn


def indicators_of_some(kpis: Sequence[Mapping[str, Any]]) -> tuple[Indicator, ...]:
    """Return the rows that only some scenarios have: pedestrians, and vehicle classes apart."""
    found = []
    if any(one["pedestrians"] for one in kpis):
        found.append(Indicator(("pedestrians", "mean_s"), "pedestrian_delay_s", "pedestrians' delay, s", 1))
    classes = sorted({name for one in kpis for name in one["by_class"]})
    return (*found, *(Indicator(("by_class", name, "mean_s"), f"{name}_full_delay_s", f"{name}: full delay, s", 1) for name in classes))


def value_of(kpis: Mapping[str, Any], indicator: Indicator) -> float | None:
    """Return an indicator out of a run's ``kpis``, or None where the run has none."""
    found: Any = kpis
    for key in indicator.path:
        found = None if found is None else found.get(key)
    return None if found is None else float(found)


def _title(table: ComparisonTable) -> str:
    return f"{table.scenario} ({table.label})" if table.label else table.scenario


def _shown(cell: Interval | None, places: int) -> str:
    if cell is None:
        return "-"
    mean = f"{cell.mean:.{places}f}"
    return mean if cell.deviation is None else f"{mean} ± {cell.deviation:.{places}f}"


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return text.getvalue()
