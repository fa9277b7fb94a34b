"""An ablation: one design with one thing changed at a time, several seeds each, in one table."""

from __future__ import annotations

import logging
import os
import re
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from phenovae.base.errors import InputError, PhenovaeError, UsageError
from phenovae.base.files import read_json, write_json, write_text
from phenovae.base.options import Options
from phenovae.base.progress import SILENT, Progress
from phenovae.evaluate.provenance import Training
from phenovae.pipeline import paths
from phenovae.pipeline.config import load_config
from phenovae.pipeline.examples import example, example_names
from phenovae.pipeline.execute import run_all
from phenovae.vae.file_names import CARD

logger = logging.getLogger(__name__)

TABLE = "ablation.md"
RECORDS = "ablation.json"
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("probe", "cell-probe", "probe"),
    ("NSC", "cells-mean", "NSC"),
    ("NSCB", "cells-mean", "NSCB"),
    ("whitened NSC", "cells-mean-whitened", "NSC"),
    ("whitened NSCB", "cells-mean-whitened", "NSCB"),
)
"""Columns of the table: title, protocol, metric."""

LABEL_FREE = Training(labels="none").track

_NOTHING = "–"


class Entry(Options):
    """One row: what of the base is set otherwise."""

    name: str = Field(description="what the row is called")
    set: tuple[str, ...] = Field((), description="settings, as after --set")
    needs: str = Field(
        "", description="a setting that must be given for the row to run: weights of others, say"
    )
    features: Literal["model", "backbone"] = Field(
        "model", description="features whose scores the row shows"
    )
    remark: str = Field("", description="what to know of the row")


class Ablation(Options):
    """Rows of a table, and what they have in common."""

    base: str = Field("bbbc021_crops", description="an example by name, or a configuration's path")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="seeds of every row")
    set: tuple[str, ...] = Field((), description="settings of every row")
    entries: tuple[Entry, ...] = Field(min_length=1, description="the rows")


@dataclass(frozen=True)
class Scored:
    """One run of one row. `scores` by title of the column: value, low, high, correct, total.

    `track` says which labels training saw.
    """

    entry: str
    seed: int
    scores: Mapping[str, Mapping[str, float | int | None]]
    elbo: float | None
    steps: int
    batch: int
    track: str = LABEL_FREE


