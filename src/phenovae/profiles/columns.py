"""Which columns of anybody's table say what a row is, and which are features.

A name with `Metadata_` in front describes a row, in any case of letters. Without it a column does
where its name is a usual one for what it holds. All other columns of numbers are features.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from phenovae.base.errors import InputError, UsageError, nearest
from phenovae.screen.columns import USUAL_NAMES, plain_name, unit_in_name

logger = logging.getLogger(__name__)

Meaning = Literal[
    "plate", "well", "site", "field", "table", "image", "cell", "compound", "concentration", "moa",
    "role", "batch", "replicate", "count",
]  # fmt: skip
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)

_NAMES: Mapping[Meaning, tuple[str, ...]] = {
    "plate": (*USUAL_NAMES["plate"], "plate_plate", "plate_dapi"),
    "well": (*USUAL_NAMES["well"], "well_well", "well_dapi"),
    "site": ("site", "fov", "field_of_view", "field_id", "site_id"),
    "field": ("field",),
    "table": ("tablenumber", "table_number"),
    "image": ("imagenumber", "image_number"),
    "cell": ("cell", "cell_id", "cell_number", "objectnumber", "object_number"),
    "compound": (*USUAL_NAMES["compound"], "broad_sample", "jcp2022"),
    "concentration": USUAL_NAMES["concentration"],
    "moa": USUAL_NAMES["moa"],
    "role": USUAL_NAMES["role"],
    "batch": USUAL_NAMES["batch"],
    "replicate": USUAL_NAMES["replicate"],
    "count": ("object_count", "cell_count", "count_cells", "cells"),
}
"""Names by what they mean, the likelier first, as `plain_name` writes them."""

_NUMBERS = frozenset(
    {"plate", "site", "table", "image", "cell", "concentration", "replicate"}
)  # a bare column of numbers may be one of these; of any other name it is a feature
_METADATA = re.compile(r"(image_)?metadata_|profile_", re.IGNORECASE)
_SETS = frozenset({"Batches", "Plates"})
_PLACES = re.compile(r"(^|_)(center|centre|centroid|location|position|pos|bbox)$", re.IGNORECASE)


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table: which has which meaning, which are features, which are neither.

    `rivals` are further columns of the very same name as the one that was found, but for case and
    marks.
    """

    found: Mapping[Meaning, str]
    rivals: Mapping[Meaning, tuple[str, ...]]
    features: tuple[str, ...]
    unused: tuple[str, ...]


def read_columns(
    columns: Mapping[str, bool], named: Mapping[str, str] | None = None
) -> TableColumns:
    """Tell the columns of a table apart: each with whether it holds numbers.

    `named` says the column of a meaning outright. Raises InputError where two columns carry the
    marks of a merge that went wrong, UsageError where a column that is named is not there.
    """
    _check_merge(list(columns))
    found = _named(columns, named or {})
    rivals: dict[Meaning, tuple[str, ...]] = {}
    for meaning in MEANINGS:
        able = _able(columns, meaning, set(found.values()))
        if meaning not in found and able:
            found[meaning] = able[0]
            same = [name for name in able[1:] if plain_name(name) == plain_name(able[0])]
            rivals[meaning] = tuple(same)
            others = [name for name in able[1:] if name not in same]
            if others:
                logger.info(
                    "the %s is read from %s, not from %s", meaning, able[0], ", ".join(others)
                )
    taken = {*found.values(), *(name for names in rivals.values() for name in names)}
    features: list[str] = []
    unused: list[str] = []
    for column, is_number in columns.items():
        if column in taken:
            continue
        (features if is_number and not describes(column) else unused).append(column)
    if not features:
        raise InputError(
            "the table has no column of numbers that could be a feature",
            mend="features are columns of numbers without Metadata_ in front",
        )
    return TableColumns(found, rivals, tuple(features), tuple(unused))


def describes(column: str) -> bool:
    """Whether the name of a column alone says that it describes its row."""
    return _METADATA.match(column) is not None or column in _SETS


def _named(columns: Mapping[str, bool], named: Mapping[str, str]) -> dict[Meaning, str]:
    found: dict[Meaning, str] = {}
    known: dict[str, Meaning] = {meaning: meaning for meaning in MEANINGS}
    for meaning, column in named.items():
        if meaning not in known:
            raise UsageError(f"no column has the meaning {meaning!r}", mend=nearest(meaning, known))
        if column not in columns:
            raise UsageError(f"the table has no column {column!r}", mend=nearest(column, columns))
        found[known[meaning]] = column
    return found


def _able(columns: Mapping[str, bool], meaning: Meaning, taken: set[str]) -> list[str]:
    """Columns whose names may mean it, the likeliest first, and with Metadata_ in front first."""
    able: list[tuple[int, int, str]] = []
    for column, is_number in columns.items():
        marked = _METADATA.match(column) is not None
        if column in taken or (is_number and not marked and meaning not in _NUMBERS):
            continue
        place = _place(column, meaning)
        if place is not None:
            able.append((place, 0 if marked else 1, column))
    return [column for *_, column in sorted(able, key=lambda each: each[:2])]


def _place(column: str, meaning: Meaning) -> int | None:
    plain = re.sub(r"^profile_", "", plain_name(column))
    names: Sequence[str] = _NAMES[meaning]
    if plain in names:
        return names.index(plain)
    if meaning == "concentration" and unit_in_name(column) is not None:
        return len(names)
    return None


def _check_merge(columns: Sequence[str]) -> None:
    there = set(columns)
    stems = [column[:-2] for column in columns if column.endswith("_x")]
    pairs = [stem for stem in stems if f"{stem}_y" in there and not _PLACES.search(stem)]
    if pairs:
        raise InputError(
            f"the table has {pairs[0]}_x and {pairs[0]}_y, as a merge leaves them that met two "
            f"columns of one name ({len(pairs)} such pairs)",
            mend="merge again on all keys, or remove one column of each pair",
        )
