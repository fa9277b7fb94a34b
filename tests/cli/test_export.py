"""A model that is handed over: what is in its folder, and that it does as the run's does."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import yaml
from tests.fetch.hub_server import hub_serving
from tests.pipeline.runs import call

from phenovae.cells.store import CellStore
from phenovae.cells.view import View
from phenovae.vae.model_files import load_model

PLAIN = {
    "README.md", "config.json", "diagnostics.json", "history.csv", "model.json",
    "model.safetensors", "scores.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared(crops_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the model was exported to without ONNX; not to be changed."""
    out = tmp_path_factory.mktemp("shared") / "the model"
    told = call("export", crops_run, "--out", out, "--no-onnx", "--license", "cc-by-4.0")
    assert told.code == 0, told.err
    return out


def test_an_exported_model_embeds_as_the_runs_does_to_the_last_bit(
    crops_run: Path, made_crops: Path, shared: Path, tmp_path: Path
) -> None:
    assert {path.name for path in shared.iterdir()} == PLAIN
    crops = ["--crops", made_crops / "crops", "--metadata", made_crops / "metadata.csv"]
    out = tmp_path / "e.parquet"
    told = call("embed", "--model", shared, "--set", "embed.device=cpu", *crops, "-o", out)
    assert told.code == 0, told.err
    assert out.read_bytes() == (crops_run / "embeddings.parquet").read_bytes()


