"""What figures draw is what their tables say."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from experiments.report import figures_approaches, figures_estimates, figures_kpis, figures_signals
from experiments.report.evidence import MOST, evidence, relative_delays
from experiments.report.repeat import trajectories_from_s
from experiments.report.signal_times import GREEN, signal_spans
from experiments.report.streets import choose_corridor, read_streets, ways_and_reds
from experiments.report.style import NARROW_IN, WIDE_IN, Roles
from sumo_networks import scenario
from tests.report.drawings import drawn
from tests.report.test_signal_times import crossing, log

if TYPE_CHECKING:
    from experiments.report.corridors import Corridor
    from experiments.study.results import StudyResults

WIDTHS = pytest.mark.parametrize("width_in", [WIDE_IN, NARROW_IN])
ROLES = Roles(baseline="static", best="clever")


def runs_table(rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (name, seed, rng.uniform(60, 90), rng.uniform(2, 3), rng.uniform(150, 200)) for name in ("static", "clever") for seed in range(5)
    ]
    return pd.DataFrame(rows, columns=["controller", "seed", "full_delay_s", "stops", "co2_g"])


def ways_of(results: StudyResults, controller: str) -> tuple[Corridor, pd.DataFrame]:
    """Return the corridor of the small study and where a controller's vehicles were on it."""
    key = results.runs[(results.runs["controller"] == controller) & (results.runs["seed"] == 0)]["key"].iloc[0]
    streets = read_streets(scenario("rilsa/1"))
    watched = results.root / "watched" / key
    way = choose_corridor(streets, watched, ())
    assert way is not None
    changes = pd.read_parquet(results.folder(key) / "signals.parquet")
    return way, ways_and_reds(streets, way, watched, changes, (240.0, 480.0))[0]


@WIDTHS
def test_strips_draw_a_dot_for_each_run_and_a_bar_at_each_mean(width_in: float) -> None:
    runs = runs_table(np.random.default_rng(1))
    figure = figures_kpis.strips(runs, figures_kpis.METRICS, ROLES, width_in)
    for metric, axis in zip(figures_kpis.METRICS, figure.axes, strict=True):
        lines = {line.get_gid(): line.get_xdata() for line in axis.get_lines()}
        for name, own in runs.groupby("controller"):
            assert list(lines[f"runs:{name}"]) == list(own[metric.column])
            assert lines[f"mean:{name}"][0] == pytest.approx(own[metric.column].mean())
        low, high = axis.get_xlim()
        assert low <= runs[metric.column].min() <= runs[metric.column].max() <= high
        assert axis.get_xlabel() == metric.title


def test_strips_of_a_network_that_locks_have_a_logarithmic_axis_and_eight_runs_a_box() -> None:
    runs = pd.DataFrame({"controller": ["static"] * 8, "full_delay_s": [20.0] * 7 + [400.0], "stops": 1.0, "co2_g": 1.0})
    figure = figures_kpis.strips(runs, figures_kpis.METRICS, ROLES, WIDE_IN)
    assert [axis.get_xscale() for axis in figure.axes] == ["log", "linear", "linear"]
    assert len(figure.axes[0].patches) == 1
    assert list(figure.axes[0].get_lines()[-1].get_xdata()) == [20.0, 400.0]  # the mean of each of the two groups, and no mean of both
    assert not figures_kpis.strips(runs.head(7), figures_kpis.METRICS, ROLES, WIDE_IN).axes[0].patches


@WIDTHS
def test_differences_are_drawn_with_their_intervals(width_in: float) -> None:
    table = pd.DataFrame({"controller": ["clever", "slow"], "difference": [-4.0, 3.0], "low": [-6.0, math.nan], "high": [-2.0, math.nan]})
    figure = figures_kpis.differences(table, {"clever": [-5.0, -3.0], "slow": [3.0, 90.0]}, "static", "clever", width_in)
    assert list(drawn(figure, "difference:clever").get_xdata()) == [-4.0]
    assert list(drawn(figure, "interval:clever").get_xdata()) == [-6.0, -2.0]
    assert list(drawn(figure, "difference:slow").get_xdata()) == [3.0]
    assert list(drawn(figure, "seeds:clever").get_xdata()) == [-5.0, -3.0]
    assert list(drawn(figure, "seeds:slow").get_xdata()) == [3.0]  # the other one would hide the rest: it is told at the edge
    assert [text.get_text() for text in figure.axes[0].texts] == ["+90 s"]


def test_where_all_runs_fall_into_groups_the_differences_are_those_of_the_seeds() -> None:
    table = pd.DataFrame({"controller": ["clever"], "difference": [math.nan], "low": [math.nan], "high": [math.nan]})
    figure = figures_kpis.differences(table, {"clever": [-80.0, 200.0]}, "static", "clever", WIDE_IN)
    assert list(drawn(figure, "seeds:clever").get_xdata()) == [-80.0, 200.0]
    assert not figure.axes[0].texts


