from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.findings import Finding, Severity
from phenovae.cells.feature_checks import FeatureCheck
from phenovae.pipeline.table_doctor import examine_table


def cells(rows: int = 24, features: int = 3, prefix: str = "f") -> pd.DataFrame:
    """Cells of four wells: two compounds, DMSO twice; random features."""
    random = np.random.default_rng(5)
    number = np.arange(rows)
    frame = pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Field": [f"s{n % 4}" for n in number],
            "Metadata_Cell": number // 4,
            "Metadata_Compound": [("DMSO", "a", "b", "DMSO")[n % 4] for n in number],
            "Metadata_Role": [
                ("negative_control", "treatment", "treatment", "negative_control")[n % 4]
                for n in number
            ],
        }
    )
    for n in range(features):
        frame[f"{prefix}_{n:03d}"] = random.normal(size=rows)
    return frame


def findings(frame: pd.DataFrame, block: int = 10) -> list[Finding]:
    check = FeatureCheck([str(name) for name in frame.columns])
    for start in range(0, max(len(frame), 1), block):
        check.add(frame.iloc[start : start + block])
    return list(check.findings())


def the(found: list[Finding], words: str) -> Finding:
    (one,) = [each for each in found if words in each.what]
    return one


def test_a_sound_table_has_no_findings() -> None:
    assert findings(cells()) == []
    assert findings(cells(prefix="z")) == []


def test_values_that_are_no_finite_numbers_are_counted_and_placed() -> None:
    frame = cells()
    frame.loc[13, "f_001"] = np.nan
    frame.loc[14, "f_001"] = np.inf
    found = findings(frame)
    assert the(found, "1 NaN value").names == ("f_001 (1)",)
    assert the(found, "1 infinite value").names == ("f_001 (1)",)
    assert the(found, "first rows").names == ("row 13 P1 s1 3: f_001", "row 14 P1 s2 3: f_001")


def test_constant_and_copied_features_are_named() -> None:
    frame = cells().assign(flat=7.0, again=lambda rows: rows["f_000"])
    found = findings(frame)
    assert the(found, "one value in all rows").names == ("flat",)
    assert the(found, "the same as another").names == ("f_000 = again",)


def test_a_large_constant_shift_is_no_collapse_and_a_tiny_spread_is() -> None:
    frame = cells(prefix="z")
    shifted = frame.assign(z_000=1e8 + frame["z_000"])
    assert findings(shifted) == []
    dead = frame.assign(z_000=1e4 + 0.01 * frame["z_000"])
    assert the(findings(dead), "1 of 3 latents").names == ("z_000",)
    for name in ("z_000", "z_001", "z_002"):
        dead[name] = 0.01 * frame[name]
    assert the(findings(dead), "collapsed").severity is Severity.FAULT


def test_rows_that_are_there_twice_are_counted_across_blocks() -> None:
    frame = cells()
    found = findings(pd.concat([frame, frame.iloc[[0, 5]]]))
    assert the(found, "by plate, field, cell").what.startswith("2 rows there twice")
    assert the(found, "very values of another row").what.startswith("2 rows")


def test_controls_with_the_values_of_a_treatment_are_a_fault() -> None:
    frame = cells()
    features = ["f_000", "f_001", "f_002"]
    frame.loc[1, features] = frame.loc[20, features].to_numpy()
    assert the(findings(frame), "negative controls with").severity is Severity.FAULT


def test_a_code_of_the_compound_is_found_whatever_its_name() -> None:
    frame = cells().assign(
        bright=lambda rows: rows["Metadata_Compound"].map({"DMSO": 0, "a": 4, "b": 9})
    )
    assert the(findings(frame), "a code of the compound").names == ("bright",)


@pytest.mark.parametrize(
    ("name", "words"),
    [("compound_code", "labels"), ("MoA", "labels"), ("Plate", "labels"), ("Dose", "labels"),
     ("Cells_Number_Object_Number", "named as an id"),
     ("Nuclei_Location_Center_X", "named as an id"),
     ("Cells_Parent_Nuclei", "named as an id"),
     ("Cells_Children_Cytoplasm_Count", "named as an id"),
     ("row", "named as an id")],
)  # fmt: skip
def test_features_with_names_of_something_else_are_told(name: str, words: str) -> None:
    frame = cells()
    frame[name] = np.random.default_rng(1).normal(size=len(frame))
    assert the(findings(frame), words).names == (name,)


@pytest.mark.parametrize(
    "name", ["Cells_AreaShape_EulerNumber", "Cells_Texture_Contrast", "Cells_AreaShape_Area"]
)
def test_names_of_measures_are_left_alone(name: str) -> None:
    frame = cells()
    frame[name] = np.random.default_rng(1).normal(size=len(frame))
    assert findings(frame) == []


def test_metadata_with_fractions_and_columns_of_words_are_told() -> None:
    frame = cells().assign(remark="x", Metadata_Area=lambda rows: rows["f_000"] * 2)
    found = findings(frame)
    assert the(found, "of words").names == ("remark",)
    assert the(found, "look like features").names == ("Metadata_Area",)


def test_an_empty_table_and_one_row_are_told_and_break_nothing() -> None:
    assert findings(cells().iloc[:0])[-1].what == "the table has no rows"
    assert findings(cells().iloc[:1]) == []


@settings(max_examples=20)
@given(st.integers(1, 30))
def test_blocks_of_any_size_find_the_same(block: int) -> None:
    frame = cells()
    frame.loc[3, "f_000"] = np.nan
    frame = pd.concat([frame, frame.iloc[[2]]], ignore_index=True).assign(
        again=lambda r: r["f_001"]
    )
    assert findings(frame, block) == findings(frame, 1000)


def test_the_published_table_has_its_copies_and_its_numbers_of_objects(public_data: Path) -> None:
    table = "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz"
    told = examine_table(public_data / "bbbc021" / table)
    assert (told.rows, told.features) == (632, 516)
    found = list(told.findings)
    assert the(found, "the same as another").what.startswith("16 features")
    # 67 by the names that evaluations leave out, of which 3 are Euler numbers and 4 neighbours.
    assert the(found, "named as an id").what.startswith("60 features")
