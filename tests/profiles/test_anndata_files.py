from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from tests.profiles.test_reading import known, table

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.profiles.anndata_files import write_anndata
from phenovae.profiles.reading import read_features


def test_what_is_written_is_read_again_and_by_anndata_itself(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    frame = table()
    path = tmp_path / "wells.h5ad"
    values = frame[["f1", "f2"]].to_numpy()
    metadata = frame[["Metadata_Plate", "Metadata_Well"]]
    write_anndata(metadata, values, ["f1", "f2"], {"protocol": "{}"}, path)
    found = read_features(path, known()).features
    assert (found.level, found.columns) == ("well", ("f1", "f2"))
    np.testing.assert_array_equal(np.vstack([block for _, block in found.blocks()]), values)
    theirs = anndata.read_h5ad(path)
    assert theirs.uns["protocol"] == "{}"
    assert theirs.obs["Metadata_Well"].tolist() == frame["Metadata_Well"].tolist()
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no readable \.h5ad file"):
        read_features(path, known())


def test_without_anndata_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)
    path = tmp_path / "wells.h5ad"
    path.touch()
    with pytest.raises(MissingExtraError, match="anndata"):
        read_features(path, known())
