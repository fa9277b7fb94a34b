"""Features left out by what they are like on rows that no score is made of.

A filter that looks at the treatments it is then scored on has seen part of the answer: that two
wells are alike is what a score asks. So copies are told on negative controls, and replicates on
compounds of which no dose has a known mechanism.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.profiles.aggregate import averages, group, sums
from phenovae.profiles.choosing import FeatureChoice, listed
from phenovae.profiles.control_rows import FEW
from phenovae.profiles.feature_file import FeatureFile
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.levels import TREATMENT, above
from phenovae.profiles.moments import Vector, is_constant, products_of, spread_by_group
from phenovae.screen.sites import Role, concentration_key

logger = logging.getLogger(__name__)

_FEWEST = 3
"""Controls, or treatments with replicates, without which a correlation means nothing."""
_ROUNDING = 1e-12


def filtered(features: FeatureFile, choice: FeatureChoice) -> FeatureFile:
    """The features that replicate, where the choice asks for that, and of likes the first alone.

    Raises InputError where no feature is left, or there are no rows to tell it by.
    """
    least, most = choice.replicate_correlation, choice.drop_correlated
    if least is not None:
        found, count = replicate_correlations(features)
        said = f"a replicate correlation below {least:g} (over {count} treatments of no mechanism)"
        features = _without(features, found < least, said)
    if most is not None:
        said = f"a correlation of {most:g} or more with one before them"
        features = _without(features, copies_of_earlier(features, most), said)
    return features


def replicate_correlations(features: FeatureFile) -> tuple[Vector, int]:
    """How alike replicate wells are in each feature, and the treatments that tell it.

    The intraclass correlation of wells by treatment, in a one-way analysis of variance (Shrout and
    Fleiss 1979, their first form): 1 where replicates are equal, about 0 where they are as unlike
    as other wells. Only treatments count that have two wells, and a compound of which no dose has
    a known mechanism. Raises InputError where fewer than three do.
    """
    metadata, values = _unscored_wells(features)
    doses = metadata["Metadata_Concentration"].map(lambda dose: concentration_key(float(dose)))
    keyed = metadata[list(TREATMENT)].astype({"Metadata_Compound": object})
    keyed["Metadata_Concentration"] = doses
    codes = keyed.groupby(list(TREATMENT), sort=True).ngroup().to_numpy().astype(np.int64)
    several = np.bincount(codes)[codes] > 1 if len(codes) else np.zeros(0, bool)
    codes = np.unique(codes[several], return_inverse=True)[1].reshape(-1)
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < _FEWEST:
        raise InputError(
            f"{count} treatments of compounds without a known mechanism have replicate wells, and "
            "features are not chosen by the wells that they are scored on",
            mend="give the wells of such compounds too, or leave the replicate correlation out",
        )
    if count < FEW:
        logger.warning("only %d treatments tell which features replicate", count)
    spread = spread_by_group([(codes, values[several])], count, values.shape[1])
    rows = len(codes)
    within = spread.squares.sum(axis=0) / (rows - count)
    centre = (spread.count @ spread.mean) / rows
    between = (spread.count @ (spread.mean - centre) ** 2) / (count - 1)
    usual = (rows - float((spread.count**2).sum()) / rows) / (count - 1)
    total = between + (usual - 1) * within
    flat = is_constant(np.sqrt(total), spread.largest.max(axis=0))
    found = np.where(flat, 0.0, (between - within) / np.where(flat, 1.0, total))
    return found, count


def copies_of_earlier(features: FeatureFile, correlation: float) -> Mask:
    """Which features are correlated like this, or with its negative, with one that is kept before.

    Told on negative controls. What does not vary there is nobody's copy. Raises InputError where
    there are fewer than three of them.
    """
    roles = features.metadata["Metadata_Role"]
    controls = (roles == str(Role.NEGATIVE_CONTROL)).to_numpy(bool)
    count = int(controls.sum())
    if count < _FEWEST:
        raise InputError(
            f"{count} rows of negative controls cannot tell which features are correlated",
            mend="name the negative controls, or leave out exact copies alone: --drop-copies",
        )
    if count < FEW:
        logger.warning("only %d negative controls tell which features are correlated", count)
    seen = _some(features, controls)
    found = products_of((values for _, values in seen.blocks()), len(seen.columns))
    varies = ~found.constant
    widths = np.sqrt(np.where(varies, np.diag(found.products), 1.0))
    alike = np.abs(found.products / widths[:, None] / widths[None, :]) >= correlation - _ROUNDING
    alike &= varies[:, None] & varies[None, :]
    copies = np.zeros(len(alike), bool)
    for place in range(len(alike)):
        copies[place] = (alike[place, :place] & ~copies[:place]).any()
    return copies


def _unscored_wells(features: FeatureFile) -> tuple[pd.DataFrame, Matrix]:
    """Wells of treatments of compounds that no score is made of, and their values."""
    rows = features.metadata
    if features.level == "treatment":
        raise InputError(
            "replicates are wells, and these features are of treatments already",
            mend="give features of wells, or leave the replicate correlation out",
        )
    compounds = rows["Metadata_Compound"].astype(object)
    known = set(compounds[rows["Metadata_MoA"].notna()])
    treated = rows["Metadata_Role"] == str(Role.TREATMENT)
    seen = _some(features, (treated & ~compounds.isin(known)).to_numpy(bool))
    if not above("well", features.level):
        return seen.metadata, seen.take(np.ones(len(seen), bool))
    groups = group(seen.metadata, "well")
    if not len(groups):
        return groups.rows, averages(np.zeros((0, len(seen.columns))), groups, "mean")
    sizes = np.bincount(groups.codes, minlength=len(groups))
    return groups.rows, sums(seen.blocks(), groups) / sizes[:, None]


def _some(features: FeatureFile, wanted: Mask) -> FeatureFile:
    rows = features.rows.copy()
    rows[features.rows] = wanted
    metadata = features.metadata.loc[wanted].reset_index(drop=True)
    return replace(features, metadata=metadata, rows=rows)


def _without(features: FeatureFile, lost: Mask, why: str) -> FeatureFile:
    names = [features.columns[place] for place in np.flatnonzero(lost)]
    if lost.all():
        raise InputError(f"no feature is left: all {len(names)} have {why}")
    if names:
        logger.info("%d features have %s and are left out: %s", len(names), why, listed(names))
    left = tuple(features.columns[place] for place in np.flatnonzero(~lost))
    return replace(features, columns=left)
