"""A small twin that several modules process, none of which changes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin


@pytest.fixture(scope="session")
def little(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A twin of one plate with 8 small fields, in a folder with a blank in its name."""
    options = TwinOptions(
        batches=2, replicates=1, compounds=1, doses=1, annotated_doses=1, negative_controls=2,
        positive_controls=0, sites=1, height=192, width=224, density=300,
    )  # fmt: skip

    def make(folder: Path) -> None:
        twin = folder / "the twin"
        make_twin(options, twin, 0)
        # No twin has fewer than two plates.
        table = twin / "BBBC021_v1_image.csv"
        rows = pd.read_csv(table)
        plates = rows["Image_Metadata_Plate_DAPI"]
        first, other = sorted(plates.unique())
        rows.loc[plates == first].to_csv(table, index=False)
        shutil.rmtree(next((twin / "images").rglob(other)))
        for kind in ("labels", "cells"):
            for path in (twin / "truth" / kind).glob("*.tif"):
                if not any((twin / "images").rglob(path.name)):
                    path.unlink()

    return made_once("little", make) / "the twin"
