from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from tests.images.drawn import counts, discs, lit

from phenovae.images.segmentation.bodies import segment_bodies
from phenovae.images.segmentation.matching import agreement
from phenovae.images.segmentation.options import SegmentationOptions

OPTIONS = SegmentationOptions()

CENTRES = [(60, 60), (60, 130), (150, 90), (220, 220)]
NUCLEI = discs((300, 300), [(y, x, 14) for y, x in CENTRES])
CELLS = discs((300, 300), [(y, x, 33) for y, x in CENTRES])


def test_every_cell_is_its_stain_around_its_nucleus() -> None:
    stains = np.stack([counts(lit(CELLS, seed=1)), counts(lit(CELLS, height=300, seed=2))])
    bodies = segment_bodies(NUCLEI, stains, OPTIONS)
    assert bodies.dtype == np.int32
    assert agreement(CELLS, bodies, iou=0.8).f1 == 1
    np.testing.assert_array_equal(bodies[NUCLEI > 0], NUCLEI[NUCLEI > 0])


def test_cells_that_touch_part_at_the_valley_between_them() -> None:
    nuclei = discs((120, 200), [(60, 60, 12), (60, 130, 12)])
    x = np.arange(200)
    # the second cell is larger: its ground begins at column 80
    profile = np.where(x < 80, 1000 - 8 * abs(x - 60), 1000 - 8 * abs(x - 130) / 1.5)
    stain = np.tile(profile, (120, 1)) * (abs(np.arange(120) - 60) < 40)[:, None]
    bodies = segment_bodies(nuclei, ndimage.gaussian_filter(stain, 1)[None], OPTIONS)
    edge = np.flatnonzero(bodies[60] == 2)[0]
    assert 72 <= edge <= 100


def test_no_cell_reaches_farther_than_it_may() -> None:
    everywhere = np.full((300, 300), 900.0)
    everywhere[:40] = 100
    far = ndimage.distance_transform_edt(NUCLEI == 0)
    for reach in (0.5, 1.0):
        bodies = segment_bodies(NUCLEI, everywhere[None], SegmentationOptions(body_reach=reach))
        assert far[bodies > 0].max() < 28 * reach + 4


def test_without_any_stain_a_cell_is_its_nucleus() -> None:
    for dark in (np.zeros((1, 300, 300)), np.full((2, 300, 300), np.nan)):
        np.testing.assert_array_equal(segment_bodies(NUCLEI, dark, OPTIONS), NUCLEI)


def test_no_nuclei_no_cells_and_wrong_shapes_are_refused() -> None:
    assert not segment_bodies(np.zeros((30, 30), np.int32), np.ones((1, 30, 30)), OPTIONS).any()
    assert segment_bodies(np.zeros((0, 4), np.int32), np.ones((1, 0, 4)), OPTIONS).shape == (0, 4)
    for stains in (np.ones((30, 30)), np.ones((0, 30, 30)), np.ones((1, 30, 31))):
        with pytest.raises(ValueError, match="do not fit"):
            segment_bodies(np.zeros((30, 30), np.int32), stains, OPTIONS)


@settings(max_examples=50)
@given(
    arrays(np.int32, (9, 11), elements=st.integers(0, 5)),
    arrays(np.uint8, (2, 9, 11), elements=st.integers(0, 255)),
    st.sampled_from([1, 2, 5]),
)
def test_any_labels_keep_their_pixels_and_no_others_come(
    nuclei: npt.NDArray[np.int32], stains: npt.NDArray[np.uint8], times: int
) -> None:
    nuclei = np.kron(nuclei * 3, np.ones((times, times), np.int32))
    stains = np.kron(stains, np.ones((1, times, times), np.uint8))
    bodies = segment_bodies(nuclei, stains, OPTIONS)
    assert bodies.shape == nuclei.shape
    np.testing.assert_array_equal(bodies[nuclei > 0], nuclei[nuclei > 0])
    assert set(np.unique(bodies)) <= {0, *np.unique(nuclei)}


def test_cells_of_a_real_field_are_of_a_plausible_size(public_data: Path, tmp_path: Path) -> None:
    import zipfile

    from phenovae.images.segmentation.nuclei import segment_nuclei

    archive = public_data / "raw" / "BBBC021_v1_images_Week2_24381.zip"
    if not archive.exists():
        pytest.skip("PHENOVAE_TEST_DATA has no raw fields")
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if "_B02_s1_" in name]
        file.extractall(tmp_path, names)
    planes = {name.split("_s1_")[1][:2]: tifffile.imread(tmp_path / name) for name in names}
    nuclei = segment_nuclei(planes["w1"], OPTIONS)
    assert 170 <= nuclei.count <= 215
    assert 33 < nuclei.scale < 37
    assert 780 < np.median(np.bincount(nuclei.labels.ravel())[1:]) < 920
    bodies = segment_bodies(nuclei.labels, np.stack([planes["w2"], planes["w4"]]), OPTIONS)
    areas = np.bincount(bodies.ravel())[1:]
    assert len(areas) == nuclei.count
    assert 3500 < np.median(areas) < 6000
