"""A model as ONNX: encoder and decoder, each run and compared with PyTorch at once."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from phenovae.base.errors import MissingExtraError, PhenovaeError
from phenovae.base.hush import hushed
from phenovae.base.seeds import generator
from phenovae.vae.data import Pixels
from phenovae.vae.file_names import DECODER, ENCODER
from phenovae.vae.model import VAE
from phenovae.vae.model_files import TrainedModel
from phenovae.vae.readout import features_of

TOLERANCE = 1e-4
"""Largest difference from PyTorch, as a share of the largest value, where that is above 1."""

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_RANDOM = 3


@dataclass(frozen=True)
class Agreement:
    """How far ONNX Runtime was from PyTorch at most, by output, and on how many images."""

    largest: Mapping[str, float]
    images: int


class _Encoding(nn.Module):
    """Images to their embedding, as the readout has it, and to the posterior."""

    origin: Tensor
    axes: Tensor

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.encoder = trained.model.encoder
        self.readout = trained.card.recipe.model.readout
        self.own = trained.coordinates is not None
        if trained.coordinates is not None:
            self.register_buffer("origin", torch.from_numpy(trained.coordinates.mean))
            self.register_buffer("axes", torch.from_numpy(trained.coordinates.matrix))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        encoded = self.encoder(images)
        embedding = features_of(self.encoder, images, self.readout)
        if self.own:
            embedding = ((embedding.double() - self.origin) @ self.axes).float()
        return embedding, encoded.mu, encoded.logvar


class _Decoding(nn.Module):
    """Latents to images, of no plate; of the nearest codes where the latent space has some."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor) -> Tensor:
        return self.model.decode_nearest(latents)


def need_onnx() -> None:
    """Raise MissingExtraError unless the packages that write and run ONNX are there."""
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "writing a model as ONNX (or --no-onnx)")


def write_onnx(trained: TrainedModel, folder: Path, images: Pixels) -> Agreement:
    """Write `encoder.onnx` and `decoder.onnx` and run each on random and on these images.

    `encoder.onnx`: images (n, channel, height, width), float32 in [0, 1], to embedding, mean and
    log_variance; `decoder.onnx`: z (n, latent) to image. n is free. Raises MissingExtraError where
    a package is absent, PhenovaeError where an output differs from PyTorch's by more than
    `TOLERANCE`.
    """
    need_onnx()
    random = generator(trained.card.seed, "vae", "onnx")
    shape = trained.model.shape
    drawn = random.random((_RANDOM, *shape), dtype=np.float32)
    trial = np.concatenate([drawn, images.astype(np.float32)])
    mean, log_variance = trained.encode(trial)
    latents = np.concatenate(
        [mean, random.standard_normal((_RANDOM, trained.model.latent), dtype=np.float32)]
    )
    _export(
        _Encoding(trained), folder / ENCODER, drawn[:2], "images",
        ("embedding", "mean", "log_variance"),
    )  # fmt: skip
    _export(_Decoding(trained.model), folder / DECODER, latents[:2], "z", ("image",))
    largest = _compare(
        folder / ENCODER,
        "images",
        trial,
        {"embedding": trained.embed(trial), "mean": mean, "log_variance": log_variance},
    )
    largest |= _compare(folder / DECODER, "z", latents, {"image": trained.decode(latents)})
    return Agreement(largest, len(images))


def _export(
    module: nn.Module, path: Path, sample: Pixels, name: str, outputs: tuple[str, ...]
) -> None:
    try:
        with (
            # It names operators of packages that no model here uses.
            hushed("torch.onnx", logging.ERROR),
            warnings.catch_warnings(),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            program = torch.onnx.export(
                module.eval(),
                (torch.from_numpy(sample),),
                dynamo=True,
                input_names=[name],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("n")},),
                verbose=False,
            )
            if program is None:
                raise PhenovaeError(f"PyTorch gave no program for {path.name}")
            # A step on the way is called by its operator, which may be what an output is called.
            for node in program.model.graph:
                for value in node.outputs:
                    if value.name in outputs and not value.is_graph_output():
                        value.name = f"{value.name}_on_the_way"
            program.save(str(path), external_data=False)
    except torch.onnx.OnnxExporterError as error:
        raise PhenovaeError(
            f"PyTorch {torch.__version__} cannot write {path.name}: {error}", mend="--no-onnx"
        ) from error


def _compare(
    path: Path, name: str, values: Pixels, wanted: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest: dict[str, float] = {}
    # One image alone as well, for a number that was fixed on the way shows only then.
    for rows in (slice(None), slice(0, 1)):
        found = session.run(list(wanted), {name: values[rows]})
        for (output, right), given in zip(wanted.items(), found, strict=True):
            got = np.asarray(given, dtype=np.float32)
            if got.shape != right[rows].shape or not np.isfinite(got).all():
                raise PhenovaeError(f"{output} of {path.name} is not that of PyTorch")
            apart = float(np.abs(got - right[rows]).max())
            allowed = TOLERANCE * max(1.0, float(np.abs(right[rows]).max()))
            if apart > allowed:
                raise PhenovaeError(
                    f"{output} of {path.name} is {apart:.2g} from that of PyTorch, more than "
                    f"{allowed:.2g}",
                    mend="--no-onnx, or other versions of onnxruntime and torch",
                )
            largest[output] = max(largest.get(output, 0.0), apart)
    return largest
