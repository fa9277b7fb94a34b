"""A doctor of what lies on disk: a table, a cell store, a model, or a whole run, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.findings import Finding, counted, fault, gravest_first, warning
from phenovae.base.lock import lock_state
from phenovae.cells.shards import sha256_of_pixels
from phenovae.cells.store import CARD as STORE_CARD
from phenovae.cells.store import CellStore
from phenovae.pipeline import paths
from phenovae.pipeline.execute import CONFIG_NAME
from phenovae.pipeline.installation import Examination
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.leaks import audit_leaks
from phenovae.pipeline.made_doctor import (
    compare_cells,
    examine_backbone_card,
    examine_diagnosis,
)
from phenovae.pipeline.model_doctor import examine_model, once
from phenovae.pipeline.table_doctor import examine_table
from phenovae.screen.well_checks import check_wells, compare_wells, facts_of_wells
from phenovae.vae.file_names import CARD, WEIGHTS

_MOSTLY_FLAGGED = 0.5
_PARTIAL = ("*.partial", ".*.partial", ".*.old")
_JOURNAL = "run.json"
_EMBEDDED = (paths.EMBEDDINGS, paths.BACKBONE)


def examine_path(path: Path) -> Examination:
    """Look at whatever a path names. Raises InputError where it is nothing that can be examined."""
    if not path.exists():
        raise InputError("there is no such path", where=path, mend="check the path")
    if path.is_file():
        told = examine_table(path)
        return Examination(str(path), (("table", told.text),), gravest_first(told.findings))
    if (path / CONFIG_NAME).is_file() or (path / _JOURNAL).is_file():
        return _of_run(path)
    if (path / STORE_CARD).is_file() or path.name == paths.CELLS:
        facts, findings, _ = _of_store(path)
        said = [*_left_behind(path.parent, path.name), *findings]
        return Examination(str(path), tuple(facts), gravest_first(said))
    if (path / CARD).is_file() or (path / WEIGHTS).is_file():
        facts, findings = examine_model(path)
        return Examination(str(path), tuple(facts), gravest_first(findings))
    left = list(_left_behind(path))
    if left or path.name.endswith(".partial"):
        text = "half-written: what made this folder was stopped"
        own = [fault(text, mend="run the same command again")] if ".partial" in path.name else []
        return Examination(str(path), (), gravest_first([*own, *left]))
    raise InputError(
        "this folder is no run, no cell store and no model",
        where=path,
        mend="name one of these, or a table in Parquet or CSV",
    )


def _of_run(run: Path) -> Examination:
    facts: list[tuple[str, str]] = []
    said: list[Finding] = [*_of_lock(run), *_left_behind(run), *_of_journal(run)]
    of_cells: list[Finding] = []
    tables: dict[str, pd.DataFrame] = {}
    cells: pd.DataFrame | None = None
    if (run / paths.CELLS).is_dir():
        told, of_cells, cells = _of_store(run / paths.CELLS)
        facts += [(f"{paths.CELLS}: {name}", text) for name, text in told]
        if cells is not None:
            tables[paths.CELLS] = facts_of_wells(cells)
    for name in (paths.SITES, *_EMBEDDED, paths.PROFILES):
        if not (run / name).is_file():
            continue
        try:
            table = examine_table(run / name)
        except PhenovaeError as error:
            said.append(fault(f"{name}: {error.what}", mend=error.mend or ""))
            continue
        facts.append((name, table.text))
        if table.wells is not None:
            tables[name] = table.wells
        own = set(check_wells(table.wells)) if table.wells is not None else set()
        if name == paths.SITES:
            # What is wrong with a screen's wells is told of its sites, not once more of its cells.
            of_cells = [each for each in of_cells if each not in own]
            own = set()
        said += _named(name, [each for each in table.findings if each not in own])
        if name in _EMBEDDED and cells is not None:
            said += _named(name, list(compare_cells(cells, run / name)))
    if (run / paths.BACKBONE).is_file():
        said += _named(paths.BACKBONE_CARD, list(examine_backbone_card(run)))
    if (run / paths.DIAGNOSIS).is_file():
        said += _named(paths.DIAGNOSIS, list(examine_diagnosis(run)))
    said += _named(paths.CELLS, of_cells)
    said += _across(tables)
    if (run / paths.MODEL).is_dir():
        told, found = examine_model(run / paths.MODEL)
        facts += [(f"{paths.MODEL}: {name}", text) for name, text in told]
        said += _named(paths.MODEL, found)
    try:
        leaks = audit_leaks(run)
    except PhenovaeError as error:
        said.append(fault(error.what, mend=error.mend or ""))
    else:
        said += [each for each in leaks.findings if each.severity == "fault"] if leaks else []
    return Examination(str(run), tuple(facts), gravest_first(once(said)))


def _across(tables: dict[str, pd.DataFrame]) -> Iterator[Finding]:
    sites = tables.get(paths.SITES)
    nearest = next((name for name in (paths.CELLS, paths.EMBEDDINGS) if name in tables), None)
    if sites is not None and nearest is not None:
        yield from compare_wells(sites, tables[nearest], paths.SITES, nearest, whole=False)
    if paths.CELLS in tables and paths.EMBEDDINGS in tables:
        yield from compare_wells(
            tables[paths.CELLS], tables[paths.EMBEDDINGS], paths.CELLS, paths.EMBEDDINGS, whole=True
        )


def _of_lock(run: Path) -> Iterator[Finding]:
    state, holder = lock_state(run)
    if state == "held":
        yield warning(
            f"another process is at work on this run: {holder}",
            mend="examine it again when it has ended: what it writes is half there",
        )
    elif state == "left behind":
        yield warning(
            f"a process was killed while it had this run: {holder}",
            mend="the same command goes on from there; nothing needs to be removed",
        )


def _left_behind(folder: Path, name: str = "") -> Iterator[Finding]:
    found = sorted({path.name for sign in _PARTIAL for path in folder.glob(sign)})
    found = [each for each in found if name in each]
    if found:
        yield warning(
            f"{counted(len(found), 'file or folder', 'files or folders')} half-written",
            found,
            "the command that was stopped goes on with them or makes them anew; else remove them",
        )


def _of_journal(run: Path) -> Iterator[Finding]:
    if not (run / CONFIG_NAME).is_file():
        yield fault(f"there is no {CONFIG_NAME}", mend="restore it: nothing can go on without")
    if not (run / _JOURNAL).is_file():
        yield fault(f"there is no {_JOURNAL}", mend="phenovae run makes it; all stages run again")
        return
    try:
        journal = Journal.open(run, 0)
    except InputError as error:
        yield fault(error.what, mend=error.mend or "")
        return
    for name, entry in journal.stages.items():
        gone = [output for output in entry.outputs if not (run / output).exists()]
        if gone:
            yield fault(
                f"the stage {name} finished, and its output is gone",
                gone,
                "phenovae run with the run's configuration makes it anew",
            )


def _of_store(
    folder: Path,
) -> tuple[list[tuple[str, str]], list[Finding], pd.DataFrame | None]:
    try:
        store = CellStore.open(folder)
        table = store.table
    except PhenovaeError as error:
        return [], [fault(error.what, mend=error.mend or "")], None
    size = " × ".join(str(side) for side in store.crop_size)
    text = f"{counted(len(store), 'crop')} of {size} px, {len(store.card.shards)} shards"
    said: list[Finding] = []
    damaged = [
        shard.file
        for shard in store.card.shards
        if sha256_of_pixels(folder / shard.file) != shard.sha256
    ]
    if damaged:
        said.append(
            fault(
                f"the pixels of {counted(len(damaged), 'shard')} are not those that were written",
                damaged,
                "restore the files from a copy or make the store anew",
            )
        )
    flagged = table.loc[table["Quality_Flag"] != "", "Quality_Flag"].value_counts()
    if flagged.sum() > _MOSTLY_FLAGGED * len(table):
        said.append(
            warning(
                f"{int(flagged.sum()):,} of {len(table):,} crops are flagged and left out",
                [f"{name} ({count:,})" for name, count in flagged.items()],
                "look at them in the report; quality.noise_share and quality.contrast decide",
            )
        )
    key = ["Metadata_Plate", "Metadata_Field", "Metadata_Cell"]
    twice = int(table.duplicated(key).sum())
    if twice:
        said.append(fault(f"{counted(twice, 'cell')} there twice", mend="import each file once"))
    said += check_wells(facts_of_wells(table))
    checks = "checksums differ" if damaged else "checksums right"
    return [("store", f"{text}, {checks}")], said, table


def _named(name: str, findings: list[Finding]) -> list[Finding]:
    return [replace(each, what=f"{name}: {each.what}") for each in findings]
