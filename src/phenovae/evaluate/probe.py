"""The cell probe: is the mechanism of a cell of an unseen compound in the features, linearly?"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from phenovae.base import seeds
from phenovae.evaluate.statistics import Interval
from phenovae.profiles.features import Features
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

_FOLDS = 12
_CHUNK = 500


@dataclass(frozen=True)
class Probe:
    """Balanced accuracy over mechanisms of two compounds or more, with its parts."""

    value: float
    interval: Interval
    recall: dict[str, float]
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
    metadata = features.metadata
    used = (metadata["Metadata_Role"] == str(Role.TREATMENT)) & metadata["Metadata_MoA"].notna()
    truth = metadata.loc[used, "Metadata_MoA"].to_numpy(dtype=object)
    compounds = metadata.loc[used, "Metadata_Compound"].to_numpy(dtype=object)
    pairs = pd.DataFrame({"moa": truth, "compound": compounds}).drop_duplicates()
    many = pairs["moa"].value_counts()
    asked = sorted(str(name) for name in many[many > 1].index)
    folds = min(_FOLDS, int(pairs["compound"].nunique()))
    if len(asked) < 2 or folds < 2:
        return None
    predicted = _predict(features.take(used.to_numpy(bool)), truth, compounds, folds)
    right = predicted == truth
    recall = {name: float(right[truth == name].mean()) for name in asked}
    return Probe(
        value=float(np.mean(list(recall.values()))),
        interval=_interval(right, truth, compounds, asked, draws, seed, features.name),
        recall=recall,
        cells=len(truth),
        folds=folds,
        alone=tuple(sorted(str(name) for name in many[many == 1].index)),
        chance=1 / len(set(truth)),
    )


def _predict(
    values: npt.NDArray[np.float64],
    truth: npt.NDArray[np.object_],
    compounds: npt.NDArray[np.object_],
    folds: int,
) -> npt.NDArray[np.object_]:
    # Threads gain nothing on matrices this small, and cost minutes on a machine that is busy.
    with threadpool_limits(limits=1):
        return _predict_folds(values, truth, compounds, folds)


def _predict_folds(
    values: npt.NDArray[np.float64],
    truth: npt.NDArray[np.object_],
    compounds: npt.NDArray[np.object_],
    folds: int,
) -> npt.NDArray[np.object_]:
    predicted = np.empty(len(truth), dtype=object)
    short = 0
    unlearned: set[str] = set()
    for train, test in GroupKFold(n_splits=folds).split(values, truth, compounds):
        unlearned |= {
            str(name)
            for name in set(truth[test]) - set(truth[train])
            if len(set(compounds[truth == name])) > 1
        }
        if len(set(truth[train])) < 2:
            predicted[test] = truth[train[0]]
            continue
        scaler = StandardScaler().fit(values[train])
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=300)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(scaler.transform(values[train]), truth[train].astype(str))
        short += any(issubclass(each.category, ConvergenceWarning) for each in said)
        predicted[test] = model.predict(scaler.transform(values[test]))
    if short:
        logger.warning("the probe's regression did not converge in %d of %d folds", short, folds)
    if unlearned:
        logger.warning(
            "the probe cannot learn %s: all its compounds fall into one fold",
            ", ".join(sorted(unlearned)),
        )
    return predicted


def _interval(
    right: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.object_],
    compounds: npt.NDArray[np.object_],
    asked: list[str],
    draws: int,
    seed: int,
    name: str,
) -> Interval:
    random = seeds.generator(seed, "evaluate", "probe", name)
    recalls = np.zeros((draws, len(asked)))
    for column, mechanism in enumerate(asked):
        here = truth == mechanism
        codes, known = pd.factorize(compounds[here])
        correct = np.bincount(codes, weights=right[here].astype(float), minlength=len(known))
        total = np.bincount(codes, minlength=len(known))
        for start in range(0, draws, _CHUNK):
            size = min(_CHUNK, draws - start)
            drawn = random.integers(0, len(known), (size, len(known)))
            share = correct[drawn].sum(axis=1) / total[drawn].sum(axis=1)
            recalls[start : start + size, column] = share
    low, high = np.quantile(recalls.mean(axis=1), (0.025, 0.975))
    return Interval(float(low), float(high))
