from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError
from phenovae.screen.bbbc021.names import FieldName, parse_field, unique_id

ID = "BEDC2073-A983-4B98-95E9-84466707A25D"
PREFIXES = st.sampled_from(
    ["", "Week1_150607_", "Week7_7__", "Week7_230707_", "Week8_4sites_", "Week10_200907_", "a b-"]
)
IDS = st.uuids().map(lambda found: str(found).upper())


@pytest.mark.parametrize(
    "prefix", ["", "Week1_150607_", "Week7_7__", "Week7_230707_", "Week8_4sites_"]
)
def test_a_field_is_read_from_the_end_of_its_name(prefix: str) -> None:
    assert parse_field(f"{prefix}G10_s1_w1{ID}") == FieldName("G10", 1, 1, ID)


def test_the_tag_of_a_channel_is_one_digit_and_the_id_may_begin_with_another() -> None:
    assert parse_field("B02_s3_w43CD51CBC") == FieldName("B02", 3, 4, "3CD51CBC")


def test_a_prefix_that_looks_like_a_well_is_no_well() -> None:
    assert parse_field("A01_Week1_C05_s2_w2ABC").well == "C05"


@pytest.mark.parametrize(
    "stem",
    ["", "G10", "G10_s1", "G10_s1_w1", "G10_w1ABC", "G1_s1_w1ABC", "Q10_s1_w1ABC", "g10_s1_w1ABC",
     "G10_s_w1ABC", "G10_sx_w1ABC", "G10_s1_wABC", "G10_s1_w1ABC_7", "G10_s1_w1ABC.tif",
     "G10_s1_w1ABC/x", "G١0_s1_w1ABC", "G10_s١_w1ABC"],
)  # fmt: skip
def test_another_name_is_refused_with_the_form_that_is_expected(stem: str) -> None:
    with pytest.raises(InputError, match="is no name of a BBBC021 image") as caught:
        parse_field(stem)
    assert repr(stem) in str(caught.value)
    assert "<prefix><well>_s<site>_w<channel><id>" in str(caught.value)


@settings(deadline=None)
@given(
    PREFIXES,
    st.from_regex(r"[A-P][0-9]{2}", fullmatch=True),
    st.integers(1, 99),
    st.integers(0, 9),
    IDS,
)
def test_every_part_of_a_field_comes_back(
    prefix: str, well: str, site: int, tag: int, unique: str
) -> None:
    stem = f"{prefix}{well}_s{site}_w{tag}{unique}"
    assert parse_field(stem) == FieldName(well, site, tag, unique)
    assert unique_id(stem) == unique


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_field_or_a_clear_error(text: str) -> None:
    try:
        found = parse_field(text)
    except InputError as error:
        assert error.mend
    else:
        assert f"{found.well}_s" in text
        assert text.endswith(f"_w{found.tag}{found.unique_id}")
        assert found.site >= 0


def test_a_field_is_known_by_its_uuid_whatever_stands_before_and_however_written() -> None:
    names = [f"G10_s1_w1{ID}", f"Week4_27481_G10_s1_w1{ID}", f"G10_s1_w1{ID.lower()}"]
    assert {unique_id(name) for name in names} == {ID}


def test_the_last_uuid_of_a_name_is_the_one() -> None:
    first = str(uuid.UUID(int=1)).upper()
    assert unique_id(f"{first}_G10_s1_w1{ID}") == ID


def test_a_name_without_a_uuid_is_its_own_id() -> None:
    assert unique_id("G10_s1_w1abc") == "G10_s1_w1abc"
