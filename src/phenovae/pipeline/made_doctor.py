"""A doctor of what a run made of its cells and its model: embeddings, and a diagnosis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json
from phenovae.base.findings import Finding, counted, fault
from phenovae.pipeline import paths
from phenovae.report.facts import mapping

_CELL = ["Metadata_Plate", "Metadata_Field", "Metadata_Cell"]
_SHOWN = 20
_PARTS = ("information", "aggregate", "bound", "reconstruction", "calibration")
_OF_LATENT = ("mean", "variance", "kl_per_dimension", "variance_of_mean")
_AGAIN = "phenovae diagnose --run RUN --again"


def compare_cells(store: pd.DataFrame, path: Path) -> Iterator[Finding]:
    """Whether a table has a row for every cell of the store's table, in its order, and no other.

    A table that cannot be read is for others to tell of.
    """
    try:
        rows = pq.read_table(path, columns=_CELL).to_pandas()
    except (OSError, pa.ArrowInvalid, KeyError):
        return
    if list(rows.columns) != _CELL:
        yield fault("it does not say which cells its rows are", mend=_made_by(path))
        return
    own, there = (pd.MultiIndex.from_frame(each[_CELL].astype(str)) for each in (store, rows))
    lost, strange = own.difference(there, sort=False), there.difference(own, sort=False)
    for found, what in ((lost, "of the store missing in it"), (strange, "not in the store")):
        if len(found):
            names = [" ".join(key) for key in found[:_SHOWN]]
            yield fault(f"{counted(len(found), 'cell')} {what}", names, _made_by(path))
    twice = len(there) - len(there.unique())
    if twice:
        yield fault(f"{counted(twice, 'cell')} there twice", mend=_made_by(path))
    if not len(lost) and not len(strange) and not twice and not own.equals(there):
        yield fault("its cells are in another order than the store's", mend=_made_by(path))


def examine_backbone_card(run: Path) -> Iterator[Finding]:
    """Whether it is said which backbone embedded the cells of a run."""
    try:
        told = mapping(read_json(run / paths.BACKBONE_CARD))
    except InputError as error:
        yield fault(error.what, mend=_made_by(run / paths.BACKBONE))
        return
    lacking = [name for name in ("name", "file", "sha256") if not told.get(name)]
    if lacking:
        yield fault(
            "it does not say which backbone it is of", lacking, _made_by(run / paths.BACKBONE)
        )


def examine_diagnosis(run: Path) -> Iterator[Finding]:
    """Whether a run's diagnosis is whole, of finite numbers, and of the model that is there."""
    try:
        told = read_json(run / paths.DIAGNOSIS)
    except InputError as error:
        yield fault(error.what, mend=_AGAIN)
        return
    if not isinstance(told, Mapping):
        yield fault("this is no diagnosis", mend=_AGAIN)
        return
    lacking = [part for part in _PARTS if not isinstance(told.get(part), Mapping)]
    if lacking:
        yield fault(f"{counted(len(lacking), 'part')} missing", lacking, _AGAIN)
    odd = list(_not_finite(told, ""))
    if odd:
        yield fault(
            f"{counted(len(odd), 'value')} instead of a finite number",
            odd[:_SHOWN],
            _AGAIN,
        )
    aggregate, latent = mapping(told.get("aggregate")), told.get("latent")
    uneven = [
        name
        for name in _OF_LATENT
        if isinstance(values := aggregate.get(name), list) and len(values) != latent
    ]
    if uneven:
        yield fault(f"it is not of {latent} latents throughout", uneven, _AGAIN)
    if told.get("weights") != _weights_of(run, told.get("weights")):
        yield fault("it is of other weights than the run's model", mend=_AGAIN)


def _weights_of(run: Path, unknown: object) -> object:
    """What tells the run's model from others; where it cannot be read, which is told elsewhere."""
    from phenovae.vae.model_files import load_model

    try:
        return load_model(run / paths.MODEL).weights_hash
    except PhenovaeError:
        return unknown


def _not_finite(value: object, key: str) -> Iterator[str]:
    """Keys of numbers that JSON has no word for, and of what cannot be without one."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _not_finite(each, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _not_finite(each, f"{key}[{place}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield key
    elif value is None and key.startswith("bound."):
        yield key


def _made_by(path: Path) -> str:
    verb = "embed" if path.name in (paths.EMBEDDINGS, paths.BACKBONE) else "run"
    return f"phenovae {verb} --run RUN --again"
