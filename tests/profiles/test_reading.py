from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phenovae.base.errors import InputError, UsageError
from phenovae.profiles.choosing import FeatureChoice
from phenovae.profiles.feature_file import FeatureFile
from phenovae.profiles.reading import ReadOptions, read_features
from phenovae.profiles.recipe import Recipe, make_profiles

PLATES = ("Week1_1", "Week1_2", "Week2_1")
CONTENT = {"A01": ("DMSO", 0.0), "A02": ("a", 1.0), "A03": ("b", 0.3), "B01": ("c", 10.0)}
MECHANISMS = {"a": "X", "b": "X", "c": "Y"}
PLAIN = Recipe.model_validate({"levels": [{"level": "well"}, {"level": "treatment"}]})


def known() -> pd.DataFrame:
    """Wells of a small screen, as a plate map or an image table tells of them."""
    return pd.DataFrame(
        [
            {
                "Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Replicate": None,
                "Metadata_Batch": plate.split("_")[0], "Metadata_Compound": compound,
                "Metadata_Concentration": dose, "Metadata_MoA": MECHANISMS.get(compound),
                "Metadata_Role": "negative_control" if compound == "DMSO" else "treatment",
            }
            for plate in PLATES
            for well, (compound, dose) in CONTENT.items()
        ]
    )  # fmt: skip


def table(level: str = "well", **names: str) -> pd.DataFrame:
    """Rows of these wells, two sites each or two cells a site, with two features."""
    plate, well = names.get("plate", "Metadata_Plate"), names.get("well", "Metadata_Well")
    rows: list[dict[str, object]] = []
    for one in PLATES:
        for other in CONTENT:
            for site in (1, 2) if level != "well" else (0,):
                for cell in (1, 2) if level == "cell" else (0,):
                    row: dict[str, object] = {plate: one, well: other}
                    row |= {"Metadata_Site": site} if site else {}
                    row |= {"Metadata_ObjectNumber": cell} if cell else {}
                    rows.append(row)
    frame = pd.DataFrame(rows)
    values = np.random.default_rng(len(frame)).normal(size=(len(frame), 2))
    return frame.assign(f1=values[:, 0], f2=values[:, 1])


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=5)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def read(frame: pd.DataFrame, folder: Path, options: ReadOptions | None = None) -> FeatureFile:
    return read_features(written(frame, folder / "a table.parquet"), known(), options).features


def choose(**told: object) -> ReadOptions:
    return ReadOptions(choice=FeatureChoice.model_validate(told))


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz", "t.tsv"])
def test_every_kind_of_file_gives_the_same_features(tmp_path: Path, name: str) -> None:
    frame = table()
    found = read_features(written(frame, tmp_path / name), known()).features
    assert (found.level, found.columns, len(found)) == ("well", ("f1", "f2"), 12)
    blocks = list(found.blocks())
    np.testing.assert_allclose(np.vstack([values for _, values in blocks]), frame[["f1", "f2"]])
    assert [start for start, _ in blocks] == np.cumsum([0, *[len(v) for _, v in blocks]])[
        :-1
    ].tolist()
    assert found.metadata["Metadata_Compound"].tolist() == ["DMSO", "a", "b", "c"] * 3


@pytest.mark.parametrize(
    ("plate", "well"),
    [
        ("Metadata_Plate", "Metadata_Well"),
        ("Image_Metadata_Plate", "Image_Metadata_Well"),
        ("Metadata_plate", "metadata_well_position"),
        ("Metadata_Plate_Plate", "Metadata_Well_Well"),
        ("Image_Metadata_Plate_DAPI", "Image_Metadata_Well_DAPI"),
        ("plate", "Well"),
        ("Metadata_Assay_Plate_Barcode", "Metadata_WellPosition"),
    ],
)
def test_names_of_columns_are_known_in_the_habits_of_the_field(
    tmp_path: Path, plate: str, well: str
) -> None:
    if well == "Metadata_WellPosition":
        with pytest.raises(UsageError, match="no column tells which plate and well"):
            read(table(plate=plate, well=well), tmp_path)
        named = ReadOptions(columns={"well": well})
        assert read(table(plate=plate, well=well), tmp_path, named).level == "well"
        return
    assert read(table(plate=plate, well=well), tmp_path).level == "well"


