"""Puts what is written from the code where a page asks for it, and makes docstrings readable.

A page asks by a comment that no reader of the source sees: `<!-- generated: keys -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from generated_pages.contents import contents
from generated_pages.keys import keys_page
from generated_pages.pictures import pictures_page
from generated_pages.protocols import protocols_page
from generated_pages.rooms import room_page
from generated_pages.schemas import schemas_page
from generated_pages.verbs import verbs_page

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_WANTED = re.compile(r"^<!-- generated: (\w+)(?: (\S+))? -->$", re.MULTILINE)
_DOCS = Path(__file__).resolve().parents[1]

_LITERAL = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CODE = re.compile(r"(``[^`]+``)")
_MARKUP = re.compile(r"([*|\\]|(?<=\w)_(?=\W|$))")


def filled(page: str) -> str:
    """The page with every `<!-- generated: … -->` replaced by what it asks for.

    Raises KeyError where there is no such thing.
    """
    made: Mapping[str, Callable[[str], str]] = {
        "contents": lambda _: contents(page),
        "verbs": lambda _: verbs_page(),
        "keys": lambda _: keys_page(),
        "schemas": lambda _: schemas_page(),
        "protocols": lambda _: protocols_page(),
        "room": room_page,
        "pictures": lambda folder: pictures_page(_DOCS / folder, folder),
    }
    return _WANTED.sub(lambda asked: made[asked[1]](asked[2] or ""), page)


def as_rst(line: str) -> str:
    """A line of a docstring, which is Markdown in this project, for Sphinx, which reads RST."""
    parts = _CODE.split(_LITERAL.sub(r"``\1``", line))
    return "".join(
        part if number % 2 else _MARKUP.sub(r"\\\1", part) for number, part in enumerate(parts)
    )


def setup(app: Sphinx) -> Mapping[str, bool]:
    """Join the build."""
    app.connect("source-read", _fill)
    app.connect("autodoc-process-docstring", _translate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _fill(app: Sphinx, name: str, source: list[str]) -> None:
    del app, name
    source[0] = filled(source[0])


def _translate(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    del app, what, name, value, options
    lines[:] = [as_rst(line) for line in lines]
