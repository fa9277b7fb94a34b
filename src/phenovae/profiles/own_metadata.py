"""What a table of features says itself of treatments, made whole: roles, batches, mechanisms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from phenovae.base.errors import UsageError
from phenovae.profiles.levels import Level
from phenovae.screen.assembling import batches
from phenovae.screen.roles import RoleRules, assign_roles

_JOINED = "|"
"""What stands between the names of batches, or plates, of one treatment."""


def own_metadata(
    rows: pd.DataFrame, level: Level, rules: RoleRules, batch_pattern: str | None, path: Path
) -> pd.DataFrame:
    """Rows with all metadata that scoring needs, from the columns that the table has.

    Without roles `rules` tell them; without batches the pattern finds them in the names of plates,
    else all are of one. Raises UsageError where the table names no compounds.
    """
    if "Metadata_Compound" not in rows:
        raise UsageError(
            "nothing says which compound is in which well",
            where=path,
            mend="give the screen's table: --metadata CSV",
        )
    rows = rows.copy()
    if "Metadata_Concentration" not in rows:
        rows["Metadata_Concentration"] = 0.0
    if "Metadata_MoA" not in rows:
        rows["Metadata_MoA"] = pd.Categorical([None] * len(rows))
    if level == "treatment":
        return _of_treatments(rows, rules)
    return _with_roles(with_batches(rows, batch_pattern), rules)


def with_batches(rows: pd.DataFrame, pattern: str | None) -> pd.DataFrame:
    """Rows of plates with the batch of each: as told, else found in the plate's name, else `all`.

    Raises as `assembling.batches` does.
    """
    told = rows.get("Metadata_Batch", pd.Series([None] * len(rows), dtype=object)).astype(object)
    if not told.isna().any():
        return rows
    pairs = pd.DataFrame({"plate": rows["Metadata_Plate"].astype(object), "told": told})
    codes = pairs.groupby(["plate", "told"], sort=False, dropna=False).ngroup().to_numpy()
    distinct = pairs.drop_duplicates()
    said = [None if pd.isna(each) else str(each) for each in distinct["told"]]
    found = batches([str(each) for each in distinct["plate"]], said, pattern)
    names = pd.Categorical(found)
    return rows.assign(Metadata_Batch=names.take(codes))


def _of_treatments(rows: pd.DataFrame, rules: RoleRules) -> pd.DataFrame:
    for sets, name in (("Batches", "Metadata_Batch"), ("Plates", "Metadata_Plate")):
        if name in rows:
            rows[sets] = pd.Series(_sets(rows[name].astype(object).tolist()), dtype=object)
    if "Batches" not in rows:
        rows["Batches"] = pd.Series([frozenset({"all"})] * len(rows), dtype=object)
    return _with_roles(rows, rules).drop(
        columns=["Metadata_Plate", "Metadata_Batch", "Metadata_Well"], errors="ignore"
    )


def _with_roles(rows: pd.DataFrame, rules: RoleRules) -> pd.DataFrame:
    if "Metadata_Role" in rows and not rows["Metadata_Role"].isna().any():
        return rows
    rules = rules.model_copy(update={"positive_controls": ()})
    ruled = assign_roles(rows, rules).to_numpy(dtype=object)
    if "Metadata_Role" in rows:
        told = rows["Metadata_Role"].astype(object)
        ruled = told.where(told.notna(), pd.Series(ruled, index=rows.index)).to_numpy(dtype=object)
    rows["Metadata_Role"] = pd.Categorical(ruled)
    return rows


def _sets(names: Sequence[object]) -> list[frozenset[str]]:
    return [frozenset(str(name).split(_JOINED)) for name in names]
