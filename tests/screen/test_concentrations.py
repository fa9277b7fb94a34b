from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.screen.bbbc021.values import batch_of_plate, number
from phenovae.screen.sites import SITES, channels_of, concentration_key, dose_text

DOSES = st.floats(1e-9, 1e9)


def test_equal_doses_are_equal_however_they_came_about() -> None:
    assert concentration_key(0.1 + 0.2) == 0.3
    assert concentration_key(0.30000001) == concentration_key(0.3) == 0.3
    assert concentration_key(0.0) == 0.0
    assert concentration_key(1.234564e-4) == 1.23456e-4


def test_near_doses_stay_apart() -> None:
    assert concentration_key(0.3) != concentration_key(0.300001)
    assert concentration_key(1e-7) != concentration_key(2e-7)


def test_a_dose_is_written_as_a_person_writes_it() -> None:
    assert dose_text(0.30) == "0.3"
    assert dose_text(10.0) == "10"
    assert dose_text(0.0) == "0"
    assert dose_text(0.1 + 0.2) == "0.3"


@settings(deadline=None)
@given(DOSES)
def test_a_key_is_its_own_key(dose: float) -> None:
    key = concentration_key(dose)
    assert concentration_key(key) == key
    assert math.isclose(key, dose, rel_tol=5.000001e-6)


@settings(deadline=None)
@given(DOSES, st.floats(0, 1e-12))
def test_noise_of_computing_changes_a_key_by_one_step_at_most(dose: float, noise: float) -> None:
    one, other = concentration_key(dose), concentration_key(dose * (1 + noise))
    assert math.isclose(one, other, rel_tol=1.1e-5)


@settings(deadline=None)
@given(st.integers(1, 999_999), st.integers(-9, 3))
def test_a_dose_of_six_digits_is_kept_and_noise_is_not(digits: int, power: int) -> None:
    dose = float(f"{digits}e{power}")
    assert concentration_key(dose) == dose
    assert concentration_key(dose * (1 + 1e-9)) == dose


@settings(deadline=None)
@given(DOSES)
def test_the_text_of_a_dose_reads_back_as_its_key(dose: float) -> None:
    assert float(dose_text(dose)) == concentration_key(dose)
    assert number(dose_text(dose)) == concentration_key(dose)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.3", 0.3), ("0.30", 0.3), ("0.300000", 0.3), (" 3 ", 3.0), (".5", 0.5), ("3.", 3.0),
     ("1e-3", 0.001), ("1E+2", 100.0), ("+0.3", 0.3), ("0", 0.0)],
)  # fmt: skip
def test_a_concentration_is_read(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "high", "NaN", "nan", "inf", "-inf", "Infinity", "-1", "-0.3", "0,3", "1_0", "1e999",
     "0.3 µM", "0x10", "٣", "1 0", "1e", ".", "--1"],
)  # fmt: skip
def test_what_is_no_finite_concentration_is_none(text: str) -> None:
    assert number(text) is None


@settings(deadline=None)
@given(st.text(max_size=8) | st.floats().map(str))
def test_a_concentration_is_finite_and_not_negative_or_none(text: str) -> None:
    value = number(text)
    assert value is None or (math.isfinite(value) and value >= 0)


@settings(deadline=None)
@given(st.floats(0, allow_infinity=False))
def test_any_finite_concentration_is_read_as_it_is_written(dose: float) -> None:
    assert number(repr(dose)) == dose


def test_the_batch_of_a_plate_is_the_week_in_its_name() -> None:
    assert batch_of_plate("Week1_22123") == "Week1"
    assert batch_of_plate("Week10_40111") == "Week10"


@pytest.mark.parametrize(
    "text",
    ["", "Week1", "Week1_", "Week1_2212", "Week1_221234", "week1_22123", "Week_22123",
     "Week01_22123", "Week0_22123", "Week１_22123", "Week1_22123 ", "Week1/Week1_22123"],
)  # fmt: skip
def test_a_plate_of_another_form_has_no_batch(text: str) -> None:
    assert batch_of_plate(text) is None


def test_channels_are_told_by_the_columns_of_files_in_order() -> None:
    table = pd.DataFrame(columns=["Metadata_Plate", "File_DAPI", "Metadata_File_x", "File_Actin"])
    assert channels_of(table) == ("DAPI", "Actin")
    assert channels_of(pd.DataFrame(columns=list(SITES.names))) == ()
