"""The documents name nothing that is not there: files, verbs, options, keys, modules."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from tests.docs.blocks import DOCUMENTS, ROOT, name_of
from typer.core import TyperCommand, TyperGroup

from phenovae.cli.main import app
from phenovae.pipeline.config import describe_keys
from phenovae.pipeline.examples import example_names

LINKING = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGE = ROOT / "src" / "phenovae"

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?\n.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line that calls phenovae in running text; blocks have tests of their own."""
    for document in DOCUMENTS:
        text = _FENCE.sub("", document.read_text(encoding="utf-8"))
        for line in _INLINE.findall(text):
            words = shlex.split(line, comments=True)
            if len(words) > 1 and words[0] == "phenovae":
                yield name_of(document), words[1:]


def _options_of(command: TyperCommand | TyperGroup) -> set[str]:
    return {"--help", "-h"} | {name for option in command.params for name in option.opts}


def _options() -> dict[str, set[str]]:
    """The options of every verb, those before the verb with them."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    common = _options_of(group)
    verbs = {
        name: _options_of(command)
        for name, command in group.commands.items()
        if isinstance(command, TyperCommand)
    }
    return {"": common, **{name: common | own for name, own in verbs.items()}}


@pytest.mark.parametrize("document", LINKING, ids=name_of)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = _LINK.findall(document.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in local if link and not (document.parent / link).exists()] == []


def test_every_command_in_running_text_has_a_verb_and_options_that_exist() -> None:
    known = _options()
    found = list(_commands())
    assert len(found) > 5
    for document, words in found:
        verb = next((word for word in words if not word.startswith("-")), "")
        if verb == "VERB":
            continue
        assert verb in known, f"{document}: phenovae {' '.join(words)}"
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert options <= known[verb], f"{document}: phenovae {' '.join(words)}"


def test_every_key_that_is_set_in_running_text_exists() -> None:
    keys = {key for key, *_ in describe_keys()}
    named = {
        words[number + 1].partition("=")[0]
        for _, words in _commands()
        for number, word in enumerate(words)
        if word == "--set" and "=" in words[number + 1]
    }
    assert named - {"a.b"} <= keys


def test_every_example_named_in_the_readme_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"examples/(\w+)\.yaml", text)
    assert named
    assert set(named) <= set(example_names())


def test_the_design_page_names_rooms_and_modules_that_exist() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rooms = text.partition("## Rooms")[2].partition("\n## ")[0]
    table = [line.split("|")[1:3] for line in rooms.splitlines() if line.startswith("| ")]
    room = ""
    looked_at = 0
    for first, second in table:
        if names := _INLINE.findall(first):
            room = names[0]
            for name in names:
                assert (PACKAGE / name).is_dir(), f"there is no room {name}"
        if not room:
            continue
        for module in _INLINE.findall(second):
            place = PACKAGE / room / module
            assert place.is_dir() or place.with_suffix(".py").is_file(), f"{room}/{module}"
            looked_at += 1
    assert looked_at > 20


def test_every_room_of_the_package_is_on_the_design_page() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    assert [room for room in rooms if f"`{room}`" not in text] == []


def _first_column(document: str, heading: str) -> list[str]:
    """What stands in backticks in the first column of the tables below a heading."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| ")]
    return [name for row in rows for name in _INLINE.findall(row)]


def test_everything_that_a_run_leaves_is_on_the_page_of_formats(twin_run: Path) -> None:
    named = {name.rstrip("/") for name in _first_column("formats.md", "The folder of a run")}
    left = {path.name for path in twin_run.iterdir()}
    assert left <= named
    assert named - left == {"unmatched.parquet"}


@pytest.mark.parametrize("folder", ["cells", "model"])
def test_every_file_of_a_store_and_a_model_is_on_the_page_of_formats(
    twin_run: Path, folder: str
) -> None:
    heading = {"cells": "Cell store", "model": "Model folder"}[folder]
    named = {name.rstrip("/") for name in _first_column("formats.md", heading)}
    left = {path.name for path in (twin_run / folder).iterdir()}
    assert {name for name in left if not name.startswith("crops-")} <= named


def test_the_keys_of_scores_on_the_page_of_formats_are_in_every_record(twin_run: Path) -> None:
    named = set(_first_column("formats.md", "Scores"))
    records = json.loads((twin_run / "scores.json").read_text(encoding="utf-8"))
    assert len(named) > 12
    assert [named - set(record) for record in records if named - set(record)] == []
