"""The readout: what of an encoder becomes the embedding of a cell, in which coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phenovae.base.errors import TrainingError
from phenovae.base.seeds import generator
from phenovae.vae.augment import view
from phenovae.vae.data import Images, Rows, read_ahead
from phenovae.vae.encoders import Encoder, in_fast_order
from phenovae.vae.model import VAE
from phenovae.vae.options import ReadoutOptions
from phenovae.vae.validation import to_device

Doubles = npt.NDArray[np.float64]

_CONSTANT = 1e-6
_BATCH = 256


@dataclass(frozen=True)
class Coordinates:
    """A linear map of features (n, feature) to (n, component): (features - mean) · matrix."""

    mean: Doubles
    matrix: Doubles

    def __call__(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Features in these coordinates, float32."""
        return ((features - self.mean) @ self.matrix).astype(np.float32)


def features_of(encoder: Encoder, images: Tensor, options: ReadoutOptions) -> Tensor:
    """What is taken of the encoder (n, feature), averaged over the views that are asked for."""
    if options.take == "mean":
        return _over_views(lambda seen: encoder(seen).mu, images, options)
    # How bright an image is does not change as it is turned, and neither do its channels' maxima,
    # so both are looked at once; and nothing is asked of the posterior.
    pooled = _over_views(partial(_stages, encoder, options), encoder.seen(images), options)
    amounts = encoder.amounts(images)
    return pooled if amounts is None else torch.cat([pooled, amounts.to(pooled)], dim=1)


def _stages(encoder: Encoder, options: ReadoutOptions, seen: Tensor) -> Tensor:
    maps = encoder.maps_of_seen(seen)[options.finest - 1 :]
    return torch.cat(encoder.pooled(maps, seen.shape[0]), dim=1)


def _over_views(
    take: Callable[[Tensor], Tensor], images: Tensor, options: ReadoutOptions
) -> Tensor:
    total = take(images)
    for number in range(1, options.views):
        total = total + take(in_fast_order(view(images, number)))
    mean: Tensor = total / options.views
    return mean


def learn_coordinates(
    model: VAE,
    images: Images,
    rows: Rows,
    options: ReadoutOptions,
    device: torch.device,
    wells: Rows | None = None,
    seed: int = 0,
) -> Coordinates:
    """The coordinates that the cells of these rows give a model. Raises as `fit_coordinates`.

    `wells` number the well of every image, by row, for options that take some cells of each; which
    ones the seed draws.
    """
    if options.per_well and wells is not None:
        rows = some_of_each(rows, wells[rows], options.per_well, seed)
    batches = [rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH)]

    def blocks() -> Iterator[npt.NDArray[np.float32]]:
        for _, pixels in read_ahead(images, batches, workers=1):
            found = features_of(model.encoder, to_device(pixels, device), options)
            yield found.float().cpu().numpy()

    training = model.training
    model.eval()
    with torch.no_grad():
        coordinates = fit_coordinates(blocks(), options)
    model.train(training)
    return coordinates


def some_of_each(rows: Rows, wells: Rows, most: int, seed: int) -> Rows:
    """At most so many of the rows of each well (n,), in their order, drawn by the seed."""
    drawn = generator(seed, "readout").permutation(len(rows))
    order = drawn[np.argsort(wells[drawn], kind="stable")]
    starts = np.flatnonzero(np.diff(wells[order], prepend=-1))
    place = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    kept: Rows = rows[np.sort(order[place < most])]
    return kept


def fit_coordinates(
    blocks: Iterable[npt.NDArray[np.float32]], options: ReadoutOptions
) -> Coordinates:
    """Principal components of standardised features, each scaled to variance 1, the largest first.

    Blocks are rows (n, feature) of the cells that are learned from; each counts alike, whatever it
    was treated with. Features and components that do not vary are left out. The sign of a
    component is that which makes its largest weight positive. Raises TrainingError where there are
    fewer cells than two, or no feature varies.
    """
    count, shift = 0, np.zeros(0)
    first, second = np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        if not count:
            shift = block.mean(axis=0, dtype=np.float64)
            first, second = np.zeros(len(shift)), np.zeros((len(shift), len(shift)))
        centred = block - shift
        first += centred.sum(axis=0)
        second += centred.T @ centred
        count += len(block)
    if count < 2:
        raise TrainingError(
            f"coordinates cannot be learned from {count} cells",
            mend="set model.readout.components to 0",
        )
    mean = first / count
    covariance = second / count - np.outer(mean, mean)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    varies = spread > _CONSTANT * spread.max()
    if not varies.any():
        raise TrainingError(
            f"all {len(spread)} features are the same in every one of {count} cells",
            mend="set model.readout.components to 0, or train longer",
        )
    scale = np.where(varies, 1 / np.where(varies, spread, 1), 0)
    variances, axes = np.linalg.eigh(covariance * np.outer(scale, scale))
    kept = min(options.components, int((variances > _CONSTANT * variances[-1]).sum()))
    variances, axes = variances[::-1][:kept], axes[:, ::-1][:, :kept]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(kept)])
    ridge = options.ridge * variances[0]
    matrix = scale[:, None] * (axes * signs) / np.sqrt(variances + ridge)
    return Coordinates(shift + mean, matrix)
