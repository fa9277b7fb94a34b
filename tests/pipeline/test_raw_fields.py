"""Whole fields to cells, against the twin's truth; the same whoever does the work."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.tables import read_table
from phenovae.cells.nuclei import FIELDS, NUCLEI
from phenovae.cells.refusals import ERRORS
from phenovae.cells.store import CellStore
from phenovae.images.illumination_files import load_illumination
from phenovae.images.segmentation.matching import agreement, pooled
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.execute import Finished, run_verbs
from phenovae.screen.sites import SITES
from phenovae.screen.unmatched import UNMATCHED
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin

VERBS = ("sites", "illuminate", "segment", "crop")
WRITTEN = ("fields.parquet", "nuclei.parquet", "errors.parquet", "cells/cells.parquet")
EVEN = "illumination.method=none"
DRAWN = TwinOptions(
    batches=2,
    replicates=1,
    compounds=1,
    doses=1,
    annotated_doses=1,
    negative_controls=2,
    positive_controls=0,
    sites=1,
    height=288,
    width=336,
)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of two plates with 8 fields each, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("raw fields") / "the twin"
    make_twin(DRAWN, folder, 0)
    return folder


def config(twin: Path, *settings: str) -> Config:
    named = (
        "input.source=raw",
        f"input.images={twin / 'images'}",
        f"input.metadata={twin / 'BBBC021_v1_image.csv'}",
        f"input.moa={twin / 'BBBC021_v1_moa.csv'}",
        "input.channels=[DAPI, Actin, Tubulin]",
        "input.crop_size=48",
        "workers.count=1",
        "workers.fields=5",
    )
    return load_config(None, [*named, *settings])


def process(twin: Path, run: Path, *settings: str) -> Finished:
    return run_verbs(VERBS, config(twin, *settings), run)


@pytest.fixture(scope="session")
def processed(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The twin's fields, processed by this process alone."""
    run = tmp_path_factory.mktemp("processed") / "run"
    finished = process(drawn, run)
    assert finished.unread == 0
    return run


def truth(twin: Path, field: str) -> npt.NDArray[np.int32]:
    return np.asarray(tifffile.imread(twin / "truth" / "labels" / f"{field}.tif")).astype(np.int32)


