"""Which rows make a treatment, with which weight, and how they are joined: 8, 20-23, 31 and 33."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cells.made import cell_table
from tests.profiles.screens import cells, controls, table
from tests.screen.small_tables import image_row, image_rows, write_tables
from tests.traps.by_hand import PLAIN, Treated, at, neighbours_of, one_cell_each, with_recipe

from phenovae.base.errors import InputError
from phenovae.base.tables import write_table
from phenovae.cells.table import EMBEDDINGS
from phenovae.evaluate.retrieval import replicate_retrieval
from phenovae.pipeline.stages.features import model_features
from phenovae.profiles.reading import read_features
from phenovae.profiles.recipe import make_profiles
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.design import check_design
from phenovae.screen.partners import treatments


def test_control_wells_of_a_treatment_are_no_part_of_its_profile(tmp_path: Path) -> None:
    """Trap 8: taxol 0.3 is a treatment in D05 of Week1 and a control everywhere else."""
    rows = [*image_rows(), image_row("Week2_24121", "D05", "taxol", "0.3")]
    tables = write_tables(tmp_path, images=rows)
    sites = read_sites(tables.images, tables.moa)
    taxol = sites.loc[sites["Metadata_Compound"] == "taxol"]
    role = taxol.groupby(["Metadata_Plate", "Metadata_Well"])["Metadata_Role"].first()
    assert role.to_dict() == {
        ("Week1_22123", "B11"): "positive_control", ("Week1_22123", "D05"): "treatment",
        ("Week2_24121", "B11"): "positive_control", ("Week2_24121", "D05"): "positive_control",
    }  # fmt: skip
    made = [{str(key): value for key, value in row.items()} for row in sites.to_dict("records")]
    world = table(
        [{**row, "Metadata_Cell": 0} for row in made],
        [float(well == "D05") for well in sites["Metadata_Well"]],
    )
    found = make_profiles(world, PLAIN.recipe)
    (place,) = np.flatnonzero(found.metadata["Metadata_Compound"] == "taxol")
    assert found.values[place] == 1.0
    assert found.metadata["Profile_Wells"].iloc[place] == 1
    assert found.metadata["Batches"].iloc[place] == {"Week1"}
    together = with_recipe(PLAIN, positive_controls="in_treatments")
    assert make_profiles(world, together.recipe).values[place] == pytest.approx(2 / 4)


def test_bbbc021_has_three_wells_of_the_treatment_and_330_of_the_control(
    bbbc021_sites: pd.DataFrame,
) -> None:
    """Trap 8: 333 wells hold taxol at 0.3 µM, and 302 wells are of annotated treatments."""
    design = check_design(bbbc021_sites)
    assert (design.annotated_wells, design.positive_control_wells) == (302, 330)
    known = treatments(bbbc021_sites)
    here = (known["Metadata_Compound"] == "taxol") & (known["Metadata_Concentration"] == 0.3)
    assert known.loc[here, "Wells"].tolist() == [3]
    assert known.loc[here, "Positions"].tolist() == [frozenset({"D05"})]


def test_a_crowded_well_weighs_no_more_than_a_sparse_one() -> None:
    """Trap 20: averaged over cells, a well of 1,000 would outweigh one of 10 a hundred times."""
    rows = cells("a", 1, 10, moa="X", well="B01") + cells("a", 1, 1000, moa="X", well="B02")
    world = table(rows, [0.0] * 10 + [1.0] * 1000)
    assert make_profiles(world, PLAIN.recipe).values.tolist() == [[0.5]]
    by_cell = with_recipe(PLAIN, levels=[{"level": "treatment"}])
    assert make_profiles(world, by_cell.recipe).values.tolist() == [[pytest.approx(1000 / 1010)]]


def test_replicates_are_plates_whatever_number_the_table_gives_them() -> None:
    """Trap 21: three plates numbered 1, 1 and 3 are three replicates, and none is merged."""
    rows = [
        {**row, "Metadata_Replicate": number}
        for plate, number in (("W1_1", 1), ("W1_2", 1), ("W1_3", 3))
        for row in cells("a", 1, moa="X", plate=plate)
    ]
    by_plate = with_recipe(PLAIN, levels=[{"level": "plate"}, {"level": "treatment"}])
    found = make_profiles(table(rows, [0.0, 3.0, 6.0]), by_plate.recipe)
    # By the number it were the mean of 1.5 and 6.
    assert found.values.tolist() == [[3.0]]
    assert found.metadata["Profile_Wells"].tolist() == [3]
    assert found.metadata["Plates"].tolist() == [frozenset({"W1_1", "W1_2", "W1_3"})]
    wells = pd.DataFrame(rows + controls(1, plate="W1_1") + controls(1, plate="W1_2"))
    ranked = replicate_retrieval(wells, at(0, 1, 2, 90, 90), draws=20, seed=0)
    assert ranked.rows["Positives"].tolist() == [2, 2]


WELLS = pd.DataFrame(
    {
        "Metadata_Plate": "P1", "Metadata_Well": ["A01", "A02", "A03", "A04"],
        "Metadata_Batch": "W1", "Metadata_Replicate": None,
        "Metadata_Compound": ["DMSO", "a", "b", "c"],
        "Metadata_Concentration": [0.0, 1.0, 0.3, 10.0],
        "Metadata_MoA": [None, "X", "X", "Y"],
        "Metadata_Role": ["negative_control", *["treatment"] * 3],
    }
)  # fmt: skip


def joined(frame: pd.DataFrame, folder: Path, known: pd.DataFrame = WELLS) -> dict[str, float]:
    """The feature of every compound."""
    frame.to_csv(folder / "t.csv", index=False)
    found = read_features(folder / "t.csv", known).features
    values = np.vstack([block for _, block in found.blocks()])[:, 0]
    return dict(zip(found.metadata["Metadata_Compound"].astype(str), values, strict=True))


def test_rows_meet_their_wells_by_name_and_never_by_order(tmp_path: Path) -> None:
    """Trap 22: a shuffled table joined row by row gives each drug another drug's features."""
    frame = pd.DataFrame({"plate": "P1", "well": WELLS["Metadata_Well"], "f": [1.0, 2, 3, 4]})
    found = joined(frame, tmp_path)
    assert found == {"DMSO": 1, "a": 2, "b": 3, "c": 4}
    assert joined(frame.iloc[[2, 0, 3, 1]], tmp_path) == found
    assert joined(frame, tmp_path, WELLS[::-1]) == found
    with pytest.raises(InputError, match="1 of 4 rows are not in the metadata: P1 A03"):
        joined(frame, tmp_path, WELLS.drop(index=2))
    with pytest.raises(InputError, match="1 rows repeat a well: P1 A02"):
        joined(pd.concat([frame, frame.iloc[[1]]]), tmp_path)


