"""Features and what is known of their wells, brought together by name and never by order."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import FeatureTable, feature_table
from phenovae.profiles.levels import WELL
from phenovae.profiles.reading import Table
from phenovae.screen.partners import treatments

logger = logging.getLogger(__name__)

_LABELS = ("Metadata_Compound", "Metadata_MoA")
_SHOWN = 6
_LOOKED_AT = 2_000


def join_metadata(table: Table, sites: pd.DataFrame, name: str) -> FeatureTable:
    """Give every row of a table the metadata of its well (or its treatment) in a sites table.

    Metadata of the table itself, but for its keys, give way to those of the sites. Raises
    InputError where rows are of no known well, or a feature is a code of the compound or mechanism.
    """
    features = table.frame[list(table.columns)]
    bring = _of_treatments if table.level == "treatment" else _of_wells
    rows = bring(table, sites)
    _refuse_codes(rows, features)
    frame = pd.concat([rows.reset_index(drop=True), features.reset_index(drop=True)], axis=1)
    return feature_table(name, frame, table.columns, table.level)


def own_metadata(table: Table, name: str) -> FeatureTable:
    """Take the metadata that the table itself has, which must be all.

    Raises InputError where some is missing, or a feature is a code of the compound or mechanism.
    """
    rows = table.frame[[c for c in table.frame.columns if str(c).startswith("Metadata_")]].copy()
    if table.level == "treatment" and "Metadata_Batch" in rows:
        batches = [frozenset(str(each).split("|")) for each in rows["Metadata_Batch"]]
        rows["Batches"] = pd.Series(batches, index=rows.index, dtype=object)
    if table.level in ("cell", "site"):
        rows = _with_field(rows)
    features = table.frame[list(table.columns)]
    if "Metadata_Compound" in rows and "Metadata_MoA" in rows:
        _refuse_codes(rows, features)
    return feature_table(name, pd.concat([rows, features], axis=1), table.columns, table.level)


def _of_wells(table: Table, sites: pd.DataFrame) -> pd.DataFrame:
    keys = list(WELL)
    known = sites.drop_duplicates(keys).drop(
        columns=["Metadata_Site", "Metadata_Field"], errors="ignore"
    )
    known = known[[c for c in known.columns if str(c).startswith("Metadata_")]]
    own = [c for c in ("Metadata_Site", "Metadata_Field", "Metadata_Cell") if c in table.frame]
    rows = table.frame[[*keys, *own]].merge(
        known, on=keys, how="left", validate="many_to_one", indicator=True
    )
    _check_matched(rows, keys, table)
    unused = len(known.merge(table.frame[keys].drop_duplicates(), on=keys, how="left",
                             indicator=True).query("_merge == 'left_only'"))  # fmt: skip
    logger.info("%d rows joined; %d wells of the metadata have no row", len(rows), unused)
    rows = rows.drop(columns="_merge")
    return _with_field(rows) if table.level in ("cell", "site") else rows


def _of_treatments(table: Table, sites: pd.DataFrame) -> pd.DataFrame:
    keys = ["Metadata_Compound", "Metadata_Concentration"]
    known = treatments(sites)
    rows = table.frame[keys].merge(
        known, on=keys, how="left", validate="many_to_one", indicator=True
    )
    _check_matched(rows, keys, table)
    return rows.drop(columns="_merge").assign(Metadata_Role="treatment")


def _check_matched(rows: pd.DataFrame, keys: list[str], table: Table) -> None:
    lost = rows.loc[rows["_merge"] != "both", keys]
    if len(lost):
        names = [" ".join(str(each) for each in row) for row in lost.head(_SHOWN).to_numpy()]
        raise InputError(
            f"{len(lost)} of {len(rows)} rows are not in the metadata: {', '.join(names)}"
            f"{', …' if len(lost) > _SHOWN else ''}",
            where=table.path,
            mend="check the names of plates and wells, or leave these rows out",
        )


def _with_field(rows: pd.DataFrame) -> pd.DataFrame:
    if "Metadata_Field" in rows or "Metadata_Site" not in rows:
        return rows
    places = [rows[name].astype(str) for name in (*WELL, "Metadata_Site")]
    return rows.assign(Metadata_Field=places[0] + "_" + places[1] + "_s" + places[2])


def _refuse_codes(rows: pd.DataFrame, features: pd.DataFrame) -> None:
    """Refuse a feature that has one value for each compound or mechanism, and each another."""
    for label in _LABELS:
        codes, names = pd.factorize(rows[label])
        seen = codes >= 0
        if len(names) < 3 or seen.sum() <= len(names):
            continue
        for column in features.columns:
            values = features[column].to_numpy()[seen]
            if len(np.unique(values[:_LOOKED_AT])) > len(names):
                continue  # most features are told by a few rows
            if len(np.unique(values)) == len(names) and _one_to_one(values, codes[seen]):
                raise InputError(
                    f"the feature {column} is a code of {label.removeprefix('Metadata_')}: each "
                    "has one value of its own",
                    mend=f"--drop-features '^{column}$'",
                )


def _one_to_one(values: np.ndarray, codes: np.ndarray) -> bool:
    pairs = pd.DataFrame({"value": values, "code": codes}).drop_duplicates()
    return not pairs["value"].duplicated().any() and not pairs["code"].duplicated().any()
