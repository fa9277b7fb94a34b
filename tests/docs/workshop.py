"""A folder in which the commands of the documents find what they name, small and made up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from tests.docs.blocks import ROOT
from tests.pipeline.runs import TINY_TWIN

from phenovae.base.tables import read_table
from phenovae.cells.table import EMBEDDINGS

_OF_CROPS = ("RUN", "runs/bbbc021", "runs/a", "runs/b")
_TABLES = ("BBBC021_v1_image.csv", "BBBC021_v1_moa.csv")
_WELLS = ("wells.csv.gz", "profiles.csv", "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz")


def furnish(folder: Path, text: str, twin_run: Path, crops_run: Path, made_crops: Path) -> None:
    """Put into a folder what a document's `text` names: runs, tables, images, crops."""
    for name in ("RUN", "demo", "tiny", "own", "a", "b", "bbbc021", "raw"):
        place = name if name == "RUN" else f"runs/{name}"
        if place in text:
            shutil.copytree(crops_run if place in _OF_CROPS else twin_run, folder / place)
    if (other := folder / "runs" / "b" / "config.yaml").exists():
        # two runs are compared, so they are not the same one
        other.write_text(other.read_text(encoding="utf-8").replace("seed: 0", "seed: 1", 1))
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "docs").symlink_to(ROOT / "docs")
    for name in ("FOLDER", "CROPS"):
        (folder / name).symlink_to(made_crops / "crops")
    for name in ("CSV", "metadata.csv"):
        shutil.copy(made_crops / "metadata.csv", folder / name)
    twin = twin_run / "twin"
    (folder / "bbbc021").mkdir()
    (folder / "bbbc021" / "images").symlink_to(twin / "images")
    for name in _TABLES:
        shutil.copy(twin / name, folder / name)
        shutil.copy(twin / name, folder / "bbbc021" / name)
    pd.read_csv(twin / _TABLES[0]).to_csv(folder / f"{_TABLES[0]}.gz", index=False)
    (folder / "plate").mkdir()
    for image in sorted(twin.rglob("*_w1*.tif"))[:2]:
        shutil.copy(image, folder / "plate" / image.name)
    (folder / "my.yaml").write_text(TINY_TWIN, encoding="utf-8")
    (folder / "CONFIG").write_text(TINY_TWIN, encoding="utf-8")
    (folder / "FILE.safetensors").touch()
    wells = _wells(twin_run)
    for name in _WELLS:
        wells.to_csv(folder / name, index=False)


def _wells(run: Path) -> pd.DataFrame:
    """Wells by the mean of their cells, as a table that says nothing of its making."""
    cells = read_table(run / "embeddings.parquet", EMBEDDINGS)
    keys = ["Metadata_Plate", "Metadata_Well"]
    return cells.groupby(keys)[list(cells.filter(regex="^z_"))].mean().reset_index()
