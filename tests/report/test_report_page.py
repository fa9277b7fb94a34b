from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from tests.report.conftest import HOSTILE

from phenovae.report.build import render, write_report
from phenovae.report.compound_content import CompoundsContent
from phenovae.report.content import Flagged, Pictures, ReportContent

pytestmark = pytest.mark.usefixtures("undrawn")

VOID = {"meta", "img", "br", "link", "input"}


@dataclass
class Element:
    """A tag with its attributes, its ancestors' tags and the text inside."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A parsed page: its elements in order."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(each.tag for each in self.open)
        element = Element(tag, {name: value or "" for name, value in attrs}, inside)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag
        self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.text += data

    def all(self, *tags: str) -> Iterator[Element]:
        return (each for each in self.elements if each.tag in tags)

    @property
    def text(self) -> str:
        return " ".join(next(self.all("main")).text.split())


# Pages of contents that several tests read; the contents are kept, so that no two share an id.
RENDERED: dict[int, tuple[ReportContent, str]] = {}


def rendered(content: ReportContent) -> str:
    if id(content) not in RENDERED:
        RENDERED[id(content)] = content, render(content)
    return RENDERED[id(content)][1]


def parsed(content: ReportContent) -> Page:
    page = Page()
    page.feed(rendered(content))
    page.close()
    assert not page.open
    return page


def test_names_from_data_are_escaped(hostile_content: ReportContent) -> None:
    text = rendered(hostile_content)
    assert text.lower().count("<script") == 1  # our own
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    page = parsed(hostile_content)
    assert not list(page.all("iframe", "object", "embed", "link"))
    assert not [name for each in page.elements for name in each.attributes if name.startswith("on")]
    for name in HOSTILE:
        assert " ".join(name.split()) in page.text


@pytest.mark.drawn
def test_equal_content_gives_equal_bytes(full_content: ReportContent, tmp_path: Path) -> None:
    sizes = [write_report(full_content, tmp_path / name) for name in ("a.html", "b.html")]
    first, second = ((tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert sizes == [len(first)] * 2


@pytest.mark.parametrize("which", ["full_content", "bare_content", "hostile_content"])
def test_the_page_is_whole_and_asks_nothing_of_the_net(
    which: str, request: pytest.FixtureRequest
) -> None:
    content: ReportContent = request.getfixturevalue(which)
    text = rendered(content)
    page = parsed(content)
    for each in page.elements:
        for name in ("src", "srcset", "poster", "action", "background"):
            assert (
                each.attributes.get(name, "data:").startswith("data:image/")
                or name not in each.attributes
            )
        if "href" in each.attributes:
            assert each.tag == "a"
            assert each.attributes["href"].startswith("#")
        assert "url(" not in each.attributes.get("style", "")
    style = next(page.all("style")).text
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


@pytest.mark.parametrize("which", ["full_content", "bare_content", "hostile_content"])
def test_the_page_can_be_read_by_all(which: str, request: pytest.FixtureRequest) -> None:
    page = parsed(request.getfixturevalue(which))
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    targets = [each.attributes["href"][1:] for each in page.all("a")]
    labels = [each.attributes["aria-labelledby"] for each in page.all("section")]
    assert set(targets) | set(labels) <= set(ids)
    assert next(page.all("html")).attributes["lang"] == "en"
    for image in page.all("img"):
        assert len(image.attributes["alt"]) > 10
        assert int(image.attributes["width"]) > 100
        assert int(image.attributes["height"]) > 50
        assert "figure" in image.inside
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = list(page.all("table"))
    assert len(list(page.all("caption"))) == len(tables)
    assert all(each.text.strip() for each in page.all("caption"))
    assert all(each.attributes.get("scope") in ("col", "row") for each in page.all("th"))
    assert all(
        "scroll" in each.attributes["class"]
        for each in page.all("div")
        if "tabindex" in each.attributes
    )


def test_a_report_of_everything_says_everything(full_content: ReportContent) -> None:
    text = parsed(full_content).text
    for said in (
        "5 of 8 treatments (NSC 62.5 %",
        "4 plates in 1 batch; 40 wells, 80 fields",
        "a crop is 45 µm wide",
        "3 epochs on 1,100 cells; the weights of epoch 2 were kept",
        "8 treatments, 56 cells; profiles by cells-mean@1",
        "8 treatments by mechanism (row)",
        "1,234 cells. Framed: right, 5 in all",
        "over 139 cells",
        "4 held-out cells, each 45 µm wide",
        "2 of 5 crops that were left out (1 empty, 1 noise)",
        "5 (empty 2, noise 3)",
        "taxol 0.3 µM Microtubule stabilizers PP-2 3 µM Epithelial 0.568",
        "NSC by cells-mean@1: 1 of 8 treatments missed",
        "Cannot be scored, for want of an allowed neighbour of their mechanism: PD-169316 3 µM.",
        "evened out by treatment",
        "ab" * 32,
        "cd" * 32,
        "few controls",
        "phenovae 0.1.0, numpy 2.0",
        "97.1 % (100/103)",
        "UMAP is left out: the configuration says",
    ):
        assert said in text, said
    assert "not recorded" not in text


def probed(content: ReportContent, cells: int, **recalls: dict[str, float]) -> ReportContent:
    """The content with these recalls of the cell probe by features."""
    base = {**content.records[-1], "cells": cells, "unscorable": ["Cholesterol-lowering", "Kinase"]}
    records = [
        *content.records[:-1],
        *({**base, "features": name, "recall": recall} for name, recall in recalls.items()),
    ]
    return replace(content, records=records)


def recall_of(content: ReportContent) -> Element | None:
    for each in parsed(content).all("details"):
        if "Cell probe by mechanism" in each.text:
            return each
    return None


def test_the_cell_probe_is_told_by_mechanism_beside_the_baseline(
    full_content: ReportContent,
) -> None:
    model = {"DNA damage": 0.25, "Eg5 inhibitors": 0.5}
    intensity = {"DNA damage": 0.125, "Eg5 inhibitors": 0.75}
    part = recall_of(probed(full_content, 56, intensity=intensity, model=model))
    assert part is not None
    text = " ".join(part.text.split())
    for said in (
        "the model is ahead of intensity in 1 of 2 mechanisms",
        "by chance 8.3 %",
        "mechanism model intensity compounds cells "
        "Eg5 inhibitors 50.0 % 75.0 % 4 28 DNA damage 25.0 % 12.5 % 4 28",
        "Not asked, because a single compound stands for each",
        "by that compound itself: Cholesterol-lowering, Kinase.",
    ):
        assert said in text, said


def test_cells_of_other_profiles_are_not_told_as_those_of_the_probe(
    full_content: ReportContent,
) -> None:
    part = recall_of(probed(full_content, 1234, model={"DNA damage": 0.25}))
    assert part is not None
    text = " ".join(part.text.split())
    assert "Cell probe by mechanism: 1 mechanism " in text
    assert "mechanism model DNA damage 25.0" in text
    other = recall_of(probed(full_content, 56, model={"of no profile": 0.25}))
    assert other is not None
    assert "compounds cells" not in " ".join(other.text.split())


def test_a_probe_without_recalls_has_no_table_of_them(full_content: ReportContent) -> None:
    assert recall_of(full_content) is None
    assert recall_of(probed(full_content, 56, intensity={"DNA damage": 0.5})) is None


def test_every_picture_of_data_tells_how_many_are_behind_it(full_content: ReportContent) -> None:
    page = parsed(full_content)
    captions = [each.text for each in page.all("figcaption")]
    assert len(captions) == 8 + len(full_content.compounds.compounds)
    assert all(re.search(r"\d[\d,]* (held-out )?(cells|samples|of)", each) for each in captions)


def test_a_report_of_nothing_says_what_is_missing(bare_content: ReportContent) -> None:
    text = parsed(bare_content).text
    for said in (
        "No treatment could be scored.",
        "There are no reconstructions",
        "A map needs 3 treatments with a profile; there are 0.",
        "There is no confusion matrix",
        "Nothing could be scored.",
        "none was missed",
        "no history of the training was recorded",
        "The usage of the latents was not recorded.",
        "Nothing was recorded of the trained model.",
        "No crop was flagged.",
        "The design of the screen was not recorded.",
        "no splits recorded",
        "No stage was recorded.",
        "No checksum was recorded.",
    ):
        assert said in text, said
    assert "None" not in text
    assert "nan" not in text.split()


def test_a_synthetic_run_says_so_and_stands_beside_no_published_figure(
    full_content: ReportContent,
) -> None:
    real, drawn = parsed(full_content), parsed(replace(full_content, synthetic=True))
    assert "Published results" in real.text
    assert "ynthetic" not in real.text
    assert "Synthetic data: every cell in this report was drawn by a program." in drawn.text
    assert "the scores say nothing about real drugs" in drawn.text
    assert "Published" not in drawn.text
    assert "Someone 2018" not in drawn.text


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_channels(full_content: ReportContent, count: int) -> None:
    names = ("DAPI", "Tubulin", "Actin", "ER", "Mito")[:count]
    images = np.random.default_rng(3).random((1, count, 12, 12)).astype(np.float32)
    content = replace(
        full_content,
        channels=names,
        pictures=Pictures(names, images, images, images),
        flagged=Flagged(images, ("noise",), 1),
        profiles=pd.DataFrame(),
        compounds=CompoundsContent(),
        records=(),
    )
    page = parsed(content)
    keys = [each.text.split() for each in page.all("span") if each.attributes.get("class") == "key"]
    assert keys == [list(names)] * 3
    assert "1 held-out cell," in page.text


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_treatments(full_content: ReportContent, count: int) -> None:
    few = full_content.profiles.head(count).assign(Metadata_Batch="Week1", Metadata_MoA="one")
    text = parsed(replace(full_content, profiles=few, umap=True)).text
    if count < 3:
        assert (
            f"A map needs 3 treatments with a profile; there {'is' if count == 1 else 'are'}"
            in text
        )
    else:
        assert f"{count} treatments, {7 * count} cells" in text
        assert "UMAP is left out: it needs 6 treatments at least." in text


def test_umap_is_drawn_where_it_is_installed_and_missed_where_not(
    full_content: ReportContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reducer:
        def __init__(self, **options: object) -> None:
            assert options["metric"] == "cosine"

        def fit_transform(self, values: np.ndarray) -> np.ndarray:
            return values[:, :2]

    module = ModuleType("umap")
    module.UMAP = Reducer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "umap", module)
    there = replace(full_content, umap=True)
    assert "UMAP of the same profiles by cosine. 8 treatments, 56 cells" in parsed(there).text
    monkeypatch.setitem(sys.modules, "umap", None)
    text = parsed(replace(there)).text
    assert "UMAP is left out: umap-learn is not installed" in text


def test_flagged_crops_that_are_not_shown_are_still_counted(full_content: ReportContent) -> None:
    text = parsed(replace(full_content, flagged=None)).text
    assert "5 crops flagged; the configuration asks to show none." in text


def test_cells_are_held_out_only_where_some_were(full_content: ReportContent) -> None:
    content = replace(
        full_content,
        training={"trained_on": 1100, "validated_on": 0},
        summary={**full_content.summary, "kept_by": "last epoch"},
    )
    text = parsed(content).text
    assert "held-out" not in text
    assert "The checkpoint was chosen by: last epoch; never by a score." in text


def test_a_report_is_made_without_torch_which_takes_longer_to_load_than_many_a_report() -> None:
    look = "import sys, phenovae.report.build; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
