"""Scores of the intensity baseline on real single-cell crops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from phenovae.cells.importing import ImportOptions, import_crops
from phenovae.cells.store import CellStore
from phenovae.evaluate.baselines import intensity_features
from phenovae.evaluate.probe_records import evaluate_probe
from phenovae.evaluate.protocol import load_protocol
from phenovae.evaluate.scores import Record, evaluate
from phenovae.screen.bbbc021.single_cells import single_cells

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crops(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table of a store of the real crops."""
    folder = tmp_path_factory.mktemp("crops")
    unpacked = folder / "unpacked"
    subprocess.run([sys.executable, str(public_data / "unpack.py"), str(unpacked)], check=True)
    options = ImportOptions(
        crops=unpacked, table=unpacked / "metadata.csv", channels=("DAPI", "Actin", "Tubulin")
    )
    import_crops(single_cells(), options, folder / "store")
    return CellStore.open(folder / "store").table


@pytest.fixture(scope="module")
def records(crops: pd.DataFrame) -> dict[str, Record]:
    """Records by protocol and metric."""
    features = intensity_features(crops)
    assert len(features.columns) == 30
    return {
        f"{name} {record['metric']}": record
        for name in ("cells-mean", "cells-mean-whitened")
        for record in evaluate(features, load_protocol(name), seed=0, draws=1000).records
    }


def test_intensities_find_29_of_99_and_20_of_88(records: dict[str, Record]) -> None:
    nsc, nscb = records["cells-mean NSC"], records["cells-mean NSCB"]
    assert (nsc["correct"], nsc["total"]) == (29, 99)
    assert (nscb["correct"], nscb["total"]) == (20, 88)
    for record in (nsc, nscb):
        assert record["ties"] == 0
        assert isinstance(record["p_value"], float)
        assert record["p_value"] < 0.05


def test_denominators_do_not_depend_on_the_transform(records: dict[str, Record]) -> None:
    assert records["cells-mean-whitened NSC"]["total"] == 99
    assert records["cells-mean-whitened NSCB"]["total"] == 88
    left_out = records["cells-mean NSCB"]["unscorable"]
    assert left_out == records["cells-mean-whitened NSCB"]["unscorable"]
    assert isinstance(left_out, list)
    assert len(left_out) == 11


def test_the_probe_of_intensities_is_0_360(crops: pd.DataFrame) -> None:
    record = evaluate_probe(intensity_features(crops), seed=0, draws=1000)
    assert record["value"] == pytest.approx(0.360, abs=0.0005)
    assert record["folds"] == 12
    assert record["unscorable"] == []
