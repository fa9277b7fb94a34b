"""One pass over the chosen cells: features of them and of what the model makes, and fidelity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.base.progress import SILENT, Progress
from phenovae.evaluate.generation.choosing import Chosen, partners
from phenovae.evaluate.generation.fidelity import Fidelity, fidelity, joined
from phenovae.evaluate.generation.names import (
    PIXELS,
    POSTERIOR,
    PRIOR,
    REAL,
    RECONSTRUCTED,
    TEXTURE,
)
from phenovae.evaluate.generation.options import GenerationOptions
from phenovae.evaluate.generation.texture import texture
from phenovae.vae.data import Images
from phenovae.vae.generated import made_of_cells, made_of_nothing
from phenovae.vae.model_files import TrainedModel

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Space = Callable[[Singles], npt.NDArray[np.floating]]
"""Images (n, channel, height, width) to features (n, feature)."""

_SIDE = 16


@dataclass(frozen=True)
class Measured:
    """What a pass over cells gave.

    `rows` (n,) are the rows of the store that were looked at, in order. `spaces` has the features
    of each sample by space: real cells and posterior draws (n, feature), row by row; those of the
    whole alone, in their order, of reconstructions where there are posterior draws; and as many
    draws from the prior as were chosen for the whole. `kept` compares each cell with its
    reconstruction, `otherwise` with its partner, another real cell.
    """

    rows: Rows
    spaces: Mapping[str, Mapping[str, Doubles]]
    kept: Fidelity
    otherwise: Fidelity


def small_pixels(images: Singles) -> Doubles:
    """The space `pixels@1`: the pixels (n, value), in means of blocks, so that a side has 16."""
    # A side that 16 does not divide loses a rim.
    size = images.shape[-1]
    block = max(1, size // _SIDE)
    side = size // block
    cut = images[..., : side * block, : side * block].astype(np.float64)
    count, channels = images.shape[:2]
    means = cut.reshape(count, channels, side, block, side, block).mean(axis=(3, 5))
    found: Doubles = means.reshape(count, channels * side**2)
    return found


SPACES: Mapping[str, Space] = {TEXTURE: texture, PIXELS: small_pixels}


def measure(
    trained: TrainedModel,
    images: Images,
    chosen: Chosen,
    treatments: npt.NDArray[np.object_],
    options: GenerationOptions,
    spaces: Mapping[str, Space] = SPACES,
    progress: Progress = SILENT,
) -> Measured:
    """Measure the chosen cells and what a model makes of them, and as many draws from the prior.

    `treatments` has that of every cell of the store. Cells with a pixel that is no finite number
    are left out.
    """
    rows = chosen.rows
    partner = dict(zip(rows, partners(rows, treatments[rows], trained.card.seed), strict=True))
    kept: list[Fidelity] = []
    otherwise: list[Fidelity] = []
    seen: list[Rows] = []
    parts: dict[str, dict[str, list[Doubles]]] = {name: {} for name in spaces}

    def add(sample: str, made: Singles) -> None:
        for name, space in spaces.items():
            found = np.asarray(space(made), dtype=np.float64)
            parts[name].setdefault(sample, []).append(found)

    count, size = len(chosen.together), options.batch
    steps = -(-len(rows) // size) + -(-count // size)
    with progress.bar("judging images", steps) as bar:
        for made in made_of_cells(trained, images, rows, size):
            seen.append(made.rows)
            add(REAL, made.images)
            if made.drawn is None:
                add(RECONSTRUCTED, made.reconstructed)
            else:
                add(POSTERIOR, made.drawn)
                add(RECONSTRUCTED, made.reconstructed[np.isin(made.rows, chosen.together)])
            kept.append(fidelity(made.images, made.reconstructed))
            others = images.images(np.array([partner[row] for row in made.rows]))
            otherwise.append(fidelity(made.images, np.nan_to_num(others)))
            bar.advance()
        for drawn in made_of_nothing(trained, count, size):
            add(PRIOR, drawn)
            bar.advance()
    return Measured(
        np.concatenate(seen) if seen else rows[:0],
        {
            name: {sample: np.concatenate(found) for sample, found in samples.items()}
            for name, samples in parts.items()
        },
        joined(kept),
        joined(otherwise),
    )
