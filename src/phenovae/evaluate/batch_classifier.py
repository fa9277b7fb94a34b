"""The batch classifier: can the batch of a plate that was not seen be told from its wells?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.evaluate.recall import Fold, Labels, predict_folds, recall_by_class, recall_interval
from phenovae.evaluate.statistics import Interval
from phenovae.profiles.features import Matrix

DRAWS = 10_000


@dataclass(frozen=True)
class BatchClassifier:
    """Balanced accuracy over batches; `chance` is one by the number of batches, and is good.

    `rows` has one row a well that was asked about: Row (its number), Plate, Batch, Predicted.
    `unasked` are plates that are the only ones of their batch: without them it cannot be learned.
    """

    value: float
    interval: Interval
    chance: float
    recall: dict[str, float]
    wells: int
    plates: int
    folds: int
    unasked: tuple[str, ...]
    rows: pd.DataFrame


def classify_batches(
    values: Matrix,
    batches: Sequence[str],
    plates: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int,
) -> BatchClassifier:
    """Tell the batch of wells that are meant to be alike, from the wells of other plates.

    `values` (wells, features), a batch and a plate a well. A fold leaves out one plate of every
    batch at most; as many folds as the largest batch has plates leave out every plate once, so that
    BBBC021 takes six regressions and not 55. Logistic regression with C = 0.01 and balanced
    classes; profiles are centred on the training folds and divided by one number, so they should be
    normalised. The interval draws plates within batches. Batches of one plate take no part.

    Raises InputError where a value is no finite number, a well has no plate or no batch, a plate is
    in two batches, or fewer than two batches have two plates.
    """
    batch, plate = np.asarray(batches, object), np.asarray(plates, object)
    known = _plates(values, batch, plate)
    many = known["Batch"].value_counts()
    asked = sorted(str(name) for name in many[many > 1].index)
    if len(asked) < 2:
        raise InputError(
            f"{len(asked)} of {len(many)} batches have two plates or more: two such are needed to "
            "ask for the batch of a plate that was not seen"
        )
    place = known.groupby("Batch").cumcount()
    fold_of = dict(zip(known["Plate"], place, strict=True))
    used = np.flatnonzero(np.isin(batch, asked))
    truth = batch[used]
    folds = _folds(np.array([fold_of[each] for each in plate[used]]))
    # Each feature by its own spread would whiten whitened features anew, without regularisation:
    # with fewer wells than features all wells are then equally far apart, and no batch can be told.
    predicted = predict_folds(
        values[used], truth, folds, asker="the batch classifier", scaling="one-scale"
    )
    right = predicted == truth
    recall = recall_by_class(right, truth, asked)
    alone = known.loc[~known["Batch"].isin(asked), "Plate"]
    random = seeds.generator(seed, "evaluate", "batch-classifier")
    rows = {"Row": used, "Plate": plate[used], "Batch": truth, "Predicted": predicted}
    return BatchClassifier(
        value=float(np.mean(recall)),
        interval=recall_interval(right, truth, plate[used], asked, draws=draws, random=random),
        chance=1 / len(asked),
        recall=dict(zip(asked, recall, strict=True)),
        wells=len(used),
        plates=len(known) - len(alone),
        folds=len(folds),
        unasked=tuple(str(name) for name in alone),
        rows=pd.DataFrame(rows),
    )


def _plates(values: Matrix, batch: Labels, plate: Labels) -> pd.DataFrame:
    """Each plate once, with its batch, in the order of names."""
    if not len(batch) == len(plate) == len(values):
        raise InputError(
            f"{len(values)} profiles, but batches of {len(batch)} and plates of {len(plate)}"
        )
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"a profile of plate {plate[first]} holds NaN or infinity; {int(bad.sum())} such "
            "profiles",
            mend="check the features",
        )
    every = pd.DataFrame({"Plate": plate, "Batch": batch})
    if every.isna().to_numpy().any():
        first = int(np.argmax(every.isna().any(axis=1)))
        raise InputError(f"well {first} of {len(every)} has no plate or no batch")
    known = every.drop_duplicates().sort_values("Plate")
    twice = known.loc[known["Plate"].duplicated(), "Plate"]
    if len(twice):
        raise InputError(f"plate {twice.iloc[0]} is in two batches")
    return known


def _folds(fold_of_row: np.ndarray) -> list[Fold]:
    return [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold))
        for fold in range(int(fold_of_row.max()) + 1)
    ]
