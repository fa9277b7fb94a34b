"""Runs brought together for comparison: which are seeds of one model, and what they scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import read_json, sha256_of
from phenovae.base.tables import read_table
from phenovae.evaluate.comparing import Difference, Model, Summary, differ, summarise
from phenovae.evaluate.statistics import DRAWS
from phenovae.pipeline import paths
from phenovae.pipeline.execute import CONFIG_NAME
from phenovae.pipeline.stages.evaluate import NEIGHBOURS
from phenovae.pipeline.stages.features import MODEL

_NOT_THE_MODEL = ("seed", "workers", "report")


@dataclass(frozen=True)
class Compared:
    """Summaries and differences of models under one protocol and metric."""

    protocol: str
    metric: str
    models: tuple[Summary, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Run:
    """A scored run: what it is called, what tells its model from others, its tables."""

    name: str
    model: str
    seed: int
    track: str
    neighbours: pd.DataFrame


def compare_runs(
    runs: Sequence[Path], *, against: str | None = None, draws: int = DRAWS, seed: int = 0
) -> list[Compared]:
    """Compare runs by every protocol and metric that all of them were scored by.

    Runs that differ in nothing but their seed are seeds of one model. With one model, or `against`,
    the model is compared with a baseline of the same runs. Raises InputError where a run has no
    scores, or its model is on another track of training than the others'.
    """
    opened = [read_run(path) for path in runs]
    tracks = sorted({run.track for run in opened})
    if len(tracks) > 1:
        raise InputError(
            f"the models were trained on different tracks ({', '.join(tracks)}), whose scores do "
            "not compare"
        )
    groups: dict[str, list[Run]] = {}
    for run in opened:
        groups.setdefault(run.model, []).append(run)
    for group in groups.values():
        _check_seeds(group)
    baseline = against if against is not None else "intensity" if len(groups) == 1 else None
    found = []
    for protocol, metric in _shared(opened):
        models = [
            Model(_name(group), _tables(group, MODEL, protocol, metric))
            for group in groups.values()
        ]
        if baseline is not None:
            models += _baselines(list(groups.values()), baseline, protocol, metric)
        found.append(_compared(protocol, metric, models, draws, seed))
    return found


def read_run(path: Path) -> Run:
    """A scored run from its folder. Raises InputError where it has not been scored."""
    for name in (paths.NEIGHBOURS, paths.SCORES, CONFIG_NAME):
        if not (path / name).is_file():
            raise InputError(
                f"this is no scored run: it has no {name}",
                where=path,
                mend=f"phenovae evaluate --run {path}",
            )
    table = read_table(path / paths.NEIGHBOURS, NEIGHBOURS)
    records = read_json(path / paths.SCORES)
    told = yaml.safe_load((path / CONFIG_NAME).read_text(encoding="utf-8"))
    if not isinstance(told, dict) or not isinstance(records, list):
        raise InputError("the run's configuration or scores cannot be read", where=path)
    if table.empty:
        raise InputError("nothing was scored in this run", where=path)
    seed = told.get("seed", 0)
    model = sha256_of({name: part for name, part in told.items() if name not in _NOT_THE_MODEL})
    tracks = {
        str(record.get("track", ""))
        for record in records
        if isinstance(record, dict) and record.get("features") == MODEL
    }
    return Run(path.name, model, int(seed), ", ".join(sorted(tracks)), table)


def _check_seeds(group: Sequence[Run]) -> None:
    twice = [run.name for run in group if [other.seed for other in group].count(run.seed) > 1]
    if twice:
        raise UsageError(
            f"{' and '.join(twice)} are the same model with the same seed",
            mend="name each run once; a training is repeated with another --set seed=N",
        )


def _shared(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Protocols and metrics by which every run's model was scored, in the order of the first."""
    sets = []
    for run in runs:
        mine = run.neighbours.loc[run.neighbours["Features"] == MODEL, ["Protocol", "Metric"]]
        sets.append(list(dict.fromkeys(mine.itertuples(index=False, name=None))))
    shared = [pair for pair in sets[0] if all(pair in other for other in sets[1:])]
    if not shared:
        raise InputError("the runs share no protocol by which their models were scored")
    return shared


def _tables(
    group: Sequence[Run], features: str, protocol: str, metric: str
) -> tuple[pd.DataFrame, ...]:
    tables = []
    for run in group:
        rows = run.neighbours
        here = (
            (rows["Features"] == features)
            & (rows["Protocol"] == protocol)
            & (rows["Metric"] == metric)
        )
        if here.any():
            tables.append(rows.loc[here])
    return tuple(tables)


def _baselines(
    groups: Sequence[Sequence[Run]], baseline: str, protocol: str, metric: str
) -> list[Model]:
    # A baseline does not depend on the seed of a training: one of equal tables is enough.
    tables = _tables([run for group in groups for run in group], baseline, protocol, metric)
    different: list[pd.DataFrame] = []
    for table in tables:
        if not any(_outcomes(table).equals(_outcomes(other)) for other in different):
            different.append(table)
    return [Model(baseline, tuple(different), trained=False)] if different else []


def _outcomes(table: pd.DataFrame) -> pd.DataFrame:
    return table[["Treatment", "Right"]].sort_values("Treatment", ignore_index=True)


def _name(group: Sequence[Run]) -> str:
    first, more = group[0].name, len(group) - 1
    return f"{first} and {more} more seed{'s' if more > 1 else ''}" if more else first


def _compared(
    protocol: str, metric: str, models: Sequence[Model], draws: int, seed: int
) -> Compared:
    pairs = [(one, other) for number, one in enumerate(models) for other in models[number + 1 :]]
    return Compared(
        protocol,
        metric,
        tuple(summarise(model, draws=draws, seed=seed) for model in models),
        tuple(differ(one, other, draws=draws, seed=seed) for one, other in pairs),
    )