@WIDTHS
def test_queues_are_the_median_over_the_seeds_of_those_who_stand_and_those_who_wait_outside(results: StudyResults, width_in: float) -> None:
    minutes = results.minutes
    figure = figures_kpis.queues(minutes, Roles("static", "longest_queue"), width_in)
    for name, own in minutes.groupby("controller"):
        expected = (own["queue_veh"] + own["backlog_veh"]).groupby(own["minute"]).median()
        line = drawn(figure, f"queue:{name}")
        assert list(line.get_xdata()) == list(expected.index)
        assert line.get_ydata() == pytest.approx(expected.to_numpy())
        seeds = [list(own.loc[own["seed"] == seed, "queue_veh"] + own.loc[own["seed"] == seed, "backlog_veh"]) for seed in (0, 1)]
        thin = [list(one.get_ydata()) for one in line.axes.get_lines() if one.get_linewidth() == 0.5]
        assert thin == [pytest.approx(values) for values in seeds]
        assert line.axes.get_ylim()[1] >= (own["queue_veh"] + own["backlog_veh"]).max()


def approach_tables() -> dict[str, pd.DataFrame]:
    columns = ["junction", "approach", "arm", "delay_s", "saturation"]
    static = pd.DataFrame([("m5", "main_w5_pocket", "E", 30.0, 0.5), ("m5", "north5_in", "N", 90.0, 1.2)], columns=columns)
    return {"static": static, "clever": static.assign(delay_s=[12.0, math.nan], saturation=[0.4, 0.0])}


@WIDTHS
def test_approaches_are_drawn_at_their_delay_and_saturation_the_worst_on_top(width_in: float) -> None:
    figure = figures_approaches.approaches(approach_tables(), {"m5": "m5", "m6": "m6"}, ROLES, width_in)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["m5 N", "m5 E"]
    assert list(drawn(figure, "delay:static").get_xdata()) == [90.0, 30.0]
    assert drawn(figure, "delay:clever").get_xdata() == pytest.approx([math.nan, 12.0], nan_ok=True)
    assert list(drawn(figure, "saturation:static").get_xdata()) == [1.2, 0.5]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]


def test_delays_of_a_locked_network_have_a_logarithmic_axis_and_keep_their_levels() -> None:
    tables = approach_tables()
    tables["static"]["delay_s"] = [600.0, 8.0]
    axis = figures_approaches.approaches(tables, {"m5": "m5", "m6": "m6"}, ROLES, WIDE_IN).axes[0]
    assert axis.get_xscale() == "log"
    low, high = axis.get_xlim()
    assert low < 8.0
    assert high > 600.0
    bounds_s = [low, 10.0, 20.0, 35.0, 55.0, 80.0, high]
    assert [text.get_text() for text in axis.texts] == list("ABCDEF")
    for text, low_s, high_s in zip(axis.texts, bounds_s, bounds_s[1:], strict=False):
        # each letter stands over the middle of its level on the logarithmic axis: the geometric mean of the bounds
        assert low * (high / low) ** text.get_position()[0] == pytest.approx(math.sqrt(low_s * high_s))


def test_the_map_colours_every_edge_of_an_approach_by_its_delay() -> None:
    streets = read_streets(scenario("neudorf"))
    figure = figures_approaches.delay_map(streets, approach_tables(), ROLES, WIDE_IN)
    coloured = figure.findobj(lambda artist: artist.get_gid() == "delay")
    assert [list(one.get_array()) for one in coloured] == [[90.0, 30.0, 30.0], [12.0, 12.0]]
    assert [len(one.get_segments()) for one in coloured] == [3, 2]
    ends = streets.net.getEdge("north5_in").getShape()
    segment = coloured[0].get_segments()[0]
    assert np.abs(segment[0] - ends[0][:2]).max() < 20.0
    assert [text.get_text() for text in figure.axes[0].texts] == ["m1", "m2", "m3", "m4", "m5", "m6"]


@WIDTHS
def test_bars_of_a_timing_diagram_are_the_spans(width_in: float) -> None:
    spans = signal_spans(log((0, "GrG"), (30, "yrr"), (33, "rrr"), (35, "rGr")), crossing(), 0.0, 60.0)
    names = {"north_all": "N", "west_left": "W left", "j_c0": "walk c0"}
    figure = figures_signals.timing({"static": spans, "clever": spans}, names, ROLES, (0.0, 60.0), width_in)
    for row, group in enumerate(names):
        green = spans[(spans["group"] == group) & (spans["aspect"] == GREEN)]
        boxes = [path.get_extents() for path in drawn(figure, f"static:{group}:green").get_paths()]
        assert [(box.x0, box.x1) for box in boxes] == list(zip(green["start_s"], green["end_s"], strict=True))
        assert all(box.y0 < row < box.y1 for box in boxes)


