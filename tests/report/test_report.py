"""The whole report, as `ampelwerk study report` writes it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from jinja2 import UndefinedError
from PIL import Image

from experiments.errors import ExperimentError
from experiments.report.figures_kpis import METRICS, strips
from experiments.report.page import broken, figure, render
from experiments.report.pictures import Picture, for_page
from experiments.report.repeat import repeat
from experiments.report.report import write_report
from experiments.report.style import Roles
from tests.study.folders import study

if TYPE_CHECKING:
    from pathlib import Path

    from experiments.study.results import StudyResults

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "xlink:href", "srcset", "data"}:
                self.addresses.append(value or "")


@pytest.fixture(scope="session")
def text(reported: Path) -> str:
    return (reported / "report.html").read_text(encoding="utf-8")


def test_the_page_stands_alone(text: str) -> None:
    page = Page(text)
    assert {"script", "link", "iframe", "img"}.isdisjoint(page.tags)
    assert all(address.startswith("#") for address in page.addresses)
    inner = re.findall(r"url\(#?([^)]*)\)", text)
    assert {address.removeprefix("#") for address in page.addresses} | set(inner) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_answer_comes_first_and_is_that_of_the_table(text: str, results: StudyResults) -> None:
    means = results.runs.groupby("controller")["full_delay_s"].mean()
    answer = re.search(r'<p class="answer">(.*?)</p>', text)[1]
    assert answer.startswith(f"{means.idxmin()} has the least delay" if means.idxmin() != "static" else "static, the baseline")
    assert text.index('class="answer"') < text.index("<svg")
    cells = re.findall(r'<td class="([^"]*)">([\d.]+)', text[: text.index("<svg")])
    assert [float(value) for _, value in cells] == [round(mean_s, 1) for mean_s in means.sort_values()]
    assert ["best" in marks for marks, _ in cells] == [True, False, False]
    winner = html.unescape(re.sub(r"<[^>]*>", "", text[text.index('class="table words winners"') : text.index("</table>")]))
    assert f"{means.idxmin()}: {means.min():.1f} s" in winner


def test_the_page_has_every_kind_of_picture_wide_and_narrow(text: str) -> None:
    titles = [html.unescape(title) for title in re.findall(r"<figure><h3>(.*?)</h3>", text)]
    beginnings = (
        "Full delay, stops",
        "Difference to",
        "Queues over",
        "Delay and sat",
        "Where the delay",
        "Signals of",
        "Vehicles along",
        "What rolling",
    )
    for beginning in beginnings:
        assert sum(title.startswith(beginning) for title in titles) == 1, beginning
    assert text.count("<svg") == 2 * len(titles)
    assert text.count('class="wide"') == text.count('class="narrow"') == len(titles)


def test_the_provenance_tells_versions_hash_and_that_the_repeated_runs_were_the_same(text: str, results: StudyResults) -> None:
    record = results.record(results.runs["key"].iloc[0])
    assert record["scenario"]["sha256"][:16] in text
    assert "6 finished, 0 failed, 6 planned" in text
    assert re.search(r"(\d) of \1 runs, watched for the pictures, gave the same key figures to the digit", text)
    for version in results.provenance["versions"].values():
        assert version in text


def test_every_figure_lies_beside_the_page_as_png_and_svg(reported: Path, text: str) -> None:
    figures = reported / "figures"
    names = {path.stem for path in figures.iterdir()}
    assert {path.name for path in figures.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert len(names) == text.count("<figure>")
    for path in figures.glob("*.png"):
        with Image.open(path) as picture:
            assert picture.width == 1440
            assert len(picture.convert("L").getcolors(256)) > 10, f"{path.name} is empty"


def test_tables_lie_beside_the_page_as_csv_and_say_what_the_runs_say(reported: Path, results: StudyResults) -> None:
    table = pd.read_csv(reported / "tables" / "full_delay.csv").set_index("controller")
    for name, own in results.runs.groupby("controller"):
        assert table.loc[name, "mean_s"] == pytest.approx(own["full_delay_s"].mean(), rel=1e-12)
    approaches = pd.read_csv(reported / "tables" / "rilsa_1_approaches.csv")
    assert set(approaches["arm"]) == {"N", "E", "S", "W"}
    assert approaches["delay_s"].between(1, 300).all()


def test_a_report_written_again_is_the_same_byte_for_byte_and_repeats_no_run(
    reported: Path, results: StudyResults, tmp_path: Path, text: str
) -> None:
    made = {path: path.stat().st_mtime_ns for path in (reported / "watched").glob("*/run.json")}
    write_report(results, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    assert {path: path.stat().st_mtime_ns for path in (reported / "watched").glob("*/run.json")} == made


def test_a_repetition_with_other_figures_is_of_no_use(reported: Path, results: StudyResults) -> None:
    key = next((reported / "watched").glob("*/run.json")).parent.name
    record = results.record(key)
    changed = {**record, "kpis": {**record["kpis"], "full_delay_s": 1.0}}
    wrong = repeat({key: changed}, reported / "watched", lambda _: None)
    assert "gives other figures" in wrong[key]
    assert repeat({key: record}, reported / "watched", lambda _: None) == {}


def test_a_corridor_of_no_scenario_is_a_mistake_that_is_told_in_one_sentence(reported: Path) -> None:
    done = study("report", str(reported), "--corridor", "nowhere,elsewhere", cwd=reported)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "nowhere, elsewhere" in lines[0]


def test_a_study_without_a_finished_run_has_no_report(results: StudyResults, tmp_path: Path) -> None:
    class Nothing:
        runs = results.runs.assign(status="failed")
        study = results.study
        root = tmp_path

    with pytest.raises(ExperimentError, match="no finished run"):
        write_report(Nothing(), tmp_path)


def test_two_pictures_in_one_page_do_not_share_ids_and_follow_its_colours() -> None:
    svg = (
        '<?xml version="1.0"?>\n<svg xmlns="x" width="7pt" height="8pt" viewBox="0 0 7 8"><defs><clipPath id="p1"/></defs>'
        '<g id="axes_1" clip-path="url(#p1)"><path d="M 1.23456 2.0 L -3.06 4" style="stroke: #1c1e21"/></g></svg>'
    )
    first, second = for_page(svg, "a", 'Delay & "more"'), for_page(svg, "b", "x")
    assert 'id="a-p1"' in first
    assert "url(#a-p1)" in first
    assert "axes_1" not in first
    assert 'd="M 1.2 2 -3.1 4"' in first
    assert 'd="M 1 2 C 1 2 3 4 5 6 L 7 8"' in for_page(svg.replace("M 1.23456 2.0 L -3.06 4", "M 1 2 \nC 1 2 3 4 5 6 \nL 7 8 "), "a", "x")
    assert "stroke: var(--ink)" in first
    assert 'viewBox="0 0 7 8" role="img" aria-label="Delay and \'more\'"' in first
    assert "width=" not in first
    assert 'id="b-p1"' in second


def test_names_cannot_break_the_page() -> None:
    assert str(broken("<b>a_b@c")) == "&lt;b&gt;a_<wbr>b<wbr>@c"
    runs = pd.DataFrame({"controller": ["<script>", "a & b"], "full_delay_s": [1.0, 2.0], "stops": 1.0, "co2_g": 1.0})
    roles = Roles("a & b", "<script>")
    shown = str(figure(Picture("x", "<i>", "A & B", lambda width_in: strips(runs, METRICS, roles, width_in))))
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<h3>&lt;i&gt;</h3>" in shown
    assert "<figcaption>A &amp; B</figcaption>" in shown


def test_a_page_with_an_omission_is_not_written() -> None:
    with pytest.raises(UndefinedError):
        render({"title": "alone"})


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width_px", [1280, 390])
def test_nothing_is_wider_than_the_screen_in_a_browser(text: str, tmp_path: Path, width_px: int) -> None:
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    script = """
        const page = document.getElementById("f").contentDocument;
        const shown = [...page.querySelectorAll("figure svg")].filter(one => one.checkVisibility());
        const right = Math.max(...shown.map(one => one.getBoundingClientRect().right));
        document.title = JSON.stringify([page.documentElement.scrollWidth, shown.length, right, page.querySelectorAll("figure").length]);
    """
    # a frame, because headless Chromium knows no window narrower than 500 px
    frame = f'<iframe id="f" src="page.html" style="border:0;width:{width_px}px;height:900px"></iframe>'
    frame += f'<script>document.getElementById("f").onload = () => {{{script}}}</script>'
    (tmp_path / "frame.html").write_text(f"<!DOCTYPE html><title>-</title>{frame}", encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=5000"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, f"file://{tmp_path}/frame.html"], capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"<title>\[([\d.,]+)\]</title>", done.stdout)
    assert found is not None, done.stdout[:500]
    page_px, shown, right_px, figures = map(float, found[1].split(","))
    assert page_px <= width_px
    assert shown == figures  # one drawing of each, the wide or the narrow one
    assert right_px <= width_px
