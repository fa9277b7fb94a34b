"""The variational autoencoder: encoder, decoder and likelihood, put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from phenovae.base.seeds import integer
from phenovae.vae.codebooks import Codebooks, Quantised
from phenovae.vae.data import Shape
from phenovae.vae.encoders import Encoded, Encoder, in_fast_order
from phenovae.vae.likelihoods import FixedGaussian, LearnedGaussian, make_likelihood
from phenovae.vae.networks import NETWORKS
from phenovae.vae.options import ModelOptions
from phenovae.vae.patches import blanked


class Output(NamedTuple):
    """All that one pass gives: mu, logvar, z (n, latent); mean, of pixels; nll (n,) [nats].

    `stages` are the encoder's pooled stages, `other` what it tells of the second view, if any, and
    `hidden_nll` (n,) [nats] is that of hidden pixels, for as many as an image has, if any.
    `quantised` are the codes that stand for mu in a latent space of codes, where `code_kl`
    [nats a dimension] is the same for all.
    """

    mu: Tensor
    logvar: Tensor
    z: Tensor
    mean: Tensor
    nll: Tensor
    stages: tuple[Tensor, ...] = ()
    other: Encoded | None = None
    hidden_nll: Tensor | None = None
    quantised: Quantised | None = None
    code_kl: float = 0.0

    def detached(self) -> Output:
        """The same values, through which nothing is learned."""
        return Output(
            self.mu.detach(),
            self.logvar.detach(),
            self.z.detach(),
            self.mean.detach(),
            self.nll.detach(),
            tuple(each.detach() for each in self.stages),
            None if self.other is None else self.other.detached(),
            None if self.hidden_nll is None else self.hidden_nll.detach(),
            None if self.quantised is None else self.quantised.detached(),
            self.code_kl,
        )


@dataclass(eq=False)
class Batch:
    """The cells of a step: images (n, channel, height, width), as they are encoded and rebuilt.

    `other`, where an objective asks for it, are the same cells changed anew, and `fresh` as many
    other cells, drawn apart; `wells` and `plates` number the well and the plate of each cell (n,),
    where they are known; `classes` are there on the weakly supervised track alone. `told` are the
    codes of plates that the decoder is told (n,), 0 being none; `hidden` are the pixels that the
    encoder is not shown (n, 1, height, width). `step` counts the steps of the training, from 0.
    """

    images: Tensor
    step: int = 0
    other: Tensor | None = None
    fresh: Tensor | None = None
    wells: Tensor | None = None
    plates: Tensor | None = None
    classes: Tensor | None = None
    told: Tensor | None = None
    hidden: Tensor | None = None


@dataclass(eq=False)
class Posterior:
    """q(z given x), a diagonal Gaussian: mean, log-variance and one draw, each (n, latent).

    `stages` are the encoder's pooled stages, each (n, 2 · maps), and `other` tells posterior mean,
    log-variance and stages of the second view, where there is one. In a latent space of codes the
    posterior is `quantised`, sure of one code of each part, `code_kl` [nats a dimension] is its KL
    to the even prior, mu is what the codes stand for, and log-variance says nothing.
    """

    mu: Tensor
    logvar: Tensor
    z: Tensor
    stages: tuple[Tensor, ...] = ()
    other: Encoded | None = None
    quantised: Quantised | None = None
    code_kl: float = 0.0

    @cached_property
    def kl(self) -> Tensor:
        """KL to the prior (n, latent) [nats]; Kingma & Welling 2014, appendix B."""
        if self.quantised is not None:
            return torch.full_like(self.mu, self.code_kl)
        return 0.5 * (self.mu.square() + self.logvar.exp() - 1 - self.logvar)


@dataclass(eq=False)
class Reconstruction:
    """p(x given z): mean of pixels (n, channel, height, width), nll of the images (n,) [nats].

    `hidden_nll` (n,) is that of pixels that the encoder was not shown, for as many as an image has.
    """

    mean: Tensor
    nll: Tensor
    hidden_nll: Tensor | None = None


class VAE(nn.Module):
    """A variational autoencoder of images of one shape (channel, height, width).

    `plates` are those that have a code of their own, where the decoder is told of plates; no plate
    is code 0 and stays zero, from where all others start.
    """

    def __init__(self, shape: Shape, options: ModelOptions, plates: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.latent = options.latent
        self.encoder: Encoder
        self.decoder: nn.Module
        self.encoder, self.decoder = NETWORKS[options.size](shape, options)
        self.likelihood: FixedGaussian | LearnedGaussian = make_likelihood(
            shape[0], options.likelihood
        )
        self.codebooks: Codebooks | None = None
        if options.codes.count:
            self.codebooks = Codebooks(options.latent, options.codes)
            self.encoder.logvar.requires_grad_(requires_grad=False)
        self.plates: nn.Embedding | None = None
        if options.plates.code:
            self.plates = nn.Embedding(plates + 1, options.plates.code, padding_idx=0)
            nn.init.zeros_(self.plates.weight)

    @property
    def dimensions(self) -> int:
        """Pixel values an image has."""
        channels, height, width = self.shape
        return channels * height * width

    def decode(self, latents: Tensor, told: Tensor | None = None) -> Tensor:
        """Means of pixels of latents (n, latent), with codes of plates (n,) or of no plate."""
        if self.plates is not None:
            # No plate is zero, see above, and is so without a look into the table of codes.
            none = latents.new_zeros(latents.shape[0], self.plates.embedding_dim)
            codes = none if told is None else self.plates(told)
            latents = torch.cat([latents, codes], dim=1)
        mean: Tensor = self.decoder(latents)
        return mean

    def decode_nearest(self, latents: Tensor, told: Tensor | None = None) -> Tensor:
        """As `decode`; in a latent space of codes, of those that are nearest, in evaluation."""
        if self.codebooks is not None:
            latents = self.codebooks(latents, latents).vectors
        return self.decode(latents, told)

    def forward(
        self,
        images: Tensor,
        noise: Tensor,
        other: Tensor | None = None,
        told: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> Output:
        """Encode, draw z = mu + σ·noise, decode; noise is (n, latent), standard normal.

        In a latent space of codes z is the codes' vectors, and gradients go to mu straight through
        them.

        `other` images are encoded in the same pass, so that both views share one normalisation of
        the batch, and are not decoded. `told` are the codes of plates (n,) for the decoder;
        `hidden` are pixels (n, 1, height, width) of `images` that the encoder is not shown.
        """
        seen = images if hidden is None else in_fast_order(blanked(images, hidden))
        both = seen if other is None else in_fast_order(torch.cat([seen, other]))
        encoded: Encoded = self.encoder(both)
        mu, logvar, stages = encoded.mu, encoded.logvar, encoded.stages
        count = len(images)
        first = mu[:count]
        quantised = None if self.codebooks is None else self.codebooks(first, noise)
        if quantised is None:
            z = first + noise * torch.exp(0.5 * logvar[:count])
        else:
            z = first + (quantised.vectors - first).detach()
        mean = self.decode(z, told)
        return Output(
            first,
            logvar[:count],
            z,
            mean,
            self.likelihood(mean, images),
            tuple(each[:count] for each in stages),
            None
            if other is None
            else Encoded(mu[count:], logvar[count:], tuple(each[count:] for each in stages)),
            None if hidden is None else self._hidden_nll(mean, images, hidden),
            quantised,
            0.0 if self.codebooks is None else self.codebooks.kl_per_dimension,
        )

    def _hidden_nll(self, mean: Tensor, images: Tensor, hidden: Tensor) -> Tensor:
        # Where the image itself is foretold, a pixel costs the normaliser of its channel alone.
        share = hidden[:, 0].float().mean(dim=(1, 2))
        foretold = self.likelihood(torch.where(hidden, mean.float(), images), images)
        nll: Tensor = (foretold - (1 - share) * self.likelihood(images, images)) / share
        return nll


def told_by(output: Output) -> tuple[Posterior, Reconstruction]:
    """What terms are given of a pass."""
    posterior = Posterior(
        output.mu,
        output.logvar,
        output.z,
        output.stages,
        output.other,
        output.quantised,
        output.code_kl,
    )
    return posterior, Reconstruction(output.mean, output.nll, output.hidden_nll)


def make_model(shape: Shape, options: ModelOptions, seed: int, plates: int = 0) -> VAE:
    """A new model with weights drawn from the seed; global random state stays as it was.

    `plates` are those that its decoder can be told. Raises UsageError where the shape does not fit
    the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "vae", "weights"))
        return in_fast_layout(VAE(shape, options, plates))


def in_fast_layout(model: VAE) -> VAE:
    """The same model with its weights channels-last, which convolutions on a CPU are faster in."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
