"""Which column of a user's table is meant by what: the usual names, in any spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from phenovae.base.errors import nearest
from phenovae.screen.text_table import TextTable

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "plate": ("plate", "plate_id", "plate_name", "plate_barcode", "barcode", "assay_plate_barcode"),
    "well": ("well", "well_id", "well_name", "well_position", "position"),
    "site": ("site", "field", "fov", "field_of_view", "field_id"),
    "compound": (
        "compound", "compound_name", "compound_id", "treatment", "drug", "drug_name",
        "perturbation", "pert_iname", "gene", "sirna", "sgrna",
    ),
    "concentration": ("concentration", "conc", "dose"),
    "unit": (
        "unit", "units", "concentration_unit", "concentration_units", "conc_unit", "conc_units",
        "dose_unit", "dose_units",
    ),
    "moa": ("moa", "mechanism", "mechanism_of_action"),
    "role": ("role", "control_type", "pert_type", "well_type", "well_role"),
    "batch": ("batch", "batch_id", "batch_name"),
    "replicate": ("replicate", "rep", "replicate_number", "replicate_id"),
}  # fmt: skip
"""Names of columns by what they mean, compared without case, spaces, marks and `Metadata_`."""

UNITS_IN_NAMES = ("m", "mm", "um", "nm", "pm")
"""Units that may end the name of a concentration's column: `dose_nM`, `Concentration (µM)`."""


def plain_name(column: str) -> str:
    """A column's name for comparison: `Metadata_Well Position` is `well_position`."""
    text = column.strip().lower().replace("µ", "u").replace("μ", "u")
    text = re.sub(r"[^a-z0-9]+", "_", text).strip("_")
    return re.sub(r"^(image_)?metadata_", "", text)


def find_columns(
    table: TextTable,
    wanted: Sequence[str],
    named: Mapping[str, str] | None = None,
    required: Sequence[str] = (),
) -> dict[str, str]:
    """The table's column for each meaning that has one; what is in doubt becomes a fault.

    `named` says the column of a meaning outright and ends any doubt. A meaning that is not there
    and not required is left out.
    """
    found: dict[str, str] = {}
    plain = {column: plain_name(column) for column in table.columns}
    for meaning in wanted:
        column = (named or {}).get(meaning)
        if column is not None:
            if column in table.columns:
                found[meaning] = column
            else:
                table.add(
                    f"there is no such column for the {meaning}",
                    1,
                    column,
                    mend=nearest(column, table.columns),
                )
            continue
        able = [name for name, text in plain.items() if _means(text, meaning)]
        if len(able) > 1:
            table.add(
                f"several columns may hold the {meaning}",
                1,
                ", ".join(able),
                mend=f"say which one is meant (columns.{meaning}), or rename the others",
            )
        elif able:
            found[meaning] = able[0]
        elif meaning in required and table.columns:
            usual = ", ".join(USUAL_NAMES[meaning])
            table.add(
                f"there is no column for the {meaning}",
                1,
                mend=f"name it one of {usual}, or say which is meant (columns.{meaning})",
            )
    return found


def unit_in_name(column: str) -> str | None:
    """The unit that ends the name of a concentration's column: `dose_nM` has `nm`."""
    text = plain_name(column)
    stem, _, unit = text.rpartition("_")
    known = stem in USUAL_NAMES["concentration"] and unit in UNITS_IN_NAMES
    return unit if known else None


def _means(text: str, meaning: str) -> bool:
    if text in USUAL_NAMES[meaning]:
        return True
    return meaning == "concentration" and unit_in_name(text) is not None
