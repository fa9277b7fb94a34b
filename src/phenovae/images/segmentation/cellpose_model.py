"""Cellpose behind our call: its generations 3 (a network of its own) and 4 (Cellpose-SAM).

Stringer et al. 2021, doi:10.1038/s41592-020-01018-x; Cellpose3: Stringer and Pachitariu 2025,
doi:10.1038/s41592-025-02595-5; Cellpose-SAM: Pachitariu et al. 2025, doi:10.1101/2025.04.28.651001.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import UsageError, nearest
from phenovae.images.segmentation.external import (
    announce,
    imported,
    loading_failed,
    minor_of,
    weights_missing,
)
from phenovae.images.segmentation.planes import Floats

SUPPORTED = ("3.0", "3.1", "4.0", "4.1", "4.2")
"""Versions whose calls were read: 3.0.1, 3.1.1.2, 3.1.1.3, 4.0.1, 4.0.8, 4.1.1, 4.2.1.1."""

# Licence: of 4.2.1.1 the page at pypi.org/project/cellpose says that all models are trained on
# CC-BY-NC data, of 3.1.1.3 that all but three are; huggingface.co/mouseland/cellpose-sam gives its
# weights as BSD-3-Clause; the authors leave open whether the data's terms bind the weights
# (github.com/MouseLand/cellpose/issues/192).
_LICENCE = (
    "its code is BSD-3-Clause, its weights were trained on data under CC-BY-NC (no commercial use) "
    "and may be bound by that: this is for you to judge"
)
_FREE = ("yeast_BF_cp3", "yeast_PhC_cp3", "deepbacs_cp3")
_FREE_LICENCE = "its code is BSD-3-Clause, and its page names no CC-BY-NC data behind these weights"
_OWN_LICENCE = "its code is BSD-3-Clause, the licence of these weights is not known to phenovae"

_OLD_FILES = {name: f"{name}torch_0" for name in ("cyto", "cyto2", "nuclei")}
"""Cellpose 3 keeps some models under other names."""


class _Evaluating(Protocol):
    def eval(self, x: Floats, **named: object) -> Sequence[object]: ...


class CellposeSegmenter:
    """A Cellpose model, ready."""

    def __init__(self, model: _Evaluating, name: str, *, old: bool) -> None:
        self.name = name
        self._model = model
        self._named: dict[str, object] = {"channels": [0, 0]} if old else {}

    def efforts(self) -> tuple[int, ...]:
        """Tiles that the network sees at once."""
        return (8, 4, 2, 1)

    def labels(
        self,
        plane: Floats,
        effort: int,
        diameter: float | None,
        pixel_size_um: float | None,  # noqa: ARG002
    ) -> npt.NDArray[np.generic]:
        """Labels of one plane; without a `diameter` the model's own."""
        told = self._model.eval(plane, diameter=diameter, batch_size=effort, **self._named)
        return np.asarray(told[0])


def load_cellpose(model: str, device: str, *, download: bool) -> CellposeSegmenter:
    """The Cellpose model of that name or path; without either the generation's for nuclei.

    Raises MissingExtraError, UsageError where version, model or weights are not to be had, and
    PhenovaeError where the weights do not load.
    """
    models = imported("cellpose.models", "cellpose", "cellpose", SUPPORTED)
    version = metadata.version("cellpose")
    old = minor_of(version).startswith("3.")
    known = [str(name) for name in models.MODEL_NAMES]
    name = model or ("nuclei" if old else known[0])
    title = f"Cellpose {version}, model {name}"
    folder = Path(models.MODEL_DIR)
    builtin = name in known and not Path(name).is_file()
    weights = folder / (_OLD_FILES.get(name, name) if old else name) if builtin else Path(name)
    if not builtin and not weights.is_file():
        # a model that the user trained lies beside those of Cellpose
        weights = folder / name
        if not weights.is_file():
            raise UsageError(
                f"Cellpose {version} has no model {name!r}, and there is no such file of weights",
                where=folder,
                mend=f"{nearest(name, known)}; Cellpose 3 and 4 do not read each other's models",
            )
    if not weights.is_file() and not download:
        raise weights_missing(title, weights)
    # by its path where it can be, since a name may be a folder here
    named: dict[str, object] = {"pretrained_model": str(weights) if weights.is_file() else name}
    if old and builtin:
        # by its name an old model knows the diameter that it was trained with
        named = {"model_type": name}
    try:
        loaded: _Evaluating = models.CellposeModel(gpu=device != "cpu", **named)
    except Exception as error:
        raise loading_failed(title, weights, error) from error
    announce(title, _licence(name, old=old, builtin=builtin))
    return CellposeSegmenter(loaded, title, old=old)


def _licence(name: str, *, old: bool, builtin: bool) -> str:
    if not builtin:
        return _OWN_LICENCE
    return _FREE_LICENCE if old and name in _FREE else _LICENCE
