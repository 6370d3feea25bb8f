"""The live page in a real browser."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from optimizer.service.keys import make_key
from optimizer.service.rehearsal import small_junction
from optimizer.service.storage import Storage
from tests.service.calls import call
from tests.service.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.service.running import Service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("page")) as service:
        with httpx.Client(base_url=service.url, headers={"Content-Type": "application/json"}) as http:
            for place, name in enumerate(("alpha", "beta", "gamma")):
                position = {"position": {"x_m": 100.0 * place, "y_m": 0.0}}
                content = small_junction().model_dump(mode="json") | {"id": name} | position
                assert http.put(f"/v1/junctions/{name}", json=content).status_code == 201
                report: dict[str, Any] = call(1, 100.0, since_s=96.0 if name == "alpha" else 0.0)
                if name == "beta":
                    report["loops"]["count"][0] = -1
                assert http.post(f"/v1/junctions/{name}/decisions", json=report).status_code == 200
        yield service


@pytest.fixture
def page(browser: Browser, watched: Service) -> Iterator[Page]:
    page = browser.new_page()
    page.faults = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.faults.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)  # type: ignore[attr-defined]
    page.on("request", lambda request: page.faults.append(request.url) if not request.url.startswith((watched.url, "data:")) else None)  # type: ignore[attr-defined]
    page.goto(watched.url)
    expect(page.locator("#connection")).to_have_text("live")
    yield page
    assert not page.faults  # type: ignore[attr-defined]  # no error, and nothing fetched from elsewhere
    page.close()


def test_the_page_shows_junctions_commands_queues_and_alarms(page: Page) -> None:
    expect(page.locator("#list li")).to_have_count(3)
    expect(page.locator("#detail-title")).to_have_text("alpha")
    expect(page.locator("#command")).to_have_text("Stay in a")
    expect(page.locator(".queue b")).to_have_text(["0", "1"])
    expect(page.locator("#alarms")).to_have_text("1")
    expect(page.locator("#map circle.alarmed")).to_have_count(1)
    expect(page.locator("#key-form")).to_be_hidden()


def test_the_page_is_used_by_the_keyboard_alone(page: Page) -> None:
    expect(page.locator("#list li")).to_have_count(3)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#list")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#detail-title")).to_have_text("beta")
    expect(page.locator("#junction-alarms")).to_contain_text("silent-detector")
    expect(page.locator("#detectors .lamp.quiet")).to_have_count(1)
    page.keyboard.press("End")
    expect(page.locator("#detail-title")).to_have_text("gamma")
    assert page.url.endswith("#gamma")


def test_the_diagram_shows_the_plan_of_the_stage_to_come(page: Page) -> None:
    page.locator("#list li", has_text="gamma").click()
    expect(page.locator("#command")).to_have_text("Change to b")
    expect(page.locator("#diagram rect.show-plan")).to_have_count(1)
    expect(page.locator("#diagram .now")).to_be_attached()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser: Browser, watched: Service, scheme: Any) -> None:  # noqa: ANN401
    page = browser.new_page(color_scheme=scheme)
    page.goto(watched.url)
    colours = page.evaluate("['--ink','--quiet','--card'].map(name => getComputedStyle(document.documentElement).getPropertyValue(name))")
    ink, quiet, card = (luminance(colour) for colour in colours)
    for text in (ink, quiet):  # WCAG 2.2, 1.4.3: at least 4.5 to 1
        assert (max(text, card) + 0.05) / (min(text, card) + 0.05) >= 4.5
    page.close()


def luminance(colour: str) -> float:
    """Relative luminance of a hex colour (WCAG 2.2)."""
    digits = colour.strip().removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_where_keys_are_asked_for_the_page_asks_too_and_shows_nothing_else(browser: Browser, tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    secret = make_key(storage, "page", ["read"])
    with running(tmp_path, DEMAND_KEYS="yes") as service:
        page = browser.new_page()
        page.goto(service.url)
        expect(page.locator("#key-form")).to_be_visible()
        expect(page.locator("#content")).to_be_hidden()
        page.keyboard.type("not this one")
        page.keyboard.press("Enter")
        expect(page.locator("#key-problem")).to_have_text("This key is not known.")
        expect(page.locator("#content")).to_be_hidden()
        page.locator("#key").fill(secret)
        page.keyboard.press("Enter")
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#key-form")).to_be_hidden()
        expect(page.locator("#detail-title")).to_have_text("No junction yet")
        assert secret not in page.url
        assert secret not in service.log.read_text()
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_dead_service_leaves_nothing_green_until_it_is_back(browser: Browser, tmp_path: Path, scheme: Any) -> None:  # noqa: ANN401
    with running(tmp_path) as service:
        with httpx.Client(base_url=service.url) as http:
            http.put("/v1/junctions/alpha", json=small_junction().model_dump(mode="json") | {"id": "alpha"})
            http.post("/v1/junctions/alpha/decisions", json=call(1, 100.0, since_s=96.0))
        page = browser.new_page(color_scheme=scheme)
        page.goto(service.url)
        expect(page.locator("#list")).to_contain_text("in order")
        green = page.locator(".mark").evaluate("mark => getComputedStyle(mark).backgroundColor")
        assert green in coloured(page)
        service.kill()
        expect(page.locator("#lost")).to_be_visible(timeout=3000)
        expect(page.locator("#lost")).to_have_text(re.compile(r"No connection since \d\d:\d\d:\d\d values below are [1-9]\d* s old"))
        assert page.locator("#lost").evaluate("banner => parseFloat(getComputedStyle(banner).fontSize)") >= 30
        expect(page.locator("#list")).to_contain_text("unknown")
        expect(page.locator("#storage")).to_have_text("unknown")
        expect(page.locator("#command")).to_have_text("Last known: Stay in a")
        assert green not in coloured(page)
        service.start()
        service.await_ready()
        expect(page.locator("#connection")).to_have_text("live", timeout=10_000)
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#storage")).to_have_text("working")
        page.close()


def test_a_service_that_hangs_is_told_from_one_that_lives(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert service.process is not None
        page = browser.new_page()
        page.goto(service.url)
        expect(page.locator("#connection")).to_have_text("live")
        service.process.send_signal(signal.SIGSTOP)  # the connection stays open
        try:
            expect(page.locator("#lost")).to_be_visible(timeout=4000)
        finally:
            service.process.send_signal(signal.SIGCONT)
        expect(page.locator("#lost")).to_be_hidden(timeout=15_000)
        page.close()


def coloured(page: Page) -> set[str]:
    """Return every colour that the page paints an area or a shape with."""
    script = "[...document.querySelectorAll('body *')].flatMap(e => (s => [s.backgroundColor, s.fill])(getComputedStyle(e)))"
    return set(page.evaluate(script))


ENDS = (
    "w1_pocket_straight_4_5",
    "w1_pocket_straight_7",
    "w1_pocket_left",
    "e0_pocket_straight_12_13",
    "e0_pocket_straight_7",
    "e0_pocket_left",
)
WINDOWS = {"wall": (1920, 1080), "desk": (1280, 720), "phone": (390, 844)}


def picture() -> dict[str, Any]:
    """Return a picture of six junctions with long names, as the service would send it."""
    groups = [{"id": f"main_{end}", "kind": "vehicle", "signal": "r"} for end in ENDS]
    lanes = [f"main_{street}_pocket_{lane}" for street in ("w1", "e0") for lane in range(1, 5)]
    entry = {"stage": "one", "commanded_s": 90.0, "green_start_s": 95.0, "green_end_s": None}
    answer = {
        "time_s": 100.0,
        "command": "stay",
        "stage": "one",
        "earliest_change_s": 104.0,
        "timeline": [entry],
        "queues": [{"lane": lane, "waiting_veh": 9, "coming_veh": 0} for lane in lanes],
        "engine": "none",
        "solve_s": 0.0,
        "reason": "stay",
        "alarms": [],
    }
    detectors = [
        {"id": f"d:{role}:{lane}", "role": role, "covered": False, "silent": False, "failed": False}
        for role in ("stop_line", "near")
        for lane in lanes
    ]
    junction = {"position": None, "groups": groups, "stages": [{"id": "one", "groups": []}], "detectors": detectors, "answer": answer}
    names = [f"m{number}" for number in range(1, 7)]
    return {"storage": "working", "junctions": [junction | {"id": name, "answered_at": time.time()} for name in names]}


@pytest.fixture(params=WINDOWS)
def pictured(browser: Browser, watched: Service, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Yield the page in a window of some size, with a picture of long names."""
    width, height = WINDOWS[request.param]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.route_web_socket(re.compile("/v1/board/stream$"), lambda socket: socket.send(json.dumps(picture())))
    page.goto(watched.url)
    expect(page.locator("#list li")).to_have_count(6)
    yield page
    page.close()


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    """Return where elements are, in pixels."""
    return list(page.evaluate("s => [...document.querySelectorAll(s)].map(e => e.getBoundingClientRect().toJSON())", selector))


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    return a["left"] < b["right"] and b["left"] < a["right"] and a["top"] < b["bottom"] and b["top"] < a["bottom"]


