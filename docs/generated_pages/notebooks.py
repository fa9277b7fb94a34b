"""Notebooks, kept as text and executed before they are shown.

They are Markdown, so that a change of one can be read, and hold no outputs, which would be made by
some version of the code that nobody knows. What the site shows is an executed copy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
FORM = "PHENOVAE_NOTEBOOKS"
_SECONDS_A_CELL = 600
_BAD = ("error:", "Traceback (most recent call last)")


def notebooks() -> list[Path]:
    """The notebooks, as text."""
    return sorted(FOLDER.glob("*.md"))


def execute(notebook: Path, out: Path, work: Path, form: Literal["short", "full"]) -> None:
    """Execute a notebook in the folder `work` and write it with its outputs to `out`, an .ipynb.

    Raises RuntimeError where a cell fails, or a command in it ends with an error.
    """
    work.mkdir(parents=True, exist_ok=True)
    book = jupytext.read(notebook)
    client = NotebookClient(
        book,
        timeout=_SECONDS_A_CELL if form == "short" else None,
        kernel_name="python3",
        resources={"metadata": {"path": str(work)}},
    )
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    client.execute(env={**os.environ, "PATH": here, FORM: form, "MPLBACKEND": "Agg"})
    if faults := list(_faults(book)):
        raise RuntimeError(f"{notebook.name}: " + "\n".join(faults))
    out.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, out)


def _faults(book: nbformat.NotebookNode) -> Iterator[str]:
    """Lines of output by which commands of the shell tell that they failed."""
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            for line in str(output.get("text", "")).splitlines():
                if line.startswith(_BAD):
                    yield line
