"""Raw fields to cells: ours beside a plain scikit-image chain of the same steps, and the floor.

    python benchmarks/fields.py [FOLDER]

FOLDER holds plates of BBBC021 as they are unpacked; without it full-size fields of the twin are
drawn. Both chains take the same fields, one after the other, in one process with one thread:
reading three channels, background, nuclei, cell bodies, measures of shape and intensity, crops.
Ours also measures texture, neighbours and the quality of fields and crops, and writes label images.
Times are of the processor, the chains in turn, so that others at work on the machine count less.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import ndimage  # noqa: E402
from skimage import feature, filters, measure, segmentation  # noqa: E402

from phenovae.base.tables import read_table  # noqa: E402
from phenovae.cells.crop_parts import cut  # noqa: E402
from phenovae.cells.field_parts import FieldPart, FieldSettings, process_part  # noqa: E402
from phenovae.cells.nuclei import NUCLEI  # noqa: E402
from phenovae.cells.options import CropOptions  # noqa: E402
from phenovae.cells.quality import QualityOptions  # noqa: E402
from phenovae.cells.rows import store_rows  # noqa: E402
from phenovae.images.reading import read_site  # noqa: E402
from phenovae.images.segmentation.options import SegmentationOptions  # noqa: E402

CHANNELS = ("DAPI", "Actin", "Tubulin")
CROP, REPEATS = 68, 3
SCREEN = 13_200


def plain(images: Path, files: list[str]) -> int:
    """The steps as scikit-image's examples have them, written for clarity."""
    field = np.stack([_read(images / file) for file in files]).astype(float)
    flat = [plane - filters.gaussian(plane, 50) for plane in field]
    smooth = filters.gaussian(flat[0], 2)
    mask = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
    distance = ndimage.distance_transform_edt(mask)
    peaks = feature.peak_local_max(
        filters.gaussian(distance, 2), min_distance=10, labels=measure.label(mask)
    )
    seeds = np.zeros(mask.shape, int)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = segmentation.watershed(-distance, seeds, mask=mask)
    other = filters.gaussian(flat[1] + flat[2], 2)
    body = (other > filters.threshold_otsu(other)) | (nuclei > 0)
    cells = segmentation.watershed(-other, nuclei, mask=body)
    stains = np.moveaxis(field, 0, -1)
    light = ("label", "intensity_mean", "intensity_std")
    shape = ("area", "axis_major_length", "axis_minor_length", "eccentricity")
    rows = pd.DataFrame(
        measure.regionprops_table(
            nuclei, stains, properties=(*light, *shape, "solidity", "centroid")
        )
    )
    measure.regionprops_table(cells, stains, properties=(*light, *shape))
    measure.regionprops_table(np.where(nuclei > 0, 0, cells), stains, properties=light)
    crops = []
    for row, column in zip(rows["centroid-0"].round(), rows["centroid-1"].round(), strict=True):
        top, left = int(row) - CROP // 2, int(column) - CROP // 2
        square = field[:, max(top, 0) : top + CROP, max(left, 0) : left + CROP]
        if top >= 0 and left >= 0 and square.shape[1:] == (CROP, CROP):
            crops.append(square)
    return len(crops)


def ours(images: Path, sites: pd.DataFrame, out: Path) -> int:
    """Stages `segment` and `crop`, as a worker does them, without the illumination."""
    settings = FieldSettings(
        images=images, channels=CHANNELS, nuclei="DAPI", pixel_size_um=0.656, crop=CROP,
        segmentation=SegmentationOptions(), cells=CropOptions(), illumination=None, labels=None,
        positions=None, out=out,
    )  # fmt: skip
    part = FieldPart("bench", sites, settings)
    process_part(part)
    nuclei = read_table(part.table("nuclei"), NUCLEI)
    kept = nuclei.loc[nuclei["Fate"] == "kept"]
    count = 0
    for field, rows in kept.groupby("Metadata_Field", sort=False):
        site = sites.loc[sites["Metadata_Field"] == field].iloc[0]
        pixels = read_site(images, [(site[f"File_{name}"], None) for name in CHANNELS])
        crops = cut(pixels, rows, CROP)
        table = rows.assign(Metadata_File="x.npy")
        store_rows(crops, table, CHANNELS, QualityOptions(), shard=0, offset=0)
        count += len(crops)
    return count


