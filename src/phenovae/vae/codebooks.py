"""A latent space of codes: vector quantisation (VQ-VAE, van den Oord et al. 2017)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from phenovae.base.errors import UsageError
from phenovae.vae.agreement import mean_over_processes
from phenovae.vae.options import CodeOptions

_TINY = 1e-6


class Quantised(NamedTuple):
    """Vectors (n, latent) that stand for latents, put together of a code of each part (n, part)."""

    vectors: Tensor
    codes: Tensor

    def detached(self) -> Quantised:
        """The same values, through which nothing is learned."""
        return Quantised(self.vectors.detach(), self.codes)


class Codebooks(nn.Module):
    """The latent space cut into parts of as many dimensions, each with a codebook of its own.

    Codes are running means of what they stand for (appendix A.1 of the paper), and nothing is
    learned of them by gradients. A code that hardly stands for anything is put where a cell of the
    batch is, drawn anew for each; so are all at the first step. Raises UsageError where the latent
    dimensions cannot be cut so.
    """

    vectors: Tensor
    uses: Tensor
    sums: Tensor

    def __init__(self, latent: int, options: CodeOptions) -> None:
        super().__init__()
        if latent % options.parts:
            raise UsageError(
                f"{latent} latent dimensions cannot be cut into {options.parts} parts",
                where="model.codes.parts",
                mend="choose a divisor of model.latent",
            )
        self.options = options
        self.count, self.parts = options.count, options.parts
        self.width = latent // options.parts
        self.register_buffer("vectors", torch.zeros(self.parts, self.count, self.width))
        self.register_buffer("sums", torch.zeros(self.parts, self.count, self.width))
        self.register_buffer("uses", torch.zeros(self.parts, self.count))

    @property
    def kl_per_dimension(self) -> float:
        """KL of a code to the even prior, log(codes), shared by the dimensions of its part [nats].

        A posterior that names one code with certainty has that KL whatever it names.
        """
        return math.log(self.count) / self.width

    def forward(self, latents: Tensor, noise: Tensor) -> Quantised:
        """The nearest codes of latents (n, latent); in training, codes follow what they stand for.

        Codes to be moved are put to cells in the order of `noise` (n, latent).
        """
        apart = latents.detach().float().reshape(-1, self.parts, self.width)
        if not self.training:
            return self._nearest(apart)
        self._revive(apart, noise.reshape(-1, self.parts, self.width)[:, :, 0])
        found = self._nearest(apart)
        self._follow(apart, found.codes)
        return found

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors (n, latent) of codes (n, part)."""
        parts = torch.arange(self.parts, device=codes.device)
        return self.vectors[parts, codes].flatten(1)

    def usage(self, codes: Tensor) -> Tensor:
        """How often each code was named (part, code)."""
        return one_hot(codes, self.count).sum(dim=0)

    def _nearest(self, apart: Tensor) -> Quantised:
        products = torch.einsum("npw,pkw->npk", apart, self.vectors)
        codes = (self.vectors.square().sum(dim=2) - 2 * products).argmin(dim=2)
        return Quantised(self.look_up(codes), codes)

    def _revive(self, apart: Tensor, noise: Tensor) -> None:
        """Put codes whose use is below a share of even use to cells of the batch."""
        even = len(apart) / self.count
        dead = self.uses < self.options.revive * even
        order = noise.argsort(dim=0)
        chosen = order[torch.arange(self.count, device=order.device) % len(apart)].T
        parts = torch.arange(self.parts, device=order.device)[:, None]
        drawn = apart[chosen, parts]
        self.vectors.copy_(torch.where(dead[:, :, None], drawn, self.vectors))
        self.sums.copy_(torch.where(dead[:, :, None], drawn * even, self.sums))
        self.uses.masked_fill_(dead, even)

    def _follow(self, apart: Tensor, codes: Tensor) -> None:
        named = one_hot(codes, self.count).float()
        uses = mean_over_processes(named.sum(dim=0))
        sums = mean_over_processes(torch.einsum("npk,npw->pkw", named, apart))
        self.uses.lerp_(uses, 1 - self.options.momentum)
        self.sums.lerp_(sums, 1 - self.options.momentum)
        self.vectors.copy_(self.sums / self.uses.clamp_min(_TINY)[:, :, None])


def perplexity(usage: Tensor) -> float:
    """How many codes of a part are as good as in use: the exponential of the entropy of their use.

    `usage` counts how often each was named (part, code); the mean over the parts.
    """
    shares = usage.double() / usage.double().sum(dim=1, keepdim=True).clamp_min(1)
    return float(torch.special.entr(shares).sum(dim=1).exp().mean())
