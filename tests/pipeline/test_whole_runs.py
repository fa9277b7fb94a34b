from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.pipeline.runs import (
    DMSO,
    TREATED,
    WHOLE,
    Told,
    Well,
    call,
    of_crops,
    write_crops,
)

from phenovae.base.tables import read_table
from phenovae.cells.table import EMBEDDINGS
from phenovae.pipeline.stages.evaluate import NEIGHBOURS, PROFILES

pytestmark = pytest.mark.usefixtures("undrawn")

PLAIN = (
    "name: plain\nversion: 1\nsummary: means\nrecipe: {levels: [{level: treatment}]}\n"
    "unscorable_as_candidates: true\n"
)


def records(run: Path) -> list[dict[str, object]]:
    told = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert isinstance(told, list)
    return told


def without_nan(run: Path) -> None:
    """No table and no JSON file of a run holds NaN where a number is meant."""
    for path in run.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda text: pytest.fail(text))
    for name, schema in (("profiles", PROFILES), ("neighbours", NEIGHBOURS)):
        read_table(run / f"{name}.parquet", schema)
    embeddings = read_table(run / "embeddings.parquet", EMBEDDINGS)
    assert embeddings.filter(regex="^z_").notna().all(axis=None)
    assert ">nan<" not in (run / "report.html").read_text(encoding="utf-8")


def on(tiny: Path, made: Path, run: Path, *settings: str) -> Told:
    named = [text for setting in settings for text in ("--set", setting)]
    return call("run", tiny / "crops.yaml", *of_crops(made), "--out", run, *named)


@pytest.mark.drawn
@pytest.mark.parametrize("name", ["twin_run", "crops_run"])
def test_a_run_leaves_all_its_parts(name: str, request: pytest.FixtureRequest) -> None:
    run: Path = request.getfixturevalue(name)
    assert {"sites", *WHOLE} - {"sites"} <= {path.name for path in run.iterdir()}
    assert not list(run.rglob("*.partial*"))
    assert not list(run.rglob("*.parts"))
    for path in ("model/model.safetensors", "model/model.json", "model/history.csv"):
        assert (run / path).is_file()
    without_nan(run)


@pytest.mark.drawn
@pytest.mark.parametrize("name", ["twin_run", "crops_run"])
def test_the_scores_stand_beside_their_baselines(name: str, request: pytest.FixtureRequest) -> None:
    told = records(request.getfixturevalue(name))
    keys = ("features", "protocol", "version", "metric", "value", "correct", "total", "low", "high",
            "seed", "cells")  # fmt: skip
    for record in told:
        assert set(keys) <= set(record)
        value = record["value"]
        if value is None:
            assert record["reason"]
        else:
            assert isinstance(value, float)
            assert 0 <= value <= 1
    found = {(record["features"], record["protocol"], record["metric"]) for record in told}
    protocols = ("cells-mean", "cells-mean-whitened", "caicedo2018")
    wanted = {
        (features, protocol, metric)
        for features in ("model", "intensity")
        for protocol in protocols
        for metric in ("NSC", "NSCB")
    } | {
        (features, f"{what}-probe", metric)
        for features in ("model", "intensity")
        for what, metric in (("cell", "probe"), ("well", "well probe"))
    }
    counts = {("cell_count", "cell-count", metric) for metric in ("NSC", "NSCB")}
    votes = {each for each in found if str(each[2]).startswith(("NSC k=", "NSCB k="))}
    beside = {
        (record["features"], record["protocol"], record["metric"])
        for record in told
        if record.get("kind") != "mechanism"
    }
    found -= votes | beside
    ranked = {each for each in found if str(each[2]).endswith(" mAP")}
    for metric in (
        "replicate mAP", "mixing of negative controls, k=10", "mixing of positive controls, k=10",
        "batch told from negative controls", "batch told from positive controls",
    ):  # fmt: skip
        assert {each[:2] for each in beside if each[2] == metric} == {
            (features, protocol) for features, protocol, metric in wanted if metric == "NSC"
        } | ({("cell_count", "cell-count")} if name == "twin_run" else set())
    assert found - ranked == wanted | (counts if name == "twin_run" else set())
    assert ("model", "cells-mean", "NSC mAP") in ranked
    assert any(record["value"] is not None for record in told if record["metric"] == "NSC")