@pytest.mark.parametrize("level", ["cell", "site", "well"])
def test_the_level_is_told_by_the_keys(tmp_path: Path, level: str) -> None:
    found = read(table(level), tmp_path)
    assert found.level == level
    profiles = make_profiles(found, PLAIN)
    assert profiles.metadata["Metadata_Compound"].tolist() == ["a", "b", "c"]
    assert profiles.metadata["Batches"].tolist() == [frozenset({"Week1", "Week2"})] * 3
    expected = table(level).assign(Compound=[CONTENT[w][0] for w in table(level)["Metadata_Well"]])
    means = expected.groupby("Compound")[["f1", "f2"]].mean().loc[["a", "b", "c"]]
    np.testing.assert_allclose(profiles.values, means)


def test_cells_without_numbers_are_cells_where_that_is_said(tmp_path: Path) -> None:
    frame = pd.concat([table(), table()], ignore_index=True)
    with pytest.raises(InputError, match="12 rows repeat a well: Week1_1 A01"):
        read(frame, tmp_path)
    found = read(frame, tmp_path, ReadOptions(level="cell"))
    assert (found.level, len(found)) == ("cell", 24)
    assert found.metadata["Metadata_Field"].nunique() == 12


def test_treatments_are_joined_by_compound_and_dose_whatever_its_spelling(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"compound": ["c", "a", "DMSO", "b"], "dose_nM": [1e4, 1e3, 0, 300.0], "f": [1.0, 2, 3, 4]}
    )
    found = read(frame, tmp_path)
    assert found.level == "treatment"
    assert found.metadata["Metadata_MoA"].tolist()[:2] == ["Y", "X"]
    assert found.metadata["Plates"].tolist() == [frozenset(PLATES)] * 4
    profiles = make_profiles(found, PLAIN)
    assert profiles.metadata["Metadata_Compound"].tolist() == ["a", "b", "c"]
    assert profiles.values[:, 0].tolist() == [2, 4, 1]


def test_wells_are_joined_by_name_and_never_by_order(tmp_path: Path) -> None:
    frame = table()
    one = make_profiles(read(frame, tmp_path), PLAIN)
    other = make_profiles(read(frame.sample(frac=1, random_state=1), tmp_path), PLAIN)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-12)
    spelt = frame.assign(Metadata_Well=[w.lower().replace("0", "") for w in frame["Metadata_Well"]])
    np.testing.assert_array_equal(make_profiles(read(spelt, tmp_path), PLAIN).values, one.values)


def test_rows_without_a_partner_are_an_error_or_left_out(tmp_path: Path) -> None:
    frame = table()
    frame.loc[2, "Metadata_Plate"] = "Week9_9"
    with pytest.raises(InputError, match="1 of 12 rows are not in the metadata: Week9_9 A03"):
        read(frame, tmp_path)
    path = written(frame, tmp_path / "t.parquet")
    told = read_features(path, known(), ReadOptions(ignore_unmatched=True))
    assert len(told.features) == 11
    assert told.joined is not None
    assert told.joined.as_dict() == {
        "keys": ["Metadata_Plate", "Metadata_Well"], "rows": 12, "rows_matched": 11,
        "metadata": 12, "metadata_matched": 11,
    }  # fmt: skip
    values = np.vstack([block for _, block in told.features.blocks()])
    np.testing.assert_array_equal(values, frame.drop(index=2)[["f1", "f2"]])
    np.testing.assert_array_equal(
        told.features.take(np.arange(11) == 2), frame.loc[[3], ["f1", "f2"]]
    )


def test_a_map_for_every_plate_takes_batches_from_the_names_of_plates(tmp_path: Path) -> None:
    one_map = known().iloc[:4].assign(Metadata_Plate=None, Metadata_Batch=None)
    path = written(table(), tmp_path / "t.csv")
    found = read_features(path, one_map, ReadOptions(batch_pattern="^(Week[0-9]+)_")).features
    assert found.metadata["Metadata_Batch"].astype(str).unique().tolist() == ["Week1", "Week2"]
    assert set(read_features(path, one_map).features.metadata["Metadata_Batch"]) == {"all"}


