"""The official tables, read once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenovae.screen.bbbc021.tables import read_sites


@pytest.fixture(scope="session")
def bbbc021_sites(public_data: Path) -> pd.DataFrame:
    """The sites of BBBC021; not to be changed."""
    folder = public_data / "bbbc021"
    return read_sites(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")
