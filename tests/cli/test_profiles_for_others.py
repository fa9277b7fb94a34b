"""What phenovae writes is read by pycytominer, copairs and scanpy as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call


@pytest.fixture(scope="module")
def wells(twin_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wells of a run in every format."""
    folder = tmp_path_factory.mktemp("wells")
    shutil.copytree(twin_run, folder / "run")
    for ending in ("parquet", "csv.gz", "h5ad"):
        if ending == "h5ad":
            pytest.importorskip("anndata")
        told = call(
            "profile", "--run", folder / "run", "--level", "well", "--protocol", "caicedo2018",
            "--normalize", "none", "--out", folder / f"wells.{ending}",
        )  # fmt: skip
        assert told.code == 0, told.err
    return folder


def values_of(frame: pd.DataFrame) -> np.ndarray:
    return frame.filter(regex="^Cells_").to_numpy(np.float64)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("ending", ["parquet", "csv.gz"])
def test_pycytominer_infers_the_features_and_normalizes_them(wells: Path, ending: str) -> None:
    pycytominer = pytest.importorskip("pycytominer")
    file = wells / f"wells.{ending}"
    frame = pd.read_parquet(file) if ending == "parquet" else pd.read_csv(file)
    query = "Metadata_Role == 'negative_control'"
    found = pycytominer.normalize(frame, features="infer", samples=query, method="standardize")
    controls = values_of(frame.query(query))
    expected = (values_of(frame) - controls.mean(axis=0)) / controls.std(axis=0)
    np.testing.assert_allclose(values_of(found), expected, rtol=1e-9)
    strata = ["Metadata_Compound", "Metadata_Concentration"]
    mean = pycytominer.aggregate(frame, strata=strata, features="infer")
    assert len(mean) == len(
        frame[["Metadata_Compound", "Metadata_Concentration"]].drop_duplicates()
    )


@pytest.mark.filterwarnings("default")
def test_pycytominer_takes_the_file_by_its_name(wells: Path, tmp_path: Path) -> None:
    pycytominer = pytest.importorskip("pycytominer")
    found = pycytominer.feature_select(
        str(wells / "wells.parquet"), features="infer", operation="variance_threshold"
    )
    assert found.filter(like="Metadata_").columns.tolist()[:2] == [
        "Metadata_Plate",
        "Metadata_Well",
    ]


@pytest.mark.filterwarnings("default")
def test_copairs_finds_the_average_precision_that_the_run_tells(
    wells: Path, tmp_path: Path
) -> None:
    copairs = pytest.importorskip("copairs.map")
    file = tmp_path / "treatments.csv.gz"
    told = call("profile", "--run", wells / "run", "--protocol", "cells-mean", "--out", file)
    assert told.code == 0, told.err
    frame = pd.read_csv(file)
    treated = frame[frame["Metadata_Role"] == "treatment"].reset_index(drop=True)
    found = copairs.average_precision(
        treated.filter(like="Metadata_"), values_of(treated), ["Metadata_MoA"],
        ["Metadata_Compound"], [], ["Metadata_MoA"], progress_bar=False,
    )  # fmt: skip
    (own,) = (
        record
        for record in json.loads((wells / "run" / "scores.json").read_text(encoding="utf-8"))
        if (record["features"], record["protocol"], record["metric"])
        == ("model", "cells-mean", "NSC mAP")
    )
    assert found["average_precision"].dropna().mean() == pytest.approx(own["value"], abs=1e-6)
    assert found["average_precision"].notna().sum() == own["total"]


@pytest.mark.filterwarnings("default")
def test_scanpy_reduces_and_groups_an_annotated_file(wells: Path) -> None:
    scanpy = pytest.importorskip("scanpy")
    found = scanpy.read_h5ad(wells / "wells.h5ad")
    frame = pd.read_parquet(wells / "wells.parquet")
    np.testing.assert_array_equal(found.X, values_of(frame))
    assert found.var_names.tolist() == frame.filter(regex="^Cells_").columns.tolist()
    assert found.obs["Metadata_Well"].tolist() == frame["Metadata_Well"].tolist()
    scanpy.pp.scale(found)
    scanpy.pp.pca(found, n_comps=2)
    assert found.obsm["X_pca"].shape == (len(frame), 2)
    means = scanpy.get.aggregate(found, by="Metadata_Compound", func="mean")
    assert len(means) == frame["Metadata_Compound"].nunique()
