"""One row of the official image table: a field of view with its files, well and treatment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.values import (
    Treatment,
    read_compound,
    read_dose,
    read_image_name,
    read_plate,
    read_replicate,
)
from phenovae.screen.text_table import TextRow, TextTable, read_header
from phenovae.screen.wells import canonical_well

PLATE = "Image_Metadata_Plate_DAPI"
WELL = "Image_Metadata_Well_DAPI"
REPLICATE = "Replicate"
COMPOUND = "Image_Metadata_Compound"
DOSE = "Image_Metadata_Concentration"


@dataclass
class ImageRow:
    """What a row of the image table says; None where it cannot be read or is in doubt.

    `files` has the file of each channel, with its folder.
    """

    line: int
    plate: str | None = None
    well: str | None = None
    replicate: int | None = None
    compound: str | None = None
    dose: float | None = None
    site: int | None = None
    stem: str | None = None
    files: dict[str, str] = field(default_factory=dict)

    @property
    def treatment(self) -> Treatment | None:
        """Compound and concentration, where both are known."""
        if self.compound is None or self.dose is None:
            return None
        return self.compound, self.dose


def file_columns() -> dict[str, tuple[str, str]]:
    """For each channel, the columns of its file name and of its folder."""
    return {name: (f"Image_FileName_{name}", f"Image_PathName_{name}") for name in facts().channels}


def image_columns() -> list[str]:
    """All columns of the image table that are read."""
    files = [name for pair in file_columns().values() for name in pair]
    return [*files, PLATE, WELL, REPLICATE, COMPOUND, DOSE]


def is_image_table(path: Path) -> bool:
    """Whether a CSV is the official image table, with no row for single cells."""
    header = read_header(path)
    return "Image_FileName_DAPI" in header and "Single_Cell_Image_Name" not in header


def read_image_row(row: TextRow, table: TextTable) -> ImageRow:
    """Read every value of a row, each on its own, so that one fault hides no other."""
    found = ImageRow(
        line=row.line,
        plate=table.read(row, PLATE, read_plate),
        well=table.read(row, WELL, canonical_well),
        replicate=table.read(row, REPLICATE, read_replicate),
        compound=table.read(row, COMPOUND, read_compound),
        dose=table.read(row, DOSE, read_dose),
    )
    wells: dict[str, str] = {}
    folders: dict[str, str] = {}
    for channel, (name_column, folder_column) in file_columns().items():
        image = table.read(row, name_column, read_image_name)
        folder = row.values.get(folder_column)
        if folder is not None:
            folders[folder_column] = folder.rpartition("/")[2]
        if image is None:
            continue
        name = row.values[name_column]
        wells[name_column] = image.well
        found.files[channel] = f"{folder}/{name}"
        if channel == "DAPI":
            found.stem = name.rpartition(".")[0]
        if image.tag != facts().channels[channel]:
            what = f"the file name is not of channel w{facts().channels[channel]}, {channel}"
            table.add(what, row.line, name_column, name, "correct the file")
        found.site = image.site if found.site is None else found.site
        if image.site != found.site:
            what = "the channels are of different sites"
            table.add(what, row.line, name_column, name, "correct the file")
    # A row whose files are of elsewhere may be of either place; it is compared with no other row.
    if not _agree(row, WELL, found.well, wells, "well", table):
        found.well = None
    if not _agree(row, PLATE, found.plate, folders, "plate", table):
        found.plate = None
    return found


def _agree(
    row: TextRow, column: str, said: str | None, files: dict[str, str], kind: str, table: TextTable
) -> bool:
    """Whether the files are of the well or plate said; where all differ alike, one fault is told.

    `files` has what each column of files says.
    """
    odd = {name: found for name, found in files.items() if said is not None and found != said}
    if len(odd) > 1 and len(odd) == len(files) and len(set(odd.values())) == 1:
        what = f"the {kind} is not that of its files, {next(iter(odd.values()))}"
        table.add(what, row.line, column, row.values[column], "correct one of them")
    else:
        for name in odd:
            what = f"the file is not of {kind} {said}"
            table.add(what, row.line, name, row.values[name], f"correct the {kind} or the file")
    return not odd
