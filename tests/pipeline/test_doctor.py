from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call

from phenovae.base.files import read_json, write_json
from phenovae.base.findings import Finding
from phenovae.base.lock import lock_state, locked_folder
from phenovae.base.tables import read_table, write_table
from phenovae.cells.table import EMBEDDINGS
from phenovae.pipeline.doctor import examine_path
from phenovae.pipeline.installation import examine_installation
from phenovae.pipeline.table_doctor import ROWS, examine_table

_CELL = ["Metadata_Plate", "Metadata_Field", "Metadata_Cell"]


@pytest.fixture
def run(crops_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crops_run, tmp_path / "a run"))


def said(path: Path) -> list[str]:
    return [each.what for each in examine_path(path).findings]


def the(path: Path, words: str) -> Finding:
    (one,) = [each for each in examine_path(path).findings if words in each.what]
    return one


def test_a_sound_table_is_one_line_and_a_broken_one_a_list(tmp_path: Path) -> None:
    path = tmp_path / "a table.csv"
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"f_1": random.normal(size=5), "f_2": random.normal(size=5)})
    frame.to_csv(path, index=False)
    told = call("doctor", path)
    assert (told.code, told.out) == (0, f"nothing found in {path}\n")
    frame.assign(f_2=np.nan).to_csv(path, index=False)
    out = tmp_path / "told.json"
    told = call("doctor", path, "--json", out)
    assert told.code == 3
    assert "fault: 5 NaN values in 1 feature" in told.out
    assert json.loads(out.read_text())["findings"][0]["severity"] == "fault"


def test_a_long_table_is_read_in_pieces_and_found_the_same(tmp_path: Path) -> None:
    rows = 2 * ROWS + 3
    frame = pd.DataFrame(
        {"Metadata_Plate": "P", "Metadata_Well": "a1",
         "Metadata_Field": np.arange(rows).astype(str),
         "f": np.random.default_rng(0).normal(size=rows)}
    )  # fmt: skip
    frame.loc[rows - 1, "f"] = np.inf
    frame.to_parquet(tmp_path / "t.parquet")
    told = examine_table(tmp_path / "t.parquet")
    assert told.rows == rows
    assert told.wells is not None
    assert len(told.wells) == 1
    assert {"1 infinite values in 1 feature", "1 name of wells not canonical"} <= {
        each.what for each in told.findings
    }


def test_a_run_is_examined_as_a_whole(crops_run: Path) -> None:
    found = said(crops_run)
    assert any("collapse" in what for what in found)
    assert not any("half-written" in what or "not in" in what for what in found)
    assert len(found) == len(set(found))


def test_tables_that_disagree_are_told_with_their_wells(run: Path) -> None:
    path = run / "embeddings.parquet"
    table = read_table(path, EMBEDDINGS)
    lost = table.iloc[6:].copy()
    lost.loc[lost["Metadata_Well"] == "C03", "Metadata_Compound"] = "omega"
    write_table(lost, path, EMBEDDINGS)
    assert "omega" in the(run, "another compound in cells").names[0]
    assert the(run, "well of cells not in embeddings").names == ("Week1_22123 B02",)


def test_embeddings_of_other_cells_than_the_store_are_told_by_their_cells(run: Path) -> None:
    path = run / "embeddings.parquet"
    table = read_table(path, EMBEDDINGS)
    other = table.iloc[1:].copy()
    other.loc[other.index[0], "Metadata_Field"] = "elsewhere"
    write_table(other, path, EMBEDDINGS)
    lost = the(run, "embeddings.parquet: 2 cells of the store missing")
    first = [" ".join(map(str, row)) for row in table.loc[:1, _CELL].itertuples(index=False)]
    assert list(lost.names) == first
    assert "elsewhere" in the(run, "embeddings.parquet: 1 cell not in the store").names[0]
    write_table(pd.concat([table, table.iloc[:3]]), path, EMBEDDINGS)
    assert "embeddings.parquet: 3 cells there twice" in said(run)
    write_table(table.iloc[::-1], path, EMBEDDINGS)
    assert "embeddings.parquet: its cells are in another order than the store's" in said(run)


