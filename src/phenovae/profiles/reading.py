"""Anybody's table of features, read as what scoring takes: any profiles in.

Parquet (cytotable, pycytominer, phenovae's embeddings), CSV, a folder of DeepProfiler's `.npz`
files, AnnData's `.h5ad`. Rows get what is known of their wells or treatments by keys.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.choosing import FeatureChoice, chosen, listed
from phenovae.profiles.columns import read_columns
from phenovae.profiles.feature_file import FeatureFile, checked
from phenovae.profiles.filtering import filtered
from phenovae.profiles.joining import Joined, join
from phenovae.profiles.levels import Level
from phenovae.profiles.own_metadata import own_metadata, with_batches
from phenovae.profiles.sources import Source, level_told, read_csv, read_parquet
from phenovae.profiles.table_rows import check_once, level_of, read_rows
from phenovae.screen.mechanisms import with_mechanisms
from phenovae.screen.roles import RoleRules

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadOptions:
    """How a table is read: what its rows are, which columns are which, what is left out.

    `columns` says the column of a meaning outright (`{"well": "Position"}`). `rules`,
    `batch_pattern` and `moa` are for what the table alone does not say of roles, batches and
    mechanisms.
    """

    name: str = ""
    level: Level | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    choice: FeatureChoice = field(default_factory=FeatureChoice)
    ignore_unmatched: bool = False
    rules: RoleRules = field(default_factory=RoleRules)
    batch_pattern: str | None = None
    moa: Path | None = None


@dataclass(frozen=True)
class ReadFeatures:
    """Features of a table, and how they were brought together with the metadata.

    `joined` is None where the table brought its own. `left_out` are columns of numbers that were no
    features by the choice that was made.
    """

    features: FeatureFile
    joined: Joined | None
    left_out: tuple[str, ...]


def read_features(
    path: Path, wells: pd.DataFrame | None = None, options: ReadOptions | None = None
) -> ReadFeatures:
    """Read a table of features of any level and join it to what is known of the wells.

    `wells` has a row for each well, or site, with the columns of `platemap.MAP_COLUMNS`; without it
    the table has its own. Raises InputError or UsageError where the table cannot be read, says too
    little of its rows, or holds what may not be a feature.
    """
    options = options or ReadOptions()
    source = open_source(path)
    if not len(source):
        raise InputError("the table has no rows", where=path)
    columns = read_columns(source.columns, options.columns)
    _tell_unused(source, columns.unused)
    rows = read_rows(source, columns)
    level = level_of(rows, options.level or level_told(source), path)
    check_once(rows, level, path)
    joined = None
    if wells is None:
        rows = own_metadata(rows, level, options.rules, options.batch_pattern, path)
        if options.moa is not None:
            rows = with_mechanisms(rows, options.moa)
    else:
        joined = join(rows, wells, level, ignore_unmatched=options.ignore_unmatched)
        rows = joined.rows
        if "Metadata_Plate" in rows:
            rows = with_batches(rows, options.batch_pattern)
    if level == "cell" and "Metadata_Field" not in rows:
        rows["Metadata_Field"] = _one_site(rows)
    kept = np.ones(len(rows), bool) if joined is None else joined.matched
    metadata = rows.loc[kept].drop(columns=["Cell"], errors="ignore").reset_index(drop=True)
    features = chosen(columns.features, options.choice)
    name = options.name or path.name.partition(".")[0]
    found = checked(FeatureFile(name, source, metadata, features, level, kept), options.choice)
    found = filtered(found, options.choice)
    logger.info("%s: %d %ss, %d features", name, len(found), level, len(found.columns))
    left_out = tuple(each for each in columns.features if each not in set(found.columns))
    return ReadFeatures(found, joined, left_out)


def open_source(path: Path) -> Source:
    """The source that a path names, by its kind. Raises InputError where it is of no known kind."""
    name = path.name.lower()
    if not path.exists():
        raise InputError("there is no such table of features", where=path)
    if path.is_dir():
        from phenovae.profiles.npz_folder import read_npz_folder

        return read_npz_folder(path)
    if name.endswith((".parquet", ".pq")):
        return read_parquet(path)
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        return read_csv(path)
    if name.endswith(".h5ad"):
        from phenovae.profiles.anndata_files import read_anndata

        return read_anndata(path)
    raise InputError(
        "this is no table of features",
        where=path,
        mend="give a Parquet file, a CSV (plain or .gz), a folder of .npz files, or an .h5ad file",
    )


def _tell_unused(source: Source, unused: tuple[str, ...]) -> None:
    words = [name for name in unused if not source.columns[name] and "etadata_" not in name]
    if words:
        logger.info("%d columns hold text and are no features: %s", len(words), listed(words))


def _one_site(rows: pd.DataFrame) -> pd.Series:
    names = rows["Metadata_Plate"].astype(str) + "_" + rows["Metadata_Well"].astype(str)
    return names.astype("category")
