"""`phenovae profile --out`: rows of a run for other tools, and for scoring without the run."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.pipeline.runs import call

from phenovae.evaluate.making import Making
from phenovae.profiles.sources import NOTE, STATEMENT

Record = dict[str, object]

ENDINGS = ("parquet", "csv.gz", "h5ad")
LEVELS = (
    ("cells-mean", "cell"), ("cells-mean", "treatment"), ("cells-mean-whitened", "cell"),
    ("caicedo2018", "cell"), ("caicedo2018", "site"), ("caicedo2018", "well"),
    ("caicedo2018", "treatment"),
)  # fmt: skip
QUICK = (
    ("cells-mean-whitened", "cell", "parquet"), ("caicedo2018", "cell", "csv.gz"),
    ("caicedo2018", "well", "csv.gz"), ("caicedo2018", "treatment", "parquet"),
    ("cells-mean", "treatment", "h5ad"),
)  # fmt: skip
WAYS = (
    *QUICK,
    *(
        pytest.param(*level, ending, marks=pytest.mark.slow)
        for level in LEVELS
        for ending in ENDINGS
        if (*level, ending) not in QUICK
    ),
)
OF_THE_RUN = ("against", "before", "before_transforms", "level", "source")
"""What only a record of a run says, or only one of a table."""


def out(run: Path, file: Path, *words: object) -> Path:
    if file.suffix == ".h5ad":
        pytest.importorskip("anndata")
    told = call("profile", "--run", run, "--out", file, *words)
    assert told.code == 0, told.err
    return file


def rescored(file: Path, *words: object) -> list[Record]:
    told = call("evaluate", "--profiles", file, "--json", file.parent / "s.json", *words)
    assert told.code == 0, told.err
    return comparable(file.parent / "s.json")


def comparable(path: Path) -> list[Record]:
    """Records of scores without what a table cannot say of them; likenesses but for rounding."""
    found: list[Record] = json.loads(path.read_text(encoding="utf-8"))
    for record in found:
        misses = record.get("misses", [])
        assert isinstance(misses, list)
        for miss in misses:
            miss["similarity"] = pytest.approx(miss["similarity"], abs=1e-12)
    # Measures of wells want rows that are not transformed.
    asked = [
        record
        for record in found
        if record.get("kind") == "mechanism" and record["protocol"] != "well-probe"
    ]
    return [{k: v for k, v in record.items() if k not in OF_THE_RUN} for record in asked]


def of_run(run: Path, protocol: str) -> list[Record]:
    return [
        record
        for record in comparable(run / "scores.json")
        if (record["features"], record["protocol"]) == ("model", protocol)
    ]


@pytest.fixture(scope="module")
def own_twin(twin_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of this process alone: a verb locks its run."""
    folder = tmp_path_factory.mktemp("twin") / "run"
    shutil.copytree(twin_run, folder)
    return folder


