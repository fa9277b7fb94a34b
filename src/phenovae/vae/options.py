"""What can be set about models, their objective, training and embedding; loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from phenovae.base.options import Options
from phenovae.vae.objective_options import CommitmentOptions as CommitmentOptions
from phenovae.vae.objective_options import CompoundOptions as CompoundOptions
from phenovae.vae.objective_options import ContrastOptions as ContrastOptions
from phenovae.vae.objective_options import DiscriminatorOptions as DiscriminatorOptions
from phenovae.vae.objective_options import DistillationOptions as DistillationOptions
from phenovae.vae.objective_options import MaskedOptions as MaskedOptions
from phenovae.vae.objective_options import MMDOptions as MMDOptions
from phenovae.vae.objective_options import ObjectiveOptions as ObjectiveOptions
from phenovae.vae.objective_options import PerceptualOptions as PerceptualOptions
from phenovae.vae.objective_options import ProjectionOptions as ProjectionOptions
from phenovae.vae.objective_options import ScatteringOptions as ScatteringOptions
from phenovae.vae.objective_options import TotalCorrelationOptions as TotalCorrelationOptions
from phenovae.vae.objective_options import VarianceOptions as VarianceOptions

Device = Literal["auto", "cpu", "cuda", "mps"]
ForeignScale = Literal["crops", "model"]
"""What scales crops of plates that a model was not trained on: they themselves, or its training."""


class LikelihoodOptions(Options):
    """The distribution of pixels around the decoder's output."""

    name: Literal["gaussian-fixed", "gaussian-learned"] = Field(
        "gaussian-learned",
        description="gaussian-fixed: σ stays as given (1 in the original); gaussian-learned: σ is "
        "a parameter (Rybkin et al. 2021)",
    )
    sigma: float = Field(
        1.0, gt=0, description="σ, fixed or at the start [of the view's range, 0 to 1]"
    )
    sigma_min: float = Field(
        0.0025, gt=0, lt=1, description="lowest σ that is learned [of the view's range]"
    )
    relative: bool = Field(
        default=False,
        description="σ is a share of the maximum of each image and channel, so that a dim cell's "
        "structure counts as much as a bright one's",
    )
    per_channel: bool = Field(
        default=True, description="gaussian-learned: one σ a channel; false: one for all channels"
    )


class ReadoutOptions(Options):
    """What of an encoder becomes the embedding of a cell."""

    take: Literal["mean", "stages"] = Field(
        "mean",
        description="mean: the posterior mean; stages: mean and maximum over the positions of the "
        "coarser stages of the encoder",
    )
    views: Literal[1, 8] = Field(
        1, description="views averaged: 1, or the 8 rotations and flips of the square"
    )
    finest: int = Field(
        2, ge=1, description="stages: the finest stage that is taken, 1 being that next the image"
    )
    components: int = Field(
        0,
        ge=0,
        description="principal components of the training cells that are kept, each scaled to "
        "variance 1 among them; 0: the features as they are",
    )
    ridge: float = Field(
        0.0, ge=0, description="added to the variances before scaling [share of the largest]"
    )
    per_well: int = Field(
        0,
        ge=0,
        description="cells of a well that components are learned from, at most, so that large "
        "wells do not drown the others; 0: all",
    )


class PlateOptions(Options):
    """What the decoder is told of the plate of a cell."""

    code: int = Field(
        0,
        ge=0,
        description="dimensions of a code of each plate that is learned and joined to z before the "
        "decoder; 0: the decoder sees z alone",
    )
    untold: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share of the training cells that are decoded without their plate, so that "
        "cells of other plates can be",
    )


class CodeOptions(Options):
    """A latent space of codes (VQ-VAE) in the place of a Gaussian one."""

    count: int = Field(
        0,
        ge=0,
        description="codes that each part of the latent space has; 0: a Gaussian latent space",
    )
    parts: int = Field(
        16, ge=1, description="parts the latent space is cut into; a divisor of model.latent"
    )
    momentum: float = Field(
        0.95, ge=0, lt=1, description="share of a code's running mean that a step keeps"
    )
    revive: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="a code used less than this is put where a cell is [share of even use]",
    )


class ModelOptions(Options):
    """Encoder, decoder, likelihood, and what becomes a cell's embedding."""

    size: Literal["small", "medium", "large", "light"] = Field(
        "medium",
        description="maps of the four convolutions: small 16, medium 32, large 32-64-128-256, of "
        "5 px; light 32-64-128-192, of 3 px",
    )
    norm: Literal["none", "batch"] = Field(
        "none", description="batch: batch normalisation after every convolution but the last"
    )
    channels: Literal["joined", "apart"] = Field(
        "joined",
        description="apart: the encoder sees every channel alone, with the same weights, and joins "
        "them after its last convolution",
    )
    latent: int = Field(256, ge=1, description="dimensions of the latent space")
    sees: Literal["image", "shape"] = Field(
        "image",
        description="what convolutions see: the image, or its shape, every channel over its own "
        "maximum; how bright each channel was then joins after them",
    )
    slope: float = Field(0.01, ge=0, lt=1, description="slope of LeakyReLU below zero")
    likelihood: LikelihoodOptions = Field(default_factory=lambda: LikelihoodOptions())
    codes: CodeOptions = Field(
        default_factory=lambda: CodeOptions(),
        description="codes that stand for parts of z; the embedding is what they stand for",
    )
    plates: PlateOptions = Field(
        default_factory=lambda: PlateOptions(),
        description="what the decoder is told of the plate, so that z need not carry it",
    )
    readout: ReadoutOptions = Field(default_factory=lambda: ReadoutOptions())