def test_embeddings_in_another_order_than_the_cells_are_refused(tmp_path: Path) -> None:
    """Trap 22: a run's embeddings carry the names of their cells, which are compared one by one."""
    cells_of_store = cell_table(3)
    told = cells_of_store.assign(z_000=np.array([1, 2, 3], np.float32))
    write_table(told, tmp_path / "embeddings.parquet", EMBEDDINGS)
    every = np.ones(3, bool)
    assert model_features(tmp_path, cells_of_store, every).take(every).tolist() == [[1], [2], [3]]
    for other in (told.iloc[[1, 0, 2]], told.iloc[:2]):
        write_table(other, tmp_path / "embeddings.parquet", EMBEDDINGS)
        with pytest.raises(InputError, match="of other cells than the store"):
            model_features(tmp_path, cells_of_store, every)


def test_a_dose_is_the_same_however_it_is_written_or_was_computed(tmp_path: Path) -> None:
    """Trap 23: 0.3, 0.30 and 0.1 + 0.2 are one dose, as text or as raw floats three."""
    (tmp_path / "t.csv").write_text("compound,dose,f\nb,0.30,3\na,1.000000,2\nDMSO,0,1\n")
    found = read_features(tmp_path / "t.csv", WELLS).features
    assert found.metadata["Metadata_MoA"].tolist()[:2] == ["X", "X"]
    assert 0.1 + 0.2 != 0.3
    computed = WELLS.assign(Metadata_Concentration=[0.0, 1.0, 0.1 + 0.2, 10.0])
    again = read_features(tmp_path / "t.csv", computed).features
    assert again.metadata["Metadata_Compound"].tolist() == ["b", "a", "DMSO"]
    rows = cells("a", 0.3, moa="X", well="B01") + cells("a", 0.1 + 0.2, moa="X", well="B02")
    profiles = make_profiles(table(rows, [1.0, 2.0]), PLAIN.recipe)
    assert profiles.values.tolist() == [[1.5]]
    assert treatments(pd.DataFrame(rows))["Wells"].tolist() == [2]