def read_ablation(path: Path) -> Ablation:
    """An ablation from YAML. Raises UsageError where it is none."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("there is no such ablation", where=path) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name} is no readable YAML: {error}", where=path) from error
    try:
        ablation = Ablation.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path.name} is no ablation: {key}: {first['msg']}", where=path) from None
    names = [_slug(entry.name) for entry in ablation.entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two rows have one name: {', '.join(twice)}", where=path)
    return ablation


def run_ablation(
    ablation: Ablation,
    out: Path,
    settings: Sequence[str] = (),
    *,
    folder: Path = Path(),
    only: Sequence[str] = (),
    progress: Progress = SILENT,
    tell: Callable[[str], None] = logger.info,
) -> list[Scored]:
    """Run what has not run yet, seed by seed, and write the table after every run.

    Runs lie in `out/<row>/seed-<seed>` and are gone on with where they stopped; cells that one run
    has cut are shared with the others. `folder` is where a relative base lies. Of `settings`, one
    that some row needs goes to the rows that need it alone. A row that fails is told and left out,
    and the others go on; raises PhenovaeError in the end where one did.
    """
    base = _base(ablation.base, folder)
    chosen = [entry for entry in ablation.entries if not only or entry.name in only]
    if unknown := sorted(set(only) - {entry.name for entry in ablation.entries}):
        raise UsageError(f"no row is called {unknown[0]!r}")
    waiting = [entry for entry in chosen if not _given(entry, [*ablation.set, *settings])]
    kept = _of_other_rows(out, ablation, chosen)
    done: list[Scored] = []
    failed: list[str] = []
    cells: Path | None = None
    for seed in ablation.seeds:
        for entry in [each for each in chosen if each not in waiting]:
            run = out / _slug(entry.name) / f"seed-{seed}"
            own = _settings_of(entry, ablation, settings)
            config = load_config(base, [*ablation.set, *entry.set, *own, f"seed={seed}"])
            if cells is not None and not run.exists():
                _share(cells, run)
            tell(f"{entry.name}, seed {seed}")
            try:
                run_all(config, run, progress)
            except PhenovaeError as error:
                failed.append(f"{entry.name}, seed {seed}: {error}")
                logger.warning("%s", failed[-1])
                continue
            cells = cells or run
            done.append(_scored(entry, seed, run, config.train.batch))
            _write(out, ablation, [*kept, *done], [each.name for each in waiting])
    if failed:
        raise PhenovaeError("not every row ran:\n" + "\n".join(f"  {each}" for each in failed))
    return done


def _of_other_rows(out: Path, ablation: Ablation, chosen: Sequence[Entry]) -> list[Scored]:
    """What an earlier command wrote of rows that this one does not run."""
    if not (out / RECORDS).exists():
        return []
    found = read_json(out / RECORDS)
    names = {each.name for each in ablation.entries} - {each.name for each in chosen}
    try:
        scored = [Scored(**each) for each in found] if isinstance(found, list) else []
    except TypeError:
        logger.warning("%s was written by another version; other rows are left out", RECORDS)
        return []
    return [each for each in scored if each.entry in names]


def table_text(ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str] = ()) -> str:
    """The tables in Markdown, one a track of training, that without labels first.

    Means over seeds, and the interval over compounds of the first.
    """
    others = sorted({each.track for each in done} - {LABEL_FREE})
    lines = _table(ablation, [each for each in done if each.track == LABEL_FREE], waiting)
    for track in others:
        lines += ["", f"**{track}**: shares no column with the table above", ""]
        lines += _table(ablation, [each for each in done if each.track == track])
    remarks = [f"- {each.name}: {each.remark}" for each in ablation.entries if each.remark]
    return "\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n"


def _table(ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str] = ()) -> list[str]:
    titles = [title for title, _, _ in COLUMNS]
    heads = ["", *titles, "ELBO", "cells seen", "seeds"]
    lines = [_line(heads), _line(["---", *("---:" for _ in heads[1:])])]
    for entry in ablation.entries:
        own = [each for each in done if each.entry == entry.name]
        if own:
            elbos = [each.elbo for each in own if each.elbo is not None]
            lines.append(
                _line(
                    [
                        entry.name,
                        *(_cell([each.scores.get(title, {}) for each in own]) for title in titles),
                        f"{statistics.mean(elbos):,.0f}" if elbos else _NOTHING,
                        f"{own[0].steps * own[0].batch:,}",
                        ", ".join(str(each.seed) for each in own),
                    ]
                )
            )
        elif entry.name in waiting:
            told = f"not run: {entry.needs} was not given"
            lines.append(_line([entry.name, told, *("" for _ in heads[2:])]))
    return lines


def _base(name: str, folder: Path) -> Path:
    return example(name) if name in example_names() else folder / name


def _given(entry: Entry, settings: Sequence[str]) -> bool:
    """Whether what the row needs is set."""
    return not entry.needs or any(_key(each) == entry.needs for each in [*entry.set, *settings])


def _settings_of(entry: Entry, ablation: Ablation, settings: Sequence[str]) -> list[str]:
    """Settings of the command that are for this row: all but what only other rows need."""
    others = {each.needs for each in ablation.entries} - {entry.needs}
    return [each for each in settings if _key(each) not in others]


def _key(setting: str) -> str:
    return setting.partition("=")[0].strip()


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", name).strip("-") or "row"


def _share(run: Path, other: Path) -> None:
    """Begin a run with what another has found of the cells; linked where the disk can."""
    left = shutil.ignore_patterns(
        paths.MODEL, paths.DIAGNOSIS, paths.EMBEDDINGS, paths.BACKBONE, paths.BACKBONE_CARD,
        paths.PROFILES, paths.SCORES, paths.NEIGHBOURS, paths.REPORT, "*.partial", "*.parts",
    )  # fmt: skip
    shutil.copytree(run, other, ignore=left, copy_function=_link)


def _link(source: str, target: str) -> None:
    # Shards of pixels are large and never changed, only replaced as a whole.
    if Path(source).suffix == ".npy":
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _scored(entry: Entry, seed: int, run: Path, batch: int) -> Scored:
    found = read_json(run / paths.SCORES)
    if not isinstance(found, list):
        raise InputError("these are no scores", where=run / paths.SCORES)
    records = [
        each for each in found if isinstance(each, dict) and each.get("features") == entry.features
    ]
    scores: dict[str, Mapping[str, float | int | None]] = {}
    for title, protocol, metric in COLUMNS:
        for record in records:
            named = str(record["protocol"]).removesuffix("+fit-all")
            if (named, record["metric"]) == (protocol, metric):
                keys = ("value", "low", "high", "correct", "total")
                scores[title] = {key: record.get(key) for key in keys}
    summary = _summary(run) if entry.features == "model" else {}
    track = next((str(record["track"]) for record in records if record.get("track")), LABEL_FREE)
    steps, elbo = summary.get("steps", 0), summary.get("elbo")
    return Scored(entry.name, seed, scores, elbo, int(steps or 0), batch, track)


def _summary(run: Path) -> Mapping[str, float | None]:
    card = read_json(run / paths.MODEL / CARD)
    return card["summary"] if isinstance(card, dict) else {}


def _write(out: Path, ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str]) -> None:
    write_text(out / TABLE, table_text(ablation, done, waiting))
    write_json(
        out / RECORDS,
        [asdict(each) for each in done],
    )


def _cell(found: Sequence[Mapping[str, float | int | None]]) -> str:
    told = [each for each in found if each.get("value") is not None]
    if not told:
        return _NOTHING
    first = told[0]
    if first.get("correct") is not None:
        counts = [float(each["correct"] or 0) for each in told]
        mean = f"{statistics.mean(counts):.1f}/{first['total']}"
    else:
        mean = f"{statistics.mean(float(each['value'] or 0) for each in told):.3f}"
    low, high = first.get("low"), first.get("high")
    return f"{mean} [{low:.2f}, {high:.2f}]" if low is not None and high is not None else mean


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
