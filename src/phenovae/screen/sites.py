"""The sites table: one row for every field of view, saying where it is and what was done to it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import pandas as pd

from phenovae.base.tables import Column, OpenColumns, Schema

CONCENTRATION_DIGITS = 6


class Role(StrEnum):
    """What a well is for."""

    TREATMENT = "treatment"
    NEGATIVE_CONTROL = "negative_control"
    POSITIVE_CONTROL = "positive_control"
    OTHER = "other"


WELL_COLUMNS: tuple[Column, ...] = (
    Column("Metadata_Plate", "string", "plate, as the screen names it"),
    Column("Metadata_Well", "string", "well, canonical: row letter and two digits"),
    Column("Metadata_Replicate", "int64", "replicate as given; never a key", nullable=True),
    Column("Metadata_Batch", "string", "plates stained and imaged together"),
    Column("Metadata_Compound", "string", "compound, as the screen names it"),
    Column("Metadata_Concentration", "float64", "concentration", unit="µM"),
    Column("Metadata_MoA", "string", "known mechanism of action", nullable=True),
    Column("Metadata_Role", "string", "treatment, negative_control, positive_control or other"),
)

SITE_COLUMNS: tuple[Column, ...] = (
    *WELL_COLUMNS,
    Column("Metadata_Site", "int64", "field of view within the well, from 1"),
    Column("Metadata_Field", "string", "name of the field, unique in the screen"),
)

SITES = Schema(
    name="sites",
    version=2,  # 2: planes of files with several channels
    columns=SITE_COLUMNS,
    open=(
        OpenColumns(
            r"File_.+",
            "string",
            "image file of a channel, relative to the folder of images",
            nullable=True,
        ),
        OpenColumns(
            r"Plane_.+",
            "int64",
            "plane of a channel within its file, from 0; none where the file has one plane",
            nullable=True,
        ),
    ),
)

METADATA = tuple(column.name for column in SITE_COLUMNS)


def channels_of(sites: pd.DataFrame) -> tuple[str, ...]:
    """Names of the channels that a sites table has files for, in order."""
    return tuple(str(c).removeprefix("File_") for c in sites.columns if str(c).startswith("File_"))


def files_of(
    sites: pd.DataFrame, channels: Sequence[str]
) -> list[tuple[tuple[str | None, int | None], ...]]:
    """File and plane of each channel, for every row; None for a file that is not there."""
    nothing = [None] * len(sites)
    columns = []
    for channel in channels:
        files = sites.get(f"File_{channel}", nothing)
        planes = sites.get(f"Plane_{channel}", nothing)
        columns.append(
            [
                (file if isinstance(file, str) else None, None if pd.isna(plane) else int(plane))
                for file, plane in zip(files, planes, strict=True)
            ]
        )
    return list(zip(*columns, strict=True)) if columns else [() for _ in nothing]


def concentration_key(concentration: float) -> float:
    """A concentration in µM, rounded to six significant digits, so that equal doses are equal."""
    return float(f"{concentration:.{CONCENTRATION_DIGITS}g}")


def dose_text(concentration: float) -> str:
    """A concentration as a person writes it: `0.3`, `10`, without the unit."""
    return f"{concentration:.{CONCENTRATION_DIGITS}g}"
