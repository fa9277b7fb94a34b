from __future__ import annotations

import gzip
import logging
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.errors import FaultsError, InputError
from phenovae.screen.doses import read_dose
from phenovae.screen.platemap import MAP_COLUMNS, read_platemap
from phenovae.screen.roles import PositiveControl, RoleRules, read_role
from phenovae.screen.sites import Role, concentration_key
from phenovae.screen.wells import well_name

WHOLE = """plate,well,compound,concentration,moa
P1,A1,taxol,0.3,Microtubule stabilizers
P1,a02,DMSO,0,
P2,A 03,taxol,0.30,Microtubule stabilizers
"""


def read(
    folder: Path,
    text: str | bytes,
    rules: RoleRules | None = None,
    columns: dict[str, str] | None = None,
    name: str = "map.csv",
) -> pd.DataFrame:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_platemap(folder / name, rules, columns)


def faults_of(
    folder: Path, text: str | bytes, rules: RoleRules | None = None
) -> list[tuple[int | None, str, str, str]]:
    """Line, column, value and the beginning of every fault; each names the file."""
    with pytest.raises(FaultsError) as caught:
        read(folder, text, rules)
    for fault in caught.value.faults:
        assert fault.file == str(folder / "map.csv")
        assert str(fault) in str(caught.value)
    return [(fault.row, fault.column, fault.value, fault.what) for fault in caught.value.faults]


def test_wells_are_canonical_doses_are_keys_and_nothing_is_guessed(tmp_path: Path) -> None:
    wells = read(tmp_path, WHOLE)
    assert tuple(wells.columns) == MAP_COLUMNS
    assert wells["Metadata_Well"].tolist() == ["A01", "A02", "A03"]
    assert wells["Metadata_Concentration"].tolist() == [0.3, 0.0, 0.3]
    assert wells["Metadata_Role"].tolist() == ["treatment"] * 3
    assert wells["Metadata_MoA"].tolist()[0] == "Microtubule stabilizers"
    assert wells["Metadata_MoA"].isna().tolist() == [False, True, False]
    assert wells["Metadata_Batch"].isna().all()
    assert wells["Metadata_Replicate"].isna().all()


def test_a_control_by_name_alone_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read(tmp_path, WHOLE)
    assert "wells of DMSO are treatments" in caplog.text
    caplog.clear()
    rules = RoleRules(
        positive_controls=(PositiveControl(compound="taxol", concentration=0.3),),
    )
    assert read(tmp_path, WHOLE, rules)["Metadata_Role"].tolist() == [
        "positive_control",
        "negative_control",
        "positive_control",
    ]
    assert not caplog.text


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_every_usual_form_of_a_table_is_read(
    tmp_path: Path, mark: str, packed: bool, before: str
) -> None:
    text = (before + WHOLE.replace(",", mark).replace("\n", "\r\n")).encode()
    wells = read(tmp_path, gzip.compress(text) if packed else text)
    assert wells.equals(read(tmp_path, WHOLE))


@pytest.mark.parametrize(
    "header",
    [
        "Plate,Well,Compound,Concentration,MoA",
        "Metadata_Plate,Metadata_Well,Metadata_Compound,Metadata_Concentration,Metadata_MoA",
        "Barcode,Well Position,TREATMENT,Dose,Mechanism of Action",
        "plate_id,well-id,Drug Name,conc (µM),mechanism",
        "Image_Metadata_Plate,Image_Metadata_Well,drug,Dose_uM,moa",
    ],
)
def test_columns_are_known_by_their_usual_names(tmp_path: Path, header: str) -> None:
    other = header + WHOLE[WHOLE.index("\n") :]
    assert read(tmp_path, other).equals(read(tmp_path, WHOLE))


def test_two_columns_for_one_meaning_are_refused_until_one_is_named(tmp_path: Path) -> None:
    text = "well,compound,drug,control_type,role\nA1,x,y,negcon,trt\n"
    assert faults_of(tmp_path, text) == [
        (1, "compound, drug", "", "several columns may hold the compound"),
        (1, "control_type, role", "", "several columns may hold the role"),
    ]
    wells = read(tmp_path, text, columns={"compound": "drug", "role": "control_type"})
    assert wells[["Metadata_Compound", "Metadata_Role"]].values.tolist() == [
        ["y", "negative_control"]
    ]
    with pytest.raises(FaultsError, match=r"no such column for the role; .*did you mean 'role'"):
        read(tmp_path, "well,compound,role\nA1,x,trt\n", columns={"role": "roles"})


