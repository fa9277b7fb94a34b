"""Fields whose nuclei were found elsewhere: label images as they are, from the truth of a twin."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from tests.pipeline.runs import call

from phenovae.base.errors import UsageError
from phenovae.base.tables import read_table
from phenovae.cells.nuclei import NUCLEI
from phenovae.cells.refusals import ERRORS
from phenovae.cells.store import CellStore
from phenovae.images.segmentation import external
from phenovae.images.segmentation.planes import Floats
from phenovae.pipeline.config import load_config
from phenovae.pipeline.execute import Finished, run_verbs
from phenovae.screen.sites import SITES

FIELDS = 8
Labels = npt.NDArray[np.integer]


def process(twin: Path, labels: Path | None, run: Path, *settings: str) -> Finished:
    told = load_config(
        None,
        [
            "input.source=raw",
            f"input.images={twin / 'images'}",
            f"input.metadata={twin / 'BBBC021_v1_image.csv'}",
            f"input.moa={twin / 'BBBC021_v1_moa.csv'}",
            *([] if labels is None else [f"input.labels={labels}"]),
            "input.channels=[DAPI, Tubulin, Actin]",
            "input.crop_size=32",
            "illumination.method=none",
            "workers.count=1",
            *settings,
        ],
    )
    return run_verbs(("sites", "illuminate", "segment", "crop"), told, run)


def image_of(path: Path) -> Labels:
    return np.asarray(tifffile.imread(path))


def copied(twin: Path, folder: Path) -> list[Path]:
    """The truth's label images in a folder of their own, in order of their names."""
    folder.mkdir()
    sources = sorted((twin / "truth" / "labels").glob("*.tif"))
    for source in sources:
        (folder / source.name).write_bytes(source.read_bytes())
    return [folder / source.name for source in sources]


def test_nuclei_keep_the_numbers_and_the_masks_of_their_label_images(
    little: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    truth = little / "truth" / "labels"
    finished = process(little, truth, run, "cells.mask=nucleus", "cells.flagged_fields=keep")
    assert finished.unread == 0
    nuclei = read_table(run / "nuclei.parquet", NUCLEI)
    files = sorted(truth.glob("*.tif"))
    for file in files:
        true = image_of(file)
        here = nuclei.loc[nuclei["Metadata_Field"] == file.stem]
        assert here["Metadata_Cell"].tolist() == np.unique(true[true > 0]).tolist()
        plate = here["Metadata_Plate"].iloc[0]
        assert (image_of(run / "segmentation" / "nuclei" / plate / file.name) == true).all()
        areas = np.bincount(true.ravel())[here["Metadata_Cell"]]
        assert here["Measure_Nucleus_Area_px2"].tolist() == areas.tolist()
    assert nuclei["Metadata_Field"].nunique() == len(files) == FIELDS

    store = CellStore.open(run / "cells")
    kept = nuclei.loc[nuclei["Fate"] == "kept", ["Metadata_Field", "Metadata_Cell"]]
    assert len(store) == len(kept) > 20
    for row, (_, cell) in enumerate(store.table.iterrows()):
        true = image_of(truth / f"{cell['Metadata_Field']}.tif") == cell["Metadata_Cell"]
        top, left = (round(cell[name]) - 16 for name in ("Position_Row", "Position_Column"))
        crop = store.read([row])[0, 0]
        assert ((crop > 0) == true[top : top + 32, left : left + 32]).all()


def test_fields_without_a_fitting_label_image_are_listed_and_stop_nothing(
    little: Path, tmp_path: Path
) -> None:
    files = copied(little, tmp_path / "labels")
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:300])
    tifffile.imwrite(files[2], np.zeros((10, 10), np.uint16))
    tifffile.imwrite(files[3], image_of(files[3]).astype(np.float32))
    tifffile.imwrite(files[4], np.zeros((192, 224), np.uint8))
    # with gaps, and more than uint16 holds
    numbers = image_of(files[5]).astype(np.uint32) * 10_007
    tifffile.imwrite(files[5], numbers)
    finished = process(little, tmp_path / "labels", tmp_path / "run")
    errors = read_table(tmp_path / "run" / "errors.parquet", ERRORS)
    assert finished.unread == len(errors) == 4
    reasons = dict(zip(errors["File"], errors["Reason"], strict=True))
    for file, words in zip(
        files, ("no label image", "cannot be read", "10 × 10 px", "whole numbers"), strict=False
    ):
        assert words in reasons[file.stem]
    nuclei = read_table(tmp_path / "run" / "nuclei.parquet", NUCLEI)
    # a field without a nucleus is a field nevertheless
    assert nuclei["Metadata_Field"].nunique() == FIELDS - 5
    here = nuclei.loc[nuclei["Metadata_Field"] == files[5].stem, "Metadata_Cell"]
    assert here.tolist() == np.unique(numbers[numbers > 0]).tolist()
    assert here.max() > 65_535


class Fallible:
    """A model that fails once."""

    name = "Fallible 1.0"

    def __init__(self) -> None:
        self.calls = 0

    def efforts(self) -> tuple[int, ...]:
        return (1,)

    def labels(
        self, plane: Floats, effort: int, diameter: float | None, pixel_size_um: float | None
    ) -> Labels:
        self.calls += 1
        if self.calls == 1:
            raise IndexError("index 7 is out of bounds")
        found = np.zeros(plane.shape, np.int64)
        found[60:80, 60:80] = 5
        return found


def test_a_field_on_which_a_model_fails_is_listed_and_the_others_go_on(
    little: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with mock.patch.object(external, "_loaded", return_value=Fallible()):
        finished = process(little, None, run, "segmentation.method=cellpose")
    errors = read_table(run / "errors.parquet", ERRORS)
    assert finished.unread == len(errors) == 1
    assert errors["Reason"][0] == "Fallible 1.0 failed: IndexError: index 7 is out of bounds"
    sites = read_table(run / "sites.parquet", SITES)
    assert errors["File"][0] in set(sites["Metadata_Field"])
    nuclei = read_table(run / "nuclei.parquet", NUCLEI)
    assert len(nuclei) == FIELDS - 1
    assert (nuclei["Metadata_Cell"] == 1).all()
    # the same from the command line, with the settings of the run and another model
    with mock.patch.object(external, "_loaded", return_value=Fallible()) as loaded:
        told = call("segment", "--run", run, "--model", "other", "--download-weights")
    assert told.code == 3, told.err
    assert loaded.call_args.args == ("cellpose", "other", "auto", True)


def test_a_model_that_cannot_be_used_stops_the_stage(little: Path, tmp_path: Path) -> None:
    wrong = UsageError("cellpose 5.0 is installed")
    with (
        mock.patch.object(external, "_loaded", side_effect=wrong),
        pytest.raises(UsageError, match=r"cellpose 5\.0"),
    ):
        process(little, None, tmp_path / "run", "segmentation.method=cellpose")
