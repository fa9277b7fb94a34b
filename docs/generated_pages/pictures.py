"""A gallery: the pictures of a folder, with the captions that were written with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from generated_pages.markdown import escaped

LIST = "gallery.json"
_SHOWN = (".png", ".gif", ".svg", ".jpg")


def pictures_page(folder: Path, link: str) -> str:
    """A section for each kind of picture, as `gallery.json` of the folder lists them.

    `link` is the folder as pages name it. Files that a browser cannot show, and those that are not
    there, are left out.
    """
    told = json.loads((folder / LIST).read_text(encoding="utf-8"))
    lines = [line for line in told if _is_shown(folder, line)]
    parts = []
    for kind, members in groupby(lines, key=lambda line: (str(line["kind"]), str(line["says"]))):
        name, says = kind
        parts.append(f"## {escaped(name.replace('-', ' ').capitalize())}\n")
        parts.append(f"{escaped(says[:1].upper() + says[1:])}. {_command(name)}\n")
        for line in members:
            caption = escaped(str(line["caption"]))
            parts.append(f"![{_alternative(caption)}]({link}/{line['file']})\n\n*{caption}*\n")
    return "\n".join(parts)


def _is_shown(folder: Path, line: Mapping[str, object]) -> bool:
    file = folder / str(line["file"])
    return file.suffix in _SHOWN and file.is_file()


def _command(kind: str) -> str:
    return f"`phenovae figures RUN --kind {kind}`"


def _alternative(caption: str) -> str:
    """What a picture shows, for who cannot see it: the first sentence of its caption."""
    return caption.partition(". ")[0]