def test_without_a_plate_the_map_holds_for_every_plate(tmp_path: Path) -> None:
    wells = read(tmp_path, "well,compound\nA1,x\nB2,y\n")
    assert wells["Metadata_Plate"].isna().all()
    assert wells["Metadata_Concentration"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("header", "row", "dose"),
    [
        ("dose_nM", "300", 0.3),
        ("Concentration (mM)", "0.0003", 0.3),
        ("concentration,unit", "300,nM", 0.3),
        ("concentration,units", "0.3,micromolar", 0.3),
        ("concentration,unit", "0.3,μM", 0.3),
        ("dose_um,unit", "0.3,uM", 0.3),
        ("dose", "300 nM", 0.3),
        ("dose", "3e-1", 0.3),
        ("dose", ".3µM", 0.3),
        ("dose", "0.1000000001", 0.1),
    ],
)
def test_doses_become_micromolar(tmp_path: Path, header: str, row: str, dose: float) -> None:
    wells = read(tmp_path, f"well,compound,{header}\nA1,taxol,{row}\n")
    assert wells["Metadata_Concentration"].tolist() == [dose]


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("dose", '"0,3"', "the concentration is no number"),
        ("dose", "high", "the concentration is no number"),
        ("dose", "-1", "the concentration is no number"),
        ("dose", "inf", "the concentration is no number"),
        ("dose", "", "the concentration is missing"),
        ("dose", "NA", "the concentration is missing"),
        ("dose", "1 mg/mL", "the unit of the concentration is not molar"),
        ("dose_nM", "1 uM", "the unit of the value is not that of the table, nm"),
        ("dose_nM,unit", "1,uM", "the unit is not that of the concentration's column"),
        ("dose,unit", "1,ug/mL", "the unit of the concentration is not molar"),
    ],
)
def test_a_dose_in_doubt_is_a_fault(tmp_path: Path, header: str, row: str, said: str) -> None:
    faults = faults_of(tmp_path, f"well,compound,{header}\nA1,taxol,{row}\n")
    assert [(line, what) for line, _, _, what in faults] == [(2, said)]


def test_controls_may_lack_a_dose(tmp_path: Path) -> None:
    rules = RoleRules(negative_controls=("solvent X",), other=("nothing",))
    text = "well,compound,dose\nA1,solvent X,\nA2,nothing,\nA3,DMSO,\nA4,taxol,1\n"
    wells = read(tmp_path, text, rules)
    assert wells["Metadata_Concentration"].tolist() == [0, 0, 0, 1]
    text = "well,compound,dose,role\nA1,DMSO,0.1%,negcon\nA2,taxol,1,trt\n"
    assert read(tmp_path, text)["Metadata_Concentration"].tolist() == [0, 1]


def test_roles_are_words_of_the_table_before_they_are_rules(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        "well,compound,role\nA1,DMSO,trt\nA2,,negcon\nA3,x,Pos. Control\nA4,,empty\n"
        "A5,DMSO,\nA6,untreated,untreated\nA7,y,NA\n"
    )
    wells = read(tmp_path, text, RoleRules())
    assert wells[["Metadata_Compound", "Metadata_Role"]].values.tolist() == [
        ["DMSO", "treatment"],
        ["negcon", "negative_control"],
        ["x", "positive_control"],
        ["empty", "other"],
        ["DMSO", "negative_control"],
        ["untreated", "negative_control"],
        ["y", "treatment"],
    ]
    assert "negative controls are of 3 kinds" in caplog.text


@pytest.mark.parametrize("text", ["control", "ctrl", "?", "1", "negcontrols"])
def test_a_word_that_says_too_little_is_no_role(text: str) -> None:
    with pytest.raises(InputError, match="the role of the well is not known"):
        read_role(text)
    assert read_role(" Neg-Control ") is Role.NEGATIVE_CONTROL


def test_a_negative_control_has_no_mechanism(tmp_path: Path) -> None:
    wells = read(tmp_path, "well,compound,moa\nA1,DMSO,DMSO\nA2,DMSO,\n", RoleRules())
    assert wells["Metadata_MoA"].isna().all()


