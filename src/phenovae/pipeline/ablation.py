"""An ablation: one design with one thing changed at a time, several seeds each, in one table."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import InputError, PhenovaeError, RunBusyError, UsageError
from phenovae.base.files import read_json, sha256_of, sha256_of_file
from phenovae.base.lock import locked_folder
from phenovae.base.progress import SILENT, Progress
from phenovae.pipeline import paths
from phenovae.pipeline.ablation_rows import Ablation, Entry, slug
from phenovae.pipeline.ablation_table import COLUMNS, LABEL_FREE, Scored, recorded, write_table
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.examples import example, example_names
from phenovae.pipeline.execute import run_stages
from phenovae.pipeline.stages.evaluate import EVALUATE
from phenovae.vae.file_names import CARD, CHECKPOINTS
from phenovae.vae.settled import FREE, settled

logger = logging.getLogger(__name__)

_NOT_OF_SCORES = ("input", "workers", "diagnose", "generation", "report")
"""Groups of the configuration that scores of the same cells do not depend on."""
_PATIENCE = 60.0
"""Seconds to wait for another process that writes the table, which takes it a moment."""


def run_ablation(
    ablation: Ablation,
    out: Path,
    settings: Sequence[str] = (),
    *,
    folder: Path = Path(),
    only: Sequence[str] = (),
    seeds: Sequence[int] = (),
    progress: Progress = SILENT,
    tell: Callable[[str], None] = logger.info,
) -> list[Scored]:
    """Score what has not been scored yet, seed by seed, and write the table after every run.

    Runs lie in `out/<row>/seed-<seed>`, end with their scores, and are gone on with where they
    stopped. Cells that one run has cut are shared with the others, and so is a training where rows
    only read out otherwise. A run whose record is in `out` and whose folder is gone is taken as it
    was recorded, so that a table can be carried to another machine. Several processes may work on
    one table: each adds to what the others have written, and leaves runs to them that they are at.

    `only` and `seeds` name the rows and seeds to run, of all where empty. `folder` is where a
    relative base lies. Of `settings`, one that some row needs goes to the rows that need it alone.
    A row that fails is told and left out, and the others go on; raises PhenovaeError in the end
    where one did.
    """
    chosen = [entry for entry in ablation.entries if not only or entry.name in only]
    if unknown := sorted(set(only) - {entry.name for entry in ablation.entries}):
        raise UsageError(f"no row is called {unknown[0]!r}")
    if others := sorted(set(seeds) - set(ablation.seeds)):
        told = ", ".join(map(str, ablation.seeds))
        raise UsageError(f"seed {others[0]} is none of the table's: {told}")
    every = [
        _planned(entry, seed, ablation, settings, out, _base(ablation.base, folder))
        for seed in ablation.seeds
        for entry in ablation.entries
        if _given(entry, [*ablation.set, *settings])
    ]
    planned = [each for each in every if each.entry in chosen and (not seeds or each.seed in seeds)]
    waiting = [entry.name for entry in chosen if not _given(entry, [*ablation.set, *settings])]
    table = _Table(ablation, out, waiting, planned)
    done = table.add()
    failed: list[str] = []
    finished = [each for each in every if (each.run / paths.SCORES).is_file()]
    cells = finished[0].run if finished else None
    trained = {each.training: each.run for each in finished}
    for each in planned:
        if each.place in done and not each.run.exists():
            continue
        if cells is not None and not each.run.exists():
            _share(cells, each.run, trained.get(each.training))
        tell(f"{each.entry.name}, seed {each.seed}")
        try:
            run_stages({EVALUATE.name}, each.config, each.run, progress)
        except RunBusyError as error:
            logger.warning("%s, seed %d is left to others: %s", each.entry.name, each.seed, error)
            continue
        except PhenovaeError as error:
            failed.append(f"{each.entry.name}, seed {each.seed}: {error}")
            logger.warning("%s", failed[-1])
            continue
        cells = cells or each.run
        trained.setdefault(each.training, each.run)
        done = table.add(_scored(each))
    if failed:
        raise PhenovaeError("not every row ran:\n" + "\n".join(f"  {each}" for each in failed))
    return [done[each.place] for each in planned if each.place in done]


@dataclass(frozen=True)
class _Planned:
    """One run of one row, with what tells its configuration and its training from others."""

    entry: Entry
    seed: int
    config: Config
    run: Path
    settings: str
    training: str

    @property
    def place(self) -> tuple[str, int]:
        return self.entry.name, self.seed


def _planned(
    entry: Entry, seed: int, ablation: Ablation, settings: Sequence[str], out: Path, base: Path
) -> _Planned:
    own = _settings_of(entry, ablation, settings)
    config = load_config(base, [*ablation.set, *entry.set, *own, f"seed={seed}"])
    run = out / slug(entry.name) / f"seed-{seed}"
    return _Planned(entry, seed, config, run, _settings_mark(config), _training_mark(config))


@dataclass(frozen=True)
class _Table:
    """The table in its folder, to which other processes may add, too."""

    ablation: Ablation
    out: Path
    untold: Sequence[str]
    planned: Sequence[_Planned]

    def add(self, *scored: Scored) -> dict[tuple[str, int], Scored]:
        """Write the table with these records; all that are still true, by row and seed."""
        with locked_folder(self.out, name="ablation", option="--out", patience=_PATIENCE):
            done = self._still_true(recorded(self.out))
            done |= {(each.entry, each.seed): each for each in scored}
            write_table(self.out, self.ablation, list(done.values()), self.untold)
        return done

    def _still_true(self, records: Sequence[Scored]) -> dict[tuple[str, int], Scored]:
        """Records of these rows; of those that are asked for, with their settings."""
        names = {entry.name for entry in self.ablation.entries} - set(self.untold)
        asked = {each.place: each.settings for each in self.planned}
        return {
            (each.entry, each.seed): each
            for each in records
            if each.entry in names
            and asked.get((each.entry, each.seed), each.settings) == each.settings
        }


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


def _settings_mark(config: Config) -> str:
    """Equal for configurations that score the same cells the same, wherever these lie."""
    table = config.input.metadata
    untold: dict[str, bool | set[str]] = dict.fromkeys(_NOT_OF_SCORES, True)
    untold |= {"backbone": {"weights"}, "train": set(FREE)}
    return sha256_of(
        [
            settled(config.model_dump(mode="json", exclude=untold)),
            config.input.model_dump(mode="json", include={"source", "channels", "crop_size"}),
            sha256_of_file(table) if table is not None and table.is_file() else "",
        ]
    )


def _training_mark(config: Config) -> str:
    """Equal for configurations that train the same, whatever they read out of the model."""
    return sha256_of(
        config.model_dump(
            mode="json",
            include={"seed", "input", "quality", "split", "view", "sampling", "model", "objective",
                     "augment", "train"},
            exclude={"model": {"readout"}},
        )
    )  # fmt: skip


def _share(run: Path, other: Path, trained: Path | None) -> None:
    """Begin a run with what another has found of the cells; linked where the disk can.

    The end of a training that is `trained` alike is begun from, too.
    """
    left = shutil.ignore_patterns(
        paths.MODEL, paths.DIAGNOSIS, paths.EMBEDDINGS, paths.BACKBONE, paths.BACKBONE_CARD,
        paths.PROFILES, paths.UNANNOTATED, paths.SCORES, paths.NEIGHBOURS, paths.REPORT,
        "*.partial", "*.parts",
    )  # fmt: skip
    shutil.copytree(run, other, ignore=left, copy_function=_link)
    if trained is not None and (trained / paths.MODEL / CHECKPOINTS).is_dir():
        shutil.copytree(trained / paths.MODEL / CHECKPOINTS, other / paths.MODEL / CHECKPOINTS)


def _link(source: str, target: str) -> None:
    # Shards of pixels are large and never changed, only replaced as a whole.
    if Path(source).suffix == ".npy":
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _scored(planned: _Planned) -> Scored:
    run, features = planned.run, planned.entry.features
    found = read_json(run / paths.SCORES)
    if not isinstance(found, list):
        raise InputError("these are no scores", where=run / paths.SCORES)
    records = [
        each for each in found if isinstance(each, dict) and each.get("features") == features
    ]
    scores: dict[str, Mapping[str, float | int | None]] = {}
    for title, protocol, metric in COLUMNS:
        for record in records:
            named = str(record["protocol"]).removesuffix("+fit-all")
            if (named, record["metric"]) == (protocol, metric):
                keys = ("value", "low", "high", "correct", "total")
                scores[title] = {key: record.get(key) for key in keys}
    summary = _summary(run) if features == "model" else {}
    track = next((str(record["track"]) for record in records if record.get("track")), LABEL_FREE)
    steps, elbo = summary.get("steps", 0), summary.get("elbo")
    batch = planned.config.train.batch
    return Scored(*planned.place, scores, elbo, int(steps or 0), batch, track, planned.settings)


def _summary(run: Path) -> Mapping[str, float | None]:
    card = read_json(run / paths.MODEL / CARD)
    return card["summary"] if isinstance(card, dict) else {}
