"""One field of view, from a seed and a condition to pixels and truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.base.seeds import generator
from phenovae.twin.camera import CHANNELS, Exposure, expose
from phenovae.twin.options import TwinOptions
from phenovae.twin.outlines import cell_outlines, cover, nuclear_blobs
from phenovae.twin.phenotypes import Phenotypes
from phenovae.twin.population import MARGIN, Cells, Condition, grow
from phenovae.twin.staining import stain


@dataclass(frozen=True)
class Field:
    """Pixels of one field, uint16 (height, width) a channel, and what is in it.

    `labels` of cells, from 1, equal their place in `cells` plus 1; cells of the margin have none.
    """

    images: dict[str, npt.NDArray[np.uint16]]
    nuclei: npt.NDArray[np.uint16]
    bodies: npt.NDArray[np.uint16]
    cells: Cells


def draw_field(
    names: tuple[str | int, ...],
    seed: int,
    condition: Condition,
    exposures: dict[str, Exposure],
    stain_gains: dict[str, float],
    phenotypes: Phenotypes,
    options: TwinOptions,
) -> Field:
    """Draw a field. `names` name its random streams, so that it never depends on another field."""
    shape = (options.height, options.width)
    size = (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN)
    cells = grow(generator(seed, *names, "cells"), condition, phenotypes, shape, options.density)
    shapes = generator(seed, *names, "shapes")
    outlines = cell_outlines(shapes, cells)
    ground = cover(cells, outlines, nuclear_blobs(shapes, cells), size)
    light = stain(generator(seed, *names, "stains"), cells, ground)
    inner = (slice(MARGIN, MARGIN + shape[0]), slice(MARGIN, MARGIN + shape[1]))
    images = {
        channel: expose(
            generator(seed, *names, "camera", channel),
            light[channel][inner],
            exposures[channel],
            stain_gains[channel],
        )
        for channel in CHANNELS
    }
    return Field(
        images=images,
        nuclei=_labels(ground.nuclei[inner]),
        bodies=_labels(ground.cells[inner]),
        cells=cells,
    )


def _labels(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.uint16]:
    return labels.astype(np.uint16)
