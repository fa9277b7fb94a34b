"""Two tables that account for a screen: every field with its quality, every nucleus with its fate.

A nucleus that was found is a row for good: kept, or left out for a reason that is written beside
it. Every count that a report or a terminal shows is counted from these rows.
"""

from __future__ import annotations

from enum import StrEnum

from phenovae.base.tables import Column, OpenColumns, Schema
from phenovae.screen.sites import SITE_COLUMNS


class Fate(StrEnum):
    """What became of a nucleus."""

    KEPT = "kept"
    BORDER = "border"
    SMALL = "small"
    LARGE = "large"
    FIELD = "field"


NUCLEI = Schema(
    "nuclei",
    1,
    (
        *SITE_COLUMNS,
        Column("Metadata_Cell", "int64", "number of the nucleus within its field, its label"),
        Column("Position_Row", "float64", "middle of the nucleus in its field", "px"),
        Column("Position_Column", "float64", "middle of the nucleus in its field", "px"),
        Column("Fate", "string", "kept, or why not: border, small, large, field (a flagged field)"),
        Column("Why", "string", "the reason in words; empty where it is kept"),
    ),
    (OpenColumns(r"Measure_.+", "float64", "measure of the cell", nullable=True),),
)

FIELDS = Schema(
    "fields",
    1,
    (
        *SITE_COLUMNS,
        Column("Count_Nuclei", "int64", "nuclei, or tiles, that were found"),
        Column("Bits", "int64", "bits of a pixel"),
        Column("Nucleus_Diameter", "float64", "usual diameter of a nucleus", "px", nullable=True),
        Column("Field_Flag", "string", "what is wrong with the field, or empty"),
        Column("Field_Reason", "string", "the flag in words"),
    ),
    (OpenColumns(r"Field_.+_.+", "float64", "measure of a channel of the field", nullable=True),),
)
