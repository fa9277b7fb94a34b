"""A leak audit of a trained run: what training saw, by its splits, cells, card and scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.findings import Finding, as_records, counted, fault, gravest_first, note, warning
from phenovae.base.tables import read_table
from phenovae.cells.splits import LEFT_OUT, SPLITS, TEST, TRAIN, VALIDATION, split_hash
from phenovae.cells.store import CellStore
from phenovae.evaluate.protocol import FIT_ALL
from phenovae.evaluate.provenance import Training
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.execute import CONFIG_NAME
from phenovae.report.facts import mapping
from phenovae.screen.sites import concentration_key
from phenovae.vae.file_names import CARD
from phenovae.vae.objective_options import WELLS

_UNITS: dict[str, tuple[str, ...]] = {
    "fields": ("Metadata_Plate", "Metadata_Field"),
    "wells": ("Metadata_Plate", "Metadata_Well"),
    "plates": ("Metadata_Plate",),
    "batches": ("Metadata_Batch",),
    "treatments": ("Metadata_Compound", "Metadata_Concentration"),
    "compounds": ("Metadata_Compound",),
}
_SIDES = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True)
class LeakAudit:
    """What training saw. `shared` has a row for each two sides: what both have, unit by unit."""

    facts: tuple[tuple[str, str], ...]
    units: tuple[str, ...]
    shared: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]

    def as_dict(self) -> Mapping[str, object]:
        """The audit as JSON."""
        return {
            **asdict(self),
            "facts": dict(self.facts),
            "findings": as_records(self.findings),
        }


def audit_leaks(run: Path) -> LeakAudit | None:
    """What the training of a run saw; None where nothing is trained yet.

    Raises InputError where splits, cells or card cannot be read, or are not of each other.
    """
    if not (run / paths.MODEL / CARD).is_file() or not (run / paths.SPLITS).is_file():
        return None
    config = load_config(run / CONFIG_NAME)
    store = CellStore.open(run / paths.CELLS)
    splits = read_table(run / paths.SPLITS, SPLITS)
    cells = store.table
    if not np.array_equal(splits["Row"], np.arange(len(cells))):
        raise InputError(
            f"{paths.SPLITS} has {len(splits)} rows, the store {len(cells)} cells",
            where=run,
            mend="split the cells anew with phenovae train",
        )
    side = splits["Split"].to_numpy(dtype=object)
    card = mapping(read_json(run / paths.MODEL / CARD))
    keyed = cells.assign(
        Metadata_Concentration=cells["Metadata_Concentration"].map(concentration_key)
    )
    sides = {name: keyed.loc[side == name] for name in _SIDES if (side == name).any()}
    shared = _shared(sides)
    scored = side == config.evaluate.cells if config.evaluate.cells != "all" else side != LEFT_OUT
    seen = int((scored & (side == TRAIN)).sum())
    said = [
        *_of_hashes(card, splits, store),
        *_of_groups(splits),
        *_of_sides(config, shared),
        *_of_scores(run, config, int(scored.sum()), seen),
    ]
    return LeakAudit(
        facts=tuple(_facts(config, card, sides, int(scored.sum()), seen)),
        units=tuple(_UNITS),
        shared=tuple(
            (name, *(f"{n:,}" for n in counts.values())) for name, counts in shared.items()
        ),
        findings=gravest_first(said),
    )


def _shared(sides: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    keys = {
        name: {
            unit: set(rows[list(by)].itertuples(index=False, name=None))
            for unit, by in _UNITS.items()
        }
        for name, rows in sides.items()
    }
    return {
        f"{one}, {other}": {unit: len(keys[one][unit] & keys[other][unit]) for unit in _UNITS}
        for one, other in combinations(sides, 2)
    }


def _facts(
    config: Config,
    card: Mapping[str, object],
    sides: Mapping[str, pd.DataFrame],
    scored: int,
    seen: int,
) -> Iterator[tuple[str, str]]:
    labels = config.objective.labels
    used = "none in the loss; mechanisms nowhere"
    if labels != "none":
        used = f"{Training(labels=labels).track}: the loss sees {labels}s; mechanisms nowhere"
    if WELLS in config.objective.terms:
        used += "; the loss is told which cells share a well"
    if config.sampling.balance != "none":
        used += f"; cells are drawn evened out by {config.sampling.balance}"
    yield "labels", used
    yield "split", f"by {config.split.by}, like shares by {config.split.stratify}"
    for name, rows in sides.items():
        compounds = rows["Metadata_Compound"].nunique()
        wells = len(rows[list(_UNITS["wells"])].drop_duplicates())
        yield (
            name,
            (
                f"{counted(len(rows), 'cell')}, {counted(wells, 'well')}, "
                f"{counted(compounds, 'compound')}"
            ),
        )
    training = sides.get(TRAIN)
    if training is not None:
        known = set(training["Metadata_Compound"])
        new = {str(name) for rows in sides.values() for name in rows["Metadata_Compound"]} - known
        yield "compounds held out", ", ".join(sorted(new)) or "none: every one was trained on"
    summary = mapping(card.get("summary"))
    yield (
        "checkpoint",
        f"epoch {summary.get('kept_epoch')} of {summary.get('epochs')}, kept by "
        f"{summary.get('kept_by')}; no score takes part",
    )
    yield "scored cells", f"{scored:,}, of which {seen:,} were trained on"


def _of_hashes(
    card: Mapping[str, object], splits: pd.DataFrame, store: CellStore
) -> Iterator[Finding]:
    origin = mapping(card.get("origin"))
    if origin.get("split_hash") != split_hash(splits):
        yield fault(
            f"the model was trained with other splits than {paths.SPLITS} has",
            mend="train anew, or restore the splits: what was held out is not known",
        )
    if origin.get("store") != store.fingerprint():
        yield fault(
            "the model was trained on another cell store than the run's",
            mend="train anew, or restore the store",
        )


def _of_groups(splits: pd.DataFrame) -> Iterator[Finding]:
    used = splits.loc[splits["Split"] != LEFT_OUT]
    counts = used.groupby("Group")["Split"].nunique()
    torn = [str(name) for name in counts.index[counts > 1]]
    if torn:
        yield fault(
            f"{counted(len(torn), 'group')} on two sides of the split",
            torn,
            "split the cells anew with phenovae train",
        )


def _of_sides(config: Config, shared: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    for name, counts in shared.items():
        if counts["fields"]:
            yield warning(
                f"{name} share {counted(counts['fields'], 'field')}: cells of one picture are on "
                "both sides",
                mend="split.by=well or coarser",
            )
        elif counts["compounds"] and config.split.by not in ("compound", "cell"):
            yield note(
                f"{name} share {counted(counts['compounds'], 'compound')} and "
                f"{counted(counts['plates'], 'plate')}: the second side tests other "
                "wells, not other drugs",
            )


def _of_scores(run: Path, config: Config, scored: int, seen: int) -> Iterator[Finding]:
    if not (run / paths.SCORES).is_file():
        return
    if seen and config.evaluate.cells == "all":
        yield _of_all_scored(config, scored, seen)
    elif seen:
        yield warning(
            f"{seen:,} of {scored:,} scored cells were trained on",
            mend="evaluate.cells=test scores a side that training never saw",
        )
    if config.evaluate.cells == VALIDATION:
        yield warning(
            "the scored cells chose the checkpoint",
            mend="set split.test to a share and evaluate.cells=test",
        )
    records = read_json(run / paths.SCORES)
    fitted = {
        str(record.get("protocol"))
        for record in (records if isinstance(records, list) else [])
        if isinstance(record, Mapping) and str(record.get("protocol", "")).endswith(FIT_ALL)
    }
    if fitted:
        yield warning(
            "transforms were fitted on the wells that they score",
            sorted(fitted),
            "name negative controls; evaluate.fit_on=negative_controls asks for them",
        )


def _of_all_scored(config: Config, scored: int, seen: int) -> Finding:
    if config.objective.weakly_supervised:
        return warning(
            f"{seen:,} of {scored:,} scored cells were trained on, with labels of compounds",
            mend="split.by=compound and evaluate.cells=test score compounds that no label named",
        )
    return note(
        f"{seen:,} of {scored:,} scored cells were trained on, without labels: usual, and to "
        "be said beside the scores",
        mend="evaluate.cells=test scores a side that training never saw",
    )
