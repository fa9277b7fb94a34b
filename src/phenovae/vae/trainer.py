"""One process of a training: epochs of steps, validation, checkpoints, and the model it keeps."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from phenovae.base.errors import TrainingError
from phenovae.base.progress import Bar, Progress
from phenovae.base.seeds import integer
from phenovae.vae.agreement import agree
from phenovae.vae.checkpoints import Checkpoints
from phenovae.vae.data import Rows, epoch_batches
from phenovae.vae.file_names import BOARD, CHECKPOINTS, HISTORY
from phenovae.vae.interrupts import deferred
from phenovae.vae.job import Job
from phenovae.vae.labels import learned_classes
from phenovae.vae.leaving import leave
from phenovae.vae.logs import open_board, show, write_history
from phenovae.vae.model import make_model
from phenovae.vae.objectives import Objective
from phenovae.vae.plates import told_plates
from phenovae.vae.records import epoch_record
from phenovae.vae.resident import reader_of
from phenovae.vae.state import State
from phenovae.vae.statistics import BATCHES, settle_statistics
from phenovae.vae.stepper import Stepper
from phenovae.vae.terms.term import Setting
from phenovae.vae.validation import Measured, measure
from phenovae.vae.watch import COLLAPSE_EPOCHS, is_collapsed, warn_of_collapse

_LOG = logging.getLogger("phenovae.vae")


class Training:
    """One process of a training."""

    def __init__(self, fabric: Fabric, job: Job) -> None:
        recipe = job.recipe
        self.fabric = fabric
        self.job = job
        self.options = recipe.train
        size = min(recipe.train.batch, len(job.rows))
        self.size = size - size % fabric.world_size
        if not self.size:
            raise TrainingError(
                f"{len(job.rows)} cells cannot be shared by {fabric.world_size} devices",
                mend="set train.devices to 1",
            )
        self.steps = len(job.rows) // self.size
        self.told: Rows | None = None
        self.plates: tuple[str, ...] = ()
        if recipe.model.plates.code:
            self.told, self.plates = told_plates(job.plates, job.plate_names, job.rows)
        self.model = make_model(job.images.shape, recipe.model, job.seed, len(self.plates))
        self.classes: Rows | None = None
        classes = 0
        if job.groups is not None:
            self.classes, classes = learned_classes(job.groups, job.rows)
        setting = Setting(
            self.steps,
            job.images.shape,
            recipe.model.latent,
            self.model.encoder.widths,
            self.model.encoder.trunk,
            recipe.model.slope,
            self.model.encoder,
            classes,
            self.model.codebooks is not None,
        )
        self.objective = Objective(recipe.objective, setting, job.terms, job.seed)
        self.stepper = Stepper(
            fabric,
            self.model,
            self.objective,
            recipe.train,
            recipe.augment,
            self.steps * recipe.train.epochs,
            job.seed,
            recipe.model.plates.untold,
        )
        self.checkpoints = Checkpoints(
            job.folder / CHECKPOINTS,
            job.fingerprint(),
            self.stepper.modules,
            self.stepper.optimisers,
        )
        self.state = self._begin()
        everything = np.concatenate([job.rows, job.watched()])
        self.read = reader_of(job.images, everything, fabric.device, self.options)

    def run(self, progress: Progress) -> None:
        """Train until the last epoch or the end of patience, then write the model."""
        board = None
        if self.options.tensorboard and self.fabric.is_global_zero:
            board = open_board(self.job.folder / BOARD, self.state.step)
        total = self.steps * self.options.epochs
        try:
            with deferred() as interrupted, progress.bar("training", total, self.state.step) as bar:
                while not self._finished():
                    self._epoch(bar, interrupted)
                    if board is not None:
                        show(board, self.state.history[-1], self.state.step)
        finally:
            if board is not None:
                board.close()
        # The others do not wait: on many cells the readout takes longer than their patience.
        if self.fabric.is_global_zero:
            self.checkpoints.load_best(self.model)
            leave(self.model, self.job, self.state, self.plates, self.fabric.device)

    def _begin(self) -> State:
        if self.job.resume:
            state = self.checkpoints.load()
            if state is not None:
                _LOG.info("going on from epoch %d, step %d", state.epoch + 1, state.step)
                return state
        self.fabric.barrier()
        if self.fabric.is_global_zero:
            self.checkpoints.clear()
        return State()

    def _finished(self) -> bool:
        patience = self.options.patience
        waited_enough = bool(patience) and self.state.waited >= patience
        return self.state.epoch >= self.options.epochs or waited_enough

    def _epoch(self, bar: Bar, interrupted: Callable[[], bool]) -> None:
        job, state = self.job, self.state
        mine = self._own_rows("order")
        if fresh := self.objective.sees_fresh:
            others = self._own_rows("fresh")
            mine = [np.concatenate(both) for both in zip(mine, others, strict=True)]
        clock = time.perf_counter()
        for read, images in self.read(mine):
            count = len(read) // 2 if fresh else len(read)
            rows, pixels = read[:count], images[:count]
            figures = self.stepper.step(
                pixels,
                partial(job.images.names, rows),
                state.step,
                state.epoch + 1,
                job.wells if job.wells is None else job.wells[rows],
                job.plates if job.plates is None else job.plates[rows],
                images[count:] if fresh else None,
                self.classes if self.classes is None else self.classes[rows],
                self.told if self.told is None else self.told[rows],
            )
            state.add(figures)
            now = time.perf_counter()
            state.seconds += now - clock
            clock = now
            bar.advance(1, epoch=state.epoch + 1, **figures)
            if self._stops(interrupted):
                self._save()
                raise KeyboardInterrupt
            if state.step % self.options.checkpoint_steps == 0 and state.position < self.steps:
                self._save()
        self._close_epoch(clock)

    def _own_rows(self, purpose: str) -> list[Rows]:
        """The part that this process has of the batches that are left of the epoch."""
        job, state = self.job, self.state
        batches = epoch_batches(
            job.rows,
            job.weights,
            self.size,
            job.seed,
            state.epoch,
            wells=job.wells,
            together=job.per_well,
            purpose=purpose,
        )
        rank, processes = self.stepper.share
        return [np.array_split(batch, processes)[rank] for batch in batches[state.position :]]

    def _close_epoch(self, clock: float) -> None:
        state = self.state
        self._settle()
        self.stepper.share_statistics()
        measured = self._measure()
        if not math.isfinite(measured.elbo):
            raise TrainingError(
                f"the ELBO of the validation cells is not a number after epoch "
                f"{state.epoch + 1}, step {state.step}: reconstruction {measured.nll:g}, kl "
                f"{measured.kl:g} nats",
                mend="lower train.learning_rate, or set train.clip (try 1)",
            )
        if not self.job.selects or state.best_elbo is None or measured.elbo > state.best_elbo:
            state.best_elbo, state.best_epoch, state.waited = measured.elbo, state.epoch + 1, 0
            if self.fabric.is_global_zero:
                self.checkpoints.save_best(self.model, state.epoch + 1)
        else:
            state.waited += 1
        state.collapsed = state.collapsed + 1 if is_collapsed(measured) else 0
        if state.collapsed == COLLAPSE_EPOCHS and self.fabric.is_global_zero:
            warn_of_collapse(measured, state.epoch + 1)
        state.seconds += time.perf_counter() - clock
        state.history.append(
            epoch_record(
                state,
                self.model,
                self.job,
                measured,
                weights=self.objective.weights(state.step - 1),
                learning_rate=self.stepper.learning_rate(state.step - 1),
            )
        )
        state.next_epoch()
        self._save()
        if self.fabric.is_global_zero:
            write_history(self.job.folder / HISTORY, state.history)

    def _settle(self) -> None:
        job, (rank, processes) = self.job, self.stepper.share
        batches = epoch_batches(
            job.rows, job.weights, self.size, job.seed, self.state.epoch, purpose="statistics"
        )
        settle_statistics(
            self.fabric,
            self.model,
            self.read,
            [np.array_split(batch, processes)[rank] for batch in batches[:BATCHES]],
            torch.Generator().manual_seed(integer(job.seed, "statistics", self.state.epoch, rank)),
            self.told,
        )

    def _measure(self) -> Measured:
        agree(self.model)
        return measure(
            self.model,
            self.job.images,
            self.job.watched(),
            batch=self.options.batch,
            seed=self.job.seed,
            device=self.fabric.device,
            forward=self.stepper.forward,
            objective=self.objective,
            step=self.state.step,
            second=self.stepper.changed if self.objective.sees_twice else None,
            wells=self.job.wells,
            plates=self.job.plates,
            classes=self.classes,
            told=self.told,
            read=self.read,
            share=self.stepper.share,
            reduce=self._added,
        )

    def _added(self, sums: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return sums
        return cast(
            "Tensor", self.fabric.all_reduce(sums.to(self.fabric.device), reduce_op="sum")
        ).cpu()

    def _stops(self, interrupted: Callable[[], bool]) -> bool:
        if self.fabric.world_size == 1:
            return interrupted()
        return bool(self._added(torch.tensor([float(interrupted())])).item())

    def _save(self) -> None:
        if self.state.position:
            # All go on with those of the first process, so these must be everyone's.
            self.stepper.share_statistics()
        if self.fabric.is_global_zero:
            self.checkpoints.save(self.state)
        self.fabric.barrier()
