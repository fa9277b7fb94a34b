from __future__ import annotations

from pathlib import Path

import pytest
from tests.screen.small_tables import write_tables

from phenovae.base.errors import FaultsError, UsageError
from phenovae.screen.bbbc021.catalogue import (
    Catalogue,
    check_names,
    collection,
    read_catalogue,
    source_text,
)


@pytest.fixture
def small(tmp_path: Path) -> Catalogue:
    tables = write_tables(tmp_path)
    return read_catalogue(tables.images, tables.moa)


@pytest.fixture(scope="module")
def official(public_data: Path) -> Catalogue:
    folder = public_data / "bbbc021"
    return read_catalogue(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")


def chosen(catalogue: Catalogue, *asked: str) -> list[str]:
    return [plate.name for plate in catalogue.chosen(asked)]


def test_plates_are_those_of_the_table_with_their_images_and_controls(small: Catalogue) -> None:
    assert [(plate.name, plate.batch, len(plate.images)) for plate in small.plates] == [
        ("Week1_22123", "Week1", 24),
        ("Week2_24121", "Week2", 18),
    ]
    assert [plate.controls for plate in small.plates] == [1, 1]
    assert all(name.endswith(".tif") and "/" not in name for name in small.plates[0].images)


def test_plates_are_chosen_by_name_week_or_group_each_once(small: Catalogue) -> None:
    assert chosen(small, "Week1_22123", "Week1", "Week1_22123") == ["Week1_22123"]
    assert chosen(small, "Week2", "Week1_22123") == ["Week1_22123", "Week2_24121"]
    assert chosen(small, "all") == chosen(small, "benchmark") == ["Week1_22123", "Week2_24121"]
    assert chosen(small, "tables") == []


def test_positive_controls_make_no_plate_part_of_the_benchmark(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, moa="compound,concentration,moa\ntaxol,0.3,Stabilizers\n")
    catalogue = read_catalogue(tables.images, tables.moa)
    # Taxol stands on both plates; in D05 of Week1 alone it is a treatment.
    assert chosen(catalogue, "benchmark") == ["Week1_22123"]


def test_without_mechanisms_no_plate_is_annotated(tmp_path: Path) -> None:
    catalogue = read_catalogue(write_tables(tmp_path).images, None)
    assert not catalogue.mechanisms
    assert chosen(catalogue, "benchmark") == []


def test_names_that_are_not_known_are_all_told_with_the_nearest(small: Catalogue) -> None:
    with pytest.raises(UsageError) as caught:
        small.chosen(["Week1_22132", "Week1", "Week9", "bench"])
    told = str(caught.value)
    assert "'Week1_22132': did you mean 'Week1_22123'?" in told
    assert "'Week9': did you mean 'Week" in told
    assert "'bench': did you mean 'benchmark'?" in told


def test_what_can_be_no_name_is_refused_before_any_table_is_read() -> None:
    check_names(["tables", "benchmark", "all", "Week10", "Week1_22123"])
    with pytest.raises(UsageError) as caught:
        check_names(["tabels", "Week1_22123.zip", "../etc", "Week0", "week1", ""])
    told = str(caught.value)
    assert "'tabels': did you mean 'tables'?" in told
    assert "'../etc': say tables, benchmark, all, a week" in told
    assert len(told.splitlines()) == 7


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, images="<html>please log in</html>")
    with pytest.raises(FaultsError):
        read_catalogue(tables.images, tables.moa)


def test_source_citation_and_terms_are_told() -> None:
    told = source_text("https://a.org/")
    for part in ("https://a.org/", "Caie", "2010", "Ljosa", "2012", "Terms", collection().page):
        assert part in told
    assert all(len(line) <= 88 for line in told.splitlines())
    assert collection().archive_of("Week1_22123") == "BBBC021_v1_images_Week1_22123.zip"
    assert collection().base == "https://data.broadinstitute.org/bbbc/BBBC021/"


def test_the_official_table_has_55_plates_of_720_images(official: Catalogue) -> None:
    assert len(chosen(official, "all")) == 55
    assert {len(plate.images) for plate in official.plates} == {720}
    assert chosen(official, "all")[0] == "Week1_22123"
    assert chosen(official, "all")[-1].startswith("Week10_")
    assert len(chosen(official, "Week1")) == 6


def test_the_benchmark_is_49_plates_with_294_of_330_control_wells(official: Catalogue) -> None:
    plates = official.chosen(["benchmark"])
    assert len(plates) == 49
    assert (sum(plate.controls for plate in plates), official.controls) == (294, 330)
