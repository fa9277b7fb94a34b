"""The whole state of a training on disk: the newest checkpoint, and the one before it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from phenovae.base.errors import InputError, TrainingError
from phenovae.vae.state import State
from phenovae.vae.tensor_files import read_tensors, write_tensors

_LOG = logging.getLogger("phenovae.vae")
FORMAT = 1
_NEWEST = "checkpoint.safetensors"
_BEFORE = "checkpoint.previous.safetensors"
_BEST = "best.safetensors"


class Checkpoints:
    """The checkpoints in a folder, all of one training, told by its fingerprint.

    `modules` and `optimisers` are saved and loaded in place, each under its name.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        modules: Mapping[str, nn.Module],
        optimisers: Mapping[str, Optimizer],
    ) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.modules = modules
        self.optimisers = optimisers

    def save(self, state: State) -> None:
        """Write a checkpoint; the one before stays until this one is whole, and beside it after.

        Raises PhenovaeError where the disk is full; the checkpoint before is then intact.
        """
        tensors: dict[str, Tensor] = {}
        for name, module in self.modules.items():
            for key, value in module.state_dict().items():
                tensors[f"module/{name}/{key}"] = value
        for name, optimiser in self.optimisers.items():
            for number, values in optimiser.state_dict()["state"].items():
                for key, value in values.items():
                    tensors[f"optimiser/{name}/{number}/{key}"] = value
        note = {"format": FORMAT, "fingerprint": self.fingerprint, "state": state.as_dict()}
        write_tensors(self.folder / _NEWEST, tensors, note, keep=self.folder / _BEFORE)

    def save_best(self, model: nn.Module, epoch: int) -> None:
        """Keep the weights of the best epoch so far, apart from the checkpoints."""
        note = {"fingerprint": self.fingerprint, "epoch": epoch}
        write_tensors(self.folder / _BEST, model.state_dict(), note)

    def load_best(self, model: nn.Module) -> None:
        """Put the best epoch's weights into the model. Raises InputError where they are damaged."""
        tensors, _ = read_tensors(self.folder / _BEST)
        model.load_state_dict(tensors)

    def load(self) -> State | None:
        """Go back to the newest whole checkpoint; None where there is none of this training.

        A damaged newest checkpoint is warned about and the one before taken. Raises
        TrainingError where checkpoints are there and none is whole.
        """
        self._sweep()
        damaged: InputError | None = None
        for path in (self.folder / _NEWEST, self.folder / _BEFORE):
            if not path.exists():
                continue
            try:
                tensors, note = read_tensors(path)
            except InputError as error:
                _LOG.warning("a checkpoint is damaged, trying the one before it: %s", path)
                damaged = error
                continue
            return self._restore(tensors, note, path)
        if damaged is not None:
            raise TrainingError(
                "no checkpoint of this training is whole",
                where=self.folder,
                mend="remove the folder, or train with --no-resume, to start anew",
            ) from damaged
        return None

    def clear(self) -> None:
        """Remove every checkpoint."""
        self._sweep()
        for name in (_NEWEST, _BEFORE, _BEST):
            if (self.folder / name).exists():
                (self.folder / name).unlink()

    def _sweep(self) -> None:
        for partial in self.folder.glob(".*.safetensors.*.partial"):
            partial.unlink(missing_ok=True)

    def _restore(self, tensors: dict[str, Tensor], note: object, path: Path) -> State | None:
        if not isinstance(note, dict) or not isinstance(note.get("format"), int):
            raise TrainingError(f"{path.name} is no checkpoint", where=path)
        if note["format"] > FORMAT:
            raise TrainingError(
                f"{path.name} has format {note['format']}; this phenovae reads up to {FORMAT}",
                where=path,
                mend="install a newer phenovae, or train with --no-resume",
            )
        if note.get("fingerprint") != self.fingerprint:
            _LOG.warning(
                "the checkpoint is of other settings, cells or seed; training starts anew: %s", path
            )
            return None
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, f"module/{name}/"))
        for name, optimiser in self.optimisers.items():
            _restore_optimiser(optimiser, _below(tensors, f"optimiser/{name}/"))
        return State.from_dict(note.get("state"))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _restore_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split("/")
        like = parameters[int(number)]
        if value.shape == like.shape:
            # The layout of the parameter, too: arithmetic over another layout may round elsewhere.
            value = torch.empty_like(like).copy_(value)
        state.setdefault(int(number), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
