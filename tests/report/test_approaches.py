"""Delay, queue and saturation of approaches."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from experiments.report.approaches import Approach, approach_table, approaches_of
from experiments.report.repeat import trajectories_from_s
from experiments.report.streets import median_table, read_streets, short_names
from sumo_networks import scenario
from tests.report.test_signal_times import crossing, log

if TYPE_CHECKING:
    from experiments.study.results import StudyResults

APPROACHES = {"j": (Approach("j", "north", ("north",), "N"), Approach("j", "west", ("west", "far_west"), "W"))}


def lanes(*rows: tuple[int, str, float, float, float, float]) -> pd.DataFrame:
    columns = ["minute", "lane", "vehicles", "queue_veh", "time_loss_s", "left"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(edge=table["lane"].str.rpartition("_")[0])


def test_each_column_is_what_its_definition_says() -> None:
    # Two minutes. North: 8 vehicles cross, 2 stand there in the last minute, 96 s are lost, 0.5 and 1.5 vehicles halt on average.
    # Green for 60 of 120 s: capacity 1900/3600 * 60 = 31.67 vehicles, 10 came: x = 0.316. West: green for 30 s.
    changes = log((0, "GrG"), (60, "rrr"), (90, "rGr")).assign(junction="j")
    traffic = lanes(
        (0, "north_0", 3.0, 0.5, 30.0, 5.0),
        (1, "north_0", 2.0, 1.5, 66.0, 3.0),
        (0, "far_west_0", 1.0, 1.0, 40.0, 4.0),
        (1, "west_0", 1.0, 0.0, 10.0, 4.0),
    )
    table = approach_table(traffic, changes, {"j": crossing()}, APPROACHES, (0.0, 120.0)).set_index("arm")
    north, west = table.loc["N"], table.loc["W"]
    assert (north["vehicles"], north["flow_veh_h"]) == (8, pytest.approx(240))
    assert north["delay_s"] == pytest.approx(96 / 8)
    assert north["halting_s"] == pytest.approx((0.5 + 1.5) * 60 / 8)
    assert (north["queue_mean_veh"], north["queue_most_veh"]) == (pytest.approx(1.0), 1.5)
    assert north["green_share"] == pytest.approx(0.5)
    assert north["saturation"] == pytest.approx(10 / (1900 / 3600 * 60))
    assert (north["hcm"], north["hbs"]) == ("B", "A")
    assert west["delay_s"] == pytest.approx(50 / 4)  # of both edges, over those who cross the stop line
    assert west["saturation"] == pytest.approx(5 / (1900 / 3600 * 30))


def test_an_approach_without_green_is_overloaded_by_anyone_who_comes_and_one_without_traffic_has_no_delay() -> None:
    changes = log((0, "GrG")).assign(junction="j")
    table = approach_table(lanes((0, "west_0", 2.0, 2.0, 120.0, 0.0)), changes, {"j": crossing()}, APPROACHES, (0.0, 60.0)).set_index("arm")
    assert math.isinf(table.loc["W", "saturation"])
    assert math.isnan(table.loc["N", "delay_s"])
    assert (table.loc["N", "hcm"], table.loc["N", "saturation"]) == ("-", 0.0)


def test_the_median_of_runs_is_graded_anew() -> None:
    changes = log((0, "GrG")).assign(junction="j")
    tables = [
        approach_table(lanes((0, "north_0", 0.0, 0.0, loss_s, 1.0)), changes, {"j": crossing()}, APPROACHES, (0.0, 60.0))
        for loss_s in (5.0, 45.0)
    ]
    assert [table["hcm"].iloc[0] for table in tables] == ["A", "D"]
    assert (median_table(tables)["delay_s"].iloc[0], median_table(tables)["hcm"].iloc[0]) == (25.0, "C")


def test_an_approach_reaches_back_over_streets_that_lead_nowhere_else_and_not_beyond_a_signal() -> None:
    streets = read_streets(scenario("neudorf"))
    found = {(one.junction, one.arm): one.edges for one in approaches_of(streets.net, streets.junctions["m5"])}
    assert found["m5", "E"] == ("main_w5_pocket", "main_w5")
    assert found["m5", "N"] == ("north5_in",)


def test_long_ids_of_junctions_give_way_to_numbers() -> None:
    assert short_names(["m1", "m2"]) == {"m1": "m1", "m2": "m2"}
    assert short_names(["cluster_123_456", "m2"]) == {"cluster_123_456": "J1", "m2": "J2"}


def test_the_vehicles_of_an_approach_are_those_whose_trajectories_leave_it(results: StudyResults) -> None:
    """Counted twice: by SUMO's sums per lane and minute, and by following each vehicle of the same run, watched."""
    key = results.runs[(results.runs["controller"] == "static") & (results.runs["seed"] == 0)]["key"].iloc[0]
    traffic = pd.read_parquet(results.folder(key) / "lanes.parquet")
    streets = read_streets(scenario("rilsa/1"))
    from_s = trajectories_from_s(0.0, 480.0)
    changes = pd.read_parquet(results.folder(key) / "signals.parquet")
    later_s = from_s + 60.0  # the first minute of trajectories only tells where vehicles come from
    table = approach_table(traffic[traffic["minute"] >= later_s / 60], changes, streets.junctions, streets.approaches, (later_s, 480.0))
    where: dict[str, str] = {}
    left = dict.fromkeys(streets.signalled, 0)
    with gzip.open(results.root / "watched" / key / "trajectories.xml.gz") as stream:
        for step in ET.parse(stream).getroot():
            for vehicle in step:
                edge = vehicle.get("lane", "").rpartition("_")[0]
                before = where.get(vehicle.get("id", ""))
                if before in left and edge != before and float(step.get("time")) >= later_s:
                    left[before] += 1
                where[vehicle.get("id", "")] = edge
    assert sum(left.values()) > 50
    counted = dict(zip(table["approach"], table["vehicles"], strict=True))
    assert {edge: abs(counted[edge] - left[edge]) for edge in left} == dict.fromkeys(left, 0)
