"""A linear classifier over given folds, and how sure its balanced accuracy is."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from phenovae.evaluate.statistics import Interval
from phenovae.profiles.features import Matrix

logger = logging.getLogger(__name__)

Labels = npt.NDArray[np.object_]
Scaling = Literal["each-feature", "one-scale"]
Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

_CHUNK = 500
_NAMES_ARE_NO_NUMBERS = "The number of unique classes is greater than 50%"


def predict_folds(
    values: Matrix,
    truth: Labels,
    folds: Iterable[Fold],
    *,
    asker: str,
    scaling: Scaling = "each-feature",
) -> Labels:
    """Labels of the tested rows of every fold (train, test), learned from its training rows.

    Logistic regression with C = 0.01 and balanced classes, on features that are standardised on the
    training rows, each by its own spread or all by one, which keeps the geometry of profiles. Rows
    that no fold tests get None. `asker` is who warns that a regression did not converge.
    """
    predicted = np.full(len(truth), None, dtype=object)
    short = count = 0
    # Threads gain nothing on matrices this small, and cost minutes on a machine that is busy.
    with threadpool_limits(limits=1):
        for train, test in folds:
            count += 1
            if len(set(truth[train])) < 2:
                predicted[test] = truth[train[0]]
                continue
            seen, new = _scaled(values[train], values[test], scaling)
            model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=300)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always", ConvergenceWarning)
                # Of few rows and many names scikit-learn supposes that they are numbers.
                warnings.filterwarnings("ignore", message=_NAMES_ARE_NO_NUMBERS)
                model.fit(seen, truth[train].astype(str))
            short += any(issubclass(each.category, ConvergenceWarning) for each in said)
            predicted[test] = model.predict(new)
    if short:
        logger.warning("%s's regression did not converge in %d of %d folds", asker, short, count)
    return predicted


def _scaled(train: Matrix, test: Matrix, scaling: Scaling) -> tuple[Matrix, Matrix]:
    if scaling == "each-feature":
        scaler = StandardScaler().fit(train)
        return scaler.transform(train), scaler.transform(test)
    centre, spread = train.mean(axis=0), float(np.sqrt(train.var(axis=0).mean()))
    spread = spread if spread > 0 else 1.0
    return (train - centre) / spread, (test - centre) / spread


def recall_by_class(right: npt.NDArray[np.bool_], truth: Labels, asked: list[str]) -> list[float]:
    """The share of right rows of each class that is asked for; their mean is balanced accuracy."""
    return [float(right[truth == name].mean()) for name in asked]


def recall_interval(
    right: npt.NDArray[np.bool_],
    truth: Labels,
    units: Labels,
    asked: list[str],
    *,
    draws: int,
    random: np.random.Generator,
) -> Interval:
    """Interval of the balanced accuracy: units (compounds, plates) drawn anew within each class."""
    recalls = np.zeros((draws, len(asked)))
    for column, name in enumerate(asked):
        here = truth == name
        codes, known = pd.factorize(units[here])
        correct = np.bincount(codes, weights=right[here].astype(float), minlength=len(known))
        total = np.bincount(codes, minlength=len(known))
        for start in range(0, draws, _CHUNK):
            size = min(_CHUNK, draws - start)
            drawn = random.integers(0, len(known), (size, len(known)))
            share = correct[drawn].sum(axis=1) / total[drawn].sum(axis=1)
            recalls[start : start + size, column] = share
    low, high = np.quantile(recalls.mean(axis=1), (0.025, 0.975))
    return Interval(float(low), float(high))
