"""Fields with the outlines of what was found in them, to be judged by eye."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from phenovae.figures.colours import composite
from phenovae.figures.crops import GAMMA
from phenovae.figures.drawing import CSS_INCH, RASTER_DPI, in_house_style, new_figure
from phenovae.figures.fields import field_picture
from phenovae.images.smoothing import Pixels, block_side

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer]

SIDE = 640

KEPT = "#ffdd00"
LEFT_OUT = "#ff40dd"
BODY = "#ffffff"

_FINER = RASTER_DPI // CSS_INCH
_THICK, _THIN = 3, 1  # points of the picture
_DIM = 0.75  # of the field's brightness, so that outlines stand out
_THROUGH = 0.6  # rims of bodies let a part of the field through, for they lie over cells


@dataclass(frozen=True)
class Overlay:
    """A field and the outlines over it, reduced to what is drawn.

    `image` (channel, height, width) float32 in [0, 1]; `kept`, `left_out` and `bodies` bool, each
    a whole number of times finer: outlines of kept nuclei, of those left out, and of cell bodies.
    """

    image: npt.NDArray[np.float32]
    kept: Mask
    left_out: Mask
    bodies: Mask


def overlay_of(
    images: Mapping[str, Pixels],
    channels: Sequence[str],
    nuclei: Labels,
    bodies: Labels | None,
    kept: Collection[int],
    side: int = SIDE,
) -> Overlay:
    """Reduce a field to at most `side` blocks, and what was found in it to outlines.

    `images` (height, width) by channel, each scaled by itself; `nuclei` and `bodies` label images
    of the same size, and `kept` the numbers of the nuclei that were kept. Raises ValueError without
    an image, or where sizes differ.
    """
    shapes = {image.shape for image in (*images.values(), nuclei)}
    shapes |= set() if bodies is None else {bodies.shape}
    if len(shapes) > 1:
        raise ValueError(f"images and labels of one field differ in size: {sorted(shapes)}")
    image = field_picture("", "", images, channels, side=side).image
    block = block_side((nuclei.shape[0], nuclei.shape[1]), side)
    finer = _finer(image, side)
    numbers = _sampled(nuclei, image, block, finer)
    drawn = outlines(numbers, _THICK)
    of_kept = np.isin(numbers, list(kept))
    around = (
        np.zeros_like(drawn)
        if bodies is None
        else outlines(_sampled(bodies, image, block, finer), _THIN)
    )
    return Overlay(image, drawn & of_kept, drawn & ~of_kept, around)


def outlines(labels: Labels, thick: int) -> Mask:
    """The rims (height, width) of labelled objects, `thick` px, drawn inside them.

    Where an object meets the border of the image it has no rim.
    """
    rim = np.zeros(labels.shape, dtype=bool)
    for turned, marked in ((labels, rim), (labels.T, rim.T)):
        for step in range(1, min(thick, len(turned) - 1) + 1):
            unlike = turned[:-step] != turned[step:]
            marked[:-step] |= unlike
            marked[step:] |= unlike
    return rim & (labels > 0)


@in_house_style
def overlay(found: Overlay, channels: Sequence[str]) -> Figure:
    """One field in the field's colours, with outlines over it."""
    finer = found.kept.shape[0] // found.image.shape[1]
    painted = _DIM * composite(found.image[None], channels, np.ones(len(channels)), GAMMA)[0]
    painted = painted.repeat(finer, axis=0).repeat(finer, axis=1)
    painted[found.bodies] += _THROUGH * (_colour(BODY) - painted[found.bodies])
    painted[found.left_out] = _colour(LEFT_OUT)
    painted[found.kept] = _colour(KEPT)
    height, width = painted.shape[:2]
    figure = new_figure(width / RASTER_DPI, height / RASTER_DPI, arranged=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(painted, interpolation="nearest", aspect="auto")
    return figure


def _finer(image: npt.NDArray[np.float32], side: int) -> int:
    """How many points of the picture a block gets: small fields are enlarged."""
    longest: int = max(image.shape[1:])
    return max(1, _FINER * side // longest)


def _sampled(labels: Labels, image: npt.NDArray[np.float32], block: int, finer: int) -> Labels:
    """The label at every point of the picture."""
    rows, columns = (
        ((np.arange(count * finer) + 0.5) * block / finer).astype(int) for count in image.shape[1:]
    )
    return np.asarray(labels[rows][:, columns])


def _colour(name: str) -> npt.NDArray[np.float64]:
    return np.asarray(to_rgb(name), dtype=np.float64)
