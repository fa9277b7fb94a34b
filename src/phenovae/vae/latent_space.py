"""Where cells lie in the latent space of a trained model, and which of its dimensions are used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from phenovae.base.progress import SILENT, Progress
from phenovae.vae.aggregate import moments
from phenovae.vae.data import Images, Rows, read_ahead
from phenovae.vae.latent_paths import Latents
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.validation import ACTIVE_VARIANCE

Doubles = npt.NDArray[np.float64]

_BATCH = 128


@dataclass(frozen=True)
class Posteriors:
    """Posteriors of cells: their rows (n,), means and log-variances (n, latent), float32.

    `gaussian` says whether log-variances mean anything; in a latent space of codes they do not.
    """

    rows: Rows
    mean: Latents
    logvar: Latents
    gaussian: bool = True

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def center(self) -> Doubles:
        """Mean of the aggregate posterior (latent,)."""
        center: Doubles = self.mean.mean(axis=0, dtype=np.float64)
        return center

    @cached_property
    def variance_of_mean(self) -> Doubles:
        """Variance of the posterior means over the cells (latent,)."""
        variance: Doubles = self.mean.var(axis=0, dtype=np.float64)
        return variance

    @cached_property
    def spread(self) -> Doubles:
        """Standard deviation of the aggregate posterior (latent,); of codes, that of the means.

        A dimension in which cells do not differ at all has spread 1, so that it can be divided by.
        """
        variance = self.variance_of_mean
        if self.gaussian:
            _, variance = moments(self.mean.astype(np.float64), self.logvar.astype(np.float64))
        return np.where(variance > 0, np.sqrt(variance), 1.0)

    @cached_property
    def kl(self) -> Doubles | None:
        """KL to the prior by dimension (latent,) [nats a cell]; none in a latent space of codes."""
        if not self.gaussian:
            return None
        mu, logvar = self.mean.astype(np.float64), self.logvar.astype(np.float64)
        kl: Doubles = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
        return kl

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Dimensions whose means vary between cells by more than 0.01 (Burda et al. 2016)."""
        return self.variance_of_mean > ACTIVE_VARIANCE

    @cached_property
    def by_usage(self) -> npt.NDArray[np.int64]:
        """Dimensions from the most used: by KL, and by the variance of the means among codes."""
        used = self.variance_of_mean if self.kl is None else self.kl
        return np.argsort(-used, kind="stable")

    def typical(self) -> int:
        """The cell, counted from 0, that is nearest to the middle of all in units of the spread."""
        away = (self.mean - self.center) / self.spread
        return int((away**2).sum(axis=1).argmin())

    def draw(self, count: int, random: np.random.Generator) -> Latents:
        """Latents (count, latent) of the aggregate posterior: of a cell drawn by chance, a draw.

        A posterior of codes is certain, and a draw is its mean.
        """
        if not len(self):
            raise ValueError("nothing can be drawn of no cells")
        chosen = random.integers(len(self), size=count)
        if not self.gaussian:
            return self.mean[chosen]
        noise = random.standard_normal((count, self.mean.shape[1]), dtype=np.float32)
        drawn: Latents = self.mean[chosen] + noise * np.exp(0.5 * self.logvar[chosen])
        return drawn


def posteriors(
    trained: TrainedModel, images: Images, rows: Rows, progress: Progress = SILENT
) -> Posteriors:
    """Encode the cells of some rows, in their order."""
    latent = trained.model.latent
    means, logvars = [np.zeros((0, latent), np.float32)], [np.zeros((0, latent), np.float32)]
    batches = [rows[at : at + _BATCH] for at in range(0, len(rows), _BATCH)]
    with progress.bar("encoding", len(batches)) as bar:
        for _, pixels in read_ahead(images, batches, workers=1):
            mean, logvar = trained.encode(pixels)
            means.append(mean)
            logvars.append(logvar)
            bar.advance()
    gaussian = trained.model.codebooks is None
    return Posteriors(rows, np.concatenate(means), np.concatenate(logvars), gaussian)
