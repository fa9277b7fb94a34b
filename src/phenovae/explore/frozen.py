"""The page as a folder of files that opens by double-click: fewer cells, pictures made before.

A page that is opened from a folder may fetch nothing, so all data are scripts that it loads, and
all pictures lie in sprite sheets within them. Sliders show what was decoded here and now.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import publishing, write_json, write_text
from phenovae.base.progress import SILENT, Progress
from phenovae.explore.answers import Answers
from phenovae.explore.levels import LEVELS, Level, LevelName, read_points
from phenovae.explore.maps import UMAP
from phenovae.explore.moves import Moves
from phenovae.explore.opening import OpenedRun
from phenovae.explore.packing import Json
from phenovae.explore.page import BOKEH, SCRIPTS, STYLES, bokeh_asset, check_bokeh, own_asset, page
from phenovae.explore.sheets import sheet_address

PAGE, MARK = "index.html", "explorer.json"
CELLS = 2000
_VALUES = CELLS * 3 * 64 * 64
_A_FILE = 100
_OF_TREATMENT = ("profile", "verdicts", "why_no_verdict")


@dataclass(frozen=True)
class Frozen:
    """What was written: the page, how many cells it shows, how large all is."""

    page: Path
    cells: int
    megabytes: float


def cells_that_fit(channels: int, side: int) -> int:
    """How many cells a page of files has: at most CELLS, fewer where pictures are larger."""
    return max(100, min(CELLS, _VALUES // (channels * side * side)))


def write_frozen(opened: OpenedRun, folder: Path, progress: Progress = SILENT) -> Frozen:
    """Write the page of a run into a folder, whole or not at all.

    Raises UsageError where the folder holds anything but such a page.
    """
    check_bokeh()
    check_free(folder)
    limit = cells_that_fit(len(opened.store.channels), opened.view.options.size)
    answers = Answers(opened, read_points(opened, limit), wait=None)
    count = len(answers.points.cells)
    with publishing(folder) as partial:
        _write_page(partial, answers)
        with progress.bar("writing the page", 4) as bar:
            moves = Moves(answers)
            _write_start(partial, answers, moves)
            bar.advance()
            _write_levels(partial, answers)
            bar.advance()
            _write_cells(partial, answers, moves)
            bar.advance()
            moves.write(partial / "data", _script)
            bar.advance()
        write_json(partial / MARK, {"format": 1, "run": opened.name, "cells": count})
    answers.close()
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Frozen(folder / PAGE, count, size / 1e6)


def check_free(folder: Path) -> None:
    """Raise UsageError where writing the page would put away what is no such page."""
    if folder.is_dir() and (folder / MARK).is_file() and (folder / PAGE).is_file():
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "there is something else already, which would be lost",
            where=folder,
            mend="name a new folder, or an empty one",
        )


def _write_page(folder: Path, answers: Answers) -> None:
    for room, names in (("assets", (*SCRIPTS, *STYLES)), ("bokeh", BOKEH)):
        (folder / room).mkdir()
        for name in names:
            target = folder / room / name
            if room == "assets":
                target.write_bytes(own_asset(name))
            else:
                shutil.copyfile(bokeh_asset(name), target)
    (folder / "data").mkdir()
    title = f"{answers.opened.name} - phenovae"
    write_text(folder / PAGE, page(title, ["data/start.js"]))


def _write_start(folder: Path, answers: Answers, moves: Moves) -> None:
    start = answers.start()
    levels: dict[str, Json] = {}
    count, total = len(answers.points.cells), answers.points.cells_in_run
    start["frozen"] = f"a page of files: {count:,} of {total:,} cells, sliders precomputed"
    for name in LEVELS:
        level = answers.points.levels[name]
        told = answers.level_told(level)
        told["planes"] = [each for each in answers.maps.listed(level) if each["name"] != UMAP]
        levels[name] = told
    start["levels"] = levels
    start |= moves.start()
    text = "window.PHENOVAE_DATA = {};\n" + _script("start", start)
    write_text(folder / "data" / "start.js", text)


def _write_levels(folder: Path, answers: Answers) -> None:
    for name in LEVELS:
        level = answers.points.levels[name]
        columns = [str(each["name"]) for each in answers.columns_of(level)]
        columns += [f"z:{number}" for number, _ in answers.decoder.usage[: Moves.LATENTS]]
        maps = {each: answers.plane(name, each) for each in _maps(answers, level)}
        told = {
            "level": answers.level(name),
            "maps": maps,
            "columns": {each: _column(answers, name, each) for each in columns},
        }
        write_text(folder / "data" / f"level-{name}.js", _script(f"level-{name}", told))


def _maps(answers: Answers, level: Level) -> list[str]:
    """All but UMAP, which takes far longer than all the rest of the page."""
    names = [str(each["name"]) for each in answers.maps.listed(level)]
    return [name for name in names if name != UMAP]


def _column(answers: Answers, level: LevelName, name: str) -> Json:
    try:
        return answers.column(level, name)
    except InputError as error:
        return {"error": error.what}


def _write_cells(folder: Path, answers: Answers, moves: Moves) -> None:
    """Facts of cells and their sprite sheets, some cells a file; treatments once."""
    rows = [int(row) for row in answers.points.cells.rows]
    treatments: dict[str, Json] = {}
    for number, start in enumerate(range(0, len(rows), _A_FILE)):
        here = rows[start : start + _A_FILE]
        images = answers.pictures.images(here)
        planes = [answers.pictures.planes(image) for image in images]
        facts: dict[str, Json] = {}
        for row in here:
            told = answers.cell(row)
            treatments.setdefault(
                str(told["treatment"]), {name: told[name] for name in _OF_TREATMENT}
            )
            kept = {name: told[name] for name in told if name not in (*_OF_TREATMENT, "measures")}
            facts[str(row)] = {**kept, **moves.of_cell(row)}
        data = folder / "data"
        write_text(data / f"facts-{number:03d}.js", _script(f"facts-{number:03d}", facts))
        sheet = {"address": sheet_address(planes), "rows": here}
        write_text(data / f"sheet-{number:03d}.js", _script(f"sheet-{number:03d}", sheet))
    write_text(folder / "data" / "treatments.js", _script("treatments", treatments))


def _script(key: str, told: Mapping[str, object]) -> str:
    """Data as a script that puts them where the page looks; `key` is ours, never from data."""
    text = json.dumps(told, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return f"window.PHENOVAE_DATA[{json.dumps(key)}] = {text};\n"
