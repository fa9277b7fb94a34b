"""How hard the twin is: intensity says little, the truth nearly all, the null nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tifffile

from phenovae.base.tables import read_table
from phenovae.screen.bbbc021.tables import read_sites
from phenovae.screen.partners import eligible, scorable
from phenovae.screen.sites import Role
from phenovae.twin.options import TwinOptions
from phenovae.twin.screen import make_twin
from phenovae.twin.tables import IMAGE_CSV, MOA_CSV, POSITIONS

SIZE = 68
INTENSITY_BOUND = 0.35
BATCH_COST = 0.15
TRUTH_BOUND = 0.80
NULL_BOUND = 0.25

Features = npt.NDArray[np.float64]


def _draw(folder: Path, options: TwinOptions) -> Path:
    make_twin(options, folder, 0, processes=2)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo screen."""
    return _draw(tmp_path_factory.mktemp("demo") / "twin", TwinOptions())


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo screen without effects of the batch."""
    return _draw(tmp_path_factory.mktemp("even") / "twin", TwinOptions(batch_effect=0))


@pytest.fixture(scope="module")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo screen without mechanisms."""
    return _draw(tmp_path_factory.mktemp("null") / "twin", TwinOptions(effect=0, replicates=2))


def _cells(folder: Path) -> tuple[pd.DataFrame, Features]:
    """Every cell whose crop lies within its field, with the thirty intensity statistics."""
    sites = read_sites(folder / IMAGE_CSV, folder / MOA_CSV)
    positions = read_table(folder / "truth" / "positions.parquet", POSITIONS)
    rows, features = [], []
    for site in sites.to_dict("records"):
        files = [folder / "images" / str(site[f"File_{c}"]) for c in ("DAPI", "Tubulin", "Actin")]
        image = np.stack([tifffile.imread(path) for path in files]).astype(np.float64)
        mine = positions[positions["Metadata_Field"] == site["Metadata_Field"]]
        for cell in mine.to_dict("records"):
            top = round(float(cell["Position_Row"])) - SIZE // 2
            left = round(float(cell["Position_Column"])) - SIZE // 2
            crop = image[:, max(top, 0) : top + SIZE, max(left, 0) : left + SIZE]
            if min(top, left) >= 0 and crop.shape == (3, SIZE, SIZE):
                rows.append({**site, **cell})
                features.append(_intensity(crop.reshape(3, -1)))
    return pd.DataFrame(rows), np.array(features)


def _intensity(crop: Features) -> Features:
    levels = np.log1p(np.percentile(crop, [1, 10, 25, 50, 75, 90, 99], axis=1)).T
    between = np.asarray(np.corrcoef(crop), dtype=np.float64)[np.triu_indices(3, 1)]
    mean, spread = np.log(crop.mean(axis=1)), np.log1p(crop.std(axis=1))
    return np.concatenate([levels.ravel(), mean, spread, between])


def _truth(cells: pd.DataFrame) -> Features:
    """The parameters that cells were drawn with, and what they are doing."""
    hidden = ("mitosis", "monoaster", "death", "multinucleate", "survival")
    names = [
        name
        for name in cells.columns
        if name.startswith("Truth_") and name.removeprefix("Truth_") not in hidden
    ]
    numbers = [name for name in names if name not in ("Truth_State", "Truth_Responds")]
    states = pd.get_dummies(cells["Truth_State"]).to_numpy(dtype=np.float64)
    return np.hstack([np.log(cells[numbers].to_numpy(dtype=np.float64)), states])


def _nsc(cells: pd.DataFrame, features: Features) -> float:
    """Share of treatments whose nearest treatment of another compound has their mechanism."""
    solvent = (cells["Metadata_Role"] == Role.NEGATIVE_CONTROL.value).to_numpy()
    scaled = (features - features[solvent].mean(axis=0)) / (features[solvent].std(axis=0) + 1e-9)
    table = cells[["Metadata_Compound", "Metadata_Concentration", "Metadata_MoA", "Metadata_Batch"]]
    treated = (cells["Metadata_Role"] == Role.TREATMENT.value).to_numpy()
    groups = table[treated].groupby(["Metadata_Compound", "Metadata_Concentration"])
    where = list(groups.indices.values())
    profiles = np.array([scaled[treated][rows].mean(axis=0) for rows in where])
    first = table[treated].iloc[[int(rows[0]) for rows in where]]
    moa = first["Metadata_MoA"].tolist()
    batches = [frozenset([str(batch)]) for batch in first["Metadata_Batch"]]
    mask = eligible(first["Metadata_Compound"].tolist(), batches, "other-compound")
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    nearest = np.where(mask, profiles @ profiles.T, -2).argmax(axis=1)
    right = np.array([moa[row] == moa[other] for row, other in enumerate(nearest)])
    return float(right[scorable(mask, moa)].mean())


@pytest.mark.slow
def test_intensity_says_little_and_the_truth_nearly_everything(demo: Path) -> None:
    cells, intensity = _cells(demo)
    assert 4000 < len(cells) < 6000
    assert _nsc(cells, intensity) < INTENSITY_BOUND
    assert _nsc(cells, _truth(cells)) > TRUTH_BOUND


@pytest.mark.slow
def test_batch_effects_hurt_what_is_not_corrected(demo: Path, even: Path) -> None:
    shares = [_nsc(*_cells(folder)) for folder in (demo, even)]
    assert shares[0] + BATCH_COST < shares[1]


@pytest.mark.slow
def test_a_world_without_mechanisms_scores_at_chance_even_with_the_truth(null: Path) -> None:
    cells, intensity = _cells(null)
    assert _nsc(cells, intensity) < NULL_BOUND
    assert _nsc(cells, _truth(cells)) < NULL_BOUND