class AugmentOptions(Options):
    """Random changes of training images; the target is the changed image."""

    dihedral: bool = Field(
        default=True, description="one of the eight rotations and flips of the square"
    )
    gain: float = Field(
        0.0, ge=0, le=4, description="each channel times or divided by up to 1 + gain [share]"
    )
    gamma: float = Field(
        0.0,
        ge=0,
        le=4,
        description="pixels of each channel to a power between 1 over and 1 + gamma [share]",
    )
    noise: float = Field(
        0.0, ge=0, le=1, description="σ of added Gaussian noise [of the view's range]"
    )
    shift: int = Field(0, ge=0, le=32, description="largest shift along each axis, mirrored [px]")


class TrainOptions(Options):
    """How training proceeds."""

    epochs: int = Field(20, ge=1, description="epochs at most")
    batch: int = Field(128, ge=1, description="crops a step, over all devices and nodes together")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of AdamW")
    keep: Literal["elbo", "last"] = Field(
        "elbo",
        description="weights that are kept: elbo, of the epoch with the best ELBO on the "
        "validation cells; last, of the last epoch",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="constant, or falling to zero over all epochs along a cosine"
    )
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of AdamW")
    clip: float = Field(
        0.0,
        ge=0,
        description="largest norm of the gradient of the loss per pixel value; 0: not clipped",
    )
    patience: int = Field(
        0, ge=0, description="stop after so many epochs without a better ELBO; 0: never"
    )
    precision: Literal["auto", "32", "bf16"] = Field(
        "32",
        description="32: float32; bf16: mixed with bfloat16; auto: bf16 where the device has "
        "instructions for it, else 32 (a CPU without them takes several times as long with bf16)",
    )
    device: Device = Field("auto", description="auto takes CUDA where there is some, else the CPU")
    devices: int = Field(1, ge=1, description="devices of each node, one process each")
    nodes: int = Field(
        1, ge=1, description="machines that train together; the others join by phenovae join"
    )
    nodes_wait: float = Field(
        600.0, gt=0, description="how long training waits for the other machines [s]"
    )
    workers: int = Field(1, ge=1, le=64, description="threads that read crops ahead")
    resident: Literal["auto", "always", "never"] = Field(
        "auto",
        description="crops stay in the device's memory as the model sees them: auto, on a GPU "
        "where they take half of what is free at most; the model does not depend on it",
    )
    compile: bool = Field(
        default=False,
        description="compile the network for the device (torch.compile; a CPU needs a C++ "
        "compiler): a minute at the start, then faster steps, whose last digits differ",
    )
    checkpoint_steps: int = Field(200, ge=1, description="steps between checkpoints")
    tensorboard: bool = Field(
        default=False, description="also log for TensorBoard; needs the extra"
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _as_written(cls, value: object) -> object:
        # YAML, and so --set, reads 32 as a number.
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def processes(self) -> int:
        """Processes of the training, on all nodes together."""
        return self.nodes * self.devices


class EmbedOptions(Options):
    """How cells are turned into embeddings."""

    batch: int = Field(256, ge=1, description="crops encoded at a time")
    device: Device = Field("auto", description="auto takes CUDA where there is some, else the CPU")


class BackboneOptions(Options):
    """A frozen network of others, scored beside the model where weights of it are given."""

    name: str = Field("tf_efficientnet_lite0", description="the network, as timm calls it")
    weights: Path | None = Field(
        None,
        description="its weights, a safetensors file as timm writes it, trained on other images "
        "than this screen's; nothing is downloaded. none: no backbone",
    )
    size: int | None = Field(
        None, ge=8, le=2048, description="side of the square that it sees [px]; none: its own"
    )
    views: Literal[1, 8] = Field(
        8, description="views averaged: 1, or the 8 rotations and flips of the square"
    )
    alone: bool = Field(
        default=False, description="train no model: the backbone and the baselines are all scored"
    )

    @model_validator(mode="after")
    def _has_weights(self) -> BackboneOptions:
        if self.alone and self.weights is None:
            raise ValueError("alone wants weights: nothing else would be scored")
        return self


class DiagnoseOptions(Options):
    """How much a trained model is asked when it is diagnosed."""

    cells: int = Field(
        4000,
        ge=2,
        description="held-out cells that are looked at, at most; their number is the "
        "limit of the mutual information that can be shown",
    )
    importance_cells: int = Field(
        128, ge=2, description="cells whose likelihood is bounded by importance weights, at most"
    )
    draws: int = Field(64, ge=2, description="draws a cell of the importance-weighted bound")
    nulls: int = Field(
        39, ge=1, description="discrepancies of the prior from itself, to compare with"
    )
    batch: int = Field(128, ge=1, description="crops encoded and decoded at a time")
    device: Device = Field("auto", description="auto takes CUDA where there is some, else the CPU")
