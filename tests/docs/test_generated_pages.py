"""What the site writes from the code is all there, and stays what it was when put into Markdown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT

from generated_pages.contents import contents
from generated_pages.hook import as_rst, filled
from generated_pages.keys import keys_page, unit_of
from generated_pages.links import dead_links
from generated_pages.markdown import escaped, literal, table
from generated_pages.pictures import pictures_page
from generated_pages.protocols import protocols_page
from generated_pages.rooms import modules_of, rooms
from generated_pages.schemas import all_schemas, schemas_page
from generated_pages.verbs import verbs_page
from phenovae.cli.main import app
from phenovae.evaluate.protocol import protocol_labels
from phenovae.pipeline.config import describe_keys

DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "phenovae"


def test_every_key_has_a_row_with_its_default_and_its_unit() -> None:
    page = keys_page()
    rows = {line.split(" | ")[0]: line for line in page.splitlines() if line.startswith("| `")}
    keys = [name for name, *_ in describe_keys()]
    assert list(rows) == [f"| `{name}`" for name in keys]
    assert rows["| `view.size`"].startswith("| `view.size` | int | px | `64` | side of the square")
    assert page.count("\n## ") >= 19


@pytest.mark.parametrize(
    ("meaning", "kind", "unit"),
    [
        ("size of a pixel [µm], if known", "float | none", "µm"),
        ("KL below which it costs no more [nats a dimension]", "float", "nats a dimension"),
        ("from 3 [px] to 4 [ratio]", "int", "ratio"),
        ("a table: concentration [µM], moa", "Path | none", ""),
        ("the seed", "int", ""),
    ],
)
def test_a_number_has_the_unit_that_its_meaning_names_in_brackets(
    meaning: str, kind: str, unit: str
) -> None:
    assert unit_of(meaning, kind) == unit


def test_every_verb_has_a_section_with_its_options() -> None:
    page = verbs_page()
    verbs = [str(command.name) for command in app.registered_commands]
    assert re.findall(r"^## `(.+)`$", page, re.MULTILINE) == verbs
    assert "| `--out RUN` | must be given | Folder of the run. |" in page
    assert "| `--resume / --no-resume` | `--resume` |" in page
    assert "phenovae audit [OPTIONS] " in page


def test_examples_of_a_verb_are_commands_of_a_shell_block() -> None:
    part = verbs_page().partition("## `embed`")[2].partition("\n## ")[0]
    shown = part.partition("```sh\n")[2].partition("\n```")[0].splitlines()
    assert shown[0] == "phenovae embed --run RUN"
    assert len(shown) == 3


def test_every_schema_of_the_package_is_on_the_page_with_its_columns() -> None:
    declared = sum(
        len(re.findall(r"^[A-Z_]+ = Schema\(", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in PACKAGE.rglob("*.py")
    )
    found = list(all_schemas())
    assert len(found) == declared >= 10
    page = schemas_page()
    for _, schema in found:
        part = page.partition(f"### `{schema.name}`\n")[2].partition("\n### ")[0]
        assert all(f"| `{name}` |" in part for name in schema.names)
    assert "| `Position_Row` | float64 | px | yes | centre of the cell in its field |" in page


def test_every_protocol_is_explained() -> None:
    page = protocols_page()
    assert re.findall(r"^## `(.+)`$", page, re.MULTILINE) == protocol_labels()


def test_every_room_with_public_modules_has_a_page() -> None:
    pages = {path.stem for path in (DOCS / "api").glob("*.md")}
    assert pages == set(rooms()) - {"cli"}
    for room in pages:
        text = (DOCS / "api" / f"{room}.md").read_text(encoding="utf-8")
        assert f"<!-- generated: room {room} -->" in text
    assert "sites" in modules_of("screen")


def test_every_page_is_in_the_lists_of_the_first_one() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(\S+)$", contents(index), re.MULTILINE)
    pages = [path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(page for page in pages if page not in ("index",)) == sorted(
        name for name in listed if name in pages
    )


def test_links_to_a_notebook_lead_to_its_executed_copy(tmp_path: Path) -> None:
    from make_site import link_executed

    (tmp_path / "notebooks").mkdir()
    page, book = tmp_path / "page.md", tmp_path / "notebooks" / "own.ipynb"
    page.write_text("[a](notebooks/own.md) [b](own.md)", encoding="utf-8")
    book.write_text("[a](own.md) [b](../own.md)", encoding="utf-8")
    link_executed(tmp_path)
    assert page.read_text(encoding="utf-8") == "[a](notebooks/own.ipynb) [b](own.md)"
    assert book.read_text(encoding="utf-8") == "[a](own.ipynb) [b](../own.md)"


def test_a_page_asks_for_what_is_written_from_the_code_by_a_comment() -> None:
    page = "# Title\n\n<!-- generated: protocols -->\n\nafter\n"
    assert filled(page) == page.replace("<!-- generated: protocols -->", protocols_page())
    with pytest.raises(KeyError):
        filled("<!-- generated: nothing -->\n")


def test_text_with_signs_of_markdown_is_shown_as_it_is() -> None:
    assert escaped("a_b <c> *d* [e] `f_|g` $1") == r"a\_b \<c\> \*d\* \[e\] `f_\|g` \$1"
    assert literal("a | b") == r"`a \| b`"
    assert literal("a ` b") == "``a ` b``"
    assert literal("") == ""
    assert table(("x",), [("1",)]) == "| x |\n|---|\n| 1 |\n"


def test_a_docstring_in_markdown_becomes_what_sphinx_reads() -> None:
    assert as_rst("`z_000 …` of Metadata_ and *args | ``x_``") == (
        r"``z_000 …`` of Metadata\_ and \*args \| ``x_``"
    )


def test_a_gallery_shows_each_picture_that_is_there_with_its_caption(tmp_path: Path) -> None:
    told = {"kind": "round-trip", "says": "what comes back"}
    figures = [
        {**told, "file": "a.png", "caption": "What <b> carries. 12 cells."},
        {**told, "file": "a.pdf", "caption": "The same."},
        {"file": "gone.png", "kind": "samples", "says": "none", "caption": "Not there."},
    ]
    for name in ("a.png", "a.pdf"):
        (tmp_path / name).touch()
    (tmp_path / "gallery.json").write_text(json.dumps(figures), encoding="utf-8")
    assert pictures_page(tmp_path, "pictures/x") == (
        "## Round trip\n\n"
        "What comes back. `phenovae figures RUN --kind round-trip`\n\n"
        "![What \\<b\\> carries](pictures/x/a.png)\n\n"
        "*What \\<b\\> carries. 12 cells.*\n"
    )


def test_the_gallery_is_small_and_says_that_its_cells_are_synthetic() -> None:
    folder = DOCS / "pictures" / "gallery"
    told = json.loads((folder / "gallery.json").read_text(encoding="utf-8"))
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert len(told) >= 10
    assert {str(line["file"]) for line in told} == set(sizes) - {"gallery.json"}
    assert max(sizes.values()) < 200_000
    assert sum(sizes.values()) < 4_000_000
    assert "These cells are synthetic" in (DOCS / "gallery.md").read_text(encoding="utf-8")


def test_links_of_a_site_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="b/c.html#there"></a><a href="#gone"></a>'
        '<img src="no.png"><a href="https://example.org/x"></a></p>',
        encoding="utf-8",
    )
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.html").write_text(
        '<h1 id="there"></h1><a href="../a.html"></a><a href="../a.html#nowhere"></a>',
        encoding="utf-8",
    )
    assert list(dead_links(tmp_path)) == [
        "a.html: #gone", "a.html: no.png", "b/c.html: ../a.html#nowhere"
    ]  # fmt: skip