@WIDTHS
def test_the_points_of_a_time_space_diagram_are_those_of_sumos_trajectories(results: StudyResults, width_in: float) -> None:
    way, ways = ways_of(results, "static")
    reds = {"static": [pd.DataFrame({"start_s": [250.0], "end_s": [270.0]}) for _ in way.stop_lines]}
    figure = figures_signals.time_space(way, {"static": ways}, reds, {"0": "0"}, Roles("static", "static"), (240.0, 480.0), width_in)
    points = drawn(figure, "ways:static").get_xydata()
    shown = {(time_s, round(place_m, 2)) for time_s, place_m in points[~np.isnan(points[:, 0])]}
    key = results.runs[(results.runs["controller"] == "static") & (results.runs["seed"] == 0)]["key"].iloc[0]
    with gzip.open(results.root / "watched" / key / "trajectories.xml.gz") as stream:
        expected = {
            (float(step.get("time")), round(way.starts_m[edge] + float(vehicle.get("pos")), 2))
            for step in ET.parse(stream).getroot()
            for vehicle in step
            if (edge := vehicle.get("lane").rpartition("_")[0]) in way.starts_m
        }
    assert trajectories_from_s(0.0, 480.0) == 240.0
    assert len(shown) > 1000
    assert shown == expected
    red = drawn(figure, f"reds:static:{way.stop_lines[0].junction}").get_segments()[0]
    assert red.tolist() == [[250.0, way.stop_lines[0].at_m], [270.0, way.stop_lines[0].at_m]]


@WIDTHS
def test_estimates_over_time_are_the_samples_of_the_approach_with_the_longest_queue(results: StudyResults, width_in: float) -> None:
    key = results.runs[(results.runs["controller"] == "rolling_horizon@loops") & (results.runs["seed"] == 0)]["key"].iloc[0]
    samples = pd.read_csv(results.root / "watched" / key / "estimates.csv", dtype={"junction": str})
    worst = samples.groupby("approach")["true_queue_veh"].mean().idxmax()
    own = samples[samples["approach"] == worst]
    figure = figures_estimates.estimates(samples, "x", {"0": "0"}, width_in)
    assert list(drawn(figure, "true").get_ydata()) == list(own["true_queue_veh"])
    assert list(drawn(figure, "estimated").get_ydata()) == list(own["estimated_queue_veh"])
    pairs = {tuple(point) for point in drawn(figure, "against").get_offsets().tolist()}
    assert pairs == set(zip(samples["true_queue_veh"], samples["estimated_queue_veh"], strict=True))


def test_the_quality_of_estimates_is_bias_mean_error_and_correlation() -> None:
    samples = pd.DataFrame(
        {"junction": "j", "approach": ["a"] * 3 + ["b"] * 2, "estimated_queue_veh": [1, 2, 6, 0, 0], "true_queue_veh": [0, 4, 8, 1, 2]}
    )
    table = figures_estimates.estimator_quality(samples).set_index("approach")
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", ["samples", "true_queue_veh", "bias_veh"]].to_list() == [3, 4.0, pytest.approx((1 - 2 - 2) / 3)]
    assert table.loc["a", "mean_error_veh"] == pytest.approx((1 + 2 + 2) / 3)
    assert table.loc["a", "correlation"] == pytest.approx(np.corrcoef([1, 2, 6], [0, 4, 8])[0, 1])
    assert math.isnan(table.loc["b", "correlation"])


SUMMARY = pd.DataFrame(
    [
        ("resco/one", "static", 40.0, math.nan, math.nan),
        ("resco/one", "greedy", 20.0, math.nan, math.nan),
        ("resco/one", "ours", 15.0, math.nan, math.nan),
        ("resco/two", "static", 100.0, math.nan, math.nan),
        ("resco/two", "greedy", math.nan, 60.0, 1200.0),  # two groups of runs
        ("resco/two", "ours", 1000.0, math.nan, math.nan),
    ],
    columns=["scenario", "controller", "mean", "lower_mean", "upper_mean"],
)


def test_delays_are_told_relative_to_the_best_of_today_whose_runs_do_not_fall_apart() -> None:
    table = relative_delays(SUMMARY, ["ours"]).set_index(["scenario", "controller"])
    assert table.loc[("resco/one", "ours"), "ratio"] == pytest.approx(15 / 20)
    assert table.loc[("resco/one", "static"), "ratio"] == 2.0
    assert table.loc[("resco/two", "ours"), "ratio"] == 10.0
    assert table.loc[("resco/two", "greedy"), ["lower_ratio", "upper_ratio"]].to_list() == [0.6, 12.0]


@WIDTHS
def test_the_evidence_draws_the_ratios_and_names_those_beyond_its_edge(width_in: float) -> None:
    figure = evidence(SUMMARY, ["ours"], width_in)
    assert list(drawn(figure, "ratio:ours").get_xdata()) == [0.75, MOST]
    assert list(drawn(figure, "ratio:static").get_xdata()) == [2.0, 1.0]
    assert drawn(figure, "groups:greedy:1").get_xdata().tolist() == [0.6, MOST]
    assert "10 times" in {text.get_text() for text in figure.axes[0].texts}
