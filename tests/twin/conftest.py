"""Small twins that several tests read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin

SMALL = TwinOptions(
    batches=4,
    replicates=1,
    compounds=2,
    doses=1,
    annotated_doses=1,
    negative_controls=2,
    positive_controls=1,
    height=160,
    width=192,
)


@pytest.fixture(scope="session")
def tiny_options() -> TwinOptions:
    """Options of a screen of two plates with seven small fields each."""
    return TwinOptions(
        batches=2,
        replicates=1,
        compounds=1,
        doses=1,
        annotated_doses=1,
        negative_controls=1,
        positive_controls=0,
        height=128,
        width=128,
        density=120.0,
    )


@pytest.fixture(scope="session")
def small_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small screen, seed 0."""
    folder = tmp_path_factory.mktemp("twin") / "small screen"
    make_twin(SMALL, folder, 0)
    return folder


@pytest.fixture(scope="session")
def real_fields(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real raw fields, unpacked."""
    archives = sorted((public_data / "raw").glob("*.zip"))
    if not archives:
        pytest.skip("the folder of public data holds no raw fields")
    folder = tmp_path_factory.mktemp("raw")
    for archive in archives:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def real_images(real_fields: Path) -> dict[str, list[npt.NDArray[np.uint16]]]:
    """Real fields in focus, by channel: the one known to be out of focus is left out."""
    found: dict[str, list[npt.NDArray[np.uint16]]] = {}
    for channel, tag in (("DAPI", "w1"), ("Tubulin", "w2"), ("Actin", "w4")):
        files = sorted(
            path
            for path in real_fields.rglob(f"*_{tag}*.tif")
            if not ("24381" in str(path) and "_s3_" in path.name)
        )
        found[channel] = [tifffile.imread(path) for path in files]
    return found
