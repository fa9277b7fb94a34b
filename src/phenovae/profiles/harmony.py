"""Harmony: clusters of rows are moved together where batches lie apart (Korsunsky et al. 2019).

It is fitted on all rows that it corrects, treated ones too, though on no label. So what it
does to a row depends on the others that are there.
"""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from phenovae.base import seeds
from phenovae.base.errors import InputError, MissingExtraError
from phenovae.base.options import Options
from phenovae.profiles.features import Matrix
from phenovae.profiles.places import Groups, Places

logger = logging.getLogger(__name__)

_ROWS_A_CLUSTER = 30
_MOST_CLUSTERS = 100
_LEAST = 10


class HarmonyOptions(Options):
    """Correct rows for their batch by Harmony; needs the extra `harmony`."""

    name: Literal["harmony"] = "harmony"
    by: Literal["plate", "batch"] = Field("batch", description="rows that lie apart together")
    diversity: float = Field(
        2.0, ge=0, description="θ: how much a cluster is to hold of every batch; 0: nothing asked"
    )
    width: float = Field(0.1, gt=0, description="σ: how soft the clusters are")
    clusters: int | None = Field(
        None, ge=2, description="number of clusters; empty: one for 30 rows, at most 100"
    )
    rounds: int = Field(10, ge=1, description="rounds of clustering and correcting, at most")
    seed: int = Field(0, ge=0, description="seed of where the clusters begin")


def correct(options: HarmonyOptions, values: Matrix, places: Places) -> Matrix:
    """Corrected values (rows, features) of rows of these places; threads do not change them.

    Raises InputError where there are fewer than ten rows, or no more than clusters;
    MissingExtraError without harmonypy.
    """
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise MissingExtraError("harmonypy", "harmony", "the transform harmony") from error
    groups = Groups.of(places, options.by)
    if len(groups) < 2:
        logger.warning("all rows are of one %s: harmony has nothing to correct", options.by)
        return values.copy()
    likely = min(max(len(values) // _ROWS_A_CLUSTER, 2), _MOST_CLUSTERS)
    clusters = options.clusters if options.clusters is not None else likely
    if len(values) < max(_LEAST, clusters + 1):
        raise InputError(
            f"{len(values)} rows cannot be put into {clusters} clusters by harmony",
            mend="ask for fewer clusters, or transform at a lower level",
        )
    codes = groups.codes(places)
    # What is told of the rows must not depend on their order.
    order = np.lexsort((*values.T[:4], codes))
    found = run_harmony(
        values[order],
        pd.DataFrame({"batch": codes[order]}),
        "batch",
        theta=options.diversity,
        sigma=options.width,
        nclust=clusters,
        max_iter_harmony=options.rounds,
        random_state=seeds.integer(options.seed, "profiles", "harmony") % 2**31,
        verbose=False,
    )
    corrected = np.empty_like(values)
    corrected[order] = np.asarray(found.Z_corr, dtype=np.float64)
    if not np.isfinite(corrected).all():
        raise InputError(
            "harmony gives values that are no finite numbers",
            mend="put a z-score before it, or ask for fewer clusters",
        )
    return corrected