def test_rows_that_say_nothing_of_their_well_are_left_out(tmp_path: Path) -> None:
    text = "well,compound,dose,moa\nA1,taxol,1,x\nA2,,,\nA3,NA,NA,NA\n,,,\n"
    assert read(tmp_path, text)["Metadata_Well"].tolist() == ["A01"]
    nothing = "well,compound\nA1,\n"
    assert faults_of(tmp_path, nothing) == [(None, "", "", "no row names a compound")]


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = (
        "plate,well,compound,dose,moa,role,replicate,batch\n"
        "P1,A1,taxol,0.3,m,trt,1,b\n"
        "P1,Z99,taxol,0.3,m,trt,1,b\n"
        "P1,A2,,1,m,trt,1,b\n"
        ",A3,taxol,0.3,m,trt,1,\n"
        "P1,A4,taxol,0.3,m,boss,one,b\n"
        "P1,A5,taxol\n"
        'P1,A6,"taxol,0.3,m,trt,1,b\n'
        "P1,A1,taxol,0.5,m,trt,1,b\n"
        "P1,A7,taxol,0.3,n,trt,1,b\n"
        "P1,A8,taxol,0.3,,trt,1,b\n"
    )
    assert faults_of(tmp_path, text) == [
        (3, "well", "Z99", "'Z99' lies outside a plate"),
        (4, "compound", "", "the compound is missing"),
        (5, "plate", "", "the plate is missing"),
        (5, "batch", "", "the batch is missing"),
        (6, "role", "boss", "the role of the well is not known"),
        (6, "replicate", "one", "the replicate is no whole number"),
        (7, "", "3", "the row has too few values"),
        (8, "", "", "a quotation mark is not closed"),
        (
            9,
            "compound",
            "taxol 0.5 µM",
            "the well P1 A01 is there twice, and not with the same compound",
        ),
        (10, "moa", "n", "the treatment taxol 0.3 µM has two mechanisms"),
    ]


def test_a_treatment_with_a_mechanism_in_some_wells_only_is_a_fault(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, "well,compound,moa\nA1,x,m\nA2,x,\nA3,x,\n")
    what = "the treatment x 0 µM has a mechanism in some of its wells only"
    assert faults == [(3, "moa", "", what)]


def test_rows_that_say_the_same_of_a_well_are_one(tmp_path: Path) -> None:
    assert len(read(tmp_path, WHOLE + "P1,A01,taxol,0.3000,Microtubule stabilizers\n")) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"well,compound\n", "the table has no rows"),
        (b"PK\x03\x04rest", "is a spreadsheet"),
        (b"\x1f\x8bno gzip", "cannot be unpacked or read"),
        (gzip.compress(WHOLE.encode())[:-9], "cannot be unpacked or read"),
        (WHOLE.encode("utf-16"), "is not UTF-8 text"),
        (b"well,well,compound\nA1,A1,x\n", "a column is there twice"),
        (b"compound\nx\n", "there is no column for the well"),
        (b"well\nA1\n", "there is no column for the compound"),
    ],
    # Every process that tests must name them alike, and gzip writes the time.
    ids=["nothing", "empty lines", "header", "spreadsheet", "no gzip", "truncated", "UTF-16",
         "a column twice", "no well", "no compound"],
)  # fmt: skip
def test_a_file_that_is_no_plate_map_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    assert any(said in fault[3] for fault in faults_of(tmp_path, content))


def test_a_map_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(FaultsError, match=r"there is no table|cannot be unpacked or read"):
            read_platemap(path)


WELLS = st.builds(well_name, st.integers(0, 31), st.integers(0, 47))
NAMES = st.text("abcXYZ ,;\"'/()µé-", min_size=1, max_size=8).filter(
    lambda name: bool(name.strip(" \"',;")) and name == name.strip()
)


@settings(max_examples=60)
@given(
    rows=st.dictionaries(
        WELLS, st.tuples(NAMES, st.floats(0, 1e6, allow_nan=False)), min_size=1, max_size=6
    )
)
def test_any_map_comes_back_as_it_was_written(rows: dict[str, tuple[str, float]]) -> None:
    frame = pd.DataFrame(
        [(well, name, repr(dose)) for well, (name, dose) in rows.items()],
        columns=["Well", "Compound", "Dose"],
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.csv"
        frame.to_csv(path, index=False)
        wells = read_platemap(path)
    assert wells["Metadata_Well"].tolist() == list(rows)
    assert wells["Metadata_Compound"].tolist() == [name for name, _ in rows.values()]
    expected = [concentration_key(dose) for _, dose in rows.values()]
    assert wells["Metadata_Concentration"].tolist() == expected


@settings(max_examples=100)
@given(st.text(max_size=8), st.sampled_from([None, "nm"]))
def test_any_text_is_a_dose_or_a_clear_error(text: str, unit: str | None) -> None:
    try:
        assert 0 <= read_dose(text, unit) < float("inf")
    except InputError as error:
        assert error.mend


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text('wellcompound,;\t\n"A1x', max_size=60).map(str.encode))
def test_any_bytes_are_a_map_or_clear_faults(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.csv"
        path.write_bytes(content)
        try:
            assert len(read_platemap(path))
        except FaultsError as error:
            assert {fault.file for fault in error.faults} == {str(path)}
