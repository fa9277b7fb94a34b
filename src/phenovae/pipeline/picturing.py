"""Pictures of a run: kinds drawn one after the other, into files, each with its line of facts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phenovae.base.errors import InputError
from phenovae.base.files import read_json, write_json, writing
from phenovae.figures.drawing import to_bytes
from phenovae.pipeline.figure_kinds import CannotDrawError, Drawn, Gathered, Kind

logger = logging.getLogger(__name__)

Format = Literal["png", "svg", "pdf"]
Line = dict[str, object]

FIGURES = "figures"
LIST = "figures.json"
FORMAT = 1


@dataclass(frozen=True)
class Pictured:
    """What was drawn: a line of facts for each file; and by kind, why there is none."""

    lines: tuple[Line, ...]
    missing: dict[str, str]


def draw_figures(
    gathered: Gathered, kinds: Sequence[Kind], formats: Sequence[Format], out: Path
) -> Pictured:
    """Draw kinds of pictures into a folder; `figures.json` there has a line for every file.

    Lines are `{file, kind, caption, cells, seed, palette}`; those of files that are still there
    from before stay. GIFs are GIFs whatever the formats. The same run, seed and palette give the
    same bytes on the CPU.
    """
    lines: list[Line] = []
    missing: dict[str, str] = {}
    with gathered.progress.bar("drawing", len(kinds)) as bar:
        for kind in kinds:
            try:
                for drawn in kind.draw(gathered):
                    for file in _write(drawn, formats, out):
                        lines.append(_line(file, kind, drawn, gathered))
                        logger.info("%s: %s", kind.name, file)
            except CannotDrawError as error:
                missing[kind.name] = error.what
            bar.advance()
            _write_list(out, lines, missing, {kind.name for kind in kinds})
    return Pictured(tuple(lines), missing)


def _write(drawn: Drawn, formats: Sequence[Format], out: Path) -> Iterator[str]:
    if isinstance(drawn.picture, bytes):
        files = {f"{drawn.name}.gif": drawn.picture}
    else:
        figure = drawn.picture
        files = {f"{drawn.name}.{kind}": to_bytes(figure, kind) for kind in dict.fromkeys(formats)}
    for file, data in files.items():
        with writing(out / file) as partial:
            partial.write_bytes(data)
        yield file


def _line(file: str, kind: Kind, drawn: Drawn, gathered: Gathered) -> Line:
    return {
        "file": file,
        "kind": kind.name,
        "caption": drawn.caption,
        "cells": drawn.cells,
        "seed": gathered.wanted.seed,
        "palette": gathered.wanted.palette,
    }


def _write_list(out: Path, lines: Sequence[Line], missing: dict[str, str], kinds: set[str]) -> None:
    new = {line["file"] for line in lines}
    before = _read_list(out / LIST)
    kept = [
        line
        for line in before.get("figures", [])
        if line.get("file") not in new and (out / str(line.get("file"))).is_file()
    ]
    absent = [line for line in before.get("not_drawn", []) if line.get("kind") not in kinds]
    absent += [{"kind": name, "why": why} for name, why in missing.items()]
    write_json(out / LIST, {"format": FORMAT, "figures": [*kept, *lines], "not_drawn": absent})


def _read_list(path: Path) -> dict[str, list[Line]]:
    if not path.exists():
        return {}
    told = read_json(path)
    if not isinstance(told, dict):
        raise InputError(f"{path.name} holds no keys", where=path, mend="remove the file")
    return {
        str(key): [line for line in lines if isinstance(line, dict)]
        for key, lines in told.items()
        if isinstance(lines, list)
    }
