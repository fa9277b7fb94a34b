"""Markdown out of text that knows nothing of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MEANT = re.compile(r"([\\`*_{}\[\]<>|#$~])")
_LITERAL = re.compile(r"(`[^`]*`)")


def escaped(text: str) -> str:
    """The text as it is read, with nothing in it taken for markup but `literals`."""
    parts = _LITERAL.split(" ".join(text.split()))
    return "".join(
        part.replace("|", "\\|") if number % 2 else _MEANT.sub(r"\\\1", part)
        for number, part in enumerate(parts)
    )


def literal(text: str) -> str:
    """The text as a literal, in a cell of a table too; an empty one is nothing."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its cells being Markdown already."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
