"""From features that are read block by block to the first level of a recipe, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.aggregate import COUNT, Average, averages, group, sums
from phenovae.profiles.control_rows import ControlRows, pieces
from phenovae.profiles.features import Features, FeatureTable, Mask, Matrix
from phenovae.profiles.levels import WELL, Level
from phenovae.profiles.places import Places
from phenovae.profiles.transforming import Transforms

logger = logging.getLogger(__name__)

# Controls of fewer bytes than these are kept in memory while transforms are fitted.
_TAKEN = 64 << 20


def blocks_at(
    at: Level,
    features: Features,
    metadata: pd.DataFrame,
    transforms: Transforms,
    controls: Mask,
    enough: Mask,
) -> Iterator[Matrix]:
    """Blocks of features; the transforms are fitted first, where they act at this level."""
    if at == features.level:
        return fitted_blocks(features, metadata, transforms, controls, enough)
    return read_pieces(features)


def fitted_blocks(
    features: Features, metadata: pd.DataFrame, transforms: Transforms, controls: Mask, enough: Mask
) -> Iterator[Matrix]:
    """Fit the transforms at the level of the features; blocks of them for `first_average`.

    Transforms that see all rows need them in memory, and leave them transformed.
    """
    if not transforms.transductive:
        transforms.fit(_control_rows(features, metadata, controls))
        return read_pieces(features)
    if not isinstance(features, FeatureTable):
        raise InputError(
            f"{', '.join(transforms.transductive)} needs all rows at once, and these "
            f"{len(metadata)} {features.level}s are read block by block",
            mend="let the protocol average first: transform_at site or well",
        )
    places = Places.of(metadata)
    inside = transforms.fit_and_apply(
        features.values[enough], places.take(enough), controls[enough]
    )
    found = np.zeros((len(metadata), inside.shape[1]))
    found[enough] = inside
    return iter(pieces(found))


def _control_rows(features: Features, metadata: pd.DataFrame, controls: Mask) -> ControlRows:
    """The controls of features: taken out where they are few, else read at every pass."""
    places = Places.of(metadata.loc[controls])
    if len(places) * len(features.columns) * 8 <= _TAKEN:
        return ControlRows.of(features.take(controls), places, features.columns)

    def read() -> Iterator[Matrix]:
        start = 0
        for values in read_pieces(features):
            here = controls[start : start + len(values)]
            if here.any():
                yield values[here]
            start += len(values)

    return ControlRows(read, places, features.columns)


def read_pieces(features: Features) -> Iterator[Matrix]:
    """Blocks of features, cut so that copies of one stay small; one without rows is kept."""
    for _, values in features.blocks():
        yield from pieces(values) if len(values) else (values,)


def first_average(
    source: Iterator[Matrix],
    features: Features,
    metadata: pd.DataFrame,
    wanted: Mask,
    transforms: Transforms,
    level: Level,
    average: Average,
    trim: float,
) -> tuple[pd.DataFrame, Matrix]:
    """Average the wanted rows, transformed where transforms are fitted, into the first level."""
    inside = metadata.loc[wanted]
    groups = group(inside, level)
    blocks = wanted_blocks(source, wanted, Places.of(inside), transforms)
    if average == "mean":
        total = sums(blocks, groups)
        sizes = np.bincount(groups.codes, minlength=len(groups))
        return groups.rows, total / sizes[:, None]
    values: Matrix | None = None
    for start, block in blocks:
        if values is None:
            values = np.empty((len(inside), block.shape[1]))
        values[start : start + len(block)] = block
    if values is None:
        values = np.zeros((0, len(features.columns)))
    return groups.rows, averages(values, groups, average, trim)


def wanted_blocks(
    source: Iterator[Matrix], wanted: Mask, places: Places, transforms: Transforms
) -> Iterator[tuple[int, Matrix]]:
    """Blocks of the wanted rows, transformed, each with the number of its first row."""
    seen = start = 0
    for values in source:
        here = wanted[start : start + len(values)]
        start += len(values)
        block = values if here.all() else values[here]
        yield seen, transforms.apply(block, places.take(slice(seen, seen + len(block))))
        seen += len(block)


def enough_cells(features: Features, minimum: int) -> tuple[Mask, tuple[str, ...]]:
    """Which rows are of wells of enough cells, and the names of the wells that are not."""
    rows = features.metadata
    known = features.level == "cell" or COUNT in rows
    if minimum <= 1 or not known or not {*WELL} <= {*rows.columns}:
        return np.ones(len(rows), bool), ()
    wells = rows.groupby(list(WELL), observed=True, dropna=False).ngroup().to_numpy()
    counted = rows[COUNT].to_numpy(float) if COUNT in rows else np.ones(len(rows))
    few = (np.bincount(wells, weights=counted) < minimum)[wells] if len(rows) else np.zeros(0, bool)
    poor = rows.loc[few, list(WELL)].drop_duplicates()
    names = sorted(f"{plate} {well}" for plate, well in poor.itertuples(index=False))
    if names:
        logger.warning("%d wells of fewer than %d cells are left out", len(names), minimum)
    return ~few, tuple(names)
