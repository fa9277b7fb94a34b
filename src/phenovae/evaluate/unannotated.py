"""Treatments of no known mechanism: which known ones they are most like. Nothing here is scored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenovae.base.tables import Column, Schema
from phenovae.evaluate.neighbours import Metric, similarities
from phenovae.profiles.features import Matrix
from phenovae.screen.design import treatment_text

NEAREST = 5

UNANNOTATED = Schema(
    "unannotated",
    1,
    (
        Column("Protocol", "string", "protocol and version that made the profiles"),
        Column("Treatment", "string", "a treatment of no known mechanism"),
        Column("Metadata_Compound", "string", "its compound"),
        Column("Metadata_Concentration", "float64", "its concentration", "µM"),
        Column("Profile_Wells", "int64", "wells behind its profile"),
        Column("Profile_Cells", "int64", "cells behind its profile"),
        Column("Rank", "int64", "1: the most alike"),
        Column("Neighbour", "string", "a known treatment of another compound"),
        Column("Neighbour_MoA", "string", "its mechanism"),
        Column("Similarity", "float64", "likeness of the two"),
    ),
)


def nearest_known(
    treatments: pd.DataFrame, values: Matrix, metric: Metric, nearest: int = NEAREST
) -> pd.DataFrame:
    """The most alike known treatments of other compounds, for every treatment of no mechanism.

    `treatments` has Metadata_Compound, Metadata_Concentration, Metadata_MoA (missing where it is
    not known), Profile_Wells and Profile_Cells, and `values` (n, features) are their profiles. The
    columns are those of `UNANNOTATED`, but for Protocol. Among equally alike ones the first by name
    stands first. Raises InputError where a profile has no direction.
    """
    known = treatments["Metadata_MoA"].notna().to_numpy(bool)
    compounds = treatments["Metadata_Compound"].to_numpy(dtype=object)
    doses = treatments["Metadata_Concentration"].to_numpy(dtype=np.float64)
    names = [treatment_text(str(a), float(b)) for a, b in zip(compounds, doses, strict=True)]
    rows: list[dict[str, object]] = []
    if known.any() and not known.all():
        like = similarities(values, metric, names)
        for query in np.flatnonzero(~known):
            allowed = np.flatnonzero(known & (compounds != compounds[query]))
            order = sorted(allowed, key=lambda each: (-like[query, each], names[each]))
            own = treatments.iloc[query]
            rows += [
                {
                    "Treatment": names[query],
                    "Metadata_Compound": compounds[query],
                    "Metadata_Concentration": doses[query],
                    "Profile_Wells": int(own["Profile_Wells"]),
                    "Profile_Cells": int(own["Profile_Cells"]),
                    "Rank": rank,
                    "Neighbour": names[other],
                    "Neighbour_MoA": treatments["Metadata_MoA"].iloc[other],
                    "Similarity": float(like[query, other]),
                }
                for rank, other in enumerate(order[:nearest], start=1)
            ]
    return pd.DataFrame(rows, columns=[name for name in UNANNOTATED.names if name != "Protocol"])
