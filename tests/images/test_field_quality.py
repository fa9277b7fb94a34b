"""Fields that went wrong are told from fields that did not."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile
from scipy import ndimage
from tests.images.lit_fields import Pixels, disc_fields, twin_plate

from phenovae.base.errors import InputError
from phenovae.images.field_measures import MEASURES, measure_field, measure_name, saturated_share
from phenovae.images.quality import FieldQualityOptions, flag_fields

SHAPE = (300, 400)
CHANNELS = ("DAPI", "Actin")


def good_fields(count: int, seed: int = 0) -> list[dict[str, Pixels]]:
    light = np.ones(SHAPE)
    stains = [disc_fields(count, light, seed + number, discs=60) for number in range(2)]
    return [dict(zip(CHANNELS, field, strict=True)) for field in zip(*stains, strict=True)]


def with_noise(image: npt.NDArray[np.float64], seed: int = 0) -> Pixels:
    noise = 30 * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(image + noise), 0, 65535).astype(np.uint16)


def blurred(field: dict[str, Pixels], sigma: float = 5.0) -> dict[str, Pixels]:
    return {
        name: with_noise(ndimage.gaussian_filter(image.astype(float), sigma))
        for name, image in field.items()
    }


def emptied(field: dict[str, Pixels]) -> dict[str, Pixels]:
    return {name: with_noise(np.full(SHAPE, 700.0), n) for n, name in enumerate(field)}


def fibre(field: dict[str, Pixels]) -> dict[str, Pixels]:
    bright = field["Actin"].astype(float)
    for row in range(20, 280):
        bright[row, row + 20 : row + 28] += 20_000
    return field | {"Actin": with_noise(bright, 1)}


def blob(field: dict[str, Pixels]) -> dict[str, Pixels]:
    bright = field["DAPI"].astype(float)
    bright[60:130, 80:150] += 20_000
    return field | {"DAPI": with_noise(bright, 2)}


def overexposed(field: dict[str, Pixels]) -> dict[str, Pixels]:
    bright = np.minimum((field["DAPI"] // 16).astype(int) * 30, 4095) * 16
    return field | {"DAPI": bright.astype(np.uint16)}


def noisy(field: dict[str, Pixels]) -> dict[str, Pixels]:
    rng = np.random.default_rng(5)
    loud = 3000 + 600 * rng.standard_normal(SHAPE)
    return field | {"Actin": np.rint(loud).astype(np.uint16)}


def flags_of(
    fields: list[dict[str, Pixels]],
    options: FieldQualityOptions | None = None,
    counts: list[float] | None = None,
    reference: npt.ArrayLike | None = None,
    nuclei: str | None = "DAPI",
) -> pd.DataFrame:
    table = pd.DataFrame([measure_field(field) for field in fields])
    if counts is not None:
        table["Count_Nuclei"] = counts
    return flag_fields(table, options, reference, nuclei)


@pytest.fixture(scope="module")
def good() -> list[dict[str, Pixels]]:
    return good_fields(12)


def test_no_good_field_is_flagged(good: list[dict[str, Pixels]]) -> None:
    found = flags_of(good)
    assert found["Field_Flag"].tolist() == [""] * 12
    assert found["Field_Reason"].tolist() == [""] * 12


@pytest.mark.parametrize(
    ("fault", "flag", "words"),
    [
        (blurred, "out_of_focus", "deviations below the plate's median of 12 fields"),
        (emptied, "empty", "nothing stands further above the median"),
        (fibre, "debris", "in Actin something far brighter than cells is"),
        (blob, "debris", "in DAPI something far brighter than cells is"),
        (overexposed, "saturated", "of the pixels of DAPI are saturated"),
        (noisy, "noise", "noise in Actin is"),
    ],
)
def test_a_planted_fault_is_found_by_its_name_and_nothing_else_is(
    good: list[dict[str, Pixels]],
    fault: Callable[[dict[str, Pixels]], dict[str, Pixels]],
    flag: str,
    words: str,
) -> None:
    found = flags_of([*good[:6], fault(good[6]), *good[7:]])
    assert flag in found["Field_Flag"][6].split(", ")
    assert words in found["Field_Reason"][6]
    assert (found["Field_Flag"].drop(6) == "").all()


@pytest.mark.parametrize("fault", [emptied, fibre, overexposed])
def test_two_fields_are_enough_for_faults_that_need_no_comparison(
    good: list[dict[str, Pixels]], fault: Callable[[dict[str, Pixels]], dict[str, Pixels]]
) -> None:
    found = flags_of([good[0], fault(good[1])])
    assert found["Field_Flag"][0] == ""
    assert found["Field_Flag"][1] != ""


def test_blurred_nuclei_are_known_without_a_plate(good: list[dict[str, Pixels]]) -> None:
    options = FieldQualityOptions(size_of_nuclei=4)
    found = flags_of([good[0], blurred(good[1])], options)
    assert found["Field_Flag"].tolist() == ["", "out_of_focus"]
    assert "below the 3.5 that sharp nuclei have" in found["Field_Reason"][1]
    unnamed = flags_of([good[0], blurred(good[1])], options, nuclei=None)
    assert unnamed["Field_Flag"].tolist() == ["", ""]


def test_one_stain_that_looks_softer_is_no_lost_focus(good: list[dict[str, Pixels]]) -> None:
    soft = good[3] | {"Actin": blurred(good[3])["Actin"]}
    assert flags_of([*good[:3], soft, *good[4:]])["Field_Flag"].tolist() == [""] * 12


def test_soft_nuclei_beside_sharp_stains_are_no_lost_focus(good: list[dict[str, Pixels]]) -> None:
    options = FieldQualityOptions(size_of_nuclei=4)
    soft = good[1] | {"DAPI": blurred(good[1])["DAPI"]}
    table = pd.DataFrame([measure_field(field) for field in (good[0], soft)])
    for focus, flag in ((9.0, "out_of_focus"), (11.0, "")):
        table["Field_Focus_Actin"] = focus
        found = flag_fields(table, options, nuclei="DAPI")
        assert found["Field_Flag"].tolist() == ["", flag]


def test_a_whole_plate_of_debris_is_what_its_cells_look_like(
    good: list[dict[str, Pixels]],
) -> None:
    assert set(flags_of([fibre(field) for field in good])["Field_Flag"]) == {""}


def test_few_cells_are_a_fault_of_a_control_and_no_fault_of_a_treatment(
    good: list[dict[str, Pixels]],
) -> None:
    counts = [100.0, 104, 96, 100, 101, 103, 97, 98, 100, 5, 5, 0]
    reference = [True] * 10 + [False] * 2
    found = flags_of(good, counts=counts, reference=reference)
    assert found["Field_Flag"].tolist() == [""] * 9 + ["cell_count", "", "cell_count"]
    assert found["Field_Reason"][9] == (
        "5 nuclei, 0.05 times the plate's median of 10 negative controls, 100"
    )
    assert found["Field_Reason"][11] == "no nucleus was found"


def test_far_too_many_cells_are_a_fault_anywhere(good: list[dict[str, Pixels]]) -> None:
    counts = [100.0] * 11 + [1000]
    assert flags_of(good, counts=counts)["Field_Flag"][11] == "cell_count"
    assert set(flags_of(good, counts=[float("nan")] * 12)["Field_Flag"]) == {""}


def test_enough_controls_say_what_is_usual(good: list[dict[str, Pixels]]) -> None:
    # most of the plate is blurred, yet the controls show that it need not be
    fields = [*good[:8], *(blurred(field) for field in good[8:]), *map(blurred, good_fields(8, 9))]
    reference = [True] * 8 + [False] * 12
    found = flags_of(fields, reference=reference)
    assert found["Field_Flag"].tolist() == [""] * 8 + ["out_of_focus"] * 12


def test_a_missing_channel_is_no_fault_here(good: list[dict[str, Pixels]]) -> None:
    found = flags_of([*good[:10], {"DAPI": good[10]["DAPI"]}, good[11]])
    assert found["Field_Flag"].tolist() == [""] * 12


def test_the_index_of_the_table_is_kept_and_an_empty_table_is_borne(
    good: list[dict[str, Pixels]],
) -> None:
    table = pd.DataFrame([measure_field(field) for field in good[:2]], index=["x", "y"])
    assert flag_fields(table).index.tolist() == ["x", "y"]
    assert len(flag_fields(table.iloc[:0], nuclei="DAPI")) == 0
    assert len(flag_fields(pd.DataFrame())) == 0


def test_what_does_not_fit_is_refused(good: list[dict[str, Pixels]]) -> None:
    table = pd.DataFrame([measure_field(field) for field in good[:2]])
    with pytest.raises(InputError, match="for 3 fields"):
        flag_fields(table, reference=[True] * 3)
    with pytest.raises(InputError, match="'DNA', was not measured") as caught:
        flag_fields(table, nuclei="DNA")
    assert caught.value.mend == "measured: DAPI, Actin"


@pytest.mark.parametrize(
    "image", [np.zeros((3, 4)), np.zeros((0, 4), np.uint8), np.zeros((2, 3, 4), np.uint16)]
)
def test_what_is_no_grey_image_is_refused_by_its_channel(image: Pixels) -> None:
    with pytest.raises(InputError) as caught:
        measure_field({"DAPI": image})
    assert caught.value.where == "DAPI"


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (2, 2), (17, 16), (40, 3), (700, 20)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_of_any_size_are_measured(
    shape: tuple[int, int], dtype: type[np.uint8 | np.uint16]
) -> None:
    image = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    for one in (image, np.zeros_like(image)):
        row = measure_field({"a_b": one})  # type: ignore[dict-item]
        assert list(row) == [measure_name(measure, "a_b") for measure in MEASURES]
        assert not np.isinf(list(row.values())).any()


def test_noise_and_levels_are_measured_in_grey_levels() -> None:
    image = with_noise(np.full((400, 500), 1000.0))
    row = measure_field({"a": image})
    assert row["Field_Noise_a"] == pytest.approx(30, rel=0.05)
    assert row["Field_NoiseShare_a"] == pytest.approx(1, abs=0.05)
    assert row["Field_Level50_a"] == pytest.approx(1000, abs=3)
    assert row["Field_Level05_a"] == pytest.approx(1000 - 1.645 * 30, abs=6)


def test_focus_falls_with_blur_to_that_of_a_normal_autocorrelation() -> None:
    field = disc_fields(1, np.ones((500, 600)), 3, discs=120)[0].astype(float)
    focus = [
        measure_field({"a": with_noise(ndimage.gaussian_filter(field, sigma))})["Field_Focus_a"]
        for sigma in (0.7, 2, 4, 8)
    ]
    assert (np.diff(focus) < 0).all()
    assert focus[0] > 4
    assert focus[-1] == pytest.approx(4 * np.log(2), abs=0.4)


@pytest.mark.parametrize("contrast", [0.5, 2.0])
@pytest.mark.parametrize("shift", [0, 20_000])
def test_focus_and_size_know_neither_contrast_nor_dark_level(contrast: float, shift: int) -> None:
    field = disc_fields(1, np.ones((400, 500)), 4, discs=90)[0].astype(float)
    field = ndimage.gaussian_filter(field, 0.7)
    plain = measure_field({"a": with_noise(field)})
    changed = measure_field({"a": with_noise((field - 400) * contrast + 400 + shift)})
    for measure in ("Field_Size_a", "Field_Focus_a"):
        assert changed[measure] == pytest.approx(plain[measure], rel=0.12)


@pytest.mark.parametrize(
    ("top", "step", "dtype", "share"),
    [
        (255, 1, np.uint8, 0.25),
        (4095, 1, np.uint16, 0.25),
        (4095, 16, np.uint16, 0.25),
        (16383, 4, np.uint16, 0.25),
        (65535, 1, np.uint16, 0.25),
        (3000, 1, np.uint16, 0.25),  # a pile at the top, as after an offset was taken off
    ],
)
def test_saturation_is_known_for_every_depth_of_camera(
    top: int, step: int, dtype: type[np.uint8 | np.uint16], share: float
) -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, top // 2, (80, 80)) * step
    image[:40, :40] = top * step
    assert saturated_share(image.astype(dtype)) == share  # type: ignore[arg-type]


def test_what_only_nears_the_top_is_not_saturated() -> None:
    ramp = np.arange(10_000).reshape(100, 100)
    assert saturated_share((ramp * 5).astype(np.uint16)) == 0
    assert saturated_share(np.zeros((9, 9), np.uint16)) == 0
    assert saturated_share(np.full((9, 9), 77, np.uint8)) == 0


@pytest.fixture(scope="module")
def real_plate(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of plate Week2_24381, well B02: three sites, the third out of focus."""
    archive = public_data / "raw" / "BBBC021_v1_images_Week2_24381.zip"
    if not archive.exists():
        pytest.skip("the folder of public data holds no raw fields of Week2_24381")
    folder = tmp_path_factory.mktemp("raw")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return sorted(folder.rglob("*.tif"))


