"""A training small enough to be killed often, and the harness that kills it.

Run as a program: `toy.py FOLDER MOMENT…` trains once unbroken, then once for each moment, killed
with SIGKILL at that event and gone on with, and prints one JSON line of hashes. A moment is
`read:N` (images of a batch), `sync:N` (a checkpoint written, not yet renamed) or `rename:N`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.vae.model_files import Recipe
from phenovae.vae.training import train


class ToyImages:
    """Two channels of a bright square, whose place and brightness differ between images."""

    channels = ("DAPI", "Actin")

    def __init__(self, count: int = 64, size: int = 16) -> None:
        random = np.random.default_rng(7)
        self.pixels = np.zeros((count, 2, size, size), np.float32)
        for image in self.pixels:
            row, column = random.integers(0, size // 2, size=2)
            image[:, row : row + size // 2, column : column + size // 2] = random.uniform(0.4, 1)
        noise = random.normal(0, 0.02, self.pixels.shape).astype(np.float32)
        self.pixels = np.clip(self.pixels + noise, 0, 1)
        self.shape = (2, size, size)

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return self.pixels[rows]

    def names(self, rows: npt.NDArray[np.int64]) -> list[str]:
        return [f"cell_{row}.npy" for row in rows]


class Interrupting:
    """Images that send Ctrl-C when they are read for the N-th time."""

    def __init__(self, at: int) -> None:
        self.inner = ToyImages()
        self.channels, self.shape = self.inner.channels, self.inner.shape
        self.left = at

    def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        pixels: npt.NDArray[np.float32] = self.inner.images(rows)
        return pixels

    def names(self, rows: npt.NDArray[np.int64]) -> list[str]:
        return [str(row) for row in rows]


TRAINING_ROWS = np.arange(48, dtype=np.int64)
VALIDATION_ROWS = np.arange(48, 64, dtype=np.int64)


def recipe(**groups: dict[str, object]) -> Recipe:
    """A small model and a short training on the CPU; groups of options override."""
    told: dict[str, dict[str, object]] = {
        "model": {"size": "small", "latent": 4, "likelihood": {"sigma": 0.3}},
        "augment": {"gain": 0.1, "noise": 0.01, "shift": 1},
        "train": {"epochs": 3, "batch": 16, "device": "cpu", "checkpoint_steps": 2},
    }
    for name, values in groups.items():
        told[name] = {**told.get(name, {}), **values}
    return Recipe.model_validate(told)


def hash_of(folder: Path) -> str:
    """SHA-256 of the weights and the card of a model."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes())
    digest.update((folder / "model.json").read_bytes())
    return digest.hexdigest()


def toy_train(folder: Path) -> None:
    train(ToyImages(), TRAINING_ROWS, VALIDATION_ROWS, recipe(), folder, seed=3)


def _kill_at(moment: str) -> None:
    """Make the process kill itself at the N-th event of a kind, counted from 0."""
    kind, number = moment.split(":")
    count = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object, **named: object) -> object:
            nonlocal count
            if count == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return function(*arguments, **named)

        return wrapper

    kinds: dict[str, tuple[tuple[object, str], ...]] = {
        "read": ((ToyImages, "images"),),
        "sync": ((os, "fsync"),),
        "rename": ((os, "replace"), (Path, "replace")),
    }
    for owner, name in kinds[kind]:
        setattr(owner, name, counted(getattr(owner, name)))


def _in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must not run on into the parent's code
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _broken(folder: Path, moment: str) -> None:
    _kill_at(moment)
    toy_train(folder)


def main(folder: Path, moments: list[str]) -> None:
    _in_child(lambda: toy_train(folder / "unbroken"))
    hashes = {"unbroken": hash_of(folder / "unbroken")}
    codes: dict[str, list[int]] = {}
    for number, moment in enumerate(moments):
        place = folder / f"killed-{number}"
        codes[moment] = [
            *(_in_child(partial(_broken, place, each)) for each in moment.split(",")),
            _in_child(partial(toy_train, place)),
        ]
        hashes[moment] = hash_of(place)
    sys.stdout.write(json.dumps({"hashes": hashes, "codes": codes}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
