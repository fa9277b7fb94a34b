"""The probe: is the mechanism of cells or wells of an unseen compound in the features, linearly?"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from phenovae.base import seeds
from phenovae.evaluate.recall import Fold, Labels, predict_folds, recall_by_class, recall_interval
from phenovae.evaluate.statistics import Interval
from phenovae.profiles.aggregate import COUNT, Average, aggregate
from phenovae.profiles.features import Features, FeatureTable
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

_FOLDS = 12


@dataclass(frozen=True)
class Probe:
    """Balanced accuracy over mechanisms of two compounds or more, with its parts.

    `rows` were asked about, and `cells` are behind them: as many where a row is a cell.
    """

    value: float
    interval: Interval
    recall: dict[str, float]
    rows: int
    cells: int
    folds: int
    alone: tuple[str, ...]
    chance: float


def run_probe(features: Features, *, draws: int, seed: int) -> Probe | None:
    """Predict the mechanism of every annotated treatment's cell from those of other compounds.

    GroupKFold by compound (as many folds as compounds, twelve at most), features standardised on
    the training folds, logistic regression with C = 0.01 and balanced classes; the balanced
    accuracy of the pooled predictions over the mechanisms that have two compounds or more. The
    interval draws compounds within mechanisms. None where fewer than two mechanisms can be learned.
    """
    random = seeds.generator(seed, "evaluate", "probe", features.name)
    return _probe(features, draws, random, "the probe")


def run_well_probe(
    features: FeatureTable, *, average: Average = "mean", draws: int, seed: int
) -> Probe | None:
    """The same probe of wells: one row a well, the average of the rows that `features` has of it.

    Rows may be cells, sites, or the wells themselves, transformed or not.
    """
    metadata, values = aggregate(features.metadata, features.values, "well", average)
    wells = FeatureTable(features.name, metadata, values, features.columns)
    random = seeds.generator(seed, "evaluate", "well-probe", features.name)
    return _probe(wells, draws, random, "the well probe")


def _probe(features: Features, draws: int, random: np.random.Generator, asker: str) -> Probe | None:
    metadata = features.metadata
    used = (metadata["Metadata_Role"] == str(Role.TREATMENT)) & metadata["Metadata_MoA"].notna()
    truth = metadata.loc[used, "Metadata_MoA"].to_numpy(dtype=object)
    compounds = metadata.loc[used, "Metadata_Compound"].to_numpy(dtype=object)
    pairs = pd.DataFrame({"moa": truth, "compound": compounds}).drop_duplicates()
    many = pairs["moa"].value_counts()
    asked = sorted(str(name) for name in many[many > 1].index)
    count = min(_FOLDS, int(pairs["compound"].nunique()))
    if len(asked) < 2 or count < 2:
        return None
    values = features.take(used.to_numpy(bool))
    folds: list[Fold] = list(GroupKFold(n_splits=count).split(values, truth, compounds))
    predicted = predict_folds(values, truth, folds, asker=asker)
    _warn_of_unlearned(truth, compounds, folds, asker)
    right = predicted == truth
    recall = recall_by_class(right, truth, asked)
    behind = metadata.loc[used, COUNT].sum() if COUNT in metadata else len(truth)
    return Probe(
        value=float(np.mean(recall)),
        interval=recall_interval(right, truth, compounds, asked, draws=draws, random=random),
        recall=dict(zip(asked, recall, strict=True)),
        rows=len(truth),
        cells=int(behind),
        folds=count,
        alone=tuple(sorted(str(name) for name in many[many == 1].index)),
        chance=1 / len(set(truth)),
    )


def _warn_of_unlearned(truth: Labels, compounds: Labels, folds: list[Fold], asker: str) -> None:
    unlearned = {
        str(name)
        for train, test in folds
        for name in set(truth[test]) - set(truth[train])
        if len(set(compounds[truth == name])) > 1
    }
    if unlearned:
        logger.warning(
            "%s cannot learn %s: all its compounds fall into one fold",
            asker,
            ", ".join(sorted(unlearned)),
        )
