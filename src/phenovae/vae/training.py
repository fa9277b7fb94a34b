"""Training a model: one process, or one for each device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lightning_fabric import Fabric

from phenovae.base.progress import SILENT, Progress
from phenovae.vae.data import Images, Rows, epoch_batches
from phenovae.vae.devices import check_devices, deterministic, device_name, make_fabric
from phenovae.vae.job import Job
from phenovae.vae.launching import SILENCE, run_processes
from phenovae.vae.model_files import Origin, Recipe, Summary, read_card
from phenovae.vae.objectives import TERMS
from phenovae.vae.terms.term import TermMaker
from phenovae.vae.trainer import Training


def train(
    images: Images,
    rows: Rows,
    validation: Rows,
    recipe: Recipe,
    folder: Path,
    *,
    weights: npt.NDArray[np.float64] | None = None,
    wells: Rows | None = None,
    plates: Rows | None = None,
    plate_names: Sequence[str] = (),
    groups: Rows | None = None,
    per_well: int = 1,
    origin: Origin | None = None,
    seed: int = 0,
    resume: bool = True,
    terms: Mapping[str, TermMaker] = TERMS,
    progress: Progress = SILENT,
) -> Summary:
    """Train a model on rows of the images and leave it, with its history, in a folder.

    `wells` and `plates` number the well and the plate of every image, by row, for objectives that
    ask and decoders that are told, which keep the `plate_names` of the numbers; `groups` what each
    was treated with, -1 where that is not learned, for a weakly supervised one alone; `per_well`
    cells of a well are drawn together. The weights kept are those of the best ELBO on the
    validation rows, or the last where there are none. Checkpoints stay in the folder; with
    `resume`, an interrupted training goes on from the newest bit for bit as if it had never stopped
    (on one device of the same kind, with the same number of threads). Several devices are processes
    of their own, which must be able to import and unpickle the images and terms, and tell no
    progress but the history.

    Raises TrainingError where there is nothing to train on or a loss is no number; UsageError
    where options do not fit the images or the machine; PhenovaeError where the disk is full.
    """
    job = Job(
        images=images,
        rows=np.asarray(rows, dtype=np.int64),
        validation=np.asarray(validation, dtype=np.int64),
        weights=weights,
        wells=wells,
        plates=plates,
        plate_names=tuple(str(name) for name in plate_names),
        groups=groups,
        per_well=per_well,
        recipe=recipe,
        origin=origin or Origin(),
        folder=folder,
        seed=seed,
        resume=resume,
        terms=dict(terms),
    )
    epoch_batches(job.rows, weights, recipe.train.batch, seed, epoch=0)
    check_devices(recipe.train)
    if recipe.train.devices > 1:
        train_on_many(job)
    else:
        _train_on(make_fabric(recipe.train), job, progress)
    return read_card(folder).summary


def train_on_many(job: Job, silence: timedelta = SILENCE) -> None:
    """Train in a process for each device. Raises as `run_processes`."""
    run_processes(partial(_train_on, job=job, progress=SILENT), job.recipe.train, silence)


def _train_on(fabric: Fabric, job: Job, progress: Progress) -> None:
    with deterministic(device_name(job.recipe.train.device)):
        Training(fabric, job).run(progress)
