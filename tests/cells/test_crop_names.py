from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.cells.crop_files import parse_crop

ID = "BEDC2073-A983-4B98-95E9-84466707A25D"


def test_a_crop_is_its_field_and_the_number_after_the_last_line() -> None:
    assert parse_crop(f"Week7_7__G10_s1_w1{ID}_12") == (f"Week7_7__G10_s1_w1{ID}", 12)
    assert parse_crop("a_1_002") == ("a_1", 2)


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"]), min_size=1, max_size=30),
    st.integers(0, 10**6),
)
def test_any_field_and_number_come_back_from_a_crop(field: str, cell: int) -> None:
    assert parse_crop(f"{field}_{cell}") == (field, cell)


@pytest.mark.parametrize(
    "stem", ["", "12", "_12", "a", "a_", "a_x", "a-12", "a_1.5", "a_-1", "a_٣"]
)
def test_a_name_without_a_cell_is_refused(stem: str) -> None:
    with pytest.raises(InputError, match="does not name a cell") as caught:
        parse_crop(stem)
    assert "<field>_<cell>.npy" in str(caught.value)
