"""Is one model better than another by more than noise? Paired over the same compounds.

Two noises are told apart. *Compound noise*: other compounds would have given other scores; a
bootstrap draws compounds, the same for both models. *Training noise*: another seed would have given
other weights; it is seen only where models were trained with several seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest

from phenovae.base import seeds
from phenovae.base.errors import InputError
from phenovae.evaluate.statistics import DRAWS, Interval

_SHOWN = 5
_TAIL = 0.025
_CHUNK = 1_000

Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """One model's outcomes under one protocol and metric: a table of treatments for each seed.

    Tables have Treatment, Metadata_Compound and Right (1, 0, or the share of a tie). What is not
    `trained`, such as a baseline, has no noise of training.
    """

    name: str
    tables: tuple[pd.DataFrame, ...]
    trained: bool = True


@dataclass(frozen=True)
class Summary:
    """A model's score: its mean over seeds, their range, and the interval over compounds."""

    name: str
    seeds: int
    mean: float
    lowest: float
    highest: float
    interval: Interval
    total: int


@dataclass(frozen=True)
class Difference:
    """The first model's score less the second's.

    `interval` covers compound noise; `p_value` is the share of worlds in which the two models have
    swapped their outcomes on some compounds and that differ as much; `mcnemar` compares treatments
    one by one (one seed each, else None), which takes doses for independent; `training_error` is
    the standard error of the difference over seeds, None where a trained model has one seed.
    """

    first: str
    second: str
    difference: float
    interval: Interval
    p_value: float
    mcnemar: float | None
    training_error: float | None

    @property
    def beyond_compounds(self) -> bool:
        """Whether the interval over compounds leaves zero out."""
        return self.interval.low > 0 or self.interval.high < 0

    @property
    def beyond_training(self) -> bool | None:
        """Whether the difference is over twice its error over seeds; None where that is unknown."""
        if self.training_error is None:
            return None
        return abs(self.difference) > 2 * self.training_error

    @property
    def verdict(self) -> str:
        """What the two noises leave of the difference, in words."""
        if not self.difference:
            return "no difference"
        if not self.beyond_compounds:
            return "no more than the noise of compounds"
        if self.beyond_training is None:
            return "more than the noise of compounds; the noise of training is not known"
        if not self.beyond_training:
            return "more than the noise of compounds, but not than that of training"
        return "more than noise"


def summarise(model: Model, *, draws: int = DRAWS, seed: int = 0) -> Summary:
    """The score of a model. Raises InputError where its seeds were asked different treatments."""
    table = _right(model)
    shares = table.drop(columns=["Metadata_Compound"]).mean(axis=0).to_numpy(float)
    drawn = _drawn_means(_mean_over_seeds(table), table["Metadata_Compound"], draws, seed)
    return Summary(
        name=model.name,
        seeds=len(shares),
        mean=float(shares.mean()),
        lowest=float(shares.min()),
        highest=float(shares.max()),
        interval=_middle(drawn),
        total=len(table),
    )


def differ(first: Model, second: Model, *, draws: int = DRAWS, seed: int = 0) -> Difference:
    """The difference of two models on the same treatments.

    Raises InputError where they were asked different treatments: such scores do not pair.
    """
    one, other = _right(first), _right(second)
    _check_same(one.index, other.index, first.name, second.name)
    apart = _mean_over_seeds(one) - _mean_over_seeds(other.loc[one.index])
    compounds = one["Metadata_Compound"]
    return Difference(
        first=first.name,
        second=second.name,
        difference=float(apart.mean()),
        interval=_middle(_drawn_means(apart, compounds, draws, seed)),
        p_value=_swapped(apart, compounds, draws, seed),
        mcnemar=_mcnemar(one, other.loc[one.index]),
        training_error=_training_error((first, one), (second, other)),
    )


def _right(model: Model) -> pd.DataFrame:
    """Right of every treatment (rows) by seed (columns 0, 1 ...), with its compound."""
    if not model.tables:
        raise InputError(f"{model.name} has no outcomes to compare")
    first = model.tables[0].set_index("Treatment").sort_index()
    columns: dict[str, pd.Series] = {"Metadata_Compound": first["Metadata_Compound"]}
    for number, table in enumerate(model.tables):
        keyed = table.set_index("Treatment")
        if keyed.index.has_duplicates:
            raise InputError(f"{model.name} has a treatment twice in one table of outcomes")
        _check_same(first.index, keyed.index, model.name, f"another seed of {model.name}")
        columns[str(number)] = keyed["Right"].reindex(first.index)
    return pd.DataFrame(columns)


def _check_same(one: pd.Index, other: pd.Index, first: str, second: str) -> None:
    odd = sorted(str(name) for name in set(one) ^ set(other))
    if odd:
        more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        raise InputError(
            f"{first} and {second} were not asked the same treatments: {', '.join(odd[:_SHOWN])}"
            f"{more}",
            mend="compare runs of the same cells, sides and protocols",
        )


def _mean_over_seeds(table: pd.DataFrame) -> Row:
    mean: Row = table.drop(columns=["Metadata_Compound"]).to_numpy(float).mean(axis=1)
    return mean


def _drawn_means(values: Row, compounds: pd.Series, draws: int, seed: int) -> Row:
    """Means over treatments when compounds are drawn with replacement (draws,)."""
    codes, known = pd.factorize(compounds)
    sums = np.bincount(codes, weights=values, minlength=len(known))
    sizes = np.bincount(codes, minlength=len(known))
    random = seeds.generator(seed, "evaluate", "compare", "bootstrap")
    found: list[Row] = []
    for start in range(0, draws, _CHUNK):
        drawn = random.integers(0, len(known), (min(_CHUNK, draws - start), len(known)))
        found.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(found)


def _middle(drawn: Row) -> Interval:
    low, high = np.quantile(drawn, (_TAIL, 1 - _TAIL))
    return Interval(float(low), float(high))


def _swapped(apart: Row, compounds: pd.Series, draws: int, seed: int) -> float:
    """Two-sided p: outcomes of the two models are swapped compound by compound."""
    codes, known = pd.factorize(compounds)
    sums = np.bincount(codes, weights=apart, minlength=len(known))
    observed = abs(sums.sum())
    random = seeds.generator(seed, "evaluate", "compare", "swap")
    at_least = 0
    for start in range(0, draws, _CHUNK):
        signs = random.integers(0, 2, (min(_CHUNK, draws - start), len(known))) * 2 - 1
        at_least += int((np.abs(signs @ sums) >= observed - 1e-9).sum())
    return (1 + at_least) / (1 + draws)


def _mcnemar(one: pd.DataFrame, other: pd.DataFrame) -> float | None:
    if "1" in one or "1" in other:
        return None
    better = int((one["0"] > other["0"]).sum())
    worse = int((one["0"] < other["0"]).sum())
    if not better + worse:
        return 1.0
    return float(binomtest(better, better + worse, 0.5).pvalue)


def _training_error(*models: tuple[Model, pd.DataFrame]) -> float | None:
    variance = 0.0
    for model, table in models:
        if not model.trained:
            continue
        shares = table.drop(columns=["Metadata_Compound"]).mean(axis=0).to_numpy(float)
        if len(shares) < 2:
            return None
        variance += float(shares.var(ddof=1)) / len(shares)
    return float(np.sqrt(variance))