def test_a_table_may_bring_its_own_metadata(tmp_path: Path) -> None:
    frame = table()
    content = [CONTENT[well] for well in frame["Metadata_Well"]]
    frame = frame.assign(
        Metadata_Compound=[c for c, _ in content], Metadata_Concentration=[d for _, d in content]
    )
    path = written(frame, tmp_path / "t.csv")
    moa = tmp_path / "moa.csv"
    moa.write_text("compound,moa\na,X\nb,X\nc,Y\nDMSO,none\n", encoding="utf-8")
    found = read_features(path, None, ReadOptions(moa=moa, batch_pattern="^Week[0-9]+")).features
    rows = found.metadata.astype(object)
    assert rows["Metadata_Role"].tolist()[:2] == ["negative_control", "treatment"]
    assert rows["Metadata_MoA"].tolist()[1:4] == ["X", "X", "Y"]
    assert rows["Metadata_Batch"].unique().tolist() == ["Week1", "Week2"]
    with pytest.raises(UsageError, match="which compound is in which well"):
        read_features(written(table(), path))


def test_numbers_of_objects_and_images_are_keys_and_no_features(tmp_path: Path) -> None:
    frame = table("cell").rename(columns={"Metadata_ObjectNumber": "ObjectNumber"})
    images = pd.factorize(frame["Metadata_Well"] + frame["Metadata_Site"].astype(str))[0]
    frame = frame.drop(columns="Metadata_Site").assign(ImageNumber=images, TableNumber=0)
    found = read(frame, tmp_path)
    assert (found.level, found.columns) == ("cell", ("f1", "f2"))
    assert found.metadata["Metadata_Field"].nunique() == 24


def test_what_is_no_likeness_of_cells_is_warned_of_or_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = table().assign(
        Cells_Location_Center_X=range(12), Nuclei_Number_Object_Number=range(1, 13)
    )
    with caplog.at_level(logging.WARNING):
        assert len(read(frame, tmp_path).columns) == 4
    assert "2 of 4 features" in caplog.text
    assert "Nuclei_Number_Object_Number" in caplog.text
    path = written(frame, tmp_path / "t.parquet")
    told = read_features(path, known(), choose(drop=("ids", "location")))
    assert told.features.columns == ("f1", "f2")
    assert told.left_out == ("Cells_Location_Center_X", "Nuclei_Number_Object_Number")
    assert choose(drop=("ids",)).choice.words() == "without ids"
    assert read(frame, tmp_path, choose(drop=("^(C|N)",))).columns == ("f1", "f2")
    with pytest.raises(UsageError, match="no feature is dropped by 'nothing'"):
        read(frame, tmp_path, choose(drop=("nothing",)))
    with pytest.raises(UsageError, match="no regular expression"):
        read(frame, tmp_path, choose(drop=("(",)))
    with pytest.raises(InputError, match="none of the 4 features is left"):
        read(frame, tmp_path, choose(drop=(".",)))


def codes_of(label: str) -> dict[str, float]:
    compounds = [compound for compound, _ in CONTENT.values()]
    if label == "mechanism":
        return {"DMSO": 0, "a": 1, "b": 1, "c": 2}
    return {compound: float(7 * number) for number, compound in enumerate(compounds)}


@pytest.mark.parametrize("label", ["compound", "dose"])
def test_a_code_of_what_is_predicted_is_no_feature(tmp_path: Path, label: str) -> None:
    frame = table()
    compounds = [CONTENT[well][0] for well in frame["Metadata_Well"]]
    doses = [CONTENT[well][1] for well in frame["Metadata_Well"]]
    code = [codes_of(label)[each] for each in compounds] if label == "compound" else doses
    with pytest.raises(InputError, match="the feature hidden is a code of"):
        read(frame.assign(hidden=code), tmp_path)
    assert read(frame.assign(hidden=code), tmp_path, choose(drop=("hidden",))).columns == (
        "f1",
        "f2",
    )
    # A feature that tells nothing, or is another number in each well, is none.
    read(frame.assign(constant=1.0, count=range(12)), tmp_path)


