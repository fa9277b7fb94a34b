from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cells.made import CHANNELS, files_under, options

from phenovae.cells.crop_table import read_crop_table
from phenovae.cells.export import export_crops
from phenovae.cells.importing import import_crops
from phenovae.cells.store import CellStore
from phenovae.screen.bbbc021.single_cells import single_cells

CELLS = 7_294


@pytest.fixture(scope="module")
def real(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real crops as single-cell files, with their table."""
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, public_data / "unpack.py", folder], check=True)
    return folder


@pytest.mark.slow
def test_all_real_crops_are_imported_measured_and_given_back_byte_for_byte(
    real: Path, tmp_path: Path
) -> None:
    report = import_crops(single_cells(), options(real, real / "metadata.csv"), tmp_path / "store")
    assert (report.found, report.imported, report.refused) == (CELLS, CELLS, ())
    assert report.rows_without_file == 0
    store = CellStore.open(tmp_path / "store")
    store.verify()
    assert (store.channels, store.crop_size, store.card.dtype) == (CHANNELS, (68, 68), "uint16")

    cells = store.table
    flagged = cells["Quality_Flag"] != ""
    assert report.flagged == {"noise": 12}
    assert cells.loc[flagged, "Quality_Noise"].min() > 0.3
    assert cells.loc[~flagged, "Quality_Noise"].max() < 0.005  # far from the limit of 0.1
    assert (cells["Metadata_Role"] == "negative_control").sum() == 3947
    taxol = cells[
        (cells["Metadata_Compound"] == "taxol") & (cells["Metadata_Concentration"] == 0.3)
    ]
    assert taxol["Metadata_Role"].value_counts().to_dict() == {
        "positive_control": 489,
        "treatment": 2,
    }
    assert cells["Metadata_Field"].nunique() == 790

    assert export_crops(store, tmp_path / "back") == CELLS
    assert files_under(tmp_path / "back") == files_under(real)


@pytest.mark.slow
def test_the_official_tables_tell_the_same_of_every_real_crop(
    public_data: Path, real: Path, tmp_path: Path
) -> None:
    official = public_data / "bbbc021"
    image = next(official.glob("BBBC021_v1_image.csv*"))
    moa = next(official.glob("BBBC021_v1_moa.csv*"))
    import_crops(single_cells(), options(real, image, moa=moa), tmp_path / "official")
    import_crops(single_cells(), options(real, real / "metadata.csv"), tmp_path / "own")
    one, other = (CellStore.open(tmp_path / name) for name in ("official", "own"))
    assert one.card.shards == other.card.shards
    for name in one.table.columns:
        told, as_told = one.table[name], other.table[name]
        assert told.equals(as_told) or np.array_equal(told.fillna(-1), as_told.fillna(-1)), name


def test_the_real_table_of_cells_is_read_and_written_byte_for_byte(
    public_data: Path, tmp_path: Path
) -> None:
    path = public_data / "crops" / "metadata.csv"
    table = read_crop_table(single_cells(), path, None)
    assert len(table.by_cell) == len(table.rows) == CELLS
    assert table.origin is not None
    table.origin.write(range(CELLS), tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_bytes() == path.read_bytes()
