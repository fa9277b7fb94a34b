from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.screen.wells import canonical_well, row_and_column, well_name

ROWS = st.integers(0, 31)
COLUMNS = st.integers(0, 47)


def test_a_well_of_one_digit_is_made_canonical() -> None:
    assert canonical_well("A1") == "A01"
    assert canonical_well("b2") == "B02"
    assert canonical_well("G11") == "G11"


@pytest.mark.parametrize("text", ["a1", "A01", "A001", " A 01 ", "A\t1", "a1\n"])
def test_every_way_to_write_a_well_is_one_well(text: str) -> None:
    assert canonical_well(text) == "A01"


def test_rows_after_z_have_two_letters() -> None:
    assert row_and_column("Z1") == (25, 0)
    assert row_and_column("AA1") == (26, 0)
    assert row_and_column("af48") == (31, 47)
    assert well_name(25, 0) == "Z01"
    assert well_name(31, 47) == "AF48"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "B",
        "02",
        "B0",
        "B00",
        "B-2",
        "B2.0",
        "2B",
        "B02x",
        "B100",
        "BCD1",
        "É1",
        "B٢",
        "B²",
    ],
)
def test_what_is_no_well_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InputError, match="is no name of a well") as caught:
        canonical_well(text)
    assert repr(text) in str(caught.value)
    assert "B02" in str(caught.value)


@pytest.mark.parametrize("text", ["AG1", "ZZ1", "A49", "AF99"])
def test_a_well_outside_the_largest_plate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="lies outside a plate"):
        canonical_well(text)


@settings(deadline=None)
@given(ROWS, COLUMNS)
def test_a_name_gives_back_its_row_and_column(row: int, column: int) -> None:
    assert row_and_column(well_name(row, column)) == (row, column)


@settings(deadline=None)
@given(ROWS, COLUMNS, st.booleans(), st.integers(0, 3), st.sampled_from(["", " ", "  ", "\t"]))
def test_letters_zeros_and_spaces_change_no_well(
    row: int, column: int, small: bool, zeros: int, space: str
) -> None:
    name = well_name(row, column)
    letters, digits = name.rstrip(string.digits), str(column + 1)
    text = f"{space}{letters.lower() if small else letters}{space}{'0' * zeros}{digits}{space}"
    assert canonical_well(text) == name


@settings(deadline=None)
@given(st.lists(st.tuples(ROWS, COLUMNS), unique=True, min_size=2, max_size=2))
def test_two_wells_have_two_names(wells: list[tuple[int, int]]) -> None:
    assert well_name(*wells[0]) != well_name(*wells[1])


@settings(deadline=None)
@given(st.text(max_size=6) | st.from_regex(r"[A-Za-z]{0,3}[0-9]{0,4}", fullmatch=True))
def test_any_text_is_a_canonical_well_or_a_clear_error(text: str) -> None:
    try:
        well = canonical_well(text)
    except InputError as error:
        assert error.mend
    else:
        assert re.fullmatch(r"[A-Z]{1,2}[0-9]{2}", well)
        assert canonical_well(well) == well
