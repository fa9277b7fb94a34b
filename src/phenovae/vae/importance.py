"""The importance-weighted bound on the likelihood of images: IWAE (Burda et al. 2016)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import logsumexp
from torch import Tensor

from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.vae.aggregate import mean_and_error
from phenovae.vae.data import Images, Rows
from phenovae.vae.encoders import in_fast_order
from phenovae.vae.model import VAE
from phenovae.vae.validation import to_device

Doubles = npt.NDArray[np.float64]

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Bound:
    """Lower bounds on the mean log-likelihood of cells [nats a cell], by draws of each.

    `draws` are 1, 2, 4, … and all; `nats` and `errors` the bounds and their standard errors over
    cells, `rise_errors` those of their rise above the first. With one draw it is the ELBO, here the
    mean over all draws. `gain` is how far the last lies above the first, with its standard error.
    `effective` is the mean over cells of how many draws carry the weight, (Σw)² / Σw².
    """

    cells: int
    draws: tuple[int, ...]
    nats: tuple[float, ...]
    errors: tuple[float, ...]
    rise_errors: tuple[float, ...]
    gain: float
    gain_error: float
    effective: float


def importance_bound(weights: Doubles) -> Bound:
    """The bounds that log-weights (n, draws) give: log p(x|z) + log p(z) - log q(z|x) of draws."""
    count = weights.shape[1]
    sizes = [1 << power for power in range(count.bit_length()) if 1 << power < count] + [count]
    by_size = []
    for size in sizes:
        used = weights[:, : count // size * size].reshape(len(weights), -1, size)
        by_size.append((logsumexp(used, axis=2) - math.log(size)).mean(axis=1))
    told = [mean_and_error(values) for values in by_size]
    gain, gain_error = mean_and_error(by_size[-1] - by_size[0])
    effective = np.exp(2 * logsumexp(weights, axis=1) - logsumexp(2 * weights, axis=1))
    return Bound(
        cells=len(weights),
        draws=tuple(sizes),
        nats=tuple(mean for mean, _ in told),
        errors=tuple(error for _, error in told),
        rise_errors=tuple(mean_and_error(values - by_size[0])[1] for values in by_size),
        gain=gain,
        gain_error=gain_error,
        effective=float(effective.mean()),
    )


def log_weights(
    model: VAE,
    images: Images,
    rows: Rows,
    *,
    draws: int,
    batch: int,
    seed: int,
    device: torch.device,
    progress: Progress = SILENT,
) -> Doubles:
    """Log-weights (n, draws) [nats] of draws from the posterior of every row.

    The noise of a row depends on seed and row alone, so that batches do not matter; `batch` images
    are decoded at a time.
    """
    found = np.empty((len(rows), draws))
    with torch.no_grad(), progress.bar("importance weights", len(rows)) as bar:
        for number, row in enumerate(rows):
            pixels = to_device(images.images(np.array([row])), device)
            encoded = model.encoder(pixels)
            mu, logvar = encoded.mu, encoded.logvar
            random = generator(seed, "vae", "importance", int(row))
            noise = random.standard_normal((draws, model.latent))
            drawn = torch.from_numpy(noise.astype(np.float32)).to(device)
            z = mu + drawn * torch.exp(0.5 * logvar)
            nll = torch.cat([_nll(model, part, pixels) for part in z.split(batch)])
            posterior = -0.5 * (_LOG_2PI + logvar.double() + drawn.double().square()).sum(dim=1)
            prior = -0.5 * (_LOG_2PI + z.double().square()).sum(dim=1)
            found[number] = (-nll.double() + prior - posterior).cpu().numpy()
            bar.advance()
    return found


def _nll(model: VAE, z: Tensor, image: Tensor) -> Tensor:
    """Negative log-density (n,) of one image under what is decoded of each z (n, latent)."""
    repeated = in_fast_order(image.expand(len(z), -1, -1, -1).contiguous())
    nll: Tensor = model.likelihood(model.decode(z), repeated)
    return nll
