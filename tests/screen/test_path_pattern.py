from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import InputError, UsageError
from phenovae.screen.path_pattern import PathParts, compile_pattern
from phenovae.screen.wells import well_name


@pytest.mark.parametrize(
    ("pattern", "path", "parts"),
    [
        ("{plate}/{well}_s{site}.png", "P 1/b2_s03.png", PathParts("P 1", "B02", 3, None)),
        ("{plate}/{well}.tif", "P/AA48.tif", PathParts("P", "AA48", 1, None)),
        ("{plate}/r{row}c{column}f{site}-ch{channel}sk*.tiff",
         "P/r02c11f04-ch3sk1fk1fl1.tiff", PathParts("P", "B11", 4, "3")),
        ("{plate}/{plate}_{row}-{column}.tif", "P_1/P_1_C-7.tif", PathParts("P_1", "C07", 1, None)),
        ("**/{plate}/*_{well}_s{site}_w{channel}*.tif",
         "Week1/P/x_y_B02_s1_w1AB-12.tif", PathParts("P", "B02", 1, "1")),
        ("{plate}.{well}+.tif", "P.A1+.tif", PathParts("P", "A01", 1, None)),
        (r"(?P<plate>[^/]+)/.*_(?P<Well>[A-P]\d+)_f(?P<site>\d+)d(?P<channel>\d)\.TIF",
         "P/x_A01_f09d2.TIF", PathParts("P", "A01", 9, "2")),
        (r"^(?:[^/]+/)*(?P<row>\d+)/(?P<column>\d+)\.png$", "a/b/32/1.png",
         PathParts(None, "AF01", 1, None)),
    ],
)  # fmt: skip
def test_a_pattern_reads_the_parts_of_a_path(pattern: str, path: str, parts: PathParts) -> None:
    assert compile_pattern(pattern, ["1", "2"]).read(path) == parts


@pytest.mark.parametrize(
    ("index", "wells", "well"), [("1", 96, "A01"), ("13", 96, "B01"), ("384", 384, "P24")]
)
def test_numbered_wells_run_row_by_row(index: str, wells: int, well: str) -> None:
    parts = compile_pattern("{plate}/W{well_index}.tif", (), wells).read(f"P/W{index}.tif")
    assert parts is not None
    assert parts.well == well


def test_tags_that_are_known_win_over_the_shortest_text() -> None:
    pattern = compile_pattern("{well}_{channel}*.tif", ["DAPI", "DAPI2", "w1"])
    for name, tag in (("A1_DAPI2x.tif", "DAPI2"), ("A1_DAPI.tif", "DAPI"), ("A1_w1z.tif", "w1")):
        parts = pattern.read(name)
        assert parts is not None
        assert parts.channel == tag


@pytest.mark.parametrize(
    "path",
    ["P/B02_s1.pngx", "x/P/B02_s1.png", "P/B02_s1png", "B02_s1.png", "P/B2.0_s1.png", "P/_s1.png"],
)
def test_the_whole_path_must_fit(path: str) -> None:
    assert compile_pattern("{plate}/{well}_s{site}.png").read(path) is None


@pytest.mark.parametrize(
    ("pattern", "wells", "path", "said"),
    [
        ("{well}.tif", None, "ZZ1.tif", "lies outside a plate"),
        ("{row}-{column}.tif", None, "33-1.tif", "row 33 lies outside"),
        ("{row}-{column}.tif", None, "0-1.tif", "row 0 lies outside"),
        ("{well_index}.tif", 96, "97.tif", "no well 97"),
        ("{well_index}.tif", 96, "0.tif", "no well 0"),
        (r"(?P<well>A1)_(?P<site>\w+)", None, "A1_f1", "site 'f1' is no number"),
    ],
)
def test_a_path_that_fits_and_names_no_place_is_told(
    pattern: str, wells: int | None, path: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        compile_pattern(pattern, (), wells).read(path)


@pytest.mark.parametrize(
    ("pattern", "said", "mend"),
    [
        ("(?P<plate>[^/]+/(?P<well>x)", "at character 1, '(?P<plate>'", "correct it"),
        ("(?P<well>[A-P)", "at character 10, '[A-P)'", "correct it"),
        ("(?P<well>a)(?P<well>b)", "redefinition of group name", "correct it"),
        ("(?P<wel>a)", "has a group 'wel'", "did you mean 'well'?"),
        ("{plate}/{wells}.tif", "has {wells}, at character 9", "did you mean 'well'?"),
        ("plate/well.tif", "names nothing", "{plate}/{well}"),
        ("", "names nothing", "{plate}/{well}"),
        ("{plate}/{site}.tif", "does not say the well", "row and column"),
        ("{plate}/{row}.tif", "does not say the well", "row and column"),
        ("{well}/{row}{column}.tif", "the well twice", "one of"),
        ("{well_index}.tif", "size of the plate is not said", "96"),
    ],
)
def test_a_faulty_pattern_is_refused_with_the_place(pattern: str, said: str, mend: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        compile_pattern(pattern)
    assert mend in (caught.value.mend or "")
    assert caught.value.where == pattern


@pytest.mark.parametrize(
    ("pattern", "path", "said"),
    [
        ("{plate}/{well}-s{site}.png", "P/B02_s1.png",
         "'{plate}/{well}' fits 'P/B02', but '-s{site}.png' does not fit '_s1.png'"),
        ("x{well}.png", "B02.png", "nothing of it fits the beginning of 'B02.png'"),
        ("{well}.png", "B02.png.bak", "all of it fits 'B02.png', but the path goes on with '.bak'"),
        (r"(?P<well>[A-P]\d+)_f(?P<site>\d)", "B02_s1",
         r"'(?P<well>[A-P]\d+)_' fits 'B02_', but 'f(?P<site>\d)' does not fit 's1'"),
    ],
)  # fmt: skip
def test_how_far_a_pattern_fits_is_told(pattern: str, path: str, said: str) -> None:
    assert compile_pattern(pattern).explain(path) == said


PLATES = st.text("abcXYZ019 ._-()+", min_size=1, max_size=8)


@settings(max_examples=100)
@given(PLATES, st.integers(0, 31), st.integers(0, 47), st.integers(0, 999), st.sampled_from("123"))
def test_what_a_template_writes_it_reads(
    plate: str, row: int, column: int, site: int, channel: str
) -> None:
    well = well_name(row, column)
    text = "{plate}/{well}_s{site}_w{channel}.tif"
    path = text.format(plate=plate, well=well, site=site, channel=channel)
    assert compile_pattern(text, "123").read(path) == PathParts(plate, well, site, channel)


@settings(max_examples=100)
@given(st.text("{}platewell()?P<>[]*+\\/.s", max_size=20) | st.text(max_size=10))
def test_any_text_is_a_pattern_or_a_clear_error(text: str) -> None:
    try:
        pattern = compile_pattern(text)
    except UsageError as error:
        assert error.mend
    else:
        assert pattern.explain("P/A01.tif")
