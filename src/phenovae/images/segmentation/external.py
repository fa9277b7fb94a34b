"""Nuclei by other people's models, behind the one call that finds nuclei."""

from __future__ import annotations

import functools
import importlib
import logging
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError, MissingExtraError, PhenovaeError, UsageError
from phenovae.images.segmentation.options import SegmentationOptions
from phenovae.images.segmentation.planes import Floats
from phenovae.images.segmentation.regions import Labels

logger = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""How torch says on a GPU and on a CPU that memory has run out; its error is a RuntimeError."""


class Segmenter(Protocol):
    """A model that is loaded and ready."""

    name: str

    def efforts(self) -> tuple[int, ...]:
        """How much to hold in memory at once, most first, in units of the model's own."""
        ...

    def labels(
        self, plane: Floats, effort: int, diameter: float | None, pixel_size_um: float | None
    ) -> npt.NDArray[np.generic]:
        """Labels (height, width) of any number type, 0 for the ground, numbers in any order."""
        ...


def segment_by_model(
    plane: Floats,
    options: SegmentationOptions,
    diameter: float | None,
    pixel_size_um: float | None,
) -> Labels:
    """Labels of one plane, 1…n without gaps, by the model that `options` name.

    `diameter` [px] is what a nucleus is across, None where the image does not tell. Out of memory,
    the model is asked again with less at once. Raises InputError where the model fails on this
    image; MissingExtraError, UsageError or another PhenovaeError where it would fail on any.
    """
    model = _model_of(options)
    efforts = model.efforts()
    for effort, less in zip(efforts, (*efforts[1:], None), strict=True):
        try:
            found = model.labels(plane, effort, diameter, pixel_size_um)
        except Exception as error:  # a model of others may raise anything, of this image alone
            told = f"{model.name} failed: {_first_line(error)}"
            if not _out_of_memory(error):
                raise InputError(told) from error
            if less is None:
                # lists of failed images show what is wrong alone, so the mend is said with it
                raise InputError(
                    f"{model.name} ran out of memory; compute on the CPU (device=cpu, --device "
                    f"cpu), or cut the images into smaller tiles: {_first_line(error)}"
                ) from error
            logger.warning("%s ran out of memory; it tries again with less at once", model.name)
        else:
            return _consecutive(found, plane.shape, model.name)
    raise AssertionError("a model makes one effort at least")


def prepare(options: SegmentationOptions) -> None:
    """Load the model that `options` name, if any, so that what is wrong with it is told first.

    Raises MissingExtraError, UsageError or PhenovaeError where it cannot be used.
    """
    if options.method != "classical":
        _model_of(options)


def imported(module: str, distribution: str, extra: str, supported: tuple[str, ...]) -> ModuleType:
    """A module of an optional package of a version that is known: `supported` are major.minor.

    Raises MissingExtraError, UsageError where the version is another, PhenovaeError where the
    package is there but broken.
    """
    purpose = f"segmentation by {extra}"
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(distribution, extra, purpose) from error
    if minor_of(version) not in supported:
        raise UsageError(
            f"{distribution} {version} is installed, and phenovae does not know how to call it",
            mend=f"pip install 'phenovae[{extra}]' brings one of the versions that it knows: "
            f"{', '.join(supported)}",
        )
    try:
        return importlib.import_module(module)
    except Exception as error:  # compiled parts that do not fit raise anything
        raise PhenovaeError(
            f"{distribution} {version} is installed but cannot be imported: {_first_line(error)}",
            mend=f"pip install 'phenovae[{extra}]' into a fresh environment, where all parts fit",
        ) from error


def minor_of(version: str) -> str:
    """The first two numbers of a version: 4.2.1.1 is a 4.2."""
    numbers = re.match(r"\d+\.\d+", version)
    return numbers.group() if numbers else version


def announce(name: str, licence: str) -> None:
    """Say which model is used, and what is known of the licence of its weights."""
    logger.warning("nuclei by %s; %s", name, licence)


def loading_failed(name: str, weights: Path, error: Exception) -> PhenovaeError:
    """The error for weights that are there and do not load, or that cannot be fetched."""
    there = weights.is_file()
    return PhenovaeError(
        f"the weights of {name} cannot be {'loaded' if there else 'downloaded'}: "
        f"{_first_line(error)}",
        where=weights,
        mend="check that they are of this model and whole; without them, they can be downloaded"
        if there
        else "check the network, or put them there by hand",
    )


def weights_missing(name: str, weights: Path) -> UsageError:
    """The error for weights that are not on disk and that nobody asked to download."""
    return UsageError(
        f"the weights of {name} are not on this machine",
        where=weights,
        mend="download_weights=true (--download-weights) lets the library fetch them",
    )


def _model_of(options: SegmentationOptions) -> Segmenter:
    return _loaded(options.method, options.model, options.device, options.download_weights)


# Weights are large: a process loads a model once, and tells of its licence once.
@functools.lru_cache(maxsize=1)
def _loaded(method: str, model: str, device: str, download: bool) -> Segmenter:  # noqa: FBT001
    if method == "cellpose":
        from phenovae.images.segmentation.cellpose_model import load_cellpose

        return load_cellpose(model, device, download=download)
    from phenovae.images.segmentation.instanseg_model import load_instanseg

    return load_instanseg(model, device, download=download)


def _consecutive(found: npt.NDArray[np.generic], shape: tuple[int, ...], name: str) -> Labels:
    if found.shape != shape:
        raise InputError(f"{name} gave labels of shape {found.shape} for an image of {shape}")
    _, numbers = np.unique(found, return_inverse=True)
    # without any ground the lowest number is an object too
    first = 0 if (found == 0).any() else 1
    labels: Labels = (numbers.reshape(shape) + first).astype(np.int32)
    return labels


def _out_of_memory(error: Exception) -> bool:
    return any(
        isinstance(each, MemoryError) or any(sign in str(each).lower() for sign in _OUT_OF_MEMORY)
        for each in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
