"""Tables: mean, spread, the best, and nothing that is not there."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from experiments.tables import INDICATORS, comparison_csv, comparison_table, rich_table, runs_csv

DELAY = INDICATORS[0]


def record(delay_s: float | None, seed: int = 0, **more: object) -> dict[str, Any]:
    kpis = {indicator.path[0]: 1.0 for indicator in INDICATORS} | {"pedestrians": None, "by_class": {}, "vehicles_due": 10}
    return {
        "label": "schematic",
        "scenario": {"name": "place"},
        "request": {"seed": seed, "controller": "c"},
        "kpis": kpis | {"full_delay_s": delay_s} | more,
    }


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_spread_is_the_sample_standard_deviation() -> None:
    # 2, 4, 9: mean 5, squared distances 9 + 1 + 16 = 26, over n - 1 = 2 gives 13
    table = comparison_table("place", "", 3, {"a": [record(delay, seed) for seed, delay in enumerate((2.0, 4.0, 9.0))]})
    found = table.cells["a"]["full_delay_s"]
    assert (found.count, found.mean) == (3, 5.0)
    assert found.deviation == pytest.approx(13**0.5)


def test_one_run_has_no_spread_and_none_has_no_mean() -> None:
    table = comparison_table("place", "", 1, {"a": [record(7.0)], "b": [record(None)]})
    assert (table.cells["a"]["full_delay_s"].mean, table.cells["a"]["full_delay_s"].deviation) == (7.0, None)
    assert table.cells["b"]["full_delay_s"] is None


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1000), min_size=2))
def test_the_best_has_the_least_mean_and_all_alike_have_no_best(delays: dict[str, float]) -> None:
    table = comparison_table("place", "", 1, {name: [record(delay)] for name, delay in delays.items()})
    least = {name for name, delay in delays.items() if delay == min(delays.values())}
    assert table.best(DELAY) == (least if len(least) < len(delays) else set())


def test_unequal_numbers_of_runs_have_no_best() -> None:
    table = comparison_table("place", "", 2, {"a": [record(5.0), record(6.0, 1)], "b": [record(1.0)]})
    assert table.best(DELAY) == frozenset()


def test_the_best_is_bold_and_the_label_stands_in_the_title() -> None:
    table = comparison_table("place", "schematic", 1, {"a": [record(5.0)], "b@zone": [record(4.0)]})
    console = Console(record=True, width=100, force_terminal=True, file=io.StringIO())
    console.print(rich_table(table))
    drawn = console.export_text(styles=True)
    line = next(line for line in drawn.splitlines() if "full delay" in line)
    assert "\x1b[1m   4.0\x1b[0m" in line
    assert line.count("\x1b[1m") == 1
    assert "place (schematic)" in drawn


def test_the_csv_holds_mean_and_spread_and_leaves_empty_what_is_not_there() -> None:
    rows = read(comparison_csv(comparison_table("place", "schematic", 2, {"a": [record(4.0), record(8.0, 1)], "b": []})))
    assert [(row["controller"], row["runs"], row["runs_planned"], row["label"]) for row in rows] == [
        ("a", "2", "2", "schematic"),
        ("b", "0", "2", "schematic"),
    ]
    assert float(rows[0]["full_delay_s_mean"]) == 6.0
    assert float(rows[0]["full_delay_s_sd"]) == pytest.approx(8**0.5)
    assert (rows[1]["full_delay_s_mean"], rows[1]["full_delay_s_sd"]) == ("", "")


def test_pedestrians_and_classes_get_rows_where_there_are_any() -> None:
    trams = {"tram": {"count": 3, "mean_s": 12.0}, "passenger": {"count": 7, "mean_s": 30.0}}
    records = {"a": [record(4.0, pedestrians={"count": 2, "mean_s": 9.0}, by_class=trams)], "b": [record(5.0)]}
    rows = read(runs_csv(records))
    assert [(row["pedestrian_delay_s"], row["tram_full_delay_s"], row["passenger_full_delay_s"]) for row in rows] == [
        ("9.0", "12.0", "30.0"),
        ("", "", ""),
    ]
    assert "pedestrian_delay_s" not in runs_csv({"b": [record(5.0)]})
