"""Ablations: rows of settings and seeds, one table that grows."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.pipeline.runs import ROOT, call, of_crops, program

from phenovae.base.errors import UsageError
from phenovae.pipeline.ablation_rows import read_ablation
from phenovae.pipeline.ablation_table import Scored, table_text
from phenovae.pipeline.config import load_config
from phenovae.pipeline.lock import locked

ROWS = """
base: {base}
seeds: [0, 1]
entries:
  - {{name: as it is}}
  - {{name: "β = 8", set: [objective.beta=8], remark: less of the noise}}
  - {{name: of others, needs: model.backbone}}
"""


def two_rows(tiny: Path, made_crops: Path, folder: Path) -> tuple[list[str | Path], Path]:
    """The command that fills a table of two rows and two seeds, and the folder of its runs."""
    rows = folder / "rows.yaml"
    rows.write_text(ROWS.format(base=tiny / "crops.yaml"), encoding="utf-8")
    out = folder / "runs"
    return ["ablate", rows, "--out", out, *of_crops(made_crops)], out


def test_a_table_grows_by_rows_and_finished_runs_stay(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    asked, out = two_rows(tiny, made_crops, tmp_path)
    first = call(*asked, "--only", "as it is")
    assert first.code == 0, first.err
    scores = out / "as-it-is" / "seed-1" / "scores.json"
    before = scores.stat().st_mtime_ns
    told = call(*asked)
    assert told.code == 0, told.err
    assert scores.stat().st_mtime_ns == before
    table = (out / "ablation.md").read_text(encoding="utf-8")
    assert table in told.out
    assert "| as it is | " in table
    assert "0, 1 |" in table
    assert "not run: model.backbone was not given" in table
    assert "- β = 8: less of the noise" in table
    one, other = ((out / row / "seed-0" / "cells" / "crops-00000.npy") for row in ("as-it-is", "8"))
    assert one.read_bytes() == other.read_bytes()
    alone = call(*asked, "--only", "β = 8", "--seed", "1")
    assert "| as it is | " in alone.out
    unknown = call(*asked, "--seed", "7")
    assert unknown.code == 2
    assert "seed 7 is none of the table's: 0, 1" in unknown.err


@pytest.mark.slow
def test_two_commands_work_on_one_table_each_on_what_the_other_does_not(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    asked, out = two_rows(tiny, made_crops, tmp_path)
    with ThreadPoolExecutor(2) as both:
        told = list(both.map(lambda seed: program(*asked, "--seed", seed), ("0", "1")))
    assert [each.code for each in told] == [0, 0], told
    records = json.loads((out / "ablation.json").read_text(encoding="utf-8"))
    runs = {("as it is", 0), ("as it is", 1), ("β = 8", 0), ("β = 8", 1)}
    assert {(each["entry"], each["seed"]) for each in records} == runs
    with locked(out / "as-it-is" / "seed-0"):
        left = call(*asked)
    assert left.code == 0, left.err
    assert "as it is, seed 0 is left to others" in left.err
    assert (out / "ablation.md").read_text(encoding="utf-8").count("| 0, 1 |") == 2


def test_a_row_begins_with_the_cells_and_the_training_of_an_earlier_command(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.yaml"
    text = f"base: {tiny / 'crops.yaml'}\nseeds: [0]\nentries:\n  - {{name: as it is}}\n"
    rows.write_text(text, encoding="utf-8")
    out = tmp_path / "runs"
    asked = ["ablate", rows, "--out", out, *of_crops(made_crops)]
    assert call(*asked).code == 0
    more = "  - {name: eight views, set: [model.readout.views=8]}\n"
    rows.write_text(text + more, encoding="utf-8")
    told = call(*asked, "--only", "eight views")
    assert told.code == 0, told.err
    assert "cells: finished and unchanged" in told.err
    histories = {
        (out / row / "seed-0" / "model" / "history.csv").read_bytes()
        for row in ("as-it-is", "eight-views")
    }
    assert len(histories) == 1


def test_rows_that_only_read_out_otherwise_share_a_training(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.yaml"
    rows.write_text(
        f"base: {tiny / 'crops.yaml'}\nseeds: [0]\nentries:\n"
        "  - {name: as it is}\n"
        "  - {name: eight views, set: [model.readout.views=8]}\n"
        "  - {name: other training, set: [objective.beta=8]}\n",
        encoding="utf-8",
    )
    out = tmp_path / "runs"
    told = call("ablate", rows, "--out", out, *of_crops(made_crops))
    assert told.code == 0, told.err
    models = {row: out / row / "seed-0" / "model" for row in ("as-it-is", "eight-views")}
    # Its seconds would be others, had it been trained anew.
    histories = {(model / "history.csv").read_bytes() for model in models.values()}
    assert len(histories) == 1
    runs = [out / row / "seed-0" for row in ("as-it-is", "eight-views", "other-training")]
    assert len({(run / "embeddings.parquet").read_bytes() for run in runs}) == 3
    assert len({(run / "model" / "model.safetensors").read_bytes() for run in runs}) == 2


def test_a_table_is_carried_by_its_records_alone(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.yaml"
    text = f"base: {tiny / 'crops.yaml'}\nseeds: [0]\nentries:\n  - {{name: first, set: [SET]}}\n"
    rows.write_text(text.replace("SET", "objective.beta=2"), encoding="utf-8")
    here, there = tmp_path / "here", tmp_path / "there"
    with_cells = [*of_crops(made_crops)]
    assert call("ablate", rows, "--out", here, *with_cells).code == 0
    there.mkdir()
    shutil.copy(here / "ablation.json", there)
    of_that_machine = ("train.workers=2", "train.resident=always", "generation.cells=0")
    other = [part for each in of_that_machine for part in ("--set", each)]
    told = call("ablate", rows, "--out", there, *with_cells, *other)
    assert told.code == 0, told.err
    assert not (there / "first").exists()
    assert (there / "ablation.md").read_text("utf-8") == (here / "ablation.md").read_text("utf-8")
    rows.write_text(text.replace("SET", "objective.beta=3"), encoding="utf-8")
    assert call("ablate", rows, "--out", there, *with_cells).code == 0
    assert (there / "first" / "seed-0" / "scores.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("entries: []", "entries"),
        ("entries: [{name: a}, {name: a}]", "two rows have one name: a"),
        ("entries: [{name: a, sets: []}]", "sets"),
        ("entries: {", "no readable YAML"),
    ],
)
def test_a_file_that_is_no_ablation_says_why(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_ablation(path)


def test_every_row_of_the_example_is_a_configuration(tmp_path: Path) -> None:
    ablation = read_ablation(ROOT / "examples" / "ablation.yaml")
    for entry in ablation.entries:
        given = [f"{entry.needs}={tmp_path / 'w'}"] if entry.needs else []
        load_config(ROOT / "examples" / "bbbc021_crops.yaml", [*ablation.set, *entry.set, *given])
    own = next(entry for entry in ablation.entries if entry.features == "backbone")
    assert f"| {own.name} | not run: backbone.weights was not given |" in table_text(
        ablation, [], [own.name]
    )


def test_an_empty_table_has_its_heads(tmp_path: Path) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text("entries: [{name: a}]", encoding="utf-8")
    lines = table_text(read_ablation(path), []).splitlines()
    assert lines[0].startswith("|  | probe | NSC | NSCB | whitened NSC | whitened NSCB | ELBO |")
    assert len(lines) == 2


def test_rows_that_saw_labels_have_a_table_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text("entries: [{name: a}, {name: b}]", encoding="utf-8")
    track = "weakly supervised (compound labels)"
    done = [Scored("a", 0, {}, None, 1, 2), Scored("b", 0, {}, None, 1, 2, track)]
    first, second = table_text(read_ablation(path), done).split(f"\n**{track}**")
    assert "| a |" in first
    assert "| b |" not in first
    assert "| b |" in second
    assert "| a |" not in second
