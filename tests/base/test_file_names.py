"""Names of plates as names of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenovae.base.file_names import quoted, unquoted


@given(st.text(max_size=40))
def test_any_name_comes_back_and_is_one_part_of_a_path(name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return
    told = quoted(name)
    assert unquoted(told) == name
    assert told
    assert "/" not in told
    assert "\\" not in told
    assert told not in (".", "..")
    assert told == told.strip(". ")


@pytest.mark.parametrize("name", ["Week1_22123", "plate 7 (A+B)", "x=1,y"])
def test_usual_names_stay_as_they_are(name: str) -> None:
    assert quoted(name) == name