def floor(images: Path, files: list[str]) -> None:
    """Reading and decoding alone."""
    read_site(images, [(file, None) for file in files])


def _read(path: Path) -> np.ndarray:
    from skimage.io import imread

    return np.asarray(imread(path))


def complete_sites(folder: Path | None, work: Path) -> tuple[Path, pd.DataFrame]:
    """The complete sites of a folder, or of a twin that is drawn for this."""
    from phenovae.twin.options import TwinOptions
    from phenovae.twin.screen import make_twin

    if folder is None:
        options = TwinOptions(
            batches=2, replicates=1, compounds=1, doses=1, annotated_doses=1, negative_controls=1,
            positive_controls=0, height=1024, width=1280,
        )  # fmt: skip
        if not (work / "twin").exists():
            make_twin(options, work / "twin", 0)
        folder = work / "twin" / "images"
    found: dict[str, dict[str, str]] = {}
    tags = {"_w1": "DAPI", "_w2": "Tubulin", "_w4": "Actin"}
    for path in sorted(folder.rglob("*.tif")):
        for tag, name in tags.items():
            if tag in path.stem:
                place = f"{path.parent.name} {path.stem.split(tag)[0]}"
                found.setdefault(place, {})[name] = path.relative_to(folder).as_posix()
    whole = {place: files for place, files in found.items() if len(files) == len(CHANNELS)}
    rows = [
        {
            "Metadata_Plate": place.split()[0], "Metadata_Well": "B02", "Metadata_Replicate": None,
            "Metadata_Batch": "b", "Metadata_Compound": "DMSO", "Metadata_Concentration": 0.0,
            "Metadata_MoA": None, "Metadata_Role": "negative_control", "Metadata_Site": number,
            "Metadata_Field": place.replace(" ", "_"),
            **{f"File_{name}": file for name, file in files.items()},
        }
        for number, (place, files) in enumerate(whole.items(), start=1)
    ]  # fmt: skip
    return folder, pd.DataFrame(rows).astype({"Metadata_Replicate": "Int64"})


def main() -> None:
    """Time all three on the same fields and print the ratios."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        images, sites = complete_sites(folder, work)
        sites = sites.iloc[:6].reset_index(drop=True)
        files = [[row[f"File_{name}"] for name in CHANNELS] for _, row in sites.iterrows()]
        seconds: dict[str, list[float]] = {"plain": [], "ours": [], "floor": []}
        cells: dict[str, int] = {}
        for repeat in range(REPEATS):
            start = time.process_time()
            cells["plain"] = sum(plain(images, each) for each in files)
            seconds["plain"].append(time.process_time() - start)
            start = time.process_time()
            cells["ours"] = ours(images, sites, work / f"out{repeat}")
            seconds["ours"].append(time.process_time() - start)
            start = time.process_time()
            for each in files:
                floor(images, each)
            seconds["floor"].append(time.process_time() - start)
    best = {name: min(found) / len(files) for name, found in seconds.items()}
    print(f"{len(files)} fields, best of {REPEATS}, one process, one thread")
    for name, taken in best.items():
        print(f"{name:6s} {taken:7.3f} s a field, {1 / taken:6.2f} fields a second", end="")
        print(f", {cells[name]} crops" if name in cells else "")
    print(f"ours is {best['plain'] / best['ours']:.1f} times as fast as the plain chain")
    print(f"and takes {best['ours'] / best['floor']:.0f} times as long as reading alone")
    for cores in (2, 64):
        hours = SCREEN * best["ours"] / cores / 3600
        print(f"{SCREEN:,} fields on {cores} cores: {hours:.2f} hours, reading from a fast disk")


if __name__ == "__main__":
    main()
