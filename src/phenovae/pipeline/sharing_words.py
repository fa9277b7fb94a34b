"""What is said of a model that is shared: its crops, its readout, its normalisation, its ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phenovae.cells.view import View
from phenovae.report.content import Record
from phenovae.vae.file_names import DECODER, ENCODER

if TYPE_CHECKING:
    from phenovae.vae.model_files import Card
    from phenovae.vae.onnx_files import Agreement


CONFIG = "config.json"
"""In the shared folder: what another program must know."""

_SHARED = (
    "features", "protocol", "version", "variant", "track", "kind", "metric", "value", "correct",
    "total", "low", "high", "null_mean", "chance", "p_value", "seed", "cells", "controls", "level",
    "dimensions", "training", "against", "reason",
)  # fmt: skip
"""Of a record of scores; the rest names compounds, which are their owner's to tell."""


def shared_record(record: Record) -> dict[str, object]:
    """What of a record of scores is shared: no compound is named."""
    return {key: record[key] for key in _SHARED if key in record}


def onnx_facts(agreement: Agreement) -> dict[str, object]:
    """How far ONNX agrees with PyTorch, for programs."""
    from phenovae.vae.onnx_files import TOLERANCE

    return {
        "tolerance": TOLERANCE,
        "cells_compared": agreement.images,
        "largest_difference": dict(agreement.largest),
    }


def onnx_words(agreement: Agreement | None) -> str:
    """How far ONNX agrees with PyTorch, for people."""
    if agreement is None:
        return "There is no ONNX in this folder."
    from phenovae.vae.onnx_files import TOLERANCE

    found = ", ".join(f"{name} {value:.1g}" for name, value in agreement.largest.items())
    return (
        f"`{ENCODER}` and `{DECODER}` do the same in any language, on images that are normalised "
        f"already, as `{CONFIG}` says. On {agreement.images} cells of the training screen and on "
        f"random images they differ from PyTorch by at most: {found}. A share of {TOLERANCE:g} of "
        "the largest value was allowed (where that is above 1)."
    )


def raw_words(card: Card) -> str:
    """Size, pixels and dtype of the raw crops."""
    origin = card.origin
    height, width = origin.crop_size or (0, 0)
    bits = 8 * np.dtype(origin.dtype).itemsize
    pixel = (
        f"a pixel of {origin.pixel_size_um:g} µm"
        if origin.pixel_size_um is not None
        else "the size of a pixel is not recorded"
    )
    return f"{height} × {width} px ({pixel}), {origin.dtype} ({bits} bits a channel)"


def readout_words(card: Card) -> str:
    """What the embedding of a cell is."""
    readout = card.recipe.model.readout
    taken = (
        "the posterior mean"
        if readout.take == "mean"
        else f"means and maxima of the encoder's maps from stage {readout.finest} on"
    )
    if readout.views > 1:
        taken += f", averaged over {readout.views} views"
    return taken + (", in principal components of variance 1" if readout.components else "")


def scaling_words(view: View) -> list[str]:
    """How raw crops become what the network sees, step by step."""
    options = view.options
    how = "resized" if options.fit == "resize" else "its centre cut out"
    said = [f"each crop {how} to {options.size} × {options.size} px"]
    if options.normalise == "plate":
        said.append(
            f"by plate and channel: percentile {options.low_percentile:g} of the pixels of the "
            f"plate's negative controls (of all cells where there are none) becomes 0, percentile "
            f"{options.high_percentile:g} becomes 1/{options.headroom:g}, and the rest is cut off"
        )
        sources = sorted({scale.source for scale in view.scales.values()})
        said.append(f"{len(view.scales)} plates, as {sources[0]}")
    elif options.normalise == "none":
        said.append("by the range of the dtype")
    else:
        said.append(f"each crop and channel by itself ({options.normalise})")
    if options.gamma != 1:
        said.append(f"then to the power of {options.gamma:g}")
    return said
