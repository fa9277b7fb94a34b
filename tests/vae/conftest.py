"""Toy images and toy trainings for the tests of the vae room."""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from phenovae.vae.model_files import Recipe, Summary, TrainedModel, load_model
from phenovae.vae.training import train

_TOY = Path(__file__).with_name("toy.py")


def _load_toy() -> ModuleType:
    found = sys.modules.get("vae_toy")
    if found is not None:
        return found
    spec = importlib.util.spec_from_file_location("vae_toy", _TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["vae_toy"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module of the toy training."""
    return _load_toy()


@pytest.fixture(scope="session")
def toy_program() -> Path:
    """The toy training as a program."""
    return _TOY


@pytest.fixture(scope="session")
def toy_recipe(toy: ModuleType) -> Callable[..., Recipe]:
    """Makes the toy's recipe, options overridden by group."""
    made: Callable[..., Recipe] = toy.recipe
    return made


@pytest.fixture(scope="session")
def toy_folder(toy: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained toy model; not to be changed."""
    folder = tmp_path_factory.mktemp("toy model")
    train(toy.ToyImages(), toy.TRAINING_ROWS, toy.VALIDATION_ROWS, toy.recipe(), folder, seed=3)
    return folder


@pytest.fixture(scope="session")
def toy_model(toy_folder: Path) -> TrainedModel:
    """The trained toy model."""
    return load_model(toy_folder)


@pytest.fixture
def trained(toy: ModuleType) -> Callable[..., Summary]:
    """Trains on the toy images into a folder, with what is given overridden."""

    def run(folder: Path, recipe: Recipe, images: object = None, **named: object) -> Summary:
        rows = named.pop("rows", toy.TRAINING_ROWS)
        validation = named.pop("validation", toy.VALIDATION_ROWS)
        named.setdefault("seed", 3)
        made: Summary = train(
            images if images is not None else toy.ToyImages(),  # type: ignore[arg-type]
            rows,  # type: ignore[arg-type]
            validation,  # type: ignore[arg-type]
            recipe,
            folder,
            **named,  # type: ignore[arg-type]
        )
        return made

    return run


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of a training begin with torch loaded, which takes more time than all they do.

    As they are begun otherwise, by `spawn`, is left to tests that do not ask for this.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        multiprocessing.set_forkserver_preload(["phenovae.vae.training", "tests.vae.toy"])
        monkeypatch.setattr("phenovae.vae.launching._START", "forkserver")
