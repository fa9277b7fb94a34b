"""InstanSeg behind our call. Goldsborough et al. 2024, doi:10.48550/arXiv.2408.15954."""

from __future__ import annotations

import json
import os
import pkgutil
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import PhenovaeError, UsageError, nearest
from phenovae.images.segmentation.external import (
    announce,
    imported,
    loading_failed,
    weights_missing,
)
from phenovae.images.segmentation.planes import Floats

SUPPORTED = ("0.1",)
"""Versions whose calls were read: 0.1.1 and 0.1.2."""

_DEFAULT = "fluorescence_nuclei_and_cells"
_FILE = "instanseg.pt"

_WHOLE = 0
"""The effort without tiles; others are the side of a tile [px]."""

_LARGEST = 2500 * 2500
"""Pixels of the largest image that is seen whole; InstanSeg itself cuts at 6.75 million values."""

# Licence: the package declares Apache-2.0, its bioimageio_models/model-index.json that of each
# model; github.com/instanseg/instanseg/issues/41 names the data of the default one (CPDMI 2023).
_CODE_LICENCE = "its code is Apache-2.0"


class _Tensor(Protocol):
    def detach(self) -> _Tensor: ...
    def cpu(self) -> _Tensor: ...
    def numpy(self) -> npt.NDArray[np.generic]: ...


class _Evaluating(Protocol):
    def eval_small_image(self, image: Floats, **named: object) -> _Tensor: ...
    def eval_medium_image(self, image: Floats, **named: object) -> _Tensor: ...


class InstanSegSegmenter:
    """An InstanSeg model, ready."""

    def __init__(self, model: _Evaluating, name: str) -> None:
        self.name = name
        self._model = model

    def efforts(self) -> tuple[int, ...]:
        """The whole image, then tiles."""
        return (_WHOLE, 512, 256)

    def labels(
        self,
        plane: Floats,
        effort: int,
        diameter: float | None,  # noqa: ARG002
        pixel_size_um: float | None,
    ) -> npt.NDArray[np.generic]:
        """Labels of one plane. Told no diameter, but the size of a pixel, if it is known."""
        named = {"pixel_size": pixel_size_um, "target": "nuclei", "return_image_tensor": False}
        if effort == _WHOLE and plane.size <= _LARGEST:
            told = self._model.eval_small_image(plane, **named)
        else:
            told = self._model.eval_medium_image(plane, tile_size=effort or 512, **named)
        labels = told.detach().cpu().numpy()
        # (1, nuclei and perhaps cells, height, width)
        nuclei: npt.NDArray[np.generic] = labels.reshape(-1, *labels.shape[-2:])[0]
        return nuclei


def load_instanseg(model: str, device: str, *, download: bool) -> InstanSegSegmenter:
    """The InstanSeg model of that name, or in that folder; without either the one for fluorescence.

    Raises MissingExtraError, UsageError where version, model or weights are not to be had, and
    PhenovaeError where the weights do not load.
    """
    package = imported("instanseg", "instanseg-torch", "instanseg", SUPPORTED)
    version = metadata.version("instanseg-torch")
    index = _index()
    name = model or _DEFAULT
    title = f"InstanSeg {version}, model {name}"
    folder = _folder(str(package.__file__))
    own = Path(name).parent if Path(name).name == _FILE else Path(name)
    if name in index:
        told, weights = name, folder / name / index[name]["version"] / _FILE
    elif (own / _FILE).is_file():
        told, weights = str(own.resolve()), own / _FILE
    else:
        told, weights = name, folder / name / _FILE
        if not weights.is_file():
            raise UsageError(
                f"InstanSeg {version} has no model {name!r}, and there is no such folder with "
                f"an {_FILE}",
                where=folder,
                mend=nearest(name, index),
            )
    if not weights.is_file() and not download:
        raise weights_missing(title, weights)
    try:
        loaded: _Evaluating = package.InstanSeg(
            told,
            device="cpu" if device == "cpu" else None,
            image_reader="skimage.io",
            verbosity=0,
        )
    except Exception as error:
        raise loading_failed(title, weights, error) from error
    licence = index.get(name, {}).get("license", "")
    announce(
        title,
        f"{_CODE_LICENCE}, its index of models gives these weights as {licence}"
        if licence
        else f"{_CODE_LICENCE}, the licence of these weights is not known to phenovae",
    )
    return InstanSegSegmenter(loaded, title)


def _folder(package: str) -> Path:
    """Where InstanSeg keeps weights."""
    named = os.environ.get("INSTANSEG_BIOIMAGEIO_PATH")
    return Path(named) if named else Path(package).parent / "bioimageio_models"


def _index() -> dict[str, dict[str, str]]:
    """Models that InstanSeg can download, by name; of several versions the one that it takes."""
    try:
        text = pkgutil.get_data("instanseg", "bioimageio_models/model-index.json")
        listed = json.loads(text or b"")
        # the first of a name is the newest
        return {str(each["name"]): {k: str(v) for k, v in each.items()} for each in listed[::-1]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PhenovaeError(
            "InstanSeg's own list of models cannot be read",
            mend="install it anew: pip install --force-reinstall 'phenovae[instanseg]'",
        ) from error
