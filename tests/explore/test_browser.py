"""The explorer in a real browser: load, hover, click, slide, lasso, links, files, small, dark."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.explore.browser import launched, opened, place_of, shot
from tests.explore.conftest import IMAGE, QUOTED
from tests.explore.served import Served

from phenovae.explore.answers import Answers
from phenovae.explore.frozen import write_frozen
from phenovae.explore.opening import open_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHANGED = "before => document.getElementById('decoded').toDataURL() !== before"
AS_BEFORE = "before => document.getElementById('decoded').toDataURL() === before"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def address(served: Served) -> str:
    return served.guard.address


@pytest.fixture(scope="module")
def page_of_files(odd_run: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("files") / "a page µ"
    write_frozen(open_run(odd_run), folder)
    return (folder / "index.html").as_uri()


def _pixels(page: Page, canvas: str) -> str:
    found = page.evaluate("id => document.getElementById(id).toDataURL()", canvas)
    return str(found)


def _brightness(page: Page, canvas: str) -> float:
    script = """id => {
      const canvas = document.getElementById(id);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((sum, value, at) => sum + (at % 4 === 3 ? 0 : value), 0) / data.length;
    }"""
    return float(page.evaluate(script, canvas))


def test_the_page_loads_says_what_it_shows_and_drops_the_token(
    browser: Browser, address: str, answers: Answers
) -> None:
    with opened(browser, address) as page:
        assert page.inner_text("#run") == "odd run"
        assert page.inner_text("#note").startswith(f"{len(answers.points.cells)} cells.")
        assert "token" not in page.url
        names = page.locator("#legend li button").all_inner_texts()
        assert any("Actin disruptors" in name for name in names)
        assert any("<b>DNA</b> damage" in name for name in names)
        drawn = page.evaluate("Phenovae.page.scatter.figure.renderers[0].data_source.data.x.length")
        assert drawn == len(answers.points.cells)
        shot(page, "cells")
        page.reload()
        page.wait_for_selector("body[data-ready]")


def test_hovering_shows_the_crop_and_what_it_is(
    browser: Browser, address: str, answers: Answers
) -> None:
    with opened(browser, address) as page:
        at = int(np.flatnonzero(answers.points.cells.table["Metadata_Compound"] == "gamma")[0])
        page.mouse.move(*place_of(page, at))
        page.wait_for_selector("#card:not([hidden]) canvas")
        words = page.inner_text("#card")
        assert "µM" in words
        assert "Week" in words
        width = page.evaluate("document.querySelector('#card canvas').width")
        assert width == 16
        shot(page, "hover")
        box = page.locator("#plot").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] + 200)
        page.wait_for_selector("#card", state="hidden")
        page.check("input[value=treatments]")
        page.wait_for_function("() => document.body.dataset.shown.startsWith('treatments')")
        page.mouse.move(*place_of(page, 1))
        page.wait_for_function("() => document.querySelectorAll('#card canvas').length === 6")
        assert "6 cells" in page.inner_text("#card")


def test_clicking_opens_the_cell_its_neighbours_and_its_verdict(
    browser: Browser, address: str, answers: Answers
) -> None:
    with opened(browser, address) as page:
        at = int(np.flatnonzero(answers.points.cells.table["Metadata_Compound"] == "gamma")[0])
        page.mouse.click(*place_of(page, at))
        page.wait_for_selector("#near li:nth-child(8)")
        # Another point may lie upon it: what was chosen is what the address says.
        row = int(page.url.partition("cell=")[2].partition("&")[0])
        told = answers.cell(row)
        assert page.inner_text("#name") == told["treatment"]
        page.wait_for_function(
            "() => document.getElementById('field-note').textContent.includes('crops')"
        )
        page.wait_for_selector("#sliders input")
        if told["verdicts"]:
            assert "neighbour" in page.inner_text("#verdicts details[open]")
        shot(page, "panel")
        page.click("#near li:nth-child(1) button")
        page.wait_for_function(
            "row => new URLSearchParams(location.hash.slice(1)).get('cell') === String(row)",
            arg=told["neighbours"][0]["row"],  # type: ignore[index]
        )


def test_a_slider_is_decoded_live_and_back_again(
    browser: Browser, address: str, answers: Answers
) -> None:
    with opened(browser, f"{address}#cell=7") as page:
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        first = _pixels(page, "decoded")
        slider = page.locator("#sliders input").first
        latent = int(slider.get_attribute("data-latent") or "-1")
        slider.focus()
        for _ in range(30):
            page.keyboard.press("ArrowRight")
        page.wait_for_function(CHANGED, arg=first)
        page.wait_for_timeout(400)
        value = float(slider.input_value())
        assert f"z={latent}%3A{value:g}" in page.url
        planes = answers.decoded(7, {latent: value}, None, 0.0)
        red = page.evaluate("""() => {
          const canvas = document.getElementById('decoded');
          const { data } = canvas.getContext('2d').getImageData(0, 0, 16, 16);
          return Array.from({ length: 256 }, (_, at) => data[4 * at + 2]);
        }""")
        field = answers.start()["palettes"]["field"]  # type: ignore[index]
        blue = sum(planes[channel] * field[channel][2] for channel in range(3))
        assert np.allclose(np.array(red).reshape(16, 16), np.clip(blue, 0, 255), atol=1)
        assert "ms after the move" in page.inner_text("#speed")
        page.click("#reset")
        page.wait_for_function(AS_BEFORE, arg=first)
        assert "z=" not in page.url


def test_a_cell_is_shown_as_if_treated(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}#cell=2") as page:
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        first = _pixels(page, "decoded")
        page.select_option("#compound", IMAGE)
        doses = page.locator("#dose option").all_inner_texts()
        assert doses == ["1 µM", "3 µM"]
        page.locator("#share").fill("1")
        page.wait_for_function(CHANGED, arg=first)
        assert page.inner_text("#share-text") == "100 %"
        assert "share=1" in page.url


def test_names_from_data_are_words_never_markup(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}#colour=Metadata_Compound&level=wells") as page:
        assert page.evaluate("document.title") == "odd run - phenovae"
        assert page.locator("#legend img, #panel img, #card img").count() == 0
        assert any(IMAGE in name for name in page.locator("#legend button").all_inner_texts())
        page.fill("#find", "cdk1/2")
        page.press("#find", "Enter")
        page.wait_for_selector("#cell:not([hidden])")
        assert page.inner_text("#name") == f"{QUOTED} 0.3 µM"
        page.fill("#find", "onerror")
        page.press("#find", "Enter")
        page.wait_for_function(
            "() => document.getElementById('name').textContent.startsWith('<img')"
        )
        page.wait_for_selector("#near li:nth-child(8)")
        assert page.locator("img").count() == 0
        assert page.evaluate("document.title") == "odd run - phenovae"


def test_the_lasso_s_points_are_saved_with_their_metadata(
    browser: Browser, address: str, answers: Answers, tmp_path: Path
) -> None:
    with opened(browser, address) as page:
        page.get_by_title("Lasso Select").click()
        page.wait_for_function("""() => Phenovae.page.scatter.figure.toolbar.tools
          .find(tool => tool.type === 'LassoSelectTool').active""")
        box = page.locator("#plot").bounding_box()
        assert box is not None
        left, top = box["x"] + 80, box["y"] + 12
        right, bottom = box["x"] + box["width"] - 50, box["y"] + box["height"] - 70
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 5)):
            page.mouse.move(x, y, steps=6)
        page.mouse.up()
        page.wait_for_selector("#save-points:enabled")
        shot(page, "lasso")
        with page.expect_download() as told:
            page.click("#save-points")
        name = told.value.suggested_filename
        assert name.startswith("phenovae-odd-run-")
        assert name.endswith("-cells.csv")
        told.value.save_as(tmp_path / "cells.csv")
        with (tmp_path / "cells.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        chosen = page.evaluate(
            "Phenovae.page.scatter.figure.renderers[0].data_source.selected.indices"
        )
        assert len(rows) == len(chosen) > 40
        table = answers.opened.store.table
        for row in rows:
            cell = table.iloc[int(row["Store_Row"])]
            for column in ("Metadata_File", "Metadata_Compound", "Metadata_Well", "Metadata_Field"):
                assert row[column] == cell[column]
            assert float(row["Metadata_Concentration"]) == cell["Metadata_Concentration"]
            assert row["Metadata_MoA"] == (
                "" if cell["Metadata_Role"] == "negative_control" else cell["Metadata_MoA"]
            )
        assert {IMAGE, QUOTED} <= {row["Metadata_Compound"] for row in rows}
        page.click("#clear")
        page.wait_for_selector("#save-points:disabled")


def test_so_many_points_are_pixels_hidden_and_chosen_like_marks(
    browser: Browser, address: str
) -> None:
    count = """() => {
      const canvas = document.getElementById('pixels');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const found = { solid: 0, faint: 0 };
      for (let at = 3; at < data.length; at += 4) {
        if (data[at] === 255) found.solid += 1; else if (data[at] > 0) found.faint += 1;
      }
      return found;
    }"""
    draw = """hidden => {
      const x = Float64Array.from({ length: 5000 }, (_, at) => at % 100);
      const y = Float64Array.from({ length: 5000 }, (_, at) => Math.floor(at / 100));
      Phenovae.page.scatter.draw({
        x, y, colours: new Array(5000).fill('#0a78e0'), markers: new Array(5000).fill('circle'),
        hidden: hidden ? at => at >= 2500 : null, labels: ['x', 'y'], refit: true,
      });
    }"""
    with opened(browser, address) as page:
        assert not page.is_visible("#pixels")
        page.evaluate(draw, arg=False)
        page.wait_for_function(f"() => ({count})().solid > 20000")
        assert page.is_visible("#pixels")
        whole = page.evaluate(count)
        assert whole["faint"] == 0
        page.evaluate(draw, arg=True)
        page.wait_for_function(f"most => ({count})().solid < most", arg=0.9 * whole["solid"])
        half = page.evaluate(count)
        assert half["solid"] == pytest.approx(whole["solid"] / 2, rel=0.1)
        page.evaluate("Phenovae.page.scatter.select([0, 1, 2])")
        page.wait_for_function(f"() => ({count})().faint > 0")
        chosen = page.evaluate(count)
        assert 3 * 9 <= chosen["solid"] <= 3 * 25
        assert chosen["faint"] > 0.9 * half["solid"]
        assert page.inner_text("#selected") == "3 cells selected."


def test_a_few_points_far_off_do_not_shrink_the_map_and_are_counted(
    browser: Browser, address: str
) -> None:
    script = """far => {
      const x = Float64Array.from({ length: 500 }, (_, at) => at / 500);
      const y = Float64Array.from(x);
      x[7] = far;
      const { framed, outside } = Phenovae.points.indexed(x, y);
      return [...framed, outside];
    }"""
    with opened(browser, address) as page:
        left, right, bottom, top, outside = page.evaluate(script, -90.0)
        assert outside == 1
        assert -0.3 < left < 0.01
        assert (right, bottom, top) == (0.998, 0, 0.998)
        assert page.evaluate(script, 0.5)[-1] == 0
        some = page.evaluate("Phenovae.points.indexed([0, 0, 0, 99], [0, 1, 2, 3])")
        assert some["framed"] == [0, 99, 0, 3]
        assert "far off" not in page.inner_text("#note")


def test_a_link_brings_all_of_a_view_back(browser: Browser, address: str) -> None:
    link = ("level=wells&plane=z:1:2&colour=z:0&palette=safe&channel=1&cell=11&z=0:1.25&way=3"
            "&share=0.5")  # fmt: skip
    with opened(browser, f"{address}#{link}") as page:
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        assert page.is_checked("input[value=wells]")
        assert page.input_value("#plane") == "z"
        assert (page.input_value("#first"), page.input_value("#second")) == ("1", "2")
        assert page.input_value("#colour") == "z:0"
        assert page.input_value("#palette") == "safe"
        assert page.input_value("#channel") == "1"
        assert page.inner_text("#share-text") == "50 %"
        assert page.input_value("#sliders input[data-latent='0']") == "1.25"
        again = page.url
        page.goto("about:blank")
        page.goto(again)
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        assert page.url == again


def test_nonsense_in_a_link_is_passed_over(browser: Browser, address: str) -> None:
    link = "level=x&plane=nonsense&colour=<b>&palette=q&channel=77&cell=-4&z=a:b,1:x&way=q"
    with opened(browser, f"{address}#{link}") as page:
        assert page.is_checked("input[value=cells]")
        assert page.input_value("#plane") == "pca"
        assert page.input_value("#colour") == "Metadata_MoA"


def test_palettes_and_channels_repaint_the_same_cell(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}#cell=20") as page:
        page.wait_for_function("() => document.getElementById('large').width === 16")
        seen = {_pixels(page, "large")}
        for control, value in (("#palette", "safe"), ("#channel", "0"), ("#channel", "2")):
            page.select_option(control, value)
            page.wait_for_timeout(300)
            seen.add(_pixels(page, "large"))
        assert len(seen) == 4


def test_the_page_of_files_opens_without_a_server(browser: Browser, page_of_files: str) -> None:
    with opened(browser, f"{page_of_files}#cell=20") as page:
        page.wait_for_selector("#near li:nth-child(8)")
        page.wait_for_function("() => document.getElementById('decoded').width === 16")
        assert "precomputed" in page.inner_text("#latents-note")
        assert "precomputed" in page.inner_text("#said")
        assert _brightness(page, "large") > 1
        first = _pixels(page, "decoded")
        slider = page.locator("#sliders input").first
        slider.focus()
        page.keyboard.press("End")
        page.wait_for_function(CHANGED, arg=first)
        assert "precomputed" in page.inner_text("#made")
        page.locator("#share").fill("1")
        page.wait_for_function(
            "() => document.getElementById('made').textContent.includes('100 %')"
        )
        page.mouse.move(*place_of(page, 30))
        page.wait_for_selector("#card:not([hidden]) canvas")
        assert "phenovae explore" in page.inner_text("#field-note")
        page.check("input[value=treatments]")
        page.wait_for_function("() => document.body.dataset.shown.startsWith('treatments')")
        shot(page, "files")


def test_a_small_dark_screen_has_all_of_it_and_scrolls_one_way(
    browser: Browser, address: str
) -> None:
    with opened(browser, f"{address}#cell=20", width=420, scheme="dark") as page:
        page.wait_for_selector("#near li:nth-child(8)")
        page.wait_for_function("() => document.getElementById('speed').dataset.spent")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 420
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert ground == "rgb(21, 25, 30)"
        plot = page.evaluate("Phenovae.page.scatter.figure.background_fill_color.value ?? "
                             "Phenovae.page.scatter.figure.background_fill_color")  # fmt: skip
        assert plot == "#1b2026"
        shot(page, "small-dark")


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(
    browser: Browser, address: str
) -> None:
    with opened(browser, f"{address}#cell=20") as page:
        page.wait_for_selector("#near li:nth-child(8)")
        page.wait_for_selector("#sliders input")
        nameless = page.evaluate("""() => [...document.querySelectorAll('button, select, input')]
          .filter(each => !(each.labels && each.labels.length) && !each.textContent.trim()
            && !each.getAttribute('aria-label')).map(each => each.outerHTML)""")
        assert nameless == []
        reached = set()
        page.locator("input[name=level]:checked").focus()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        assert {"plane", "colour", "palette", "channel", "find", "link", "compound"} <= reached
        page.locator("#find").focus()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"