def test_treatments_of_one_row_each_are_not_taken_for_codes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"compound": ["a", "b", "c", "DMSO"], "concentration": [1, 0.3, 10, 0], "f": [4.0, 3, 2, 1]}
    )
    assert read(frame, tmp_path).columns == ("f",)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_named_or_left_out(tmp_path: Path, bad: float) -> None:
    frame = table("cell")
    frame.loc[[7, 9], "f2"] = bad
    with pytest.raises(
        InputError, match=r"feature f2 of plate Week1_1, well A02, .* is .*2 values"
    ):
        read(frame, tmp_path)
    assert read(frame, tmp_path, choose(nonfinite="features")).columns == ("f1",)
    fewer = read(frame, tmp_path, choose(nonfinite="rows"))
    assert (len(fewer), len(fewer.metadata)) == (46, 46)
    values = np.vstack([block for _, block in fewer.blocks()])
    np.testing.assert_array_equal(values, frame.drop(index=[7, 9])[["f1", "f2"]])


def test_exact_copies_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    frame = table()
    frame = frame.assign(copy=frame["f1"], near=frame["f1"] * (1 + 1e-12), zero=0.0, minus=-0.0)
    assert read(frame, tmp_path, choose(drop_copies=True)).columns == ("f1", "f2", "near", "zero")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Metadata_Compound_x": "a", "Metadata_Compound_y": "b"}, "as a merge leaves them"),
        ({"g_x": 1.0, "g_y": 2.0}, "as a merge leaves them"),
    ],
)
def test_what_a_merge_has_doubled_is_refused(
    tmp_path: Path, change: Mapping[str, str | float], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        read(table().assign(**change), tmp_path)
    assert (
        "Cell_Center_x"
        in read(table().assign(Cell_Center_x=range(12), Cell_Center_y=range(12)), tmp_path).columns
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Metadata_Well": "Q99X"}, "no name of a well"),
        ({"Metadata_Plate": None}, "value is missing"),
        ({"Metadata_Concentration": "much"}, "concentration is no number"),
        ({"Metadata_Role": "control"}, "role of the well is not known"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_row(
    tmp_path: Path, change: Mapping[str, str | float], why: str
) -> None:
    frame = table()
    for name, value in change.items():
        column = frame[name].tolist() if name in frame else ["1"] * len(frame)
        if name == "Metadata_Role":
            column = ["treatment"] * len(frame)
        frame[name] = [*column[:4], value, *column[5:]]
    with pytest.raises(InputError, match=why) as caught:
        read(frame, tmp_path)
    assert "row 5" in str(caught.value.where)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no readable CSV"),
        ("plate,well,f\n", "no rows"),
        ("plate,well\np,A01\n", "no column of numbers"),
        ("plate,well,f,f\np,A01,1,2\n", "columns twice"),
        ("plate,well,f\np,A01,1,2\n", "no readable CSV"),
    ],
)
def test_a_file_that_is_no_whole_table_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        read_features(path, known())


def test_numbers_of_plates_keep_their_zeros(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("plate,well,f\n00012,A01,1\n00012,a2,2\n", encoding="utf-8")
    wells = known().iloc[:4].assign(Metadata_Plate="00012")
    found = read_features(path, wells).features
    assert found.metadata["Metadata_Plate"].astype(str).tolist() == ["00012", "00012"]


def test_a_row_alone_is_read_and_has_no_profile_but_its_own(tmp_path: Path) -> None:
    found = read(table().iloc[[1]], tmp_path)
    assert len(found) == 1
    assert make_profiles(found, PLAIN).metadata["Metadata_Compound"].tolist() == ["a"]


def test_only_row_groups_that_are_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(table("cell"), tmp_path)
    asked: list[int] = []
    whole = pq.ParquetFile.iter_batches

    def listening(self: pq.ParquetFile, *arguments: object, **named: object) -> object:
        asked.extend(named["row_groups"])  # type: ignore[arg-type]
        return whole(self, *arguments, **named)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", listening)
    found.take(np.arange(48) == 11)
    assert asked == [2]
    with pytest.raises(InputError, match="no such table"):
        read_features(tmp_path / "gone.parquet", known(), replace(ReadOptions(), name="x"))
