"""What maps and plate maps can be coloured by, of cells, wells and treatments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenovae.base.errors import UsageError
from phenovae.pipeline.config import Config
from phenovae.pipeline.figure_kinds import maps, plate_maps
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Wanted
from phenovae.pipeline.figure_kinds.quantities import (
    CONTROL,
    UNKNOWN,
    Points,
    groups_of,
    measure_of,
    points_of_cells,
    points_of_treatments,
    points_of_wells,
)

ODD = "Cdk1/2 <script> $x_"


class Store:
    """A table of cells in the place of a store."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)


def table() -> pd.DataFrame:
    """Two plates of three wells with four cells each; every fourth cell is flagged."""
    wells = ["B02", "B03", "C11"]
    rows = [
        {
            "Metadata_Plate": plate,
            "Metadata_Well": well,
            "Metadata_Batch": "Week1",
            "Metadata_Compound": compound,
            "Metadata_Concentration": dose,
            "Metadata_MoA": moa,
            "Metadata_Role": role,
            "Quality_Flag": "noise" if cell == 3 else "",
            "Quality_Noise": 0.1 * number + 0.01 * cell,
            "Measure_Nucleus_Area_um2": np.nan if cell == 0 else 100.0 + number,
        }
        for plate in ("P1", "P2")
        for number, (well, compound, dose, moa, role) in enumerate(
            zip(
                wells,
                ("DMSO", ODD, "mystery"),
                (0.0, 0.1 + 0.2, 3.0),
                (None, "Cdk", None),
                ("negative_control", "treatment", "treatment"),
                strict=True,
            )
        )
        for cell in range(4)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def run(tmp_path: Path) -> Gathered:
    """A run with cells, embeddings and scores, without any file."""
    return gathered(tmp_path, Wanted())


def gathered(folder: Path, wanted: Wanted) -> Gathered:
    """The run as it is asked for pictures."""
    found = Gathered(folder, Config(), wanted)
    cells = table()
    embeddings = pd.DataFrame(
        np.random.default_rng(0).normal(size=(len(cells), 3)), columns=["z_000", "z_001", "z_002"]
    )
    scores = pd.DataFrame(
        {
            "Features": ["model", "model", "intensity"],
            "Treatment": [f"{ODD} 0.3 µM"] * 3,
            "Right": [1.0, 0.0, 0.0],
        }
    )
    found.__dict__ |= {"store": Store(cells), "embeddings": embeddings, "neighbours": scores}
    return found


def test_wells_and_treatments_are_of_usable_cells_alone(run: Gathered) -> None:
    wells, treatments = points_of_wells(run), points_of_treatments(run)
    assert (len(wells.metadata), wells.cells) == (6, 18)
    assert (len(treatments.metadata), treatments.cells) == (3, 18)
    assert set(treatments.metadata["Metadata_Plate"]) == {"several"}
    np.testing.assert_array_equal(measure_of(run, wells, "cells").values, [3] * 6)
    np.testing.assert_array_equal(measure_of(run, treatments, "cells").values, [6] * 3)
    np.testing.assert_allclose(measure_of(run, wells, "flagged").values, [25] * 6)


def test_counts_that_differ_by_far_are_coloured_by_their_logarithm(run: Gathered) -> None:
    even = points_of_wells(run)
    assert not measure_of(run, even, "cells").logarithmic
    uneven = Points("well", even.metadata, np.array([0] * 40 + [1, 2, 3, 4, 5]))
    assert measure_of(run, uneven, "cells").logarithmic


def test_groups_tell_controls_and_what_is_not_known(run: Gathered) -> None:
    wells = points_of_wells(run)
    assert groups_of(wells, "mechanism") == [CONTROL, "Cdk", UNKNOWN] * 2
    assert groups_of(wells, "treatment") == [CONTROL, f"{ODD} 0.3 µM", "mystery 3 µM"] * 2
    assert groups_of(wells, "plate") == ["P1"] * 3 + ["P2"] * 3
    assert groups_of(wells, "Quality_Noise") is None


def test_measures_are_means_of_cells_that_have_them_with_their_unit(run: Gathered) -> None:
    wells = points_of_wells(run)
    area = measure_of(run, wells, "Measure_Nucleus_Area_um2")
    np.testing.assert_allclose(area.values, [100, 101, 102] * 2)
    assert area.label == "Nucleus Area [µm²], mean"
    noise = measure_of(run, wells, "Quality_Noise")
    np.testing.assert_allclose(noise.values, [0.01, 0.11, 0.21] * 2)
    cells = points_of_cells(run, np.array([5, 6]))
    own = measure_of(run, cells, "Quality_Noise")
    np.testing.assert_allclose(own.values, [0.11, 0.12])
    assert own.label == "noise [share of the variance]"
    latent = measure_of(run, cells, "z_002")
    np.testing.assert_allclose(latent.values, run.embeddings["z_002"].iloc[[5, 6]])


def test_a_treatment_is_right_by_a_share_of_the_scores_of_the_model(run: Gathered) -> None:
    told = measure_of(run, points_of_wells(run), "right")
    np.testing.assert_allclose(told.values, [np.nan, 50, np.nan] * 2)
    assert "[%]" in told.label
    run.__dict__["neighbours"] = run.neighbours.iloc[2:]
    with pytest.raises(CannotDrawError, match="no treatment"):
        measure_of(run, points_of_wells(run), "right")


def test_a_name_that_nothing_has_is_refused_with_the_nearest(run: Gathered) -> None:
    with pytest.raises(UsageError) as caught:
        measure_of(run, points_of_wells(run), "Measure_Nucleus_Area")
    assert "Measure_Nucleus_Area_um2" in str(caught.value)
    with pytest.raises(UsageError):
        measure_of(run, points_of_wells(run), "z_017")


def test_a_plate_map_counts_the_cells_behind_it_and_has_plain_names(tmp_path: Path) -> None:
    asked = gathered(tmp_path, Wanted(by=("cells", "Quality_Noise"), plates=("P2",)))
    first, second = plate_maps.KIND.draw(asked)
    assert (first.name, second.name) == ("plate-map-cells", "plate-map-quality-noise")
    assert first.cells == 9
    assert "3 wells on 1 plate" in first.caption
    wrong = gathered(tmp_path, Wanted(plates=("P9",)))
    with pytest.raises(UsageError, match="P9"):
        list(plate_maps.KIND.draw(wrong))


def test_a_map_is_coloured_by_what_is_asked_for(tmp_path: Path) -> None:
    asked = gathered(tmp_path, Wanted(by=("mechanism", "dose"), maps=("pca",)))
    groups, doses = maps.WELLS.draw(asked)
    assert (groups.name, doses.name) == ("map-wells-pca-mechanism", "map-wells-pca-dose")
    assert "6 wells of 18 cells, by mechanism" in groups.caption
    assert "Grey: 2 wells without a value." in doses.caption
    with pytest.raises(CannotDrawError, match="no profiles"):
        list(maps.TREATMENTS.draw(asked))
