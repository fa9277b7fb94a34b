"""Rows of a table brought together with what is known of wells or treatments, by their keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.features import Mask
from phenovae.profiles.levels import Level
from phenovae.screen.sites import Role, concentration_key

logger = logging.getLogger(__name__)

_SHOWN = 6
_TREATMENT = ("Metadata_Compound", "Metadata_Concentration")
_WELL = ("Metadata_Plate", "Metadata_Well")
_KNOWN = (
    "Metadata_Batch", "Metadata_Compound", "Metadata_Concentration", "Metadata_MoA",
    "Metadata_Role", "Metadata_Replicate",
)  # fmt: skip
_SETS = ("Batches", "Plates")


@dataclass(frozen=True)
class Joined:
    """Rows with all that is known of them, and how many of either side had no partner.

    `matched` marks the rows of the table that found theirs; `keys` are what was compared; `known`
    are the distinct keys of the metadata, and `known_matched` those of them that the table has.
    """

    rows: pd.DataFrame
    matched: Mask
    keys: tuple[str, ...]
    known: int
    known_matched: int

    def as_dict(self) -> Mapping[str, object]:
        """The counts as JSON."""
        return {
            "keys": list(self.keys),
            "rows": len(self.matched),
            "rows_matched": int(self.matched.sum()),
            "metadata": self.known,
            "metadata_matched": self.known_matched,
        }


def join(
    rows: pd.DataFrame, known: pd.DataFrame, level: Level, *, ignore_unmatched: bool = False
) -> Joined:
    """Join rows of a level to the wells, or sites, of a screen; many to one, never by order.

    `known` has plates (none: it holds for every plate), wells, and what is in them; sites too where
    it knows them. At the levels `plate` and `treatment` rows are joined by compound and dose, to
    the wells where these are no controls, if there are any. Raises InputError listing the rows that
    have no partner, unless these are to be ignored; then `matched` leaves them out.
    """
    known = known.assign(Metadata_Concentration=known["Metadata_Concentration"].map(_key))
    keys: tuple[str, ...]
    if level in ("plate", "treatment"):
        keys = ("Metadata_Plate", *_TREATMENT) if level == "plate" else _TREATMENT
        known = _treatments(known, keys)
    else:
        keys = _keys_of_wells(rows, known)
        known = known.drop_duplicates(list(keys))
    codes, distinct = _distinct(rows, keys)
    told = [name for name in (*_KNOWN, *_SETS, "Metadata_Field") if name in known]
    told = [name for name in told if name not in keys]
    merged = distinct.merge(
        known.assign(**{name: _as_text(known[name]) for name in keys})[[*keys, *told]],
        on=list(keys),
        how="left",
        validate="one_to_one",
        indicator="Joined",
    )
    found = (merged["Joined"] == "both").to_numpy(bool)
    matched = found[codes]
    _check_matched(distinct, found, codes, keys, known, ignore=ignore_unmatched)
    _warn_of_other_names(rows, merged, codes)
    out = rows.drop(columns=[name for name in told if name in rows and name != "Metadata_Field"])
    for name in told:
        if name == "Metadata_Field" and ("Metadata_Site" not in keys):
            continue
        out[name] = _spread(merged[name], codes)
    if "Metadata_Concentration" in out and "Metadata_Concentration" in keys:
        out["Metadata_Concentration"] = out["Metadata_Concentration"].astype(float)
    logger.info(
        "joined by %s: %d of %d rows; %d of %d in the metadata have rows",
        _by(keys), int(matched.sum()), len(matched), int(found.sum()), len(known),
    )  # fmt: skip
    return Joined(out, matched, keys, len(known), int(found.sum()))


def _by(keys: Sequence[str]) -> str:
    return " + ".join(name.removeprefix("Metadata_").lower() for name in keys)


def _key(dose: float) -> float:
    return concentration_key(float(dose))


def _keys_of_wells(rows: pd.DataFrame, known: pd.DataFrame) -> tuple[str, ...]:
    wells = ("Metadata_Well",) if known["Metadata_Plate"].isna().all() else _WELL
    sited = "Metadata_Site" in rows and "Metadata_Site" in known
    return (*wells, "Metadata_Site") if sited else wells


def _as_text(column: pd.Series) -> pd.Series:
    if column.name == "Metadata_Concentration":
        return column.astype(float)
    return column.astype(object).map(str).astype(object)


def _distinct(
    rows: pd.DataFrame, keys: Sequence[str]
) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    """The number of each row's key, and the distinct keys."""
    missing = [name for name in keys if name not in rows]
    if missing:
        raise InputError(
            f"the table has no {', '.join(missing)}, by which it is joined to the metadata",
            mend="name the column: --column compound=NAME --column concentration=NAME",
        )
    groups = rows.groupby(list(keys), observed=True, sort=False, dropna=False)
    codes = groups.ngroup().to_numpy().astype(np.int64)
    distinct = rows[list(keys)].drop_duplicates().reset_index(drop=True)
    texts = {name: _as_text(distinct[name]) for name in keys}
    return codes, pd.DataFrame(texts)


