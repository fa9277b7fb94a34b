"""Which fields of a plate went wrong, and why: seen beside the other fields of the plate.

Only technical failures are meant. A drug changes numbers, shapes and textures of cells, and that
is what a screen looks for: so a field is compared with the plate's negative controls where there
are enough of them, must be far outside *and* far enough away in plain terms, and a treated well is
not thrown out for having few cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.images.field_measures import measure_field as measure_field
from phenovae.images.field_measures import measure_name
from phenovae.images.field_rules import FLAGS as FLAGS
from phenovae.images.field_rules import RULES, Plate
from phenovae.images.options import FieldQualityOptions as FieldQualityOptions

COUNT = "Count_Nuclei"
FLAG = "Field_Flag"
REASON = "Field_Reason"


def flag_fields(
    table: pd.DataFrame,
    options: FieldQualityOptions | None = None,
    reference: npt.ArrayLike | None = None,
    nuclei: str | None = None,
) -> pd.DataFrame:
    """Flag the fields of one plate: columns `Field_Flag` and `Field_Reason`, the table's index.

    `table` has a row for each field with what `measure_field` gives, NaN for a channel that is
    missing, and may have `Count_Nuclei`. `reference` says which rows are of negative controls;
    where there are fewer than `options.fields` of them, all fields of the plate say what is usual.
    `nuclei` names the channel of the nuclei, whose focus treatments change least; without it a
    field is out of focus where all channels are.

    Several flags of a field are joined by a comma, reasons (a sentence each) by a semicolon; both
    are empty for a good field. Raises InputError where `reference` does not fit the table, or no
    channel of the name `nuclei` was measured.
    """
    size = len(table)
    known = np.zeros(size, dtype=bool) if reference is None else np.asarray(reference, dtype=bool)
    if known.shape != (size,):
        raise InputError(f"the reference is for {known.size} fields, and there are {size}")
    channels = _channels(table)
    if nuclei is not None and size and nuclei not in channels:
        raise InputError(
            f"the channel of the nuclei, {nuclei!r}, was not measured",
            mend=f"measured: {', '.join(channels) or 'none'}",
        )
    counts = _numbers(table[COUNT]) if COUNT in table else np.full(size, np.nan)
    plate = Plate(table, channels, counts, known, options or FieldQualityOptions())
    found: list[list[tuple[str, str]]] = [[] for _ in range(size)]
    for rule in RULES:
        for row, flag, reason in rule(plate, nuclei):
            found[row].append((flag, reason))
    return pd.DataFrame(
        {
            FLAG: [", ".join(dict.fromkeys(flag for flag, _ in row)) for row in found],
            REASON: ["; ".join(reason for _, reason in row) for row in found],
        },
        index=table.index,
        dtype=object,
    )


def _numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    return column.to_numpy(np.float64, na_value=np.nan)


def _channels(table: pd.DataFrame) -> list[str]:
    opening = measure_name("Focus", "")
    return [
        str(name).removeprefix(opening) for name in table.columns if str(name).startswith(opening)
    ]