def test_the_card_says_what_the_run_says(crops_run: Path, shared: Path) -> None:
    text = (shared / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "cc-by-4.0"
    config = json.loads((shared / "config.json").read_text(encoding="utf-8"))
    splits = json.loads((crops_run / "run.json").read_text(encoding="utf-8"))["stages"]["split"]
    assert config["split_sha256"] == splits["facts"]["hash"]
    assert config["crops"] == {
        "axes": "height, width, channel", "size_px": [24, 24], "dtype": "uint16",
        "pixel_size_um": None,
    }  # fmt: skip
    for said in (
        "DAPI, Actin, Tubulin, in this order", "24 × 24 px", "(16 bits a channel)",
        "| cells | 54 |", splits["facts"]["hash"], config["weights_sha256"],
        "| cells-mean@1 | NSC |", "intensity", "neither a mechanism nor the name of a compound",
        "It learned from 48 cells", "with seed 0", "percentile 99.5", "posterior collapse",
    ):  # fmt: skip
        assert said in body, said
    record = next(
        each
        for each in json.loads((crops_run / "scores.json").read_text(encoding="utf-8"))
        if (each["features"], each["protocol"], each.get("metric"))
        == ("model", "cells-mean", "NSC")
    )
    assert f"({record['correct']:g} of {record['total']})" in body
    # Names of compounds are their owner's to tell.
    for name in ("alpha", "delta", "epsilon"):
        assert all(
            name not in path.read_text(encoding="utf-8") for path in shared.glob("*.*[nd]")
        ), name


def test_a_model_that_saw_labels_says_so(crops_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(crops_run, run)
    path = run / "model" / "model.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"labels": "none"', '"labels": "compound"'),
        encoding="utf-8",
    )
    assert call("export", run, "--no-onnx", "-o", tmp_path / "m").code == 0
    text = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "**weakly supervised**: it learned to tell compounds apart" in text
    assert '"labels": "compound"' in (tmp_path / "m" / "config.json").read_text(encoding="utf-8")


def test_the_cards_scale_is_in_the_middle_of_the_plates(shared: Path) -> None:
    config = json.loads((shared / "config.json").read_text(encoding="utf-8"))
    told = json.loads((shared / "model.json").read_text(encoding="utf-8"))["origin"]["view"]
    lows = np.array([scale["low"] for scale in told["scales"].values()])
    highs = np.array([scale["high"] for scale in told["scales"].values()])
    low = lows.mean(axis=0)
    np.testing.assert_allclose(config["scale"]["low"], low)
    span = np.sqrt((highs - lows).prod(axis=0))
    np.testing.assert_allclose(config["scale"]["high"], low + span)


def test_a_folder_with_other_things_is_not_replaced_unasked(
    crops_run: Path, shared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    shutil.copytree(shared, out)
    export = ["export", crops_run, "--no-onnx", "--out", out]
    assert call(*export).code == 0
    assert "license" not in (out / "README.md").read_text(encoding="utf-8").partition("# ")[0]
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    told = call(*export)
    assert told.code == 2
    assert "mine.txt" in told.err
    (out / "folder").mkdir()
    assert call(*export, "--force").code == 2
    assert (out / "mine.txt").exists()
    (out / "folder").rmdir()
    assert call(*export, "--force").code == 0
    assert {path.name for path in out.iterdir()} == PLAIN
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    for place in (crops_run, crops_run / "model", crops_run / "model" / "x", crops_run.parent):
        assert call("export", crops_run, "--no-onnx", "--force", "--out", place).code == 2
    assert (crops_run / "model" / "model.safetensors").exists()


def test_what_is_no_finished_run_is_not_exported(crops_run: Path, tmp_path: Path) -> None:
    assert "holds no run" in call("export", tmp_path, "--no-onnx", "-o", tmp_path / "m").err
    run = tmp_path / "a run"
    shutil.copytree(crops_run, run)
    weights = run / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    told = call("export", run, "--no-onnx", "-o", tmp_path / "m")
    assert told.code == 1
    assert "model.safetensors" in told.err
    shutil.rmtree(run / "model")
    told = call("export", run, "--no-onnx", "-o", tmp_path / "m")
    assert "no finished model" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["a run"]


def test_a_run_that_was_not_scored_says_so(crops_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(crops_run, run)
    told = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for name in ("embed", "profile", "evaluate", "report"):
        del told["stages"][name]
    (run / "run.json").write_text(json.dumps(told), encoding="utf-8")
    assert call("export", run, "--no-onnx", "-o", tmp_path / "m").code == 0
    # Scores that lie there are of another training: the journal has none of this one.
    assert "Nothing was scored" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert not (tmp_path / "m" / "scores.json").exists()


def test_without_its_packages_onnx_is_refused_before_anything_is_written(
    crops_run: Path, tmp_path: Path
) -> None:
    with mock.patch("importlib.util.find_spec", return_value=None):
        told = call("export", crops_run, "--out", tmp_path / "m")
    assert told.code == 1
    assert "phenovae[onnx]" in told.err
    assert "--no-onnx" in told.err
    assert list(tmp_path.iterdir()) == []


def test_onnx_does_as_pytorch_for_any_number_of_images(crops_run: Path, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    out = tmp_path / "with blanks"
    told = call("export", crops_run, "--out", out)
    assert told.code == 0, told.err
    assert {path.name for path in out.iterdir()} == {*PLAIN, "encoder.onnx", "decoder.onnx"}
    trained, store = load_model(out), CellStore.open(crops_run / "cells")
    view = View.from_json(trained.card.origin.view)
    images = view.apply(store.read(np.arange(7)), store.table["Metadata_Plate"][:7].tolist())
    encoder = runtime.InferenceSession(str(out / "encoder.onnx"))
    decoder = runtime.InferenceSession(str(out / "decoder.onnx"))
    for count in (1, 2, 7):
        embedding, mean, spread = encoder.run(None, {"images": images[:count]})
        np.testing.assert_allclose(embedding, trained.embed(images[:count]), atol=1e-5)
        for found, wanted in zip((mean, spread), trained.encode(images[:count]), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
        (image,) = decoder.run(None, {"z": mean})
        np.testing.assert_allclose(image, trained.decode(mean), atol=1e-5)
    told_of = json.loads((out / "config.json").read_text(encoding="utf-8"))["onnx"]
    assert set(told_of["largest_difference"]) == {"embedding", "mean", "log_variance", "image"}
    # What differs is an error, and nothing is left of it.
    with mock.patch("phenovae.vae.onnx_files.TOLERANCE", -1.0):
        told = call("export", crops_run, "--out", tmp_path / "other")
    assert told.code == 1
    assert "from that of PyTorch" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["with blanks"]


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_model_is_pushed_only_when_it_is_asked_for(crops_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    export = ["export", crops_run, "--no-onnx", "--out", out]
    with hub_serving() as hub, mock.patch.dict(os.environ, {"NO_PROXY": "127.0.0.1"}):
        os.environ.pop("HF_TOKEN", None)
        os.environ["HF_ENDPOINT"] = hub.base
        told = call(*export, "--push", "owner/model")
        assert told.code == 2
        assert "HF_TOKEN is not set" in told.err
        assert not out.exists()
        assert call(*export, "--public").code == 2
        assert call(*export).code == 0
        assert hub.asked == []
        pytest.importorskip("huggingface_hub")
        os.environ["HF_TOKEN"] = hub.token
        with mock.patch("huggingface_hub.constants.HF_HUB_DISABLE_XET", True):
            told = call(*export, "--push", "owner/model")
        assert told.code == 0, told.err
        assert f"pushed to {hub.base}/owner/model" in told.out
        assert hub.token not in told.out + told.err
        assert set(hub.files["owner/model"]) == PLAIN
        weights = (out / "model.safetensors").read_bytes()
        assert hub.files["owner/model"]["model.safetensors"] == weights