def test_what_a_backbone_made_is_examined_as_embeddings_are(run: Path) -> None:
    shutil.copy(run / "embeddings.parquet", run / "backbone.parquet")
    assert any(what.startswith("backbone.json: there is no") for what in said(run))
    card = {"name": "n", "file": "w.safetensors", "sha256": "0"}
    write_json(run / "backbone.json", card)
    assert not any("backbone.json" in what for what in said(run))
    write_json(run / "backbone.json", {**card, "sha256": ""})
    assert the(run, "backbone.json: it does not say").names == ("sha256",)
    table = read_table(run / "backbone.parquet", EMBEDDINGS)
    table.loc[4, "z_000"] = np.nan
    table.iloc[1:].to_parquet(run / "backbone.parquet", index=False)
    assert any(what.startswith("backbone.parquet: 1 NaN value") for what in said(run))
    assert "backbone.parquet: 1 cell of the store missing in it" in said(run)
    whole = (run / "backbone.parquet").read_bytes()
    (run / "backbone.parquet").write_bytes(whole[: len(whole) // 2])
    assert any(what.startswith("backbone.parquet: no readable Parquet") for what in said(run))


def test_a_diagnosis_is_judged_by_its_numbers_and_its_model(run: Path) -> None:
    path = run / "diagnosis.json"
    whole = path.read_text(encoding="utf-8")
    assert not any("diagnosis.json" in what for what in said(run))
    told = json.loads(whole)
    told["aggregate"]["mean"][1] = float("nan")
    told["bound"]["gain_nats"] = None
    del told["calibration"]
    told["aggregate"]["variance"] = [1.0]
    told["weights"] = "0" * 64
    path.write_text(json.dumps(told), encoding="utf-8")
    odd = the(run, "diagnosis.json: 2 values instead of a finite number")
    assert odd.names == ("aggregate.mean[1]", "bound.gain_nats")
    assert the(run, "diagnosis.json: 1 part missing").names == ("calibration",)
    assert the(run, "diagnosis.json: it is not of 4 latents").names == ("variance",)
    assert "diagnosis.json: it is of other weights than the run's model" in said(run)
    path.write_text(whole[: len(whole) // 2], encoding="utf-8")
    assert the(run, "diagnosis.json: diagnosis.json cannot be read").severity == "fault"
    path.write_text("[]", encoding="utf-8")
    assert "diagnosis.json: this is no diagnosis" in said(run)


def test_what_was_left_behind_is_told(run: Path) -> None:
    (run / "model.partial").mkdir()
    (run / ".holder.json").write_text('{"pid": 1, "host": "h", "since": "then"}')
    assert the(run, "half-written").names == ("model.partial",)
    assert "process 1 on h since then" in the(run, "was killed").what
    (run / "scores.json").unlink()
    assert the(run, "stage evaluate finished").names == ("scores.json",)
    assert "half-written" in said(run / "model.partial")[0]


def test_a_lock_is_free_or_held_or_left_behind(tmp_path: Path) -> None:
    assert lock_state(tmp_path)[0] == "free"
    with locked_folder(tmp_path, name="run", option="--out"):
        assert lock_state(tmp_path)[0] == "held"
    assert lock_state(tmp_path) == ("free", "")


def test_pixels_that_were_changed_are_told_by_their_file(run: Path) -> None:
    shard = run / "cells" / "crops-00001.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    assert the(run / "cells", "pixels of 1 shard").names == ("crops-00001.npy",)
    shard.write_bytes(content[:-4])
    assert "cut short" in said(run / "cells")[0]
    (run / "cells" / "store.json").unlink()
    assert "no finished cell store" in said(run / "cells")[0]


def test_a_model_is_judged_by_its_weights_card_and_diagnostics(run: Path) -> None:
    model = run / "model"
    told = read_json(model / "diagnostics.json")
    assert isinstance(told, dict)
    write_json(model / "diagnostics.json", {**told, "elbo_nats": None})
    assert the(model, "ELBO").what.endswith("is None")
    assert len([what for what in said(model) if "collapse" in what]) == 1
    (model / "history.csv").write_text("epoch,train_loss\n1,inf\n")
    assert the(model, "history.csv").names == ("train_loss",)
    (model / "model.safetensors").write_bytes(b"short")
    assert any("model.safetensors" in what for what in said(model))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("x.parquet", b"PAR1", "no readable Parquet"), ("x.csv", b"", "no readable CSV"),
     ("x.csv", b"\xff\xfe\x00,", "no readable CSV"), ("x.txt", b"a", "neither"),
     ("x", None, "no such")],
)  # fmt: skip
def test_what_cannot_be_examined_fails(
    name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    told = call("doctor", tmp_path / name)
    assert told.code == 1
    assert words in told.err
    assert told.out == ""


def test_a_folder_of_nothing_known_fails(tmp_path: Path) -> None:
    assert "no run, no cell store" in call("doctor", tmp_path).err


def test_the_installation_is_measured() -> None:
    facts = dict(examine_installation().facts)
    assert "GFLOP/s" in facts["device cpu"]
    assert "read at random" in facts["  crops a second"]
    assert "torch" in facts["libraries"]
    assert "CC-BY-NC" in facts["extra cellpose"]
    assert {f"extra {name}" for name in ("umap", "zarr", "hdf5", "instanseg")} <= set(facts)


def test_a_wrong_product_a_missing_library_and_no_room_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from phenovae.pipeline import installation
    from phenovae.vae import machine

    wrong = machine.Product("cpu", 8, 1.0, float("nan"))
    monkeypatch.setattr(machine, "matrix_product", lambda device: wrong)
    monkeypatch.setattr(machine, "threads", lambda: 10_000)
    version = installation._version
    monkeypatch.setattr(
        installation,
        "_version",
        lambda name: {"scipy": None, "numpy": "1.2"}.get(name, version(name)),
    )

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(installation, "measure_throughput", refuse)
    found = [each.what for each in examine_installation().findings]
    assert "scipy is not installed" in found
    assert "numpy 1.2 is not >=1.26" in found
    assert any("multiplies matrices wrongly" in what for what in found)
    assert any("10000 threads" in what for what in found)
    assert found.count("cannot write: Permission denied") == 2
