"""Which nuclei become crops."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from phenovae.cells.fates import fates, fits
from phenovae.cells.options import CropOptions

FIELD = (100, 120)


def nuclei(*rows: tuple[float, float, float, bool]) -> pd.DataFrame:
    names = ["Position_Row", "Position_Column", "Diameter", "Touching"]
    return pd.DataFrame(rows, columns=names)


def told(
    frame: pd.DataFrame, options: CropOptions | None = None, um: float | None = None
) -> list[str]:
    return fates(frame, FIELD, 20, 10.0, options or CropOptions(), um)["Fate"].tolist()


def test_every_nucleus_has_one_fate_and_only_the_kept_have_no_reason() -> None:
    found = fates(
        nuclei(
            (50, 60, 10, False),
            (5, 60, 10, False),
            (50, 60, 10, True),
            (50, 60, 3, False),
            (50, 60, 26, False),
        ),
        FIELD,
        20,
        10.0,
        CropOptions(),
    )
    assert found["Fate"].tolist() == ["kept", "border", "border", "small", "large"]
    assert [bool(why) for why in found["Why"]] == [False, True, True, True, True]
    assert "cross the border" in found["Why"][1]
    assert "cuts through" in found["Why"][2]
    assert "below 4.0 px" in found["Why"][3]


def test_limits_in_micrometres_count_where_a_pixel_is_known() -> None:
    options = CropOptions(small_um=6.0, large_um=8.0)
    frame = nuclei((50, 60, 10, False), (50, 60, 13, False), (50, 60, 17, False))
    assert told(frame, options, 0.5) == ["small", "kept", "large"]
    assert told(frame, options, None) == ["kept", "kept", "kept"]


def test_nuclei_at_the_border_are_kept_where_that_is_asked_for() -> None:
    frame = nuclei((50, 60, 10, True))
    assert told(frame, CropOptions(touching="keep")) == ["kept"]


@given(st.floats(-10, 130), st.floats(-10, 130), st.integers(2, 40))
def test_a_crop_fits_just_where_all_of_its_pixels_are(row: float, column: float, size: int) -> None:
    frame = nuclei((row, column, 10, False))
    top, left = round(row) - size // 2, round(column) - size // 2
    inside = top >= 0 and top + size <= FIELD[0] and left >= 0 and left + size <= FIELD[1]
    assert fits(frame, FIELD, size).tolist() == [inside]
