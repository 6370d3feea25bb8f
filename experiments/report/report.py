"""The report of a study: one page, its figures for a paper, its tables as CSV."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from controllers.registry import ControllerError, controller
from experiments.errors import ExperimentError
from experiments.folders import write_whole
from experiments.report import figures_kpis, sections
from experiments.report.answer import caution, comparison_sentence, headline, worst_results
from experiments.report.contents import overview, overview_csv, provenance, published, section_content, winners
from experiments.report.page import render
from experiments.report.pictures import Picture
from experiments.report.repeat import repeat
from experiments.report.sections import Section
from experiments.report.situations import references, roles_of, situations
from experiments.report.streets import read_streets
from experiments.report.style import Roles
from optimizer.observation import InformationClass
from sumo_networks import scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from experiments.report.situations import Situation, Standing
    from experiments.requests import ControllerChoice
    from experiments.study.definition import Study
    from experiments.study.results import StudyResults

PAGE, FIGURES, TABLES, WATCHED = "report.html", "figures", "tables", "watched"


def write_report(results: StudyResults, out: Path, corridor: Sequence[str] = (), on_step: Callable[[str], None] = lambda _: None) -> Path:
    """Write the report of a study and return its page.

    Parameters
    ----------
    results
        Of a study, as far as it has got.
    out
        Existing folder that takes ``report.html``, ``figures`` (PNG and SVG) and ``tables`` (CSV).
    corridor
        Edges for the time-space diagram of the scenario that has them; else each scenario's is the one with the heaviest through flow.
    on_step
        Told what is being done.

    Raises
    ------
    ExperimentError
        If no run has finished, the corridor is in no scenario, or the folder cannot be written.
    """
    found = [one for one in situations(results.runs) if len(one.runs)]
    if not found:
        raise ExperimentError(f"{results.root} holds no finished run, so there is nothing to report; resume the study.")
    baseline = results.study.baseline
    standings = {id(one): one.standings(baseline) for one in found}
    names = _names(found)
    anchors = _anchors([names[id(one)] for one in found])
    parts = [
        _section(one, Section(names[id(one)], anchor, one.label), standings[id(one)], baseline, results.minutes)
        for one, anchor in zip(found, anchors, strict=True)
    ]
    drawn = references(found)
    same = _draw_streets(results, [(one, parts[found.index(one)], standings[id(one)]) for one in drawn], corridor, on_step)
    pictures = [picture for part in parts for picture in part.pictures]
    overall = _over_demand_or_loops(found, results, baseline)
    on_step("writing figures and tables")
    for folder in (out / FIGURES, out / TABLES):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in [*([overall] if overall else []), *pictures]:
        picture.save(out / FIGURES)
    ranked = [standings[id(one)] for one in found]
    named = dict(zip([part.name for part in parts], ranked, strict=True))
    write_whole(out / TABLES / "full_delay.csv", overview_csv(found, ranked))
    for part in parts:
        for name, table in part.tables.items():
            write_whole(out / TABLES / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    on_step("writing the page")
    page = render(
        {
            "title": results.study.title or results.study.full_name,
            "description": results.study.description,
            "quick": results.quick,
            "headline": headline([of_situation[0] for of_situation in ranked], baseline),
            "caution": f"{worst_results(named, baseline)} {caution(named)}".strip(),
            "winners": winners(ranked, parts, baseline),
            "overview": overview(ranked, parts, results),
            "overall": overall,
            "failures": [
                f"{row.scenario}, {row.controller}, seed {row.seed}: {row.error}" for one in found for row in one.failed.itertuples()
            ],
            "sections": [section_content(part) for part in parts],
            "published": [published(one, results.study.scenarios) for one in results.study.published],
            "provenance": [*provenance(results, drawn), ("Repeated", same)],
            "files": f"{FIGURES} (each picture as PNG and SVG), {TABLES} (CSV)",
        }
    )
    write_whole(out / PAGE, page)
    return out / PAGE


def _names(found: Sequence[Situation]) -> dict[int, str]:
    """Return the name of each situation: of its scenario, and of what else differs in the study."""
    several = {column: len({getattr(one, column) for one in found}) > 1 for column in ("demand_scale", "loops")}
    return {id(one): one.name(with_demand=several["demand_scale"], with_loops=several["loops"]) for one in found}


def _anchors(names: Sequence[str]) -> list[str]:
    """Return names for links and files, each once."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\W+", "_", name).strip("_").lower()
        times = sum(re.fullmatch(rf"{plain}(__\d+)?", one) is not None for one in found)
        found.append(f"{plain}__{times + 1}" if times else plain)
    return found


