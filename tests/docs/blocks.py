"""What the documents show: fenced blocks, and the command lines in them."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SETS_A_VARIABLE = re.compile(r"[A-Z_]+=")
_ANOTHER_FILE = (">", "|", "&&")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where it begins."""

    document: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks_of(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(name_of(document), line, found[1], found[2])


def all_blocks(*languages: str) -> list[Block]:
    return [
        block
        for document in DOCUMENTS
        for block in blocks_of(document)
        if block.language in languages
    ]


def commands_in(shell: str) -> Iterator[list[str]]:
    """What follows `phenovae` in every line that calls it, up to what a shell does with it."""
    for line in shell.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and _SETS_A_VARIABLE.match(words[0]):
            words = words[1:]
        if words[:1] != ["phenovae"]:
            continue
        ends = [number for number, word in enumerate(words) if word in _ANOTHER_FILE]
        yield words[1 : ends[0] if ends else None]


def verb_of(words: list[str]) -> str:
    return next((word for word in words if not word.startswith("-")), "")


def missing_packages(code: str) -> set[str]:
    """Packages that a piece of Python imports and that are not installed."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            named |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add((node.module or "").partition(".")[0])
    return {name for name in named if importlib.util.find_spec(name) is None}
