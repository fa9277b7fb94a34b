"""What a trained model makes of cells, and of nothing: reconstructions and draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phenovae.base.seeds import generator
from phenovae.vae.data import Images, Pixels, Rows, read_ahead
from phenovae.vae.model_files import TrainedModel

_ONE_READER = 1


@dataclass(frozen=True)
class Made:
    """Some cells and what a model makes of them, each (n, channel, height, width) in [0, 1].

    `reconstructed` is decoded from posterior means, `drawn` from a draw of each posterior; None in
    a latent space of codes, whose posteriors have nothing to draw. `rows` are those of the cells,
    less any with a pixel that is no finite number.
    """

    rows: Rows
    images: Pixels
    reconstructed: Pixels
    drawn: Pixels | None


def made_of_cells(trained: TrainedModel, images: Images, rows: Rows, batch: int) -> Iterator[Made]:
    """What a model makes of these cells, a batch at a time; the same draws for the same rows.

    Pixels are the means of the likelihood, without its noise, clipped to the range of images. A
    decoder that is told of plates is told none.
    """
    random = generator(trained.card.seed, "vae", "generated", "posterior")
    batches = [rows[at : at + batch] for at in range(0, len(rows), batch)]
    for block, found in read_ahead(images, batches, workers=_ONE_READER):
        noise = random.standard_normal((len(block), trained.model.latent), dtype=np.float32)
        whole = np.isfinite(found).all(axis=(1, 2, 3))
        if not whole.any():
            continue
        pixels, noise = found[whole], noise[whole]
        mean, logvar = trained.encode(pixels)
        drawn = None
        if trained.model.codebooks is None:
            drawn = _clipped(trained.decode(mean + noise * np.exp(0.5 * logvar)))
        yield Made(block[whole], pixels, _clipped(trained.decode(mean)), drawn)


def made_of_nothing(trained: TrainedModel, count: int, batch: int) -> Iterator[Pixels]:
    """Images (n, channel, height, width) of `count` latents drawn from the prior, by batches."""
    random = generator(trained.card.seed, "vae", "generated", "prior")
    for at in range(0, count, batch):
        yield _clipped(trained.decode(trained.draw(min(batch, count - at), random)))


def _clipped(images: Pixels) -> Pixels:
    found: Pixels = np.clip(images, 0.0, 1.0)
    return found
