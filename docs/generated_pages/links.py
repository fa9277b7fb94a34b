"""Whether every link within a built site leads to a file that is there, and to a place in it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LEADING = {"a": "href", "link": "href", "img": "src", "script": "src"}


class _Page(HTMLParser):
    """The ids of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids.update(name for key in ("id", "name") if (name := told.get(key)))
        if (link := told.get(_LEADING.get(tag, ""))) is not None:
            self.links.append(link)


def dead_links(site: Path) -> Iterator[str]:
    """Links of a site's pages that lead nowhere, as `page: link`; other sites are not asked."""
    pages = {
        path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }
    for path, page in sorted(pages.items()):
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            there = target.exists()
            if there and place and target in pages:
                there = place in pages[target].ids
            if not there:
                yield f"{path.relative_to(site.resolve())}: {link}"
