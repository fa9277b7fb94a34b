"""The tree of pages, from the lists of links on the first page."""

from __future__ import annotations

import re

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#\s]+)\.(?:md|ipynb)\)", re.MULTILINE)


def contents(page: str) -> str:
    """A hidden tree of contents for every heading of the page that lists links to pages.

    So the lists are written once, in Markdown that reads well anywhere.
    """
    parts = _HEADING.split(page)[1:]
    trees = []
    for caption, body in zip(parts[::2], parts[1::2], strict=True):
        if pages := _ENTRY.findall(body):
            names = "\n".join(pages)
            trees.append(
                f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n{names}\n```\n"
            )
    return "\n".join(trees)
