"""The per-well features published with Ljosa et al. 2013, normalised by plain numpy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from phenovae.screen.bbbc021.tables import read_sites

WELL = ["Metadata_Plate", "Metadata_Well"]


def read_wells(public_data: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Metadata and features of the 632 wells."""
    folder = public_data / "bbbc021"
    features = pd.read_csv(folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz").rename(
        columns={"Image_Metadata_Plate": "Metadata_Plate", "Image_Metadata_Well": "Metadata_Well"}
    )
    sites = read_sites(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        wells = features[WELL].merge(
            sites.drop_duplicates(WELL), on=WELL, how="left", validate="one_to_one"
        )
    return wells, features.drop(columns=WELL).to_numpy(np.float64)


def controls(wells: pd.DataFrame) -> np.ndarray:
    """Which wells hold DMSO."""
    here: np.ndarray = (wells["Metadata_Role"] == "negative_control").to_numpy()
    return here


def z_scores(wells: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Over all DMSO wells."""
    dmso = values[controls(wells)]
    found: np.ndarray = (values - dmso.mean(axis=0)) / dmso.std(axis=0)
    return found


def whitened(wells: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Z-scores, whitened on all DMSO wells with λ = 1."""
    z = z_scores(wells, values)
    dmso = z[controls(wells)]
    spread, axes = np.linalg.eigh(dmso.T @ dmso / len(dmso))
    found: np.ndarray = z @ (axes / np.sqrt(np.maximum(spread, 0) + 1))
    return found


def percentiles(wells: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """On each plate, the 1st percentile of its DMSO wells to 0 and the 99th to 1."""
    found = np.empty_like(values)
    for plate in wells["Metadata_Plate"].unique():
        here = (wells["Metadata_Plate"] == plate).to_numpy()
        low, high = np.percentile(values[here & controls(wells)], (1, 99), axis=0)
        width = np.where(high > low, high - low, 1.0)
        found[here] = (values[here] - low) / width
    return found


def treatment_means(wells: pd.DataFrame, values: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Treatments and the mean of their wells."""
    treated = wells.loc[~controls(wells)].assign(Row=np.flatnonzero(~controls(wells)))
    groups = treated.groupby(["Metadata_Compound", "Metadata_Concentration"], sort=True)
    rows = groups.agg(
        Metadata_MoA=("Metadata_MoA", "first"),
        Batches=("Metadata_Batch", frozenset),
        Rows=("Row", list),
    ).reset_index()
    means = np.array([values[each].mean(axis=0) for each in rows["Rows"]])
    return rows.drop(columns="Rows"), means
