"""The live page in a real browser."""

from __future__ import annotations

import shutil
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
    expect(page.locator(".lamp.quiet")).to_have_count(1)
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


def test_where_keys_are_asked_for_the_page_asks_too(browser: Browser, tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'state.db'}")
    storage.prepare()
    secret = make_key(storage, "page", ["read"])
    with running(tmp_path, DEMAND_KEYS="yes") as service:
        page = browser.new_page()
        page.goto(service.url)
        expect(page.locator("#key-form")).to_be_visible()
        page.keyboard.type(secret)
        page.keyboard.press("Enter")
        expect(page.locator("#connection")).to_have_text("live")
        assert secret not in page.url
        assert secret not in service.log.read_text()
        page.close()
