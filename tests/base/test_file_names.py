"""Names of plates as names of files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenovae.base.file_names import quoted, readable, slug, unquoted


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


@given(st.text(max_size=60), st.text(max_size=60))
def test_an_anchor_is_plain_and_its_own(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", slug(one))
    assert (slug(one) == slug(other)) == (one == other)


def test_anchors_keep_what_can_be_read() -> None:
    assert slug("taxol") == "taxol"
    assert re.fullmatch(r"cdk1-2-inhibitor-nu6102-[0-9a-f]{8}", slug("Cdk1/2 inhibitor (NU6102)"))
    assert re.fullmatch(r"script-alert-1-script-[0-9a-f]{8}", slug("<script>alert(1)</script>"))


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
def test_a_readable_name_has_small_letters_digits_and_hyphens_alone(
    name: str, expected: str
) -> None:
    assert readable(name) == expected


def test_a_name_without_such_signs_still_has_a_readable() -> None:
    assert re.fullmatch("[0-9a-f]{8}", readable("…"))
    assert readable("…") != readable("β")
