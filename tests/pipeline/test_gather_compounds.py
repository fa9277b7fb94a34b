"""Cells of every dose, and what is known of wells, from pixels that can be told by hand."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.cells.store import CellStore
from phenovae.pipeline.gather_compounds import gather_compounds, spread
from phenovae.pipeline.gather_wells import gather_wells


class Store:
    """As much of a store as is asked: a table, and crops of one grey level each, with a corner."""

    channels = ("DAPI",)

    def __init__(self, rows: list[tuple[str, str, str, float, str, str, int]]) -> None:
        names = ("Plate", "Well", "Compound", "Concentration", "Role")
        self.table = pd.DataFrame(
            [
                {
                    **{f"Metadata_{n}": v for n, v in zip(names, row[:5], strict=True)},
                    "Metadata_Batch": "Week1",
                    "Metadata_MoA": None if row[2] == "DMSO" else "DNA damage",
                    "Quality_Flag": row[5],
                    "Quality_Noise": 0.1,
                }
                for row in rows
            ]
        )
        self.levels = np.array([row[6] for row in rows], dtype=np.uint16)

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
        crops = np.zeros((len(rows), 1, 4, 4), np.uint16)
        crops[:, 0, :, :] = self.levels[rows][:, None, None]
        crops[:, 0, 0, 0] = 0
        return crops


ROWS = [
    ("P1", "A01", "DMSO", 0.0, "negative_control", "", 100),
    ("P1", "A01", "DMSO", 0.0, "negative_control", "", 100),
    ("P1", "B01", "taxol", 1.0, "treatment", "", 50),
    ("P1", "B01", "taxol", 1.0, "treatment", "noise", 1),
    ("P1", "B02", "taxol", 0.3, "treatment", "", 200),
    ("P2", "B02", "Alpha", 1.0, "treatment", "", 100),
    ("P2", "B03", "Alpha", 1.0, "treatment", "", 100),
]


def store() -> CellStore:
    return cast("CellStore", Store(ROWS))


def test_places_are_spread_from_first_to_last() -> None:
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(2, 6).tolist() == [0, 1]
    assert spread(5, 0).tolist() == []


def test_compounds_come_with_their_doses_beside_controls_of_their_plate() -> None:
    found = gather_compounds(store(), 6)
    alpha, taxol = found.compounds
    assert (alpha.compound, taxol.compound) == ("Alpha", "taxol")
    assert [(each.concentration, each.wells, each.cells) for each in taxol.doses] == [
        (0.3, 1, 1),
        (1.0, 1, 1),
    ]
    assert (taxol.control, taxol.beside, len(taxol.controls)) == ("DMSO", "P1", 2)
    assert (alpha.control, alpha.beside, len(alpha.controls)) == ("", "", 0)
    # As bright as the plate's controls are: theirs is full brightness, half of it less.
    control, half, double = (
        int(crops[0][2, 2, 2])
        for crops in (taxol.controls, taxol.doses[1].crops, taxol.doses[0].crops)
    )
    assert control == double
    assert 0 < half < control


def test_no_cell_is_read_where_none_is_asked_for() -> None:
    found = gather_compounds(store(), 0)
    assert all(len(dose.crops) == 0 for each in found.compounds for dose in each.doses)
    assert [each.cells for each in found.compounds] == [2, 2]


def test_a_screen_without_controls_is_scaled_by_its_own_cells() -> None:
    found = gather_compounds(cast("CellStore", Store(ROWS[2:])), 6)
    assert "all cells of its plate" in found.scaled
    assert all(len(each.controls) == 0 for each in found.compounds)


def test_wells_have_their_cells_and_those_left_out(tmp_path: Path) -> None:
    wells = gather_wells(tmp_path, store()).set_index(["Metadata_Plate", "Metadata_Well"])
    assert wells["Cells"].to_dict() == {
        ("P1", "A01"): 2, ("P1", "B01"): 1, ("P1", "B02"): 1, ("P2", "B02"): 1, ("P2", "B03"): 1,
    }  # fmt: skip
    assert wells["Cells_Flagged"].tolist() == [0, 1, 0, 0, 0]
    assert wells["Treatment"].tolist()[:2] == ["DMSO (negative control)", "taxol 1 µM"]
    assert wells["Fields"].isna().all()