def test_names_are_shortened_in_the_middle_and_never_look_alike(pictured: Page) -> None:
    for selector in ("#diagram .group", "#queues .lane", "#detectors div:first-child .name"):
        texts = [text.split("\n")[0] for text in pictured.locator(selector).evaluate_all("all => all.map(e => e.firstChild.textContent)")]
        assert len(set(texts)) == len(texts)
    titles = pictured.locator("#diagram .group title").all_text_contents()
    assert titles == [f"vehicle main_{end}: red" for end in ENDS]
    for label in boxes(pictured, "#diagram .group"):
        assert not any(overlap(label, square | {"left": square["left"] - 4}) for square in boxes(pictured, "#diagram .show-r"))


def test_diagram_and_map_have_room_for_their_texts(pictured: Page) -> None:
    diagram, ticks = boxes(pictured, "#diagram")[0], boxes(pictured, "#diagram .axis")
    assert pictured.locator("#diagram .axis").all_text_contents()[-1] == "+60 s"
    assert all(tick["left"] >= diagram["left"] - 1 and tick["right"] <= diagram["right"] + 1 for tick in ticks)
    assert not any(overlap(a, b) for a, b in itertools.combinations(ticks, 2))
    lines = [line["left"] for line in boxes(pictured, "#diagram line")]
    assert max(lines) - min(lines) > 300
    names = boxes(pictured, "#map .label")
    assert len(names) == 6
    assert not any(overlap(a, b) for a in names for b in boxes(pictured, "#map circle"))
    assert pictured.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if pictured.viewport_size == {"width": 1920, "height": 1080}:
        assert pictured.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_who_chooses_a_junction_sees_it(pictured: Page) -> None:
    pictured.locator("#list li", has_text="m5").click()
    expect(pictured.locator("#detail-title")).to_have_text("m5")
    expect(pictured.locator("#command")).to_be_in_viewport()
    expect(pictured.locator("#reason")).to_have_text("No change yet: minimum green for another 4 s. Decided by rule.")


def test_names_stay_different_in_any_room(page: Page) -> None:
    names = [*(f"main_{end}" for end in ENDS), "a_middle_1_of_a_name", "a_middle_2_of_a_name", "short"]
    script = "([names, rooms]) => import('/names.js').then(module => rooms.map(room => module.shortened(names, room)))"
    rooms = list(range(6, 24))
    for room, short in zip(rooms, page.evaluate(script, [names, rooms]), strict=True):
        assert len(set(short)) == len(names)
        assert short[-1] == "short"
        assert all(len(text) <= room for text in short)
        for name, text in zip(names, short, strict=True):  # and what is left of one does not fit another
            pattern = ".*".join(re.escape(part) for part in text.split("…"))
            assert room < 16 or [other for other in names if re.fullmatch(pattern, other)] == [name]
