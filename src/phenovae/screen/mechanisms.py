"""Mechanisms of treatments from a table of their own."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from phenovae.base.errors import FaultsError, InputError
from phenovae.screen.columns import find_columns
from phenovae.screen.doses import read_dose
from phenovae.screen.sites import Role, concentration_key
from phenovae.screen.text_table import read_text_table

logger = logging.getLogger(__name__)


def with_mechanisms(rows: pd.DataFrame, moa: Path) -> pd.DataFrame:
    """Rows of compounds and doses with the mechanisms of a table, controls without.

    The table has columns for compound and mechanism, and perhaps for the dose [µM]. Raises
    FaultsError where it cannot be read or a treatment has two, InputError where nothing joins.
    """
    text = read_text_table(moa)
    found = find_columns(text, ("compound", "concentration", "moa"), None, ("compound", "moa"))
    known: dict[tuple[str, float | None], str] = {}
    for row in text.rows if {"compound", "moa"} <= set(found) else []:
        compound, mechanism = row.values[found["compound"]], row.values[found["moa"]]
        dose = text.read(row, found.get("concentration"), _dose)
        if compound and mechanism and known.setdefault((compound, dose), mechanism) != mechanism:
            mend = f"it has {known[compound, dose]!r} above"
            text.add("a treatment has two mechanisms", row.line, found["moa"], mechanism, mend)
    if text.faults:
        raise FaultsError("the table of mechanisms cannot be used", text.sorted_faults())
    is_dosed = "concentration" in found
    doses = rows["Metadata_Concentration"].map(lambda dose: concentration_key(float(dose)))
    keys = [
        (str(compound), dose if is_dosed else None)
        for compound, dose in zip(rows["Metadata_Compound"], doses, strict=True)
    ]
    mechanisms = pd.Series([known.get(key) for key in keys], index=rows.index, dtype=object)
    if not mechanisms.notna().any():
        raise InputError(
            "no treatment is one that the table of mechanisms names",
            where=moa,
            mend=f"the screen has {keys[0][0]}; the table {next(iter(known), ('nothing', 0))[0]}",
        )
    control = rows["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)
    logger.info(
        "%d of %d treatments of the table of mechanisms are on the plates",
        len(known.keys() & set(keys)), len(known),
    )  # fmt: skip
    return rows.assign(Metadata_MoA=mechanisms.mask(control, None))


def _dose(text: str) -> float:
    return read_dose(text, None)