def _treatments(known: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Treatments of a screen: role, mechanism, and the batches and plates of their own wells."""
    is_own = known["Metadata_Role"] == str(Role.TREATMENT)
    first = known.assign(Later=~is_own).sort_values("Later", kind="stable")
    told = first.drop_duplicates(list(keys))[[*keys, "Metadata_Role", "Metadata_MoA"]]
    same = known.merge(told[[*keys, "Metadata_Role"]], on=[*keys, "Metadata_Role"])
    codes = same.groupby(list(keys), sort=False).ngroup().to_numpy()
    sets = same.drop_duplicates(list(keys))[list(keys)].reset_index(drop=True)
    for name, column in (("Batches", "Metadata_Batch"), ("Plates", "Metadata_Plate")):
        members: list[set[str]] = [set() for _ in range(len(sets))]
        for code, each in zip(codes, same[column], strict=True):
            members[code].add(str(each))
        sets[name] = pd.Series([frozenset(each) for each in members], dtype=object)
    joined = told.merge(sets, on=list(keys), how="left")
    if "Metadata_Plate" in keys:
        joined["Metadata_Batch"] = [next(iter(each)) for each in joined["Batches"]]
        joined = joined.drop(columns=list(_SETS))
    return joined.reset_index(drop=True)


def _spread(values: pd.Series, codes: npt.NDArray[np.int64]) -> pd.Series:
    """What is known of each key, for every row: numbers as they are, names as categories."""
    if values.name in _SETS:
        return pd.Series(values.to_numpy(dtype=object)[codes], dtype=object)
    if values.name == "Metadata_Concentration":
        return pd.Series(values.to_numpy(float)[codes])
    names = values.astype(object)
    kinds = pd.Categorical(names.where(names.notna(), None).map(_name, na_action="ignore"))
    categories = pd.Index([str(each) for each in kinds.categories], dtype=object)
    return pd.Series(pd.Categorical.from_codes(kinds.codes[codes], categories=categories))


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _check_matched(
    distinct: pd.DataFrame,
    found: Mask,
    codes: npt.NDArray[np.int64],
    keys: Sequence[str],
    known: pd.DataFrame,
    *,
    ignore: bool,
) -> None:
    lost = distinct.loc[~found]
    if not len(lost):
        return
    names = [" ".join(str(each) for each in row) for row in lost.to_numpy(dtype=object)[:_SHOWN]]
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    rows = int((~found[codes]).sum())
    by = _by(keys)
    said = f"{rows} of {len(codes)} rows are not in the metadata: "
    if not found.any():
        have = known[list(keys)].astype(str).head(3).agg(" ".join, axis=1).tolist()
        raise InputError(
            f"no row of the table has a partner in the metadata by {by}",
            mend=f"the table has {', '.join(names[:3])}; the metadata {', '.join(have)}",
        )
    if not ignore:
        raise InputError(
            f"{said}{', '.join(names)}{more}",
            mend="correct the metadata, or leave these rows out: --ignore-unmatched",
        )
    logger.warning("%s%s%s; they are left out", said, ", ".join(names), more)


def _warn_of_other_names(
    rows: pd.DataFrame, merged: pd.DataFrame, codes: npt.NDArray[np.int64]
) -> None:
    """Say so where the table itself names other compounds: the join may be a wrong one."""
    if "Metadata_Compound" not in rows or "Metadata_Compound" not in merged:
        return
    theirs = merged["Metadata_Compound"].to_numpy(dtype=object)[codes]
    own = rows["Metadata_Compound"].to_numpy(dtype=object)
    pairs = pd.DataFrame({"own": own, "theirs": theirs}).dropna().drop_duplicates()
    odd = pairs.loc[pairs["own"].str.lower() != pairs["theirs"].str.lower()]
    if len(odd):
        logger.warning(
            "the table names compounds otherwise than the metadata, which are believed: %s for "
            "%s (%d such names)",
            odd.iloc[0]["own"], odd.iloc[0]["theirs"], len(odd),
        )  # fmt: skip
