"""What could not be used of what was named: one row each, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from phenovae.base.tables import Column, Schema, write_table

ERRORS = Schema(
    "errors",
    1,
    (
        Column("Stage", "string", "stage that met it"),
        Column("File", "string", "file or field"),
        Column("Plate", "string", "plate, if known", nullable=True),
        Column("Well", "string", "well, if known", nullable=True),
        Column("Site", "int64", "site, if known", nullable=True),
        Column("Reason", "string", "why it could not be used"),
    ),
)


@dataclass(frozen=True)
class Refusal:
    """One thing that could not be used."""

    stage: str
    file: str
    reason: str
    plate: str | None = None
    well: str | None = None
    site: int | None = None


def refusal_frame(refusals: Sequence[Refusal]) -> pd.DataFrame:
    """Refusals as a table of `ERRORS`; it has no rows where all went well."""
    names = {name.lower(): name for name in ERRORS.names}
    rows = [{names[key]: value for key, value in asdict(each).items()} for each in refusals]
    frame = pd.DataFrame(rows, columns=list(ERRORS.names))
    for column in ERRORS.columns:
        frame[column.name] = frame[column.name].astype(
            "Int64" if column.dtype == "int64" else "object"
        )
    return frame


def write_refusals(refusals: Sequence[Refusal], path: Path) -> None:
    """Write the table of errors."""
    write_table(refusal_frame(refusals), path, ERRORS)