def found(run: Path, plate: str, field: str, kind: str = "nuclei") -> npt.NDArray[np.int32]:
    path = run / "segmentation" / kind / plate / f"{field}.tif"
    return np.asarray(tifffile.imread(path)).astype(np.int32)


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of everything that the stages on fields leave."""
    files = [run / name for name in WRITTEN]
    for folder in ("illumination", "segmentation", "cells"):
        files += [path for path in (run / folder).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(set(files))
        if path.name != "settings.json"
    }


def test_the_nuclei_found_are_those_that_were_drawn(drawn: Path, processed: Path) -> None:
    fields = read_table(processed / "fields.parquet", FIELDS)
    assert len(fields) == 16
    told = pooled(
        agreement(truth(drawn, row["Metadata_Field"]),
                  found(processed, row["Metadata_Plate"], row["Metadata_Field"]))
        for _, row in fields.iterrows()
    )  # fmt: skip
    assert told.f1 > 0.95


def test_kept_nuclei_lie_where_the_truth_has_them(drawn: Path, processed: Path) -> None:
    nuclei = read_table(processed / "nuclei.parquet", NUCLEI)
    kept = nuclei.loc[nuclei["Fate"] == "kept"]
    assert len(kept) > 75
    away = []
    for field, rows in kept.groupby("Metadata_Field"):
        labels = truth(drawn, str(field))
        numbers = np.unique(labels)[1:]
        middles = np.array(ndimage.center_of_mass(labels > 0, labels, numbers))
        places = rows[["Position_Row", "Position_Column"]].to_numpy()
        gaps = np.linalg.norm(places[:, None] - middles[None], axis=2)
        away += np.nanmin(gaps, axis=1).tolist()
    assert np.quantile(away, 0.95) < 2.0


def test_every_nucleus_has_one_row_and_all_counts_agree(processed: Path) -> None:
    nuclei = read_table(processed / "nuclei.parquet", NUCLEI)
    fields = read_table(processed / "fields.parquet", FIELDS)
    told = read_json(processed / "import.json")
    assert isinstance(told, dict)
    for _, row in fields.iterrows():
        labels = found(processed, row["Metadata_Plate"], row["Metadata_Field"])
        here = nuclei.loc[nuclei["Metadata_Field"] == row["Metadata_Field"]]
        assert sorted(here["Metadata_Cell"]) == sorted(set(np.unique(labels)) - {0})
        assert row["Count_Nuclei"] == len(here)
    assert told["positions"] == len(nuclei)
    assert told["imported"] == (nuclei["Fate"] == "kept").sum()
    parts = ("kept", "at_border", "small", "large", "in_flagged_fields")
    assert sum(told[name] for name in parts) == len(nuclei)
    assert (nuclei["Why"] == "").equals(nuclei["Fate"] == "kept")


def test_crops_are_the_raw_pixels_around_their_nuclei(drawn: Path, processed: Path) -> None:
    store = CellStore.open(processed / "cells")
    assert store.channels == ("DAPI", "Actin", "Tubulin")
    table = store.table
    assert len(table) == len(store)
    for row in (0, len(table) // 2, len(table) - 1):
        cell = table.iloc[row]
        top, left = (round(cell[name]) - 24 for name in ("Position_Row", "Position_Column"))
        sites = read_table(processed / "sites.parquet", SITES)
        site = sites.loc[sites["Metadata_Field"] == cell["Metadata_Field"]].iloc[0]
        for place, channel in enumerate(store.channels):
            image = tifffile.imread(drawn / "images" / site[f"File_{channel}"])
            assert (store.read([row])[0, place] == image[top : top + 48, left : left + 48]).all()


def test_measures_of_a_cell_come_into_the_store_with_it(processed: Path) -> None:
    table = CellStore.open(processed / "cells").table
    nuclei = read_table(processed / "nuclei.parquet", NUCLEI)
    key = ["Metadata_Field", "Metadata_Cell"]
    both = table.merge(nuclei, on=key, suffixes=("", "_n"))
    assert len(both) == len(table)
    name = "Measure_Nucleus_Area_px2"
    assert both[name].equals(both[f"{name}_n"])


@pytest.mark.slow
def test_two_workers_leave_the_same_bytes_as_one(
    drawn: Path, processed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process(drawn, run, "workers.count=2")
    assert digests(run) == digests(processed)


@pytest.mark.slow
def test_a_run_that_is_killed_half_way_goes_on_to_the_same_bytes(
    drawn: Path, processed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.pipeline.test_raw_fields import process\n"
        "if __name__ == '__main__':\n"
        f"    folders = Path({str(drawn)!r}), Path({str(run)!r})\n"
        "    process(*folders, 'workers.count=2', 'workers.fields=1')\n"
    )
    script = tmp_path / "work.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parts = run / "segmentation.partial" / "parts"
    worker = subprocess.Popen(
        [sys.executable, str(script)], env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(parts.glob("*.errors.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
        assert worker.poll() is None
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    done = len(list(parts.glob("*.errors.parquet")))
    assert 0 < done < 16
    process(drawn, run, "workers.fields=1")
    assert digests(run) == digests(processed)


def test_damaged_and_missing_images_are_listed_and_stop_nothing(
    little: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "a twin"
    shutil.copytree(little, twin)
    images = sorted((twin / "images").rglob("*_w1*.tif"))
    whole = images[0].read_bytes()
    images[0].write_bytes(whole[: len(whole) // 2])
    images[1].unlink()
    images[2].write_bytes(b"")
    tifffile.imwrite(images[3], np.zeros((100, 100), np.uint16))
    finished = process(twin, tmp_path / "run", EVEN)
    errors = read_table(tmp_path / "run" / "errors.parquet", ERRORS)
    assert finished.unread == len(errors) == 4
    assert errors["Plate"].notna().all()
    assert errors["Site"].notna().all()
    reasons = " | ".join(errors["Reason"])
    assert "no image of DAPI" in reasons
    assert "differ in size" in reasons
    assert len(read_table(tmp_path / "run" / "fields.parquet", FIELDS)) == 4
    unmatched = read_table(tmp_path / "run" / "unmatched.parquet", UNMATCHED)
    assert unmatched["Kind"].tolist() == ["channel without image"]


@pytest.mark.slow
def test_a_field_out_of_focus_is_flagged_and_its_nuclei_say_so(drawn: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(drawn, twin)
    path = sorted((twin / "images").rglob("*_w1*.tif"))[3]
    for tag in ("_w1", "_w2", "_w4"):
        stem = path.name.split("_w1")[0]
        image = next(path.parent.glob(f"{stem}{tag}*"))
        pixels = tifffile.imread(image).astype(np.float32)
        tifffile.imwrite(image, ndimage.gaussian_filter(pixels, 7).astype(np.uint16))
    process(twin, tmp_path / "run")
    fields = read_table(tmp_path / "run" / "fields.parquet", FIELDS)
    flagged = fields.loc[fields["Field_Flag"] != ""]
    assert flagged["Field_Flag"].str.contains("out_of_focus").tolist() == [True]
    nuclei = read_table(tmp_path / "run" / "nuclei.parquet", NUCLEI)
    here = nuclei.loc[nuclei["Metadata_Field"] == flagged["Metadata_Field"].iloc[0]]
    assert not (here["Fate"] == "kept").any()
    kept = process(twin, tmp_path / "kept", "cells.flagged_fields=keep")
    assert kept.unread == 0


def test_tiles_cover_the_field_and_need_no_nuclei(little: Path, tmp_path: Path) -> None:
    process(little, tmp_path / "run", "cells.layout=grid", "input.crop_size=64", EVEN)
    nuclei = read_table(tmp_path / "run" / "nuclei.parquet", NUCLEI)
    assert len(nuclei) == 8 * (192 // 64) * (224 // 64)
    assert (nuclei["Fate"] == "kept").all()
    assert not (tmp_path / "run" / "segmentation" / "nuclei").exists()


@pytest.mark.slow
def test_a_mask_leaves_the_cell_alone_and_corrected_pixels_are_told_from_raw_ones(
    drawn: Path, processed: Path, tmp_path: Path
) -> None:
    process(drawn, tmp_path / "run", "cells.mask=nucleus", "cells.pixels=corrected")
    masked = CellStore.open(tmp_path / "run" / "cells")
    plain = CellStore.open(processed / "cells")
    assert len(masked) == len(plain)
    one, other = masked.read([0])[0], plain.read([0])[0]
    area = masked.table["Measure_Nucleus_Area_px2"].iloc[0]
    assert (one[0] > 0).sum() == pytest.approx(area, rel=0.02)
    inside = one[0] > 0
    ratio = one[0][inside].astype(float) / other[0][inside]
    assert 0.7 < ratio.mean() < 1.4
    assert not np.allclose(ratio, 1)


@pytest.mark.slow
def test_the_light_of_a_plate_is_told_to_three_per_cent(tmp_path: Path) -> None:
    options = TwinOptions(
        batches=2, replicates=1, compounds=1, doses=1, annotated_doses=1, negative_controls=2,
        positive_controls=0, sites=3, height=480, width=576, illumination=0.3,
    )  # fmt: skip
    make_twin(options, tmp_path / "twin", 1)
    run_verbs(("sites", "illuminate"), config(tmp_path / "twin"), tmp_path / "run")
    lights = np.load(tmp_path / "twin" / "truth" / "illumination.npz")
    plates = {name.rpartition("_")[0] for name in lights.files}
    assert len(plates) == 2
    for plate in plates:
        told = load_illumination(tmp_path / "run" / "illumination", plate)
        for channel, light in told.items():
            assert light.fields == 24
            true = lights[f"{plate}_{channel}"]
            error = light.full / true - 1
            assert np.sqrt(np.mean(error**2)) < 0.03


def test_a_folder_without_images_says_what_was_looked_for(little: Path, tmp_path: Path) -> None:
    empty = tmp_path / "twin"
    shutil.copytree(little, empty, ignore=shutil.ignore_patterns("*.tif"))
    with pytest.raises(InputError):
        process(empty, tmp_path / "run")
    assert not (tmp_path / "run" / "sites.parquet").exists()


def test_crops_at_given_positions_are_the_pixels_there(little: Path, tmp_path: Path) -> None:
    sites = sorted((little / "images").rglob("*_w1*.tif"))
    field = sites[3].stem
    rows = [(field, 7, 100.4, 200.0), (field, 9, 10.0, 200.0), (field, 8, 24.0, 24.0)]
    names = ["Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "places.csv", index=False)
    settings = ("cells.layout=positions", f"input.positions={tmp_path / 'places.csv'}", EVEN)
    process(little, tmp_path / "run", *settings)
    store = CellStore.open(tmp_path / "run" / "cells")
    assert store.table["Metadata_Cell"].tolist() == [7, 8]
    image = tifffile.imread(sites[3])
    assert (store.read([0])[0, 0] == image[76:124, 176:224]).all()
    assert (store.read([1])[0, 0] == image[:48, :48]).all()
    nuclei = read_table(tmp_path / "run" / "nuclei.parquet", NUCLEI)
    assert nuclei["Fate"].tolist() == ["kept", "border", "kept"]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([("{field}", 1, "x", 5.0)], "no numbers"),
        ([("{field}", 1, 50.0, 50.0), ("{field}", 1, 60.0, 60.0)], "there twice"),
    ],
)
def test_faulty_positions_are_told(
    rows: list[tuple[object, ...]], what: str, little: Path, tmp_path: Path
) -> None:
    field = min((little / "images").rglob("*_w1*.tif")).stem
    names = ["Metadata_Field", "Metadata_Cell", "Position_Row", "Position_Column"]
    table = pd.DataFrame([(field, *row[1:]) for row in rows], columns=names)
    table.to_csv(tmp_path / "places.csv", index=False)
    settings = ("cells.layout=positions", f"input.positions={tmp_path / 'places.csv'}", EVEN)
    with pytest.raises(InputError, match=what):
        process(little, tmp_path / "run", *settings)


def test_with_fail_fast_the_first_field_that_cannot_be_read_ends_the_run(
    little: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(little, twin)
    damaged = sorted((twin / "images").rglob("*_w1*.tif"))[4]
    damaged.write_bytes(b"II*")
    with pytest.raises(
        InputError, match=r"Week\d_\d+ \w\d\d site 1: the image is neither TIFF nor PNG"
    ):
        process(twin, tmp_path / "run", EVEN, "workers.fail_fast=true")
    assert not (tmp_path / "run" / "nuclei.parquet").exists()
    assert process(twin, tmp_path / "run", EVEN).unread == 1


def test_parts_that_were_made_of_other_images_are_not_taken_for_these(
    little: Path, tmp_path: Path
) -> None:
    twin, run = tmp_path / "twin", tmp_path / "run"
    shutil.copytree(little, twin)
    images = sorted((twin / "images").rglob("*_w1*.tif"))
    whole = images[-1].read_bytes()
    images[-1].write_bytes(b"II*")
    with pytest.raises(InputError):
        process(twin, run, EVEN, "workers.fail_fast=true")
    parts = run / "segmentation.partial" / "parts"
    assert list(parts.glob("*.errors.parquet"))
    debris = run / "segmentation.partial" / "nuclei" / ".x.tif.1-2.partial"
    debris.touch()
    images[-1].write_bytes(whole)
    images[0].write_bytes(images[1].read_bytes())
    process(twin, run, EVEN)
    first = sorted(read_table(run / "fields.parquet", FIELDS)["Metadata_Field"])[0]
    plate = images[0].parent.name
    other = found(run, plate, images[1].stem)
    assert first == images[0].stem
    assert (found(run, plate, images[0].stem) == other).all()
    assert not list(run.rglob(".x.tif*"))
