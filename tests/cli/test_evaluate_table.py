"""`phenovae evaluate --profiles`: anybody's features, scored without a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call

Record = dict[str, object]

ANCHORS = (
    (("--protocol", "ljosa2013-wells"), (84, 66)),
    (
        ("--protocol", "caicedo2018", "--normalize", "zscore", "--normalize", "sphere",
         "--regularization", "1"),
        (96, 70),
    ),
    *(
        pytest.param(("--protocol", "caicedo2018", *words), expected, marks=pytest.mark.slow)
        for words, expected in (
            (("--normalize", "zscore"), (89, 63)),
            (("--normalize", "zscore", "--normalize", "tvn"), (95, 70)),
            (("--normalize", "sphere"), (83, 56)),
        )
    ),
)  # fmt: skip


ALONE = tuple(
    word
    for name in ("votes", "before-transforms", "replicates", "mixing", "batch-classifier",
                 "well-probe")
    for word in ("--without", name)
)  # fmt: skip


def published(folder: Path, out: Path, *words: str) -> list[Record]:
    """Records of the published table of well means, scored as these words say, and no more."""
    return neighbours_of(measured(folder, out, *ALONE, *words))


def measured(folder: Path, out: Path, *words: str) -> Path:
    """A file of all records of the published table of well means."""
    told = call(
        "evaluate", "--profiles", folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz",
        "--metadata", folder / "BBBC021_v1_image.csv.gz", "--moa", folder / "BBBC021_v1_moa.csv",
        "--draws", "100", "--json", out, *words,
    )  # fmt: skip
    assert told.code == 0, told.err
    return out


def neighbours_of(path: Path) -> list[Record]:
    """The records of NSC and NSCB in a file of scores, those of average precision left out."""
    found: list[Record] = json.loads(path.read_text(encoding="utf-8"))
    return [record for record in found if record["metric"] in ("NSC", "NSCB")]


@pytest.mark.parametrize(("words", "expected"), ANCHORS)
def test_the_published_wells_score_what_was_computed_elsewhere(
    public_data: Path, tmp_path: Path, words: tuple[str, ...], expected: tuple[int, int]
) -> None:
    records = published(public_data / "bbbc021", tmp_path / "scores.json", *words)
    assert [record["metric"] for record in records] == ["NSC", "NSCB"]
    assert [record["correct"] for record in records] == list(expected)
    assert [record["total"] for record in records] == [103, 92]
    assert {record["protocol"] for record in records} == {words[1]}
    assert {record["ties"] for record in records} == {0}


SPHERED = (
    "--protocol", "caicedo2018", "--normalize", "zscore", "--normalize", "sphere",
    "--regularization", "1",
)  # fmt: skip


def test_replicates_votes_and_probes_of_the_published_wells_are_what_was_computed_elsewhere(
    public_data: Path, tmp_path: Path
) -> None:
    path = measured(
        public_data / "bbbc021", tmp_path / "scores.json", *SPHERED,
        "--without", "mixing", "--without", "batch-classifier",
    )  # fmt: skip
    records = json.loads(path.read_text(encoding="utf-8"))
    by = {record["metric"]: record for record in records}
    assert by["NSC mAP"]["value"] == pytest.approx(0.8142, abs=5e-5)
    assert by["NSCB mAP"]["value"] == pytest.approx(0.7410, abs=5e-5)
    # Raw wells are near ties, within one of 51 and 30.
    assert by["NSC"]["before_transforms"]["correct"] == pytest.approx(51, abs=1)
    assert by["NSCB"]["before_transforms"]["correct"] == pytest.approx(30, abs=1)
    assert by["NSC"]["before_transforms"]["difference_low"] > 0
    assert (by["NSC k=3"]["correct"], by["NSC k=3"]["total"]) == (92, 103)
    assert (by["NSCB k=3"]["correct"], by["NSCB k=3"]["total"]) == (69, 92)
    told = pd.DataFrame(by["NSC"]["by_moa"])
    assert (told["support"].sum(), told["right"].sum(), len(told)) == (103, 96, 12)
    replicates = by["replicate mAP"]
    assert (replicates["total"], replicates["treatments"], replicates["unasked"]) == (302, 103, 0)
    assert replicates["value"] == pytest.approx(0.974, abs=5e-4)
    # Two replicates among six controls: a p of 1/28; the seven treatments of two wells have none.
    assert replicates["could"] == 96
    assert by["well probe"]["value"] == pytest.approx(0.859, abs=0.01)
    assert (by["well probe"]["total"], by["well probe"]["cells"]) == (302, 0)


def test_batches_of_the_published_wells_mix_as_was_computed_elsewhere(
    public_data: Path, tmp_path: Path
) -> None:
    path = measured(
        public_data / "bbbc021", tmp_path / "scores.json", *SPHERED, "--metric", "euclidean",
        "--without", "replicates", "--without", "well-probe", "--mixing", "10",
    )  # fmt: skip
    records = json.loads(path.read_text(encoding="utf-8"))
    by = {record["metric"]: record for record in records}
    mixing = by["mixing of negative controls, k=10"]
    for told, expected in (
        (mixing, (0.604, 2.33, 0.879)),
        (mixing["before_transforms"], (0.368, 3.10, 0.664)),
    ):
        found = [told[key] for key in ("value", "inverse_simpson", "rejection")]
        assert found == [pytest.approx(each, abs=5e-3 if each > 1 else 5e-4) for each in expected]
    assert mixing["null_mean"] == pytest.approx(0.1001, abs=5e-5)
    assert (mixing["total"], mixing["k"], len(mixing["batches"])) == (330, 10, 10)
    # Standardised feature by feature once more, whitened wells would read 0.011.
    batch = by["batch told from negative controls"]
    assert batch["value"] == pytest.approx(0.917, abs=0.01)
    assert (batch["total"], batch["plates"], batch["folds"]) == (330, 55, 6)
    for name in ("mixing of positive controls, k=10", "batch told from positive controls"):
        assert by[name]["reason"] == "no well is one of the positive controls"


def test_raw_wells_are_within_one_of_51_and_30(public_data: Path, tmp_path: Path) -> None:
    words = ("--protocol", "caicedo2018", "--normalize", "none")
    nsc, nscb = published(public_data / "bbbc021", tmp_path / "scores.json", *words)
    assert nsc["correct"] == pytest.approx(51, abs=1)
    assert nscb["correct"] == pytest.approx(30, abs=1)
    assert nsc["variant"] == "normalize none"


def test_the_seeds_own_rules_give_a_mean_over_compounds(public_data: Path, tmp_path: Path) -> None:
    (record,) = published(public_data / "bbbc021", tmp_path / "scores.json", "--protocol", "seed")
    assert (record["metric"], record["headline"], record["correct"]) == (
        "NSC",
        "macro_compound",
        42,
    )
    assert record["value"] == pytest.approx(0.3922, abs=5e-5)
    misses = record["misses"]
    assert isinstance(misses, list)
    assert sum(miss["predicted"] == "DMSO" for miss in misses) == 1


def test_449_features_are_left_without_places_and_numbers(
    public_data: Path, tmp_path: Path
) -> None:
    records = published(
        public_data / "bbbc021", tmp_path / "scores.json", "--protocol", "ljosa2013-wells",
        "--drop-features", "Location|Number|Parent|Children|Center|Orientation",
    )  # fmt: skip
    assert records[0]["dimensions"] == 449
    assert records[0]["correct"] == 83


def test_percentiles_of_cells_are_not_given_for_wells(public_data: Path, tmp_path: Path) -> None:
    records = published(
        public_data / "bbbc021", tmp_path / "scores.json", "--protocol", "ljosa2013"
    )
    for record in records:
        assert record["value"] is None
        assert "transforms cells, and these features are of wells" in str(record["reason"])


def wells() -> pd.DataFrame:
    """A screen of four compounds of two mechanisms with its controls, all metadata its own."""
    rows: list[tuple[object, ...]] = []
    random = np.random.default_rng(0)
    known = (("a", "X"), ("b", "X"), ("c", "Y"), ("d", "Y"))
    for plate, batch in (("p1", "w1"), ("p2", "w1"), ("p3", "w2"), ("p4", "w2")):
        rows += [
            (plate, f"a{number}", batch, "DMSO", 0.0, None, "negative_control", 0, 0)
            for number in range(1, 13)
        ]
        for number, (compound, moa) in enumerate(known, start=1):
            if (number % 2 == 1) == (batch == "w1"):
                place = (5, 0) if moa == "X" else (0, 5)
                rows.append(
                    (plate, f"B{number:02d}", batch, compound, 1.0, moa, "treatment", *place)
                )
    names = ["plate", "Well", "batch", "compound", "concentration", "moa", "role", "f1", "f2"]
    frame = pd.DataFrame(rows, columns=names)
    frame[["f1", "f2"]] += random.normal(0, 0.5, (len(frame), 2))
    return frame


def scored(frame: pd.DataFrame, folder: Path, *words: str) -> list[Record]:
    path = folder / "my wells.csv"
    frame.to_csv(path, index=False)
    told = call(
        "evaluate", "--profiles", path, "--json", folder / "s.json", "--draws", "100", *words
    )
    assert told.code == 0, told.err
    return neighbours_of(folder / "s.json")


def refused(frame: pd.DataFrame, folder: Path, *words: str) -> str:
    path = folder / "my wells.csv"
    frame.to_csv(path, index=False)
    told = call("evaluate", "--profiles", path, *words)
    assert told.code == 1
    return told.err


def test_a_table_with_metadata_of_its_own_needs_no_other(tmp_path: Path) -> None:
    nsc, nscb = scored(wells(), tmp_path, "--labels", "compound")
    assert (nsc["correct"], nsc["total"]) == (4, 4)
    assert (nscb["correct"], nscb["total"]) == (4, 4)
    assert nsc["level"] == "well"
    assert nsc["variant"] == "transforms of wells"
    assert nsc["track"] == "weakly supervised (compound labels)"


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    one = scored(wells(), tmp_path)
    other = scored(wells().sample(frac=1, random_state=3), tmp_path)
    assert one == other


def test_a_row_that_is_not_in_the_metadata_is_named(public_data: Path, tmp_path: Path) -> None:
    folder = public_data / "bbbc021"
    frame = pd.DataFrame({"plate": ["Week1_22123", "nowhere"], "well": ["B02", "B02"], "f": [1, 2]})
    path = tmp_path / "w.csv"
    frame.to_csv(path, index=False)
    told = call(
        "evaluate", "--profiles", path, "--metadata", folder / "BBBC021_v1_image.csv.gz",
        "--moa", folder / "BBBC021_v1_moa.csv",
    )  # fmt: skip
    assert told.code == 1
    assert "1 of 2 rows are not in the metadata: nowhere B02" in told.err


def test_a_code_of_the_compound_is_no_feature(tmp_path: Path) -> None:
    frame = wells()
    code = frame["compound"].map({"DMSO": 7, "a": 1, "b": 2, "c": 3, "d": 4})
    told = refused(frame.assign(code=code), tmp_path)
    assert "the feature code is a code of Compound" in told
    assert scored(frame.assign(code=code), tmp_path, "--drop-features", "^code$")


def test_a_value_that_is_no_number_is_named_with_its_well(tmp_path: Path) -> None:
    frame = wells()
    frame.loc[3, "f2"] = np.nan
    assert "feature f2 of plate p1, well A04 is nan" in refused(frame, tmp_path)


def test_a_well_that_is_there_twice_is_named(tmp_path: Path) -> None:
    frame = pd.concat([wells(), wells().iloc[[5]]])
    assert "1 rows repeat a well: p1 A06" in refused(frame, tmp_path)


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    told = refused(wells().assign(Metadata_Plate="x"), tmp_path)
    assert "plate and Metadata_Plate both mean Metadata_Plate" in told


def test_batches_of_one_plate_each_have_no_nscb_unless_told(tmp_path: Path) -> None:
    frame = wells().assign(batch=lambda rows: rows["plate"])
    _, nscb = scored(frame, tmp_path)
    assert nscb["value"] is None
    assert "every batch is a single plate" in str(nscb["reason"])
    _, nscb = scored(frame, tmp_path, "--plates-are-batches")
    assert nscb["value"] is not None


def test_without_controls_all_wells_are_fitted_on_and_the_name_says_so(tmp_path: Path) -> None:
    frame = wells().query("compound != 'DMSO'")
    nsc, _ = scored(frame, tmp_path)
    assert nsc["protocol"] == "caicedo2018+fit-all"


def test_measures_are_asked_for_and_left_out_by_name(tmp_path: Path) -> None:
    scored(wells(), tmp_path, "--votes", "2", "--votes", "4", "--without", "mixing")
    records = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    metrics = [record["metric"] for record in records]
    assert [each for each in metrics if "k=" in each] == [
        "NSC k=2", "NSC k=4", "NSCB k=2", "NSCB k=4"
    ]  # fmt: skip
    assert "batch told from negative controls" in metrics
    assert {record["source"]["file"] for record in records} == {"my wells.csv"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--profiles", "t.csv", "--without", "vote"), "did you mean 'votes'?"),
        ((), "needs a run or a table of features"),
        (("--profiles", "t.csv", "--run", "r"), "needs a run or a table of features"),
        (("--profiles", "t.csv", "--normalize", "zscor"), "did you mean 'zscore'?"),
        (("--profiles", "t.csv", "--normalize", "zscore", "--regularization", "1"), "λ is of"),
    ],
)
def test_wrong_usage_is_told(words: tuple[str, ...], said: str) -> None:
    told = call("evaluate", *words)
    assert told.code == 2
    assert said in told.err


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.csv.gz", "t.xlsx"])
def test_a_file_that_is_no_table_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    told = call("evaluate", "--profiles", path)
    assert (told.code, "no such table" in told.err) == (1, True)
    path.write_bytes(b"\x00\xffnothing")
    told = call("evaluate", "--profiles", path)
    assert told.code == 1
    assert "Traceback" not in told.err
