from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from phenovae.base.errors import InputError
from phenovae.base.tables import read_table, write_table
from phenovae.cells.field_parts import label_path
from phenovae.cells.nuclei import FIELDS, NUCLEI
from phenovae.cells.refusals import ERRORS, Refusal, refusal_frame
from phenovae.images.illumination import flat
from phenovae.images.illumination_files import save_illumination, write_illumination_table
from phenovae.images.label_files import write_labels
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config, check_config
from phenovae.pipeline.gather_fields import chosen_fields, gather_fields, spread
from phenovae.report.field_content import FieldContent
from phenovae.screen.sites import METADATA, SITES
from phenovae.screen.unmatched import UNMATCHED, Kind, Unmatched, unmatched_table

SHAPE = (40, 48)
PLATES = ("P1", "P2", "P10")


@dataclass(frozen=True)
class Made:
    """A run's folder with the tables and images of its fields, and its configuration."""

    run: Path
    images: Path

    def config(self, layout: str = "nuclei") -> Config:
        named: dict[str, object] = {
            "source": "raw", "images": str(self.images), "channels": ["DAPI", "Actin"],
            "crop_size": 16,
        }  # fmt: skip
        return check_config({"input": named, "cells": {"layout": layout}}, "a test")  # type: ignore[dict-item]

    def gather(self, layout: str = "nuclei", *, lit: bool = True, **told: object) -> FieldContent:
        return gather_fields(self.run, self.config(layout), {"sites": told}, lit=lit)


