from __future__ import annotations

import pandas as pd
import pytest

from phenovae.base.findings import Finding, Severity
from phenovae.screen.well_checks import check_wells, compare_wells, facts_of_wells


def table() -> pd.DataFrame:
    rows = [
        (plate, well, compound, dose, moa, role)
        for plate in ("P1", "P2")
        for well, compound, dose, moa, role in (
            ("B02", "DMSO", 0.0, None, "negative_control"),
            ("C02", "DMSO", 0.0, None, "negative_control"),
            ("B03", "a", 1.0, "m", "treatment"),
            ("B04", "b", 1.0, "n", "treatment"),
        )
    ]
    columns = ["Plate", "Well", "Compound", "Concentration", "MoA", "Role"]
    frame = pd.DataFrame(rows, columns=[f"Metadata_{name}" for name in columns])
    return frame.assign(Metadata_Batch="A")


def found_in(frame: pd.DataFrame) -> list[Finding]:
    return list(check_wells(facts_of_wells(frame)))


def the(found: list[Finding], words: str) -> Finding:
    (one,) = [each for each in found if words in each.what]
    return one


def test_sound_wells_have_no_findings_however_often_they_are_told() -> None:
    assert found_in(table()) == []
    assert found_in(pd.concat([table(), table()])) == []


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("Well", "b2", "not canonical"), ("Well", "Z", "not canonical"),
     ("Compound", None, "without Metadata_Compound"), ("Concentration", -1.0, "dose below 0"),
     ("Role", "ctrl", "roles that are none")],
)  # fmt: skip
def test_a_wrong_value_is_a_fault(column: str, value: object, words: str) -> None:
    frame = table()
    name = f"Metadata_{column}"
    frame[name] = [value, *frame[name].tolist()[1:]]
    assert the(found_in(frame), words).severity is Severity.FAULT


def test_a_well_that_holds_two_things_is_named() -> None:
    frame = pd.concat([table(), table().iloc[[2]].assign(Metadata_Concentration=3.0)])
    assert the(found_in(frame), "two things").names == ("P1 B03",)


def test_equal_doses_in_other_digits_are_one() -> None:
    frame = pd.concat([table(), table().iloc[[2]].assign(Metadata_Concentration=1.0 + 1e-12)])
    assert found_in(frame) == []


def test_plates_without_controls_and_lost_replicates_are_named() -> None:
    frame = table().drop(index=[4, 5, 7])
    found = found_in(frame)
    assert the(found, "plates without a negative control").names == ("P2",)
    assert the(found, "fewer than the usual").severity is Severity.NOTE


def test_a_table_without_labels_is_told_what_it_lacks() -> None:
    found = found_in(table()[["Metadata_Plate", "Metadata_Well"]])
    assert [each.what for each in found] == [
        f"no column Metadata_{name}" for name in ("Compound", "Concentration", "Role", "Batch")
    ]


def test_two_tables_are_compared_well_by_well() -> None:
    one, other = table(), table()
    assert list(compare_wells(facts_of_wells(one), one, "x", "y", whole=True)) == []
    other.loc[2, "Metadata_Compound"] = "c"
    other.loc[3, "Metadata_MoA"] = None
    facts = facts_of_wells(one), facts_of_wells(other.drop(index=7))
    found = list(compare_wells(*facts, "x", "y", whole=True))
    assert the(found, "1 well of x not in y").severity is Severity.FAULT
    assert the(found, "another compound").names == ("P1 B03: a and c",)
    assert len(the(found, "another moa").names) == 1
    lost = list(compare_wells(*facts, "x", "y", whole=False))
    assert the(lost, "1 well of x not in y").severity is Severity.NOTE
