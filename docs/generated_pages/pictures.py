"""A gallery: the pictures of a folder, with the captions that were written with them."""

from __future__ import annotations

import json
from pathlib import Path

from generated_pages.markdown import escaped

_KINDS = (".png", ".svg", ".gif", ".jpg")


def pictures_page(folder: Path, link: str) -> str:
    """Every picture of a folder with its title and caption, as `figures.json` in it has them."""
    listed = folder / "figures.json"
    if not listed.is_file():
        return f"*There is no picture yet: {escaped(link)}/figures.json is not there.*\n"
    told = json.loads(listed.read_text(encoding="utf-8"))
    return str(told)
