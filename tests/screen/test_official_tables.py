"""Facts of the published tables, each counted before from the tables alone."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from phenovae.screen.bbbc021.image_rows import is_image_table
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.design import Design, check_design
from phenovae.screen.partners import treatments

TWO_WELLS = {
    "PD-169316 3 µM",
    "PD-169316 10 µM",
    "PP-2 3 µM",
    "PP-2 10 µM",
    "alsterpaullone 1 µM",
    "alsterpaullone 3 µM",
    "bryostatin 0.3 µM",
}


@pytest.fixture(scope="module")
def folder(public_data: Path) -> Path:
    return public_data / "bbbc021"


@pytest.fixture(scope="module")
def sites(folder: Path) -> pd.DataFrame:
    return read_sites(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")


@pytest.fixture(scope="module")
def design(sites: pd.DataFrame) -> Design:
    return check_design(sites)


def wells_of(sites: pd.DataFrame) -> pd.DataFrame:
    return sites.drop_duplicates(["Metadata_Plate", "Metadata_Well"])


def test_the_screen_has_its_size(design: Design) -> None:
    assert (design.sites, design.wells, design.plates, design.batches) == (13_200, 3_300, 55, 10)
    assert design.compounds == 112  # 111 by name, and UNKNOWN
    assert design.channels == ("DAPI", "Tubulin", "Actin")


def test_every_well_has_four_sites_and_every_plate_sixty_wells(sites: pd.DataFrame) -> None:
    numbers = sites.groupby(["Metadata_Plate", "Metadata_Well"])["Metadata_Site"].apply(sorted)
    assert set(map(tuple, numbers)) == {(1, 2, 3, 4)}
    per_plate = wells_of(sites)["Metadata_Plate"].value_counts()
    assert set(per_plate) == {60}


def test_plates_of_every_week_are_counted(sites: pd.DataFrame) -> None:
    plates = sites.drop_duplicates("Metadata_Plate")["Metadata_Batch"].value_counts()
    assert plates.to_dict() == {
        **{f"Week{week}": 6 for week in (1, 2, 3, 4, 5, 6, 9)},
        "Week7": 5,
        "Week8": 5,
        "Week10": 3,
    }


def test_annotated_treatments_compounds_mechanisms_and_wells_are_counted(design: Design) -> None:
    assert design.annotated_treatments == 103
    assert design.annotated_compounds == 38
    assert design.mechanisms == 12
    assert design.annotated_wells == 302


def test_control_wells_are_six_of_each_kind_on_every_plate(
    sites: pd.DataFrame, design: Design
) -> None:
    assert (design.negative_control_wells, design.positive_control_wells) == (330, 330)
    wells = wells_of(sites)
    for role, places in (
        ("negative_control", {"B02", "C02", "D02", "E11", "F11", "G11"}),
        ("positive_control", {"B11", "C11", "D11", "E02", "F02", "G02"}),
    ):
        controls = wells.loc[wells["Metadata_Role"] == role]
        found = controls.groupby("Metadata_Plate")["Metadata_Well"].apply(set)
        assert len(found) == 55
        assert all(each == places for each in found)


def test_taxol_in_d05_of_week1_is_a_treatment_of_three_wells(sites: pd.DataFrame) -> None:
    wells = wells_of(sites)
    taxol = wells.loc[
        (wells["Metadata_Compound"] == "taxol") & (wells["Metadata_Concentration"] == 0.3)
    ]
    assert len(taxol) == 333
    treated = taxol.loc[taxol["Metadata_Role"] == "treatment"]
    assert set(treated["Metadata_Plate"]) == {"Week1_22123", "Week1_22141", "Week1_22161"}
    assert treated["Metadata_Well"].tolist() == ["D05"] * 3
    assert set(treated["Metadata_MoA"]) == {"Microtubule stabilizers"}
    others = taxol.drop(index=treated.index)
    assert set(others["Metadata_Role"]) == {"positive_control"}


def test_the_largest_control_is_a_tenth_of_all_wells(design: Design) -> None:
    assert (design.largest_control, design.largest_control_share) == ("taxol", 0.1)


def test_a_treatment_has_three_wells_of_four_sites_of_three_images(design: Design) -> None:
    assert (design.usual_replicates, design.usual_sites, design.usual_images) == (3, 4, 36)


def test_seven_treatments_have_two_wells_and_nothing_else_departs(
    sites: pd.DataFrame, design: Design
) -> None:
    (departure,) = design.departures
    said, _, names = departure.partition(": ")
    assert said == "7 treatments have 2 wells instead of 3"
    assert set(names.split(", ")) == TWO_WELLS
    assert treatments(sites)["Wells"].value_counts().to_dict() == {3: 96, 2: 7}


def test_every_treatment_is_in_one_batch_and_one_position(design: Design) -> None:
    assert (design.in_one_batch, design.in_one_position) == (103, 103)
    assert design.compounds_in_several_batches == ("AG-1478", "monastrol")


def test_all_treatments_are_scorable_among_other_compounds(design: Design) -> None:
    wide = design.scorable[0]
    assert (wide.rule, wide.scorable, wide.total) == ("other-compound", 103, 103)
    assert wide.unscorable == ()


def test_ninety_two_are_scorable_among_other_compounds_of_other_batches(design: Design) -> None:
    narrow = design.scorable[1]
    assert (narrow.rule, narrow.scorable) == ("other-compound-and-batch", 92)
    assert len(narrow.unscorable) == 11
    assert narrow.mechanisms == ("Cholesterol-lowering", "Kinase inhibitors")
    compounds = {name.rsplit(" ", 2)[0] for name in narrow.unscorable}
    assert compounds == {
        "PD-169316",
        "alsterpaullone",
        "bryostatin",
        "mevinolin/lovastatin",
        "simvastatin",
    }


def test_treatments_of_every_mechanism_are_counted(sites: pd.DataFrame) -> None:
    assert treatments(sites)["Metadata_MoA"].value_counts().to_dict() == {
        "Actin disruptors": 5,
        "Aurora kinase inhibitors": 12,
        "Cholesterol-lowering": 6,
        "DNA damage": 9,
        "DNA replication": 8,
        "Eg5 inhibitors": 12,
        "Epithelial": 8,
        "Kinase inhibitors": 5,
        "Microtubule destabilizers": 14,
        "Microtubule stabilizers": 9,
        "Protein degradation": 7,
        "Protein synthesis": 8,
    }


def test_the_field_names_a_site_in_the_whole_screen(sites: pd.DataFrame) -> None:
    assert sites["Metadata_Field"].is_unique
    assert not sites.drop(columns="Metadata_MoA").isna().to_numpy().any()


def test_plain_and_gzip_are_one_table(folder: Path, sites: pd.DataFrame, tmp_path: Path) -> None:
    plain = tmp_path / "BBBC021_v1_image.csv"
    plain.write_bytes(gzip.decompress((folder / "BBBC021_v1_image.csv.gz").read_bytes()))
    packed = tmp_path / "BBBC021_v1_moa.csv.gz"
    packed.write_bytes(gzip.compress((folder / "BBBC021_v1_moa.csv").read_bytes()))
    assert is_image_table(plain)
    assert is_image_table(folder / "BBBC021_v1_image.csv.gz")
    pd.testing.assert_frame_equal(read_sites(plain, packed), sites)
