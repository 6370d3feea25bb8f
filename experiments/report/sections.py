"""The parts of a report about one situation: its sentences, pictures and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from experiments.report import figures_approaches, figures_estimates, figures_kpis, figures_signals
from experiments.report.figures_estimates import estimator_quality
from experiments.report.pictures import Picture
from experiments.report.repeat import trajectories_from_s
from experiments.report.signal_times import group_names, signal_spans
from experiments.report.streets import Streets, busiest_junction, choose_corridor, median_approaches, ways_and_reds
from experiments.report.style import is_narrow
from experiments.statistics import Verdict
from experiments.watching import ESTIMATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from experiments.report.corridors import Corridor
    from experiments.report.situations import Situation, Standing
    from experiments.report.style import Roles

DIAGRAM_S, NARROW_DIAGRAM_S = 240.0, 120.0
WAYS_S, NARROW_WAYS_S = 600.0, 300.0
_DOTS = (
    "Each dot is a run, each bar a mean (one for each group where runs fall into two). Orange: the baseline; blue: the least delay of all "
    "others."
)


@dataclass(slots=True)
class Section:
    """One situation of the report.

    Attributes
    ----------
    name, anchor
        Its title, and the name that links use.
    label
        What must be said of the scenario; else empty.
    sentence
        Who did best.
    pictures
        In their order.
    notes
        What could not be drawn and why, and what else is to be known.
    tables
        By name for files, tables for CSV.
    tables_of
        Controller that a table is about, where it is about one.
    levels
        Level of service of each approach, for the page.
    """

    name: str
    anchor: str
    label: str = ""
    sentence: str = ""
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    tables_of: dict[str, str] = field(default_factory=dict)
    levels: pd.DataFrame | None = None


def key_figures(section: Section, situation: Situation, standings: Sequence[Standing], minutes: pd.DataFrame, roles: Roles) -> None:
    """Add the pictures that the tables of a study are enough for."""
    draw = partial(figures_kpis.strips, situation.runs, figures_kpis.METRICS, roles)
    section.pictures.append(Picture(f"{section.anchor}_runs", "Full delay, stops and CO2", _DOTS, draw))
    compared = [one for one in standings if one.to_baseline is not None]
    if compared and any(one.mean.count > 1 for one in compared):
        nothing = (None, None, None)
        rows = [
            (one.controller, *(nothing if d.verdict is Verdict.TWO_GROUPS else (d.difference.mean, d.difference.low, d.difference.high)))
            for one in compared
            if (d := one.to_baseline)
        ]
        table = pd.DataFrame(rows, columns=["controller", "difference", "low", "high"]).astype({"low": float, "high": float})
        caption = (
            "Small dots: difference with the same seed; large dot and bar: their mean and its 95 % confidence interval, left out where "
            "runs fall into two groups. Left of 0: less delay."
        )
        base = situation.by_seed(roles.baseline)
        of_seeds = {
            one.controller: [own - base[seed] for seed, own in situation.by_seed(one.controller).items() if seed in base]
            for one in compared
        }
        draw = partial(figures_kpis.differences, table, of_seeds, roles.baseline, roles.best)
        section.pictures.append(Picture(f"{section.anchor}_differences", f"Difference to {roles.baseline}", caption, draw))
    if len(minutes):
        caption = (
            "Vehicles that halt (below 0.1 m/s) in the network, and those that wait outside to get in. "
            "Thick line: median over the seeds; thin lines: each seed; grey: the other controllers."
        )
        section.pictures.append(
            Picture(f"{section.anchor}_queues", "Queues over time", caption, partial(figures_kpis.queues, minutes, roles))
        )


def streets_and_signals(
    section: Section, streets: Streets, folders: Mapping[str, Sequence[Path]], roles: Roles, window_s: tuple[float, float]
) -> None:
    """Add delay, saturation and level of service of each approach, the map, and the timing diagram of the busiest junction.

    Parameters
    ----------
    section
        Takes them.
    streets
        The network.
    folders
        The folders of the runs of each drawn controller, the least seed first.
    roles
        Who is drawn.
    window_s
        Begin and end of the simulated time.
    """
    tables = {controller: median_approaches(streets, folders[controller], window_s) for controller in roles.drawn()}
    joined = pd.concat([table.assign(controller=controller) for controller, table in tables.items()], ignore_index=True)
    section.tables[f"{section.anchor}_approaches"] = joined[["controller", *joined.columns.drop("controller")]]
    section.levels = levels_table(tables, streets.names, roles)
    shown = min(len(tables[roles.baseline]), figures_approaches.MOST_ROWS)
    few = "" if shown == len(tables[roles.baseline]) else f" The {shown} approaches with the greatest delay; the table has all."
    numbered = " Junctions are numbered; the table has their ids."
    caption = (
        "Delay: time loss on the approach per vehicle that crosses its stop line. Degree of saturation: of the busiest lane, demand over "
        f"1900 veh/h times its share of green.{few}{'' if all(name == short for name, short in streets.names.items()) else numbered}"
    )
    draw = partial(figures_approaches.approaches, tables, streets.names, roles)
    section.pictures.append(Picture(f"{section.anchor}_approaches", "Delay and saturation of each approach", caption, draw))
    draw = partial(figures_approaches.delay_map, streets, tables, roles)
    section.pictures.append(Picture(f"{section.anchor}_map", "Where the delay is", "Median over the seeds.", draw))
    name = busiest_junction(tables[roles.baseline])
    junction = streets.junctions[name]
    changes = {controller: pd.read_parquet(folders[controller][0] / "signals.parquet") for controller in roles.drawn()}
    spans = {controller: signal_spans(log[log["junction"] == name], junction, *window_s) for controller, log in changes.items()}
    names = group_names(junction, {one.edge: one.arm for one in streets.approaches[name]})
    from_s = trajectories_from_s(*window_s)

    def diagram(width_in: float) -> Figure:
        length_s = NARROW_DIAGRAM_S if is_narrow(width_in) else DIAGRAM_S
        return figures_signals.timing(spans, names, roles, (from_s, min(from_s + length_s, window_s[1])), width_in)

    caption = "One row for each signal group: the arm it comes from and where it goes. First seed, middle of the window."
    section.pictures.append(
        Picture(f"{section.anchor}_signals", f"Signals of junction {streets.names[name]}, where most time is lost", caption, diagram)
    )


def levels_table(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str], roles: Roles) -> pd.DataFrame:
    """Return delay, degree of saturation and levels of service of each approach, the drawn controllers side by side."""
    first = tables[roles.baseline]
    columns = {"approach": [f"{names[j]} {arm}" for j, arm in zip(first["junction"], first["arm"], strict=True)]}
    columns |= {"edge": list(first["approach"])} | ({} if all(names[j] == j for j in names) else {"junction": list(first["junction"])})
    for controller in roles.drawn():
        for column, title in (("delay_s", "delay, s"), ("saturation", "saturation"), ("hcm", "HCM"), ("hbs", "HBS")):
            columns[f"{controller}: {title}"] = list(tables[controller][column])
    return pd.DataFrame(columns)


def ways(
    section: Section, streets: Streets, watched: Mapping[str, Path], roles: Roles, window_s: tuple[float, float], wanted: Sequence[str]
) -> None:
    """Add the time-space diagram along a corridor.

    Parameters
    ----------
    section, streets, roles, window_s
        As for `streets_and_signals`.
    watched
        Folder of the watched run of each drawn controller.
    wanted
        Edges of the corridor; the one with the heaviest through flow where empty.
    """
    way = choose_corridor(streets, watched[roles.baseline], wanted)
    if way is None or not way.stop_lines:
        section.notes.append("No time-space diagram: no vehicle passes a signal.")
        return
    from_s = trajectories_from_s(*window_s)
    to_s = min(from_s + WAYS_S, window_s[1])
    changes = {controller: pd.read_csv(folder / "signals.csv", dtype={"junction": str}) for controller, folder in watched.items()}
    drawn = {name: ways_and_reds(streets, way, folder, changes[name], (from_s, to_s)) for name, folder in watched.items()}
    of_vehicles, reds = ({name: pair[part] for name, pair in drawn.items()} for part in (0, 1))

    def diagram(width_in: float) -> Figure:
        last_s = min(to_s, from_s + NARROW_WAYS_S) if is_narrow(width_in) else to_s
        cut = {name: table[table["time_s"] <= last_s] for name, table in of_vehicles.items()}
        return figures_signals.time_space(way, cut, reds, streets.names, roles, (from_s, last_s), width_in)

    caption = (
        f"Each line is a vehicle on {_route(way, streets.names)}, bars are the reds of its signals (named at the right), first seed. "
        "Lines that begin or end in between are vehicles that turn in or off."
    )
    section.pictures.append(
        Picture(
            f"{section.anchor}_ways",
            "Vehicles along the corridor" if wanted else "Vehicles along the heaviest through flow",
            caption,
            diagram,
        )
    )


def estimators(section: Section, streets: Streets, watched: Mapping[str, Path]) -> None:
    """Add how the estimated queues compare with the true ones, for each watched controller that estimates any.

    Parameters
    ----------
    section, streets
        As for `streets_and_signals`.
    watched
        Folders of watched runs, by controller.
    """
    for controller, folder in watched.items():
        path = folder / ESTIMATES
        if not path.is_file():
            continue
        samples = pd.read_csv(path, dtype={"junction": str, "approach": str})
        if samples.empty:
            continue
        quality = estimator_quality(samples)
        name = f"{section.anchor}_estimates_{_file_name(controller)}"
        section.tables[name] = quality
        section.tables_of[name] = controller
        error = (samples["estimated_queue_veh"] - samples["true_queue_veh"]).astype(float)
        caption = (
            "Vehicles below 5 km/h within the reach of its detectors, every 10 s on every approach: "
            f"{len(samples)} samples, mean true queue {samples['true_queue_veh'].mean():.1f}, bias {error.mean():+.1f}, "
            f"mean absolute error {error.abs().mean():.1f} vehicles. "
            "Right (below): the approach with the longest mean queue."
        )
        draw = partial(figures_estimates.estimates, samples, controller, streets.names)
        section.pictures.append(Picture(name, f"What {controller} believes of the queues", caption, draw))


def _route(way: Corridor, names: Mapping[str, str]) -> str:
    first, last = (names[way.stop_lines[place].junction] for place in (0, -1))
    return f"the way through junction {first}" if len(way.stop_lines) == 1 else f"the way from junction {first} to junction {last}"


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text)
