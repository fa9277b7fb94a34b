"""How well and how fast nuclei are found, beside a plain chain that is told their true size.

python benchmarks/segmentation.py FOLDER…

Each FOLDER holds `images/` and `masks/` with label images of the same names, and is one source;
where it holds `meta.csv` with the columns `file` and `source`, its sources are counted apart.
Without a folder, fields of the twin are drawn: at normal density, and crowded.

The score is F1 at an intersection over union of 0.5, pooled over the objects of a source; missing
an object smaller than a tenth of the field's median one is no error.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from phenovae.images.pictures import read_picture
from phenovae.images.segmentation.matching import Agreement, agreement, pooled
from phenovae.images.segmentation.nuclei import segment_nuclei
from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin

Image = npt.NDArray[np.generic]
Labels = npt.NDArray[np.int32]
Field = tuple[str, Image, Labels]


def plain(image: Image, diameter: float) -> Labels:
    """Gaussian, Otsu, distance watershed, no crumbs; `diameter` is the true one [px]."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), max(0.5, diameter / 25))
    if smooth.max() == smooth.min():
        return np.zeros(image.shape, np.int32)
    mask = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), diameter / 15)
    apart = max(1, round(diameter / 3))
    inside = mask.astype(int)
    peaks = peak_local_max(depth, min_distance=apart, labels=inside, exclude_border=False)
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-depth, seeds, mask=mask)
    kept = np.bincount(labels.ravel()) >= 0.1 * np.pi / 4 * diameter**2
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]


def ours(image: Image, _: float) -> Labels:
    """Phenovae's, told nothing."""
    return segment_nuclei(image, SegmentationOptions()).labels


def true_diameter(truth: Labels) -> float:
    """Diameter of a disc as large as the median object [px]."""
    areas = np.bincount(truth.ravel())[1:]
    return float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)) if areas.any() else 30.0


def fields_of(folder: Path) -> Iterator[Field]:
    """The fields of a folder with their truth."""
    sources: dict[str, str] = {}
    if (folder / "meta.csv").exists():
        with (folder / "meta.csv").open(encoding="utf-8", newline="") as file:
            sources = {row["file"]: row["source"] for row in csv.DictReader(file)}
    for path in sorted((folder / "images").iterdir()):
        truth = tifffile.imread(folder / "masks" / f"{path.stem}.tif").astype(np.int32)
        yield sources.get(path.name, folder.name), read_picture(path), truth


def fields_of_twin() -> Iterator[Field]:
    """Twelve fields of 1280 × 1024 px for each of two densities."""
    for source, density in (("twin", 145.0), ("twin, crowded", 320.0)):
        options = TwinOptions(
            batches=2, compounds=1, replicates=1, doses=1, annotated_doses=1, height=1024,
            width=1280, density=density,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as name:
            make_twin(options, Path(name) / "twin", 0)
            for path in sorted((Path(name) / "twin" / "images").rglob("*_w1*.tif"))[::2][:12]:
                truth = Path(name) / "twin" / "truth" / "labels" / path.name
                yield source, tifffile.imread(path), tifffile.imread(truth).astype(np.int32)


def measure(fields: Iterator[Field]) -> None:
    """Print F1 and seconds a field for every source, ours beside the plain chain's."""
    chains: dict[str, Callable[[Image, float], Labels]] = {"ours": ours, "plain, told": plain}
    scores: dict[str, dict[str, list[Agreement]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for source, image, truth in fields:
        for name, chain in chains.items():
            began = time.process_time()
            found = chain(image, true_diameter(truth))
            seconds[source][name].append(time.process_time() - began)
            scores[source][name].append(agreement(truth, found))
    print(f"{'source':24} {'fields':>6}" + "".join(f"{name:>24}" for name in chains))
    for source, by_chain in scores.items():
        told = f"{source:24} {len(by_chain['ours']):6}"
        for name in chains:
            spent = float(np.median(seconds[source][name]))
            told += f"    F1 {pooled(by_chain[name]).f1:.3f} {spent:8.3f} s"
        print(told)
    for name in chains:
        f1s = [pooled(by_chain[name]).f1 for by_chain in scores.values()]
        print(f"{name}: mean over sources {np.mean(f1s):.3f}, worst {min(f1s):.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(field for name in sys.argv[1:] for field in fields_of(Path(name)))
    else:
        measure(fields_of_twin())