def test_of_three_real_fields_the_one_out_of_focus_is_flagged(real_plate: list[Path]) -> None:
    fields = []
    for site in ("_s1_", "_s2_", "_s3_"):
        found = {}
        for channel, tag in (("DAPI", "w1"), ("Tubulin", "w2"), ("Actin", "w4")):
            files = [path for path in real_plate if site + tag in path.name]
            if files:
                found[channel] = np.asarray(tifffile.imread(files[0]))
        fields.append(found)
    found_flags = flags_of(fields)
    assert found_flags["Field_Flag"].tolist() == ["", "", "out_of_focus"]


@pytest.mark.slow
def test_a_plate_of_the_twin_has_no_false_alarm_and_its_blurred_fields_are_found() -> None:
    images, _ = twin_plate(3, 0.15, 480, 576)
    fields = [
        dict(zip(images, stains, strict=True)) for stains in zip(*images.values(), strict=True)
    ]
    assert set(flags_of(fields)["Field_Flag"]) == {""}
    spoilt = dict.fromkeys((2, 11, 19), 4.0) | {7: 8.0}
    planted = [
        blurred_twin(field, spoilt[number]) if number in spoilt else field
        for number, field in enumerate(fields)
    ]
    found = flags_of(planted)["Field_Flag"]
    assert [number for number, flag in enumerate(found) if flag] == sorted(spoilt)
    assert all("out_of_focus" in found[number] for number in spoilt)


def blurred_twin(field: dict[str, Pixels], sigma: float) -> dict[str, Pixels]:
    """A field as it would be seen out of focus: blurred light, the camera's noise anew."""
    rng = np.random.default_rng(1)
    seen = {}
    for name, image in field.items():
        light = ndimage.gaussian_filter(image.astype(np.float32) / 16, sigma)
        spread = np.sqrt(1.9**2 + 0.09 * np.maximum(light - 24, 0))
        counts = np.clip(np.rint(light + spread * rng.standard_normal(light.shape)), 0, 4095)
        seen[name] = (counts * 16).astype(np.uint16)
    return seen