def test_batches_of_a_run_are_told_from_controls_or_the_reason_is_said(
    twin_run: Path, crops_run: Path
) -> None:
    by = {record["metric"]: record for record in records(twin_run)
          if (record["features"], record["protocol"]) == ("model", "cells-mean")}  # fmt: skip
    told = by["batch told from negative controls"]
    # Two batches of two plates, two DMSO wells on each, less a well in which no cell was found.
    rows = read_table(twin_run / "embeddings.parquet", EMBEDDINGS)
    controls = rows[rows["Metadata_Role"] == "negative_control"]
    wells = controls.groupby(["Metadata_Plate", "Metadata_Well"]).ngroups
    assert wells in (7, 8)
    assert (told["total"], told["plates"], told["chance"]) == (wells, 4, 0.5)
    assert (told["kind"], told["seed"], told["track"]) == ("batch mixing", 0, "label-free")
    assert told["treatment"] == "DMSO 0 µM"
    assert "before_transforms" in told
    assert f"{wells} wells are too few" in str(by["mixing of negative controls, k=10"]["reason"])
    assert by["mixing of positive controls, k=10"]["reason"] == (
        "no well is one of the positive controls"
    )
    assert by["NSC"]["before_transforms"]
    # A single plate a batch can be told from no other of it.
    for record in records(crops_run):
        if record["metric"] == "batch told from negative controls":
            assert "0 of 2 batches have two plates" in str(record["reason"])
    page = (twin_run / "report.html").read_text(encoding="utf-8")
    assert "Does correction erase biology?" in page
    assert f"{wells} wells are too few" in page


