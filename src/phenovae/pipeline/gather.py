"""What a finished run has to show, gathered for its report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.tables import read_table
from phenovae.cells.store import CellStore
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, config_text
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.stages.evaluate import NEIGHBOURS, PROFILES
from phenovae.report.content import Flagged, Pictures, Record, ReportContent
from phenovae.report.facts import mapping
from phenovae.screen.bbbc021.knowledge import published


def gather(run: Path, config: Config) -> ReportContent:
    """Read everything that the report of a run shows. Raises InputError where a file is missing."""
    journal = Journal.open(run, config.seed)
    facts = {name: entry.facts for name, entry in journal.stages.items()}
    store = CellStore.open(run / paths.CELLS)
    synthetic = config.input.source == "twin"
    return ReportContent(
        title=config.report.title or run.resolve().name,
        synthetic=synthetic,
        source=store.card.source + (" of a synthetic screen" if synthetic else ""),
        channels=store.channels,
        design=mapping(facts.get("sites", {}).get("design")),
        imported=mapping(read_json(run / paths.IMPORT)),
        flagged=_flagged(store, config.report.flagged_cells),
        history=pd.read_csv(run / paths.MODEL / "history.csv"),
        summary=mapping(facts.get("train", {}).get("summary")),
        diagnostics=mapping(read_json(run / paths.MODEL / "diagnostics.json")),
        pictures=_pictures(run / paths.MODEL / "pictures.npz"),
        records=_records(run / paths.SCORES),
        neighbours=read_table(run / paths.NEIGHBOURS, NEIGHBOURS),
        profiles=read_table(run / paths.PROFILES, PROFILES),
        confusions={
            name: mapping(table)
            for name, table in mapping(facts.get("evaluate", {}).get("confusion")).items()
        },
        splits=facts.get("split", {}),
        config_text=config_text(config),
        journal=journal.as_dict(),
        published=published(),
        umap=config.report.umap,
    )


def _records(path: Path) -> list[Record]:
    told = read_json(path)
    if not isinstance(told, list):
        raise InputError(f"{path.name} is no list of scores", where=path)
    return [record for record in told if isinstance(record, dict)]


def _flagged(store: CellStore, shown: int) -> Flagged | None:
    flags = store.table["Quality_Flag"].to_numpy(dtype=object)
    rows = np.flatnonzero(flags != "")
    if not len(rows) or not shown:
        return None
    chosen = rows[:shown]
    return Flagged(store.read(chosen), tuple(str(flag) for flag in flags[chosen]), len(rows))


def _pictures(path: Path) -> Pictures | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return Pictures(
            channels=tuple(str(name) for name in file["channels"]),
            originals=file["originals"].astype(np.float32),
            reconstructions=file["reconstructions"].astype(np.float32),
            samples=file["samples"].astype(np.float32),
        )
