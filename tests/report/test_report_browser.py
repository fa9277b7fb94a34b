"""The report in a real browser: what it does, how it reads, and whether all can read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser import Scheme, chromium, opened, violations
from tests.conftest import blank_pictures

from phenovae.report.build import write_report
from phenovae.report.content import ReportContent
from phenovae.report.field_content import FieldContent

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOCUSED = "document.activeElement.getAttribute('aria-label')"
KINDS = ("everything", "nothing", "hostile")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    full_content: ReportContent,
    bare_content: ReportContent,
    field_content: FieldContent,
    hostile_content: ReportContent,
    browser: Browser,
    pytestconfig: pytest.Config,
) -> dict[str, str]:
    """Reports of runs of which all, nothing, and only hostile names are known, by their address."""
    folder: Path = tmp_path_factory.mktemp("reports")
    contents = {
        "everything": replace(full_content, fields=field_content),
        "nothing": bare_content,
        "hostile": hostile_content,
    }
    with blank_pictures(pytestconfig):
        for name, content in contents.items():
            write_report(content, folder / f"{name}.html")
    return {name: (folder / f"{name}.html").as_uri() for name in contents}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_finds_nothing_that_shuts_anybody_out(
    browser: Browser, pages: dict[str, str], kind: str, scheme: Scheme
) -> None:
    with opened(browser, pages[kind], scheme=scheme) as page:
        assert violations(page) == []
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert violations(page) == []


@pytest.mark.parametrize("width", [420, 1400])
@pytest.mark.parametrize("kind", KINDS)
def test_no_page_is_scrolled_sideways(
    browser: Browser, pages: dict[str, str], kind: str, width: int
) -> None:
    with opened(browser, pages[kind], width=width) as page:
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pointing_at_a_treatment_tells_of_it(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["everything"]) as page:
        point = page.locator("#map-pca .point").first
        assert page.locator(".tip").is_hidden()
        point.hover()
        assert page.locator(".tip b").inner_text() == "drug 0 1 µM"
        assert "nearest: " in page.locator(".tip").inner_text()
        assert page.locator("#map-pca .link").get_attribute("d") != ""
        assert page.locator("#map-pca .neighbour").count() == 1
        page.mouse.move(0, 0)
        assert page.locator(".tip").is_hidden()


def test_a_click_on_a_treatment_opens_its_compound(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["everything"]) as page:
        section = page.locator("details.compound").first
        assert section.get_attribute("open") is None
        page.locator("#map-pca .point").first.click()
        page.wait_for_function("document.querySelector('details.compound').open")
        assert page.url.partition("#")[2] == section.get_attribute("id")


def test_treatments_are_marked_by_what_is_chosen(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["everything"]) as page:
        colours = "[...document.querySelectorAll('#map-pca .point')].map(e => e.classList[2])"
        assert len(set(page.evaluate(colours))) == 2
        page.get_by_role("radio", name="compound").check()
        assert len(set(page.evaluate(colours))) == 8
        keys = page.locator("#map-pca .marks:visible")
        assert keys.count() == 1
        assert keys.get_attribute("aria-label") == "compound"


def test_a_keyboard_reaches_every_point(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["everything"]) as page:
        assert page.locator("#map-pca .point[tabindex='0']").count() == 1
        page.locator("#map-pca .point").first.focus()
        told = set()
        for key in ["Home", *["ArrowRight"] * 8, *["ArrowLeft"] * 8, *["ArrowDown", "ArrowUp"] * 4]:
            page.keyboard.press(key)
            told.add(page.evaluate(FOCUSED))
            assert page.locator(".tip").is_visible()
        assert len(told) > 4
        page.keyboard.press("End")
        assert page.evaluate(FOCUSED).startswith("drug 7")
        page.keyboard.press("Escape")
        assert page.locator(".tip").is_hidden()
        page.locator(".plot .score").first.focus()
        page.keyboard.press("ArrowDown")
        assert "95 % interval" in page.locator(".tip").inner_text().replace("\xa0", " ")


def test_the_first_stop_of_a_keyboard_skips_the_contents(
    browser: Browser, pages: dict[str, str]
) -> None:
    with opened(browser, pages["everything"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.tagName") == "MAIN"


def test_without_script_the_pictures_stay(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["everything"], script=False) as page:
        assert page.locator("#map-pca .point").first.is_visible()
        assert page.locator("#map-pca .marks:visible").count() == 1
        assert page.locator(".choose").first.is_hidden()
        assert page.locator(".plot .score").first.is_visible()


def test_names_from_data_run_no_script(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["hostile"]) as page:
        assert page.locator("script").count() == 1
        point = page.locator("#map-pca .point").first
        point.hover()
        assert page.locator(".tip b").inner_text().startswith("<script>alert(1)</script>")
        assert page.locator(".tip script").count() == 0


def test_on_paper_everything_is_open_and_light(
    browser: Browser, pages: dict[str, str], tmp_path: Path
) -> None:
    with opened(browser, pages["everything"], scheme="dark") as page:
        shut = "document.querySelectorAll('details:not([open])').length"
        assert page.evaluate(shut) > 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(shut) == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(shut) > 0
        page.emulate_media(media="print", color_scheme="dark")
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert page.locator("nav").is_hidden()
