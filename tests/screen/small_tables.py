"""Small tables in the official form: built in code, damaged one value at a time."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from phenovae.base.errors import Fault, FaultsError
from phenovae.screen.bbbc021.tables import read_sites

Rows = list[dict[str, str]]

CHANNELS = {"DAPI": 1, "Tubulin": 2, "Actin": 4}
PLATE = "Image_Metadata_Plate_DAPI"
WELL = "Image_Metadata_Well_DAPI"
COMPOUND = "Image_Metadata_Compound"
DOSE = "Image_Metadata_Concentration"
NAMES = tuple(f"Image_FileName_{channel}" for channel in CHANNELS)
FOLDERS = tuple(f"Image_PathName_{channel}" for channel in CHANNELS)

# Lines of the image table, two sites a well:
#   2 3 DMSO, 4 5 taxol in B11 (control), 6 7 taxol in D05 (treatment of Week1), 8 9 colchicine,
#   10 11 DMSO, 12 13 taxol in B11 (control), 14 15 nocodazole, all of Week2.
WELLS = (
    ("Week1_22123", "B02", "DMSO", "0.0"),
    ("Week1_22123", "B11", "taxol", "0.3"),
    ("Week1_22123", "D05", "taxol", "0.3"),
    ("Week1_22123", "C03", "colchicine", "1.0"),
    ("Week2_24121", "B02", "DMSO", "0.0"),
    ("Week2_24121", "B11", "taxol", "0.3"),
    ("Week2_24121", "C03", "nocodazole", "3.0"),
)


def image_row(
    plate: str = "Week1_22123",
    well: str = "B02",
    compound: str = "DMSO",
    dose: str = "0.0",
    site: int = 1,
) -> dict[str, str]:
    row = {"TableNumber": "0", "ImageNumber": "1"}
    for channel, tag in CHANNELS.items():
        unique = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{plate} {well} {site} {tag}")).upper()
        row[f"Image_FileName_{channel}"] = f"Week1_150607_{well}_s{site}_w{tag}{unique}.tif"
        row[f"Image_PathName_{channel}"] = f"{plate.partition('_')[0]}/{plate}"
    return row | {PLATE: plate, WELL: well, "Replicate": "1", COMPOUND: compound, DOSE: dose}


def image_rows() -> Rows:
    """Seven wells of two sites on two plates of two batches; see `WELLS`."""
    return [image_row(*well, site=site) for well in WELLS for site in (1, 2)]


def moa_rows() -> Rows:
    """Mechanisms of the three treatments, on lines 2 to 4, and the row for DMSO."""
    known = [
        ("taxol", "0.300000", "Microtubule stabilizers"),
        ("colchicine", "1.000000", "Microtubule destabilizers"),
        ("nocodazole", "3.000000", "Microtubule destabilizers"),
        ("DMSO", "0.000000", "DMSO"),
    ]
    return [dict(zip(("compound", "concentration", "moa"), row, strict=True)) for row in known]


def as_csv(rows: Rows, mark: str = ",", end: str = "\n") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=mark, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@dataclass(frozen=True)
class Tables:
    """Where the two tables lie."""

    images: Path
    moa: Path


def write_tables(
    folder: Path, images: Rows | str | bytes | None = None, moa: Rows | str | bytes | None = None
) -> Tables:
    """Write both tables; whole ones in place of those that are None."""
    tables = Tables(folder / "image.csv", folder / "moa.csv")
    for path, content in (
        (tables.images, image_rows() if images is None else images),
        (tables.moa, moa_rows() if moa is None else moa),
    ):
        text = as_csv(content) if isinstance(content, list) else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return tables


def faults_of(tables: Tables) -> list[Fault]:
    """Every fault that reading the tables tells, having checked that all are shown."""
    with pytest.raises(FaultsError) as caught:
        read_sites(tables.images, tables.moa)
    shown = str(caught.value)
    assert f"({len(caught.value.faults)} found)" in shown
    for fault in caught.value.faults:
        assert str(fault) in shown
    return list(caught.value.faults)


def places(faults: Sequence[Fault]) -> list[tuple[str, int | None, str, str]]:
    """File, line, column and value of each fault."""
    return [(Path(f.file).name, f.row, f.column, f.value) for f in faults]
