"""What a finished run has to show, gathered for its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import read_json, sha256_of_file
from phenovae.base.tables import Schema, empty_table, read_table
from phenovae.cells.store import CellStore
from phenovae.evaluate.unannotated import UNANNOTATED
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, config_text
from phenovae.pipeline.gather_compounds import gather_compounds
from phenovae.pipeline.gather_fields import gather_fields
from phenovae.pipeline.gather_wells import gather_wells
from phenovae.pipeline.journal import Journal
from phenovae.pipeline.screens import BBBC021
from phenovae.pipeline.stages.evaluate import NEIGHBOURS, PROFILES
from phenovae.report.content import Flagged, Pictures, Record, ReportContent
from phenovae.report.facts import mapping
from phenovae.screen.bbbc021.knowledge import published
from phenovae.vae.file_names import DIAGNOSTICS, HISTORY, PICTURES, WEIGHTS

WHOLE_FIELDS = ("raw", "twin")
_SCORING = ("evaluate", "profile")


def gather(run: Path, config: Config) -> ReportContent:
    """Read everything that the report of a run shows. Raises InputError where a file is missing."""
    journal = Journal.open(run, config.seed)
    facts = {name: entry.facts for name, entry in journal.stages.items()}
    store = CellStore.open(run / paths.CELLS)
    flags = store.table["Quality_Flag"].to_numpy(dtype=object)
    without = {name: entry.skipped for name, entry in journal.stages.items() if entry.skipped}
    trained = "train" not in without
    scored, profiled = (name in journal.stages and name not in without for name in _SCORING)
    synthetic = config.input.source == "twin"
    return ReportContent(
        title=config.report.title or run.resolve().name,
        synthetic=synthetic,
        source=store.card.source + (" of a synthetic screen" if synthetic else ""),
        channels=store.channels,
        design=_design(journal),
        imported=mapping(read_json(run / paths.IMPORT)),
        flagged=_flagged(store, flags, config.report.flagged_cells),
        history=pd.read_csv(run / paths.MODEL / HISTORY) if trained else pd.DataFrame(),
        summary=mapping(facts.get("train", {}).get("summary")),
        diagnostics=mapping(read_json(run / paths.MODEL / DIAGNOSTICS)) if trained else {},
        diagnosis=_told(run / paths.DIAGNOSIS),
        generation=_told(run / paths.GENERATION),
        pictures=_pictures(run / paths.MODEL / PICTURES),
        records=_records(run / paths.SCORES) if scored else [],
        neighbours=_table(run / paths.NEIGHBOURS, NEIGHBOURS, there=scored),
        profiles=_table(run / paths.PROFILES, PROFILES, there=profiled),
        confusions={
            name: mapping(table)
            for name, table in mapping(facts.get("evaluate", {}).get("confusion")).items()
        },
        splits=facts.get("split", {}),
        config_text=config_text(config),
        journal=journal.as_dict(),
        published=published() if facts.get("sites", {}).get("screen") == BBBC021 else (),
        umap=config.report.umap,
        options=config.model_dump(mode="json"),
        training=facts.get("train", {}),
        checksums={
            "cell store": store.fingerprint(),
            "splits": str(facts.get("split", {}).get("hash", "not recorded")),
            **(
                {"weights of the model": sha256_of_file(run / paths.MODEL / WEIGHTS)}
                if trained
                else {}
            ),
        },
        crop_um=_micrometres(store, store.card.crop_size[-1]),
        picture_um=_micrometres(
            store,
            store.card.crop_size[-1] if config.view.fit == "resize" else config.view.size,
        ),
        flagged_total=int((flags != "").sum()),
        skipped=without,
        fields=(
            gather_fields(run, config, facts, lit="illuminate" not in without)
            if config.input.source in WHOLE_FIELDS
            else None
        ),
        compounds=gather_compounds(store, config.report.example_cells),
        wells=gather_wells(run, store),
        unannotated=_table(run / paths.UNANNOTATED, UNANNOTATED, there=profiled),
    )


def design_of(run: Path) -> Mapping[str, object]:
    """The design of a run's screen as its stage `sites` found it; empty before that has run."""
    return _design(Journal.open(run, 0))


def _design(journal: Journal) -> Mapping[str, object]:
    entry = journal.stages.get("sites")
    return mapping(entry.facts.get("design")) if entry is not None else {}


def _table(path: Path, schema: Schema, *, there: bool) -> pd.DataFrame:
    return read_table(path, schema) if there else empty_table(schema)


def _records(path: Path) -> list[Record]:
    told = read_json(path)
    if not isinstance(told, list):
        raise InputError(f"{path.name} is no list of scores", where=path)
    return [record for record in told if isinstance(record, dict)]


def _micrometres(store: CellStore, pixels: int) -> float | None:
    size = store.card.pixel_size_um
    return None if size is None else size * pixels


def _flagged(store: CellStore, flags: npt.NDArray[np.object_], shown: int) -> Flagged | None:
    rows = np.flatnonzero(flags != "")
    if not len(rows) or not shown:
        return None
    # Spread over the store, for neighbours in it are neighbours on a plate.
    places = np.linspace(0, len(rows) - 1, min(shown, len(rows))).round().astype(int)
    chosen = rows[places]
    names, counts = np.unique(flags[rows].astype(str), return_counts=True)
    return Flagged(
        store.read(chosen),
        tuple(str(flag) for flag in flags[chosen]),
        len(rows),
        {str(name): int(count) for name, count in zip(names, counts, strict=True)},
    )


def _told(path: Path) -> Mapping[str, object]:
    """A record of what a model is like; empty where a run has none, as older ones have not."""
    return mapping(read_json(path)) if path.exists() else {}


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