def test_one_seed_gives_one_embedding_to_the_byte(
    tiny: Path, made_crops: Path, crops_run: Path, tmp_path: Path
) -> None:
    for seed in (0, 1):
        run = tmp_path / str(seed)
        config = ["--config", tiny / "crops.yaml", *of_crops(made_crops), "--set", f"seed={seed}"]
        assert call("import", "--run", run, *config).code == 0
        for verb in ("train", "embed"):
            assert call(verb, "--run", run).code == 0
    wanted = (crops_run / "embeddings.parquet").read_bytes()
    assert (tmp_path / "0" / "embeddings.parquet").read_bytes() == wanted
    assert (tmp_path / "1" / "embeddings.parquet").read_bytes() != wanted


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("name", ["twin_run", "crops_run"])
def test_one_seed_gives_one_run(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    first: Path = request.getfixturevalue(name)
    run = tmp_path / "run"
    told = call("run", first / "config.yaml", "--out", run)
    assert told.code == 0, told.err
    for file in ("embeddings.parquet", "profiles.parquet", "scores.json", "sites.parquet"):
        assert (run / file).read_bytes() == (first / file).read_bytes()


def test_without_controls_transforms_are_fitted_on_all_wells_and_every_place_says_so(
    tiny: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    told = on(tiny, write_crops(tmp_path / "made", TREATED), run)
    assert told.code == 0, told.err
    neighbours = [record for record in records(run) if "probe" not in str(record["metric"])]
    assert neighbours
    for record in neighbours:
        assert str(record["protocol"]).endswith("+fit-all")
        assert record["controls"] == 0
    assert "no negative controls" in told.err
    assert "cells-mean+fit-all@1" in told.out
    assert "no negative controls" in (run / "report.html").read_text(encoding="utf-8")


def test_without_controls_every_score_says_why_where_controls_are_asked_for(
    tiny: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    made = write_crops(tmp_path / "made", TREATED)
    told = on(tiny, made, run, "evaluate.fit_on=negative_controls")
    assert told.code == 0, told.err
    scored = {(record["metric"], record["value"] is None) for record in records(run)}
    beside = {
        "replicate mAP",
        *(f"{what} {role} controls{k}" for role in ("negative", "positive")
          for what, k in (("mixing of", ", k=10"), ("batch told from", ""))),
    }  # fmt: skip
    assert scored == {
        *((metric, True) for metric in ("NSC", "NSCB", *beside)),
        ("probe", False), ("well probe", False),
    }  # fmt: skip
    for record in records(run):
        assert record["value"] is not None or "controls" in str(record["reason"])
    assert "negative controls" in told.out
    assert "negative controls" in (run / "report.html").read_text(encoding="utf-8")
    without_nan(run)
    # A protocol without transforms needs no controls.
    (tmp_path / "plain.yaml").write_text(PLAIN, encoding="utf-8")
    both = f"evaluate.protocols=[cells-mean, '{tmp_path / 'plain.yaml'}']"
    assert call("profile", "--run", run, "--set", both).code == 0
    assert call("evaluate", "--run", run).code == 0
    by = {record["protocol"]: record["value"] for record in records(run)
          if record["metric"] == "NSC"}  # fmt: skip
    assert by["cells-mean"] is None
    assert by["plain"] is not None
    profiles = read_table(run / "profiles.parquet", PROFILES)
    assert set(profiles["Profile_Protocol"]) == {"plain@1"}
    assert len(profiles) == len(TREATED)


def test_a_single_control_cell_loses_nothing(tiny: Path, tmp_path: Path) -> None:
    made = write_crops(tmp_path / "made", (DMSO[0], *TREATED))
    for crop in sorted((made / "crops").glob("*B02*"))[1:]:
        crop.unlink()
    told = on(tiny, made, tmp_path / "run", "split.by=cell")
    assert told.code == 0, told.err
    without_nan(tmp_path / "run")


def test_without_annotated_treatments_the_report_says_so(tiny: Path, tmp_path: Path) -> None:
    unknown = [Well(each.plate, each.well, each.compound, "") for each in TREATED]
    run = tmp_path / "run"
    told = on(tiny, write_crops(tmp_path / "made", (*DMSO, *unknown)), run)
    assert told.code == 0, told.err
    assert all(record["value"] is None and record["reason"] for record in records(run))
    assert not len(read_table(run / "profiles.parquet", PROFILES))
    assert len(read_table(run / "embeddings.parquet", EMBEDDINGS)) == 6 * 9
    assert "No treatment could be scored" in (run / "report.html").read_text(encoding="utf-8")
    without_nan(run)


@pytest.mark.slow
def test_controls_alone_make_a_model_and_no_scores(tiny: Path, tmp_path: Path) -> None:
    settings = ("split.by=cell", "split.one_treatment=true")
    told = on(tiny, write_crops(tmp_path / "made", DMSO), tmp_path / "run", *settings)
    assert told.code == 0, told.err
    assert records(tmp_path / "run")
    assert all(record["value"] is None for record in records(tmp_path / "run"))
    without_nan(tmp_path / "run")


def test_a_single_mechanism_is_scored_and_not_probed(tiny: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = on(tiny, write_crops(tmp_path / "made", (*DMSO, *TREATED[:2])), run)
    assert told.code == 0, told.err
    by = {(record["features"], record["metric"], record["protocol"]): record
          for record in records(run)}  # fmt: skip
    assert by["model", "NSC", "cells-mean"]["value"] == 1.0
    assert "reason" in by["model", "NSCB", "cells-mean"]
    assert "two mechanisms" in str(by["model", "probe", "cell-probe"]["reason"])
    without_nan(run)


def test_one_cell_is_too_few_and_the_message_says_so(tiny: Path, tmp_path: Path) -> None:
    made = write_crops(tmp_path / "made", TREATED[:1], cells=1)
    told = on(tiny, made, tmp_path / "run", "split.one_treatment=true")
    assert told.code == 1
    assert "1 cells in 1 groups" in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "run" / "scores.json").exists()
    settings = ("split.one_treatment=true", "split.validation=0")
    alone = on(tiny, made, tmp_path / "run", *settings)
    assert alone.code == 0, alone.err
    without_nan(tmp_path / "run")


def test_cells_of_one_treatment_are_not_trained_on_and_the_reason_is_told(
    tiny: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    made = write_crops(tmp_path / "made", TREATED[:1])
    told = on(tiny, made, run)
    assert told.code == 0, told.err
    assert "not done: split, train, diagnose, generation, embed, profile, evaluate" in told.out
    assert "one treatment" in told.out
    assert "one treatment" in (run / "report.html").read_text(encoding="utf-8")
    assert not (run / "model").exists()
    again = on(tiny, made, run)
    assert "split: finished and unchanged" in again.err
    assert "not done: split" in again.out
    asked = on(tiny, made, run, "split.one_treatment=true", "split.by=cell")
    assert asked.code == 0, asked.err
    assert (run / "model").is_dir()


def test_a_folder_of_noise_is_refused_before_training(tiny: Path, tmp_path: Path) -> None:
    told = on(tiny, write_crops(tmp_path / "made", noise=True), tmp_path / "run")
    assert told.code == 1
    assert "every one of the 54 cells is flagged" in told.err
    assert "quality.noise_share" in told.err
    assert not (tmp_path / "run" / "splits.parquet").exists()


def test_finite_scores_come_from_finite_profiles(crops_run: Path) -> None:
    profiles = read_table(crops_run / "profiles.parquet", PROFILES)
    values = profiles.filter(regex="^f_")
    assert values.notna().all(axis=None)
    assert all(math.isfinite(value) for value in values.to_numpy().ravel())


def test_sites_without_a_whole_run_come_from_the_official_tables(
    public_data: Path, tmp_path: Path
) -> None:
    folder = public_data / "bbbc021"
    named = [
        "--set", f"input.metadata={folder / 'BBBC021_v1_image.csv.gz'}",
        "--set", f"input.moa={folder / 'BBBC021_v1_moa.csv'}",
    ]  # fmt: skip
    told = call("sites", "--run", tmp_path / "run", *named)
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert [line for line in lines if "55" in line and "13,200" in line]
    assert [line for line in lines if "103 treatments" in line and "12 mechanisms" in line]
    for text in ("103 of 103", "92 of 103", "7 treatments have 2 wells", "PP-2 3 µM"):
        assert text in told.out
    assert len(pd.read_parquet(tmp_path / "run" / "sites.parquet")) == 13_200
    assert not (tmp_path / "run" / "cells").exists()
    assert "finished and unchanged" in call("sites", "--run", tmp_path / "run").out
    shutil.rmtree(tmp_path / "run")
    without = call("import", "--run", tmp_path / "run", *named)
    assert without.code == 2
    assert "input.crops is not set" in without.err
    assert not (tmp_path / "run").exists()


def test_the_sites_of_a_single_cell_table_come_after_the_import(
    made_crops: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    told = call("sites", "--run", run, *of_crops(made_crops))
    assert told.code == 2
    assert "phenovae import" in told.err
    assert not run.exists()
    assert call("import", "--run", run, *of_crops(made_crops)).code == 0
    told = call("sites", "--run", run)
    assert told.code == 0
    assert "6 treatments of 6 compounds and 3 mechanisms" in told.out