def site_rows() -> pd.DataFrame:
    """On each of three plates a control well and two treated ones."""
    rows = [
        {
            "Metadata_Plate": plate, "Metadata_Well": f"B0{well}", "Metadata_Replicate": 1,
            "Metadata_Batch": "all", "Metadata_Compound": "DMSO" if well == 2 else "taxol",
            "Metadata_Concentration": 0.0 if well == 2 else 0.3, "Metadata_MoA": None,
            "Metadata_Role": "negative_control" if well == 2 else "treatment",
            "Metadata_Site": 1, "Metadata_Field": f"{plate}/B0{well}",
            "File_DAPI": f"{plate}_B0{well}_1.tif", "File_Actin": f"{plate}_B0{well}_2.tif",
        }
        for plate in PLATES
        for well in (2, 3, 4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def labels() -> np.ndarray:
    found = np.zeros(SHAPE, np.int32)
    found[10:20, 10:20], found[:6, 30:40] = 1, 2
    return found


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Nine sites, of which one could not be read and one was thrown out; two nuclei a field."""
    run, images = tmp_path / "a run", tmp_path / "the images"
    images.mkdir()
    sites = site_rows()
    random = np.random.default_rng(1)
    for name in [*sites["File_DAPI"], *sites["File_Actin"]]:
        tifffile.imwrite(images / name, random.integers(100, 900, SHAPE).astype(np.uint16))
    read = sites.iloc[:8][list(METADATA)]
    fields = read.assign(Count_Nuclei=2, Nucleus_Diameter=10.0, Field_Flag="", Field_Reason="",
                         Bits=16, Field_Level05_DAPI=100.0, Field_Level999_DAPI=900.0)  # fmt: skip
    fields.loc[1, ["Field_Flag", "Field_Reason"]] = ["focus", "DAPI is out of focus"]
    nuclei = read.loc[read.index.repeat(2)].reset_index(drop=True)
    nuclei = nuclei.assign(
        Metadata_Cell=[1, 2] * 8, Position_Row=[14.5, 2.5] * 8, Position_Column=[14.5, 34.5] * 8,
        Fate=["kept", "border"] * 8, Why="",
    )  # fmt: skip
    nuclei.loc[2, "Fate"] = "field"
    for _, row in read.iterrows():
        for kind in ("nuclei", "cells"):
            path = label_path(
                run / paths.SEGMENTATION, row["Metadata_Plate"], row["Metadata_Field"], kind
            )
            write_labels(labels(), path)
    refused = refusal_frame([Refusal("segment", "P10/B04", "no image", plate="P10", well="B04")])
    gone = unmatched_table(
        [Unmatched(Kind.PLATE, "none", "P5", count=7), Unmatched(Kind.NAME, "x")]
    )
    write_table(sites, run / paths.SITES, SITES)
    write_table(fields, run / paths.FIELDS, FIELDS)
    write_table(nuclei, run / paths.NUCLEI, NUCLEI)
    write_table(refused, run / paths.ERRORS, ERRORS)
    write_table(gone, run / paths.UNMATCHED, UNMATCHED)
    lights = {"P1": {"DAPI": flat(SHAPE, "too few fields", 3)}}
    save_illumination(run / paths.ILLUMINATION, "P1", lights["P1"])
    write_illumination_table(run / paths.ILLUMINATION, lights)
    return Made(run, images)


def test_counts_are_those_of_the_tables_rows(made: Made) -> None:
    told = made.gather(screen="BBBC021", images={"dropped": {"a rule": 3}, "notes": ["a note"]})
    assert (told.tabled, told.found, told.read, len(told.errors)) == (16, 9, 8, 1)
    assert dict(told.flags) == {"focus": 1}
    assert dict(told.fates) == {"kept": 7, "border": 8, "field": 1}
    assert told.nuclei == 16
    assert dict(told.dropped) == {"a rule": 3}
    assert list(told.notes) == ["a note"]
    assert not told.tiles


def test_what_a_screen_should_have_is_not_guessed(made: Made) -> None:
    assert made.gather().tabled is None
    (made.run / paths.UNMATCHED).unlink()
    assert len(made.gather().unmatched) == 0


def test_a_control_and_treated_wells_of_several_plates_are_shown(made: Made) -> None:
    told = made.gather()
    assert [each.treatment for each in told.examples] == [
        "DMSO (negative control)", "taxol 0.3 µM", "taxol 0.3 µM",
    ]  # fmt: skip
    assert [each.place for each in told.examples[1:]] == ["P1 B04, site 1", "P2 B03, site 1"]
    assert told.missing_examples == []
    for each in told.examples:
        assert each.fates == {"kept": 1, "border": 1}
        drawn = each.overlay
        assert drawn.kept.any()
        assert drawn.left_out.any()
        assert drawn.bodies.any()


def test_thrown_out_fields_come_with_their_reasons(made: Made) -> None:
    told = made.gather()
    assert [(each.title, each.reason) for each in told.thrown] == [
        ("P1 B03, site 1", "DAPI is out of focus")
    ]
    assert told.missing_thrown == []


def test_images_that_are_gone_leave_sentences_and_all_numbers(made: Made) -> None:
    whole = made.gather()
    shutil.rmtree(made.images)
    told = made.gather()
    assert told.examples == []
    assert told.thrown == []
    assert told.missing_examples[1] == (
        "There is no picture of P1 B04, site 1: there is no such image."
    )
    assert len(told.missing_thrown) == 1
    assert (told.fates, told.read) == (whole.fates, whole.read)


def test_one_damaged_image_or_label_image_costs_one_picture(made: Made) -> None:
    (made.images / "P1_B04_2.tif").write_bytes(b"II*\0 and no more")
    labelled = label_path(made.run / paths.SEGMENTATION, "P2", "P2/B03", "nuclei")
    write_labels(labels()[:30], labelled)
    told = made.gather()
    assert len(told.examples) == 1
    assert len(told.missing_examples) == 2
    assert "differ in size" in told.missing_examples[1]


def test_without_label_images_of_bodies_nuclei_alone_are_outlined(made: Made) -> None:
    shutil.rmtree(made.run / paths.SEGMENTATION / "cells")
    told = made.gather()
    assert len(told.examples) == 3
    assert not told.examples[0].overlay.bodies.any()
    shutil.rmtree(made.run / paths.SEGMENTATION)
    assert made.gather().missing_examples[0].endswith("there is no such label image.")


def test_tiles_are_drawn_as_squares_around_their_middles(made: Made) -> None:
    shutil.rmtree(made.run / paths.SEGMENTATION)
    told = made.gather("grid")
    assert told.tiles
    drawn = told.examples[0].overlay
    finer = drawn.kept.shape[0] // SHAPE[0]
    # the square of 16 px around row and column 14 starts at 6
    assert drawn.kept[6 * finer, 6 * finer : 22 * finer].all()
    assert not drawn.kept[: 6 * finer, : 20 * finer].any()


def test_cells_at_given_positions_are_marked_in_their_middles(made: Made) -> None:
    shutil.rmtree(made.run / paths.SEGMENTATION)
    nuclei = read_table(made.run / paths.NUCLEI, NUCLEI)
    nuclei.loc[nuclei["Metadata_Cell"] == 2, "Position_Row"] = -30.0
    write_table(nuclei, made.run / paths.NUCLEI, NUCLEI)
    many = made.gather("positions")
    assert many.noun == ("cell", "cells")
    assert many.missing_examples == []
    drawn = many.examples[0].overlay
    finer = drawn.kept.shape[0] // SHAPE[0]
    assert drawn.kept[12 * finer, 12 * finer : 17 * finer].all()
    assert drawn.kept[: 12 * finer].sum() == 0
    assert not drawn.left_out.any()


def test_light_is_told_and_missed_where_it_is_gone(made: Made) -> None:
    told = made.gather()
    assert told.light is not None
    assert list(told.light.table["Light_Fallback"]) == ["too few fields"]
    assert told.light.plates == {}
    unlit = made.gather(lit=False)
    assert (unlit.light, unlit.missing_light) == (None, "")
    shutil.rmtree(made.run / paths.ILLUMINATION)
    gone = made.gather()
    assert gone.light is None
    assert gone.missing_light == "The light is not shown: there is no illumination.parquet."


@pytest.mark.parametrize("name", [paths.FIELDS, paths.NUCLEI, paths.ERRORS, paths.SITES])
def test_a_table_that_is_gone_is_named(made: Made, name: str) -> None:
    (made.run / name).unlink()
    with pytest.raises(InputError, match=f"there is no {name}"):
        made.gather()


def test_reading_is_bounded_whatever_the_number_of_fields() -> None:
    many = pd.concat([site_rows()] * 50, ignore_index=True).assign(Count_Nuclei=range(450))
    many["Metadata_Field"] = [f"f{n}" for n in range(450)]
    chosen = chosen_fields(many.assign(Field_Flag=""))
    assert len(chosen) == 3
    assert chosen["Metadata_Role"].tolist().count("negative_control") == 1
    assert len(chosen_fields(many.assign(Field_Flag="focus"))) == 0
    assert len(chosen_fields(many.head(2).assign(Field_Flag=""))) == 2


def test_names_are_spread_from_first_to_last() -> None:
    assert spread(list("abcde"), 3) == ["a", "c", "e"]
    assert spread(["a"], 3) == ["a"]
    assert spread([], 3) == []