def test_the_row_for_dmso_in_the_table_of_mechanisms_is_no_mechanism(tmp_path: Path) -> None:
    """Trap 31: with it there would be 13 mechanisms and 104 treatments."""
    tables = write_tables(tmp_path)
    assert "DMSO" in tables.moa.read_text()
    sites = read_sites(tables.images, tables.moa)
    solvent = sites["Metadata_Compound"] == "DMSO"
    assert sites.loc[solvent, "Metadata_MoA"].isna().all()
    assert sites.loc[~solvent, "Metadata_MoA"].notna().all()


def test_bbbc021_has_12_mechanisms_and_103_treatments(bbbc021_sites: pd.DataFrame) -> None:
    """Trap 31: the official table of mechanisms has 104 rows, one of them DMSO's."""
    design = check_design(bbbc021_sites)
    assert (design.mechanisms, design.annotated_treatments) == (12, 103)


def test_unknown_is_no_compound_though_a_mechanism_stands_beside_it(tmp_path: Path) -> None:
    """Trap 33: wells of UNKNOWN have nothing in common but that nobody knows what they hold."""
    rows = [*image_rows(), image_row("Week2_24121", "G05", "UNKNOWN", "1.0")]
    tables = write_tables(tmp_path, images=rows)
    sites = read_sites(tables.images, tables.moa)
    unknown = sites["Metadata_Compound"] == "UNKNOWN"
    assert set(sites.loc[unknown, "Metadata_Role"]) == {"other"}
    sites.loc[unknown, "Metadata_MoA"] = "Epithelial"
    assert "UNKNOWN" not in set(treatments(sites)["Metadata_Compound"])


def test_compounds_are_as_they_are_named_and_of_all_batches_that_they_are_in() -> None:
    """Trap 33: AG-1478 is in two weeks and meets nobody of either; names are not guessed at."""
    same: list[Treated] = [
        ("AG-1478", 1, "X", "Week4_1"), ("AG-1478", 1, "X", "Week9_1"), ("p", 1, "X", "Week4_2"),
        ("r", 1, "X", "Week9_2"), ("s", 1, "X", "Week1_1"), ("ag1478", 1, "X", "Week2_1"),
    ]  # fmt: skip
    world = one_cell_each(same, at(0, 0, 1, 2, 30, 40))
    assert neighbours_of(world)["AG-1478 1 µM"] == "p 1 µM"
    assert neighbours_of(world, metric="NSCB")["AG-1478 1 µM"] == "s 1 µM"
    # An alias stays another compound, since no table of aliases is believed.
    assert neighbours_of(world)["ag1478 1 µM"] == "s 1 µM"
    assert len(make_profiles(world, PLAIN.recipe).metadata) == 5