def _section(situation: Situation, part: Section, standings: Sequence[Standing], baseline: str, minutes: pd.DataFrame) -> Section:
    part.sentence = comparison_sentence(situation, standings, baseline)
    same = (minutes["demand_scale"] == situation.demand_scale) & (minutes["loops"] == situation.loops)
    own = minutes[same & (minutes["scenario"] == situation.scenario)]
    sections.key_figures(part, situation, standings, own, roles_of(standings, baseline))
    return part


def _draw_streets(
    results: StudyResults,
    chosen: Sequence[tuple[Situation, Section, Sequence[Standing]]],
    corridor: Sequence[str],
    on_step: Callable[[str], None],
) -> str:
    """Add to one situation of each scenario what needs its streets, its signals and watched runs; return how the repetitions went."""
    baseline = results.study.baseline
    watching = {}  # the first run of each controller that is drawn, and of each that estimates queues
    for situation, _, standings in chosen:
        for name in _watched(situation, standings, results.study):
            key = str(_runs_of(situation, name)["key"].iloc[0])
            watching[key] = results.record(key)
    on_step(f"repeating {len(watching)} runs, watched")
    wrong = repeat(watching, results.root / WATCHED, lambda key: on_step(f"repeated {key}"))
    met = not corridor
    for situation, part, standings in chosen:
        on_step(f"drawing {situation.scenario}")
        roles = roles_of(standings, baseline)
        streets = read_streets(scenario(results.study.path_of(situation.scenario)))
        met = met or all(streets.net.hasEdge(edge) for edge in corridor)
        window_s = (float(situation.runs["begin_s"].iloc[0]), float(situation.runs["end_s"].iloc[0]))
        of_controller = {name: _runs_of(situation, name)["key"].astype(str) for name in _watched(situation, standings, results.study)}
        folders = {name: [results.folder(key) for key in of_controller[name]] for name in roles.drawn()}
        sections.streets_and_signals(part, streets, folders, roles, window_s)
        watched = {name: results.root / WATCHED / keys.iloc[0] for name, keys in of_controller.items() if keys.iloc[0] not in wrong}
        part.notes += [f"{name}: {wrong[keys.iloc[0]]}" for name, keys in of_controller.items() if keys.iloc[0] in wrong]
        if all(name in watched for name in roles.drawn()):
            sections.ways(part, streets, {name: watched[name] for name in roles.drawn()}, roles, window_s, corridor)
        else:
            part.notes.append("No time-space diagram: it needs the repeated runs of both controllers.")
        sections.estimators(part, streets, watched)
    if not met:
        raise ExperimentError(f"corridor: no scenario of the study has all of the edges {', '.join(corridor)}; name edges of one network.")
    return f"{len(watching) - len(wrong)} of {len(watching)} runs, watched for the pictures, gave the same key figures to the digit"


def _watched(situation: Situation, standings: Sequence[Standing], study: Study) -> list[str]:
    """Return the controllers whose first run is repeated: the baseline, the best, and the best that estimates queues from loops."""
    choices = {variant.label: variant.choice for variant in study.controllers}
    loops = set(situation.runs.loc[situation.runs["information"] == InformationClass.LOOPS, "controller"])
    estimating = [one.controller for one in standings if one.controller in loops and _estimates(choices[one.controller])]
    return list(dict.fromkeys([*roles_of(standings, study.baseline).drawn(), *estimating[:1]]))


def _estimates(choice: ControllerChoice) -> bool:
    """Whether a controller says what it believes of the queues; one whose code is not here is not asked."""
    try:
        return hasattr(controller(choice.name, **choice.arguments()), "estimated")
    except ControllerError:
        return False


def _runs_of(situation: Situation, controller: str) -> pd.DataFrame:
    return situation.runs[situation.runs["controller"] == controller].sort_values("seed")


def _over_demand_or_loops(found: Sequence[Situation], results: StudyResults, baseline: str) -> Picture | None:
    """Return full delay over demand or over the state of the loops, where the study varies one of them."""
    runs = results.runs[results.runs["status"] == "finished"]
    column = next((name for name in ("demand_scale", "loops") if len(set(runs[name])) > 1), None)
    if column is None:
        return None
    name = {"demand_scale": "the demand", "loops": "the state of the loops"}[column]
    best = min(found[0].standings(baseline), key=lambda one: one.mean.mean).controller
    draw = partial(figures_kpis.over, runs, column, Roles(baseline, best))
    caption = "Lines join means; dots are runs. A line is broken where runs fall into two groups."
    return Picture("full_delay_over", f"Full delay over {name}", caption, draw)
