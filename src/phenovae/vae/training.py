"""Training a model: in one process, or one for each device, on one machine or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lightning_fabric import Fabric

from phenovae.base.errors import UsageError
from phenovae.base.progress import SILENT, Progress
from phenovae.vae.data import Images, Rows, epoch_batches
from phenovae.vae.devices import check_devices, deterministic, device_name, make_fabric
from phenovae.vae.job import Job
from phenovae.vae.launching import run_processes
from phenovae.vae.meeting import Meeting
from phenovae.vae.memory import keeping_memory
from phenovae.vae.model_files import Origin, Recipe, Summary, read_card
from phenovae.vae.nodes import lead
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
    return train_job(job, progress)


def train_job(job: Job, progress: Progress = SILENT, meeting: Meeting | None = None) -> Summary:
    """As `train`; over the machines of a meeting, of which this is the first, where there is one.

    Raises UsageError, too, where several nodes are asked for without a meeting.
    """
    options = job.recipe.train
    epoch_batches(job.rows, job.weights, options.batch, job.seed, epoch=0)
    check_devices(options)
    if options.nodes > 1:
        if meeting is None:
            raise UsageError(
                f"{options.nodes} nodes train together only where they can meet",
                where="train.nodes",
                mend="phenovae run and phenovae train let them",
            )
        lead(work_on(job), job, meeting)
    elif options.devices > 1:
        run_processes(work_on(job), options)
    else:
        train_on(make_fabric(options), job, progress)
    return read_card(job.folder).summary


def work_on(job: Job) -> Callable[[Fabric], None]:
    """What each of several processes does of a training; it can be pickled."""
    return partial(train_on, job=job, progress=SILENT)


def train_on(fabric: Fabric, job: Job, progress: Progress) -> None:
    """Train in this process, with the others that its fabric knows of."""
    with deterministic(device_name(job.recipe.train.device)), keeping_memory():
        Training(fabric, job).run(progress)
