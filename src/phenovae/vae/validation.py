"""What a model does with cells that it is not trained on: ELBO, KL by dimension, active units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import integer
from phenovae.vae.codebooks import perplexity
from phenovae.vae.data import Images, Pixels, Rows, read_ahead
from phenovae.vae.encoders import in_fast_order
from phenovae.vae.model import VAE, Batch, Output, told_by
from phenovae.vae.objectives import Objective
from phenovae.vae.resident import Reader

ACTIVE_VARIANCE = 0.01
"""Variance of the posterior mean above which a unit is active (Burda et al. 2016)."""


class Pass(Protocol):
    """A pass through the model: images, noise, second view, codes of plates, hidden pixels."""

    def __call__(
        self,
        images: Tensor,
        noise: Tensor,
        other: Tensor | None = None,
        told: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> Output:
        """What the model makes of them, see `VAE.forward`."""


@dataclass(frozen=True)
class Measured:
    """Means over cells.

    `nll` and `elbo` [nats a cell] with one draw of z; `kl_per_dimension` [nats] and
    `variance_of_mean`, each (latent,); `squared_error` (channel,), mean over pixels, of the view's
    range; `terms`, the objective's unweighted terms [nats a cell]; `code_perplexity`, how many
    codes of a part are in use, see `perplexity`, of a latent space of codes.
    """

    cells: int
    nll: float
    kl_per_dimension: npt.NDArray[np.float64]
    variance_of_mean: npt.NDArray[np.float64]
    squared_error: npt.NDArray[np.float64]
    terms: dict[str, float]
    code_perplexity: float | None = None

    @property
    def kl(self) -> float:
        """KL of the whole posterior [nats a cell]."""
        return float(self.kl_per_dimension.sum())

    @property
    def elbo(self) -> float:
        """Evidence lower bound [nats a cell]."""
        return -(self.nll + self.kl)

    @property
    def active_units(self) -> int:
        """Latent dimensions whose posterior mean varies between cells."""
        return int((self.variance_of_mean > ACTIVE_VARIANCE).sum())


def _alone(sums: Tensor) -> Tensor:
    return sums


def measure(
    model: VAE,
    images: Images,
    rows: Rows,
    *,
    batch: int,
    seed: int,
    device: torch.device,
    forward: Pass | None = None,
    objective: Objective | None = None,
    second: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    step: int = 0,
    wells: Rows | None = None,
    plates: Rows | None = None,
    classes: Rows | None = None,
    told: Rows | None = None,
    read: Reader | None = None,
    share: tuple[int, int] = (0, 1),
    reduce: Callable[[Tensor], Tensor] = _alone,
    progress: Progress = SILENT,
) -> Measured:
    """Measure a model on rows, without augmentation and with the same noise every time.

    `forward` is the model as wrapped for its device; `second` makes the second view for an
    objective that sees twice, `step` is the training's; `wells`, `plates` and `classes` number
    those of all images, by row, and `told` are the codes of plates that the decoder is told;
    `read` gives the images of batches, by default from `images`;
    `share` says which batches of how many processes are this one's, and `reduce` adds the sums of
    all. For an objective that hides pixels its terms are of images with some hidden, as in
    training, and all else is of whole images.
    """
    passing = forward if forward is not None else model
    reading = read if read is not None else partial(read_ahead, images, workers=1)
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    names = list(objective.terms) if objective is not None else []
    channels = model.shape[0]
    sums = torch.zeros(2 + 3 * model.latent + channels + len(names), dtype=torch.float64)
    books = model.codebooks
    usage = torch.zeros(0 if books is None else books.uses.numel(), dtype=torch.float64)
    modules = [model] if objective is None else [model, objective]
    training = model.training
    for module in modules:
        module.eval()
    mine = batches[share[0] :: share[1]]
    with torch.no_grad(), progress.bar("measuring", len(mine)) as bar:
        for number, (block, pixels) in enumerate(reading(mine)):
            random = torch.Generator().manual_seed(
                integer(seed, "validation", "noise", share[0] + number * share[1])
            )
            noise = torch.randn((len(block), model.latent), generator=random).to(device)
            batch_images = to_device(pixels, device)
            other = second(batch_images, random) if second is not None else None
            codes = _of(told, block, device)
            output = passing(batch_images, noise, other, codes)
            posterior, reconstruction = told_by(output)
            squares = (output.mean - batch_images).square().mean(dim=(2, 3))
            seen = Batch(
                batch_images,
                step,
                other,
                wells=_of(wells, block, device),
                plates=_of(plates, block, device),
                classes=_of(classes, block, device),
                told=codes,
            )
            hidden = objective.hidden(len(block), random) if objective is not None else None
            if hidden is None:
                shown = posterior, reconstruction
            else:
                seen.hidden = hidden.to(device)
                shown = told_by(passing(batch_images, noise, other, codes, seen.hidden))
            losses = objective(seen, *shown) if objective is not None else {}
            parts = [
                torch.tensor([float(len(block))], dtype=torch.float64),
                output.nll.cpu().double().sum().reshape(1),
                posterior.kl.cpu().double().sum(dim=0),
                output.mu.cpu().double().sum(dim=0),
                output.mu.cpu().double().square().sum(dim=0),
                squares.cpu().double().sum(dim=0),
                *(losses[name].cpu().double().sum().reshape(1) for name in names),
            ]
            sums += torch.cat(parts)
            if books is not None and output.quantised is not None:
                usage += books.usage(output.quantised.codes).flatten().cpu()
            bar.advance()
    for module in modules:
        module.train(training)
    together = reduce(torch.cat([sums, usage]))
    used = None if books is None else perplexity(together[len(sums) :].view_as(books.uses))
    return _means(together[: len(sums)].numpy(), model.latent, channels, names, used)


def _of(numbers: Rows | None, rows: Rows, device: torch.device) -> Tensor | None:
    return None if numbers is None else torch.from_numpy(numbers[rows]).to(device)


def _means(
    sums: npt.NDArray[np.float64], latent: int, channels: int, names: list[str], used: float | None
) -> Measured:
    cells = int(sums[0])
    means = sums[1:] / cells
    kl, first, second = (means[1 + i * latent : 1 + (i + 1) * latent] for i in range(3))
    start = 1 + 3 * latent
    return Measured(
        cells=cells,
        nll=float(means[0]),
        kl_per_dimension=kl,
        variance_of_mean=np.maximum(second - first**2, 0.0),
        squared_error=means[start : start + channels],
        terms=dict(zip(names, means[start + channels :].tolist(), strict=True)),
        code_perplexity=used,
    )


def to_device(pixels: Pixels | Tensor, device: torch.device) -> Tensor:
    """Images on the device, laid out as its convolutions like them."""
    if isinstance(pixels, Tensor):
        return in_fast_order(pixels.to(device))
    return in_fast_order(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))
