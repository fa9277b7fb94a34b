"""Names of plates as names of files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenovae.base.file_names import quoted, slug, unquoted


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cdk1/2 inhibitor (NU6102)", "cdk1-2-inhibitor-nu6102"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
        ("../../etc", "etc"),
        ("taxol@0.3", "taxol-0-3"),
        ("a" * 60, "a" * 40),
    ],
)
def test_a_slug_has_small_letters_digits_and_hyphens_alone(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_name_without_such_signs_still_has_a_slug() -> None:
    assert re.fullmatch("[0-9a-f]{8}", slug("…"))
    assert slug("…") != slug("β")
