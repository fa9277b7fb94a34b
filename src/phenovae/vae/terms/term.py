"""What a term is, and what it is told when it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from phenovae.vae.data import Shape
from phenovae.vae.encoders import Encoder, Trunk
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions


@dataclass(frozen=True)
class Setting:
    """Where a term works: steps of an epoch, the images' shape, the model's sizes.

    `latent` are the dimensions of the latent space, `stages` the length of the encoder's pooled
    stages, from the finest to the coarsest; `trunk` and `slope` are those of its convolutions.
    `encoder` is the model's own, for terms that look through it; `classes` are those that the
    training cells have on the weakly supervised track; `quantised` says whether the latent space
    has codes.
    """

    steps_per_epoch: int
    shape: Shape
    latent: int
    stages: tuple[int, ...]
    trunk: Trunk
    slope: float
    encoder: Encoder | None = None
    classes: int = 0
    quantised: bool = False


class Term(Protocol):
    """One part of the loss."""

    def weight(self, step: int) -> float:
        """What the term counts for at a step, from 0."""

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Loss of every sample (n,) [nats]."""


@runtime_checkable
class SeesTwice(Protocol):
    """A term that needs a second view of every cell, which then is in batch and posterior."""

    sees_twice: bool


@runtime_checkable
class SeesFresh(Protocol):
    """A term that needs as many images of other cells, drawn apart, which then are in the batch."""

    @property
    def sees_fresh(self) -> bool:
        """Whether it does."""


@runtime_checkable
class Hides(Protocol):
    """A term for which the encoder is not shown all of an image."""

    def hidden(self, count: int, random: torch.Generator) -> Tensor:
        """Which pixels of so many images it is not shown (n, 1, height, width)."""


@runtime_checkable
class Trained(Protocol):
    """A term whose parameters descend a loss of their own, by an optimiser of their own."""

    def own_loss(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Loss of every sample (n,) that the term's own parameters descend."""

    def parameters(self) -> object:
        """The term's parameters."""


@runtime_checkable
class Optimised(Protocol):
    """A trained term that has an optimiser of its own choice; AdamW as the model's otherwise."""

    def make_optimiser(self, parameters: list[nn.Parameter]) -> Optimizer:
        """An optimiser of these parameters."""


TermMaker: TypeAlias = Callable[[ObjectiveOptions, Setting], Term]