@pytest.fixture(scope="module")
def own_crops(crops_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of this process alone."""
    folder = tmp_path_factory.mktemp("crops") / "run"
    shutil.copytree(crops_run, folder)
    return folder


@pytest.mark.parametrize(("protocol", "level", "ending"), WAYS)
def test_what_is_written_scores_as_its_run_with_no_further_option(
    own_twin: Path, tmp_path: Path, protocol: str, level: str, ending: str
) -> None:
    file = out(own_twin, tmp_path / f"my rows.{ending}", "--protocol", protocol, "--level", level)
    expected = of_run(own_twin, protocol)
    assert {record["metric"] for record in expected} >= {"NSC", "NSCB"}
    assert rescored(file) == expected


@pytest.mark.parametrize("level", ["cell", "treatment"])
def test_batches_of_one_plate_each_are_told_from_any_level(
    own_crops: Path, tmp_path: Path, level: str
) -> None:
    file = out(own_crops, tmp_path / "rows.parquet", "--level", level)
    expected = of_run(own_crops, "cells-mean")
    assert any("single plate" in str(record.get("reason")) for record in expected)
    assert rescored(file) == expected


@pytest.mark.parametrize("ending", ENDINGS)
def test_wells_come_with_their_metadata_first_and_every_role(
    own_twin: Path, tmp_path: Path, ending: str
) -> None:
    file = out(own_twin, tmp_path / f"w.{ending}", "--protocol", "caicedo2018", "--level", "well")
    frame = frame_of(file)
    names = [str(name) for name in frame.columns]
    described = [name for name in names if name.startswith("Metadata_")]
    assert names[: len(described)] == described
    assert names[len(described) :] == [f"Cells_sphere_{n:03d}" for n in range(4)]
    sites = pd.read_parquet(own_twin / "sites.parquet")
    assert set(frame["Metadata_Role"]) == set(sites["Metadata_Role"])
    keys = ["Metadata_Plate", "Metadata_Well"]
    cells = pd.read_parquet(own_twin / "embeddings.parquet")
    flags = pd.read_parquet(own_twin / "cells" / "cells.parquet")["Quality_Flag"] == ""
    counts = cells.loc[flags].groupby(keys).size()
    assert frame.set_index(keys)["Metadata_Profile_Cells"].to_dict() == counts.to_dict()


def frame_of(file: Path) -> pd.DataFrame:
    """The table as a reader has it who knows nothing of phenovae."""
    if file.name.endswith(".csv.gz"):
        return pd.read_csv(file).drop(columns=[STATEMENT])
    if file.suffix == ".parquet":
        return pd.read_parquet(file)
    found = pytest.importorskip("anndata").read_h5ad(file)
    values = pd.DataFrame(found.X, columns=found.var_names, index=found.obs.index)
    frame: pd.DataFrame = pd.concat([found.obs, values], axis=1)
    return frame


def test_cells_are_the_embedding_to_the_last_digit(own_twin: Path, tmp_path: Path) -> None:
    words = ("--level", "cell", "--normalize", "none")
    frame = frame_of(out(own_twin, tmp_path / "c.parquet", *words))
    text = frame_of(out(own_twin, tmp_path / "c.csv.gz", *words))
    cells = pd.read_parquet(own_twin / "embeddings.parquet")
    flags = pd.read_parquet(own_twin / "cells" / "cells.parquet")["Quality_Flag"] == ""
    latents = [name for name in cells.columns if name.startswith("z_")]
    named = [f"Cells_{name}" for name in latents]
    np.testing.assert_array_equal(frame[named].to_numpy(), cells.loc[flags, latents].to_numpy())
    np.testing.assert_array_equal(frame[named].to_numpy(np.float64), text[named].to_numpy())
    assert {str(each) for each in frame[named].dtypes} == {"float32"}


def test_treatments_name_their_batches_and_plates_in_text(own_twin: Path, tmp_path: Path) -> None:
    frame = frame_of(out(own_twin, tmp_path / "t.csv.gz", "--protocol", "caicedo2018"))
    sites = pd.read_parquet(own_twin / "sites.parquet")
    for row in frame.itertuples():
        own = sites[
            (sites["Metadata_Compound"] == row.Metadata_Compound)
            & (sites["Metadata_Concentration"] == row.Metadata_Concentration)
        ]
        assert row.Metadata_Plate == "|".join(sorted(set(own["Metadata_Plate"])))
        assert row.Metadata_Batch == "|".join(sorted(set(own["Metadata_Batch"])))
    assert frame["Metadata_MoA"].isna().tolist() == (frame["Metadata_Compound"] == "DMSO").tolist()


def test_a_level_that_the_protocol_has_not_is_a_variant_of_it(
    own_twin: Path, tmp_path: Path
) -> None:
    file = out(own_twin, tmp_path / "w.parquet", "--level", "well", "--protocol", "cells-mean")
    assert {record["variant"] for record in rescored(file)} == {"through wells"}


def test_another_protocol_says_what_was_done_before_it(own_twin: Path, tmp_path: Path) -> None:
    file = out(own_twin, tmp_path / "w.csv.gz", "--level", "well", "--protocol", "caicedo2018")
    (nsc, *_) = rescored(file, "--protocol", "cells-mean", "--seed", "3", "--name", "mine")
    assert nsc["variant"] == "transforms of wells; of profiles by caicedo2018@2"
    assert (nsc["seed"], nsc["features"], nsc["track"]) == (3, "mine", "label-free")
    (nsc, *_) = rescored(file, "--metric", "euclidean", "--labels", "compound")
    assert (nsc["variant"], nsc["track"]) == (
        "metric euclidean",
        "weakly supervised (compound labels)",
    )


def test_the_same_run_gives_the_same_bytes(own_crops: Path, tmp_path: Path) -> None:
    for ending in ("parquet", "csv.gz"):
        one = out(own_crops, tmp_path / f"1.{ending}").read_bytes()
        assert out(own_crops, tmp_path / f"2.{ending}").read_bytes() == one
        assert one


def test_a_parquet_file_says_of_its_making_in_its_notes(own_crops: Path, tmp_path: Path) -> None:
    file = out(own_crops, tmp_path / "t.parquet", "--normalize", "robust-z")
    making = Making.read(pq.read_schema(file).metadata[NOTE].decode(), file)
    assert making.label == "cells-mean@1 (normalize robust-z)"
    assert making.done.transformed
    assert making.training.labels == "none"
    assert STATEMENT not in pq.read_schema(file).names


def test_an_annotated_file_has_recipe_protocol_and_training(
    own_crops: Path, tmp_path: Path
) -> None:
    anndata = pytest.importorskip("anndata")
    found = anndata.read_h5ad(out(own_crops, tmp_path / "t.h5ad"))
    assert json.loads(found.uns["protocol"])["name"] == "cells-mean"
    assert json.loads(found.uns["recipe"])["transform_at"] == "cell"
    assert found.uns["training"].startswith("label-free")
    assert found.X.shape == (len(found.obs), len(found.var))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "w.xlsx"), ".parquet, .csv.gz or .h5ad"),
        (("--out", "w.csv"), ".parquet, .csv.gz or .h5ad"),
        (("--out", "w.parquet", "--level", "wells"), "did you mean 'well'"),
        (("--out", "w.parquet", "--protocol", "cell-mean"), "did you mean"),
        (("--level", "well"), "--out FILE"),
        (("--out", "w.parquet", "--normalize", "spheres"), "sphere"),
    ],
)
def test_what_cannot_be_written_is_told(
    own_crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    told = call("profile", "--run", own_crops, *words)
    assert told.code in (1, 2)
    assert said in told.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_may_not_be_written_is_named(own_crops: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    told = call("profile", "--run", own_crops, "--out", tmp_path / "w.parquet")
    tmp_path.chmod(0o700)
    assert told.code == 1
    assert "choose a folder that you may write to" in told.err


def test_a_file_that_is_cut_off_or_of_another_making_is_refused(
    own_crops: Path, tmp_path: Path
) -> None:
    file = out(own_crops, tmp_path / "t.csv.gz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    told = call("evaluate", "--profiles", file)
    assert (told.code, "no readable CSV" in told.err) == (1, True)
    newer = gzip.decompress(whole).replace(b'""format"":1', b'""format"":2')
    file.write_bytes(gzip.compress(newer))
    told = call("evaluate", "--profiles", file)
    assert (told.code, "install a newer phenovae" in told.err) == (1, True)


def test_rows_of_two_makings_are_scored_as_any_table(own_crops: Path, tmp_path: Path) -> None:
    parts = [
        pd.read_csv(out(own_crops, tmp_path / f"{name}.csv.gz", "--normalize", name))
        for name in ("zscore", "robust-z")
    ]
    half = len(parts[0]) // 2
    file = tmp_path / "both.csv"
    pd.concat([parts[0][:half], parts[1][half:]]).to_csv(file, index=False)
    assert {record["protocol"] for record in rescored(file)} == {"caicedo2018"}
