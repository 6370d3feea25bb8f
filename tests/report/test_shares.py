"""The shares of scenarios in which our controller is ahead."""

from pathlib import Path

import pandas as pd
import pytest

from experiments.errors import ExperimentError
from experiments.report.shares import main, ratios, shares

DELAYS_S = {  # by scenario: static, actuated, delay_based, max_pressure, ours
    "city/0": (40.0, 20.0, 30.0, 25.0, 19.0),  # ahead of all
    "city/1": (40.0, 20.0, 30.0, 10.0, 15.0),  # behind one
    "city/2": (40.0, 20.0, 30.0, 10.0, 50.0),  # behind all, and far worse than the street
}
CONTROLLERS = ("static", "actuated", "delay_based", "max_pressure", "ours")


def _runs(seeds: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study": "cities",
            "label": "",
            "scenario": scenario,
            "controller": controller,
            "seed": seed,
            "status": "finished",
            "full_delay_s": delay_s + seed,
            "unfinished": 3.0,
            "never_inserted": 1.0,
            "refused_commands": 0.0,
        }
        for scenario, delays_s in DELAYS_S.items()
        for controller, delay_s in zip(CONTROLLERS, delays_s, strict=True)
        for seed in range(seeds)
    )


def _holds(table: pd.DataFrame) -> dict[str, int]:
    return dict(zip(table["statement"], table["holds_in"], strict=True))


def test_each_statement_holds_where_the_delays_say_so() -> None:
    table = ratios(_runs(), "ours")
    assert table.set_index(["scenario", "controller"]).loc[("city/1", "ours"), "ratio"] == 1.5
    holds = _holds(shares(table, "ours"))
    assert holds["ahead of static"] == 2
    assert holds["ahead of max_pressure"] == 1
    assert holds["ahead of the best of static, actuated, delay_based, max_pressure"] == 1
    assert holds["behind at least one of static, actuated, delay_based, max_pressure"] == 2
    assert holds["behind all of static, actuated, delay_based, max_pressure"] == 1
    assert holds["more than 5% worse than the best of static and actuated"] == 1


def test_five_percent_are_not_more_than_five_percent() -> None:
    runs = _runs()
    runs.loc[(runs["scenario"] == "city/0") & (runs["controller"] == "ours"), "full_delay_s"] = 21.0
    assert _holds(shares(ratios(runs, "ours"), "ours"))["more than 5% worse than the best of static and actuated"] == 1


def test_designed_plans_are_judged_where_the_study_has_them() -> None:
    designed = _runs().query("controller == 'static' and scenario != 'city/2'").assign(controller="designed", full_delay_s=[18.0, 16.0])
    table = shares(ratios(pd.concat([_runs(), designed]), "ours"), "ours").set_index("statement")
    assert table.loc["ahead of designed", ["scenarios", "holds_in"]].to_list() == [2, 1]
    assert table.loc["ahead of the best of all these and of designed", "holds_in"] == 0


def test_an_interrupted_study_counts_by_the_seeds_that_all_have() -> None:
    runs = _runs(seeds=3)
    missing = ((runs["scenario"] == "city/0") & (runs["controller"] == "static") & (runs["seed"] > 0)) | (
        (runs["scenario"] == "city/2") & (runs["controller"] == "ours")
    )
    table = ratios(runs[~missing], "ours").set_index(["scenario", "controller"])
    assert table.loc["city/0", "seeds"].to_list() == [1] * 5
    assert table.loc[("city/0", "static"), "full_delay_s"] == 40.0
    assert table.loc[("city/1", "static"), "full_delay_s"] == 41.0
    assert "city/2" not in table.index


def test_a_controller_without_runs_is_told() -> None:
    with pytest.raises(ExperimentError, match="no runs of 'theirs'"):
        ratios(_runs(), "theirs")


def test_both_tables_are_written_beside_each_other(tmp_path: Path) -> None:
    _runs().to_parquet(tmp_path / "runs.parquet")
    assert main([str(tmp_path), str(tmp_path / "cities.csv"), "ours"]) == 0
    assert len(pd.read_csv(tmp_path / "cities.csv")) == 15
    assert pd.read_csv(tmp_path / "cities-shares.csv")["study"].unique().tolist() == ["cities"]


def test_a_folder_without_runs_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "cities.csv"), "ours"]) == 2
    assert "study resume" in capsys.readouterr().err
    assert main([]) == 2
