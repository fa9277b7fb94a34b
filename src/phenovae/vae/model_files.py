"""A trained model in a folder: safetensors and a JSON card; nothing in it is ever unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, ValidationError

from phenovae import __version__
from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.files import read_json, sha256_of, sha256_of_file, write_json
from phenovae.base.options import Options
from phenovae.vae.data import Pixels, Shape
from phenovae.vae.devices import device_name
from phenovae.vae.encoders import Encoded
from phenovae.vae.file_names import CARD, READOUT, WEIGHTS
from phenovae.vae.model import VAE, in_fast_layout
from phenovae.vae.options import (
    AugmentOptions,
    Device,
    ModelOptions,
    ObjectiveOptions,
    TrainOptions,
)
from phenovae.vae.plates import codes_of
from phenovae.vae.readout import Coordinates, features_of
from phenovae.vae.tensor_files import read_tensors, write_tensors
from phenovae.vae.validation import to_device

FORMAT = 1


class Recipe(Options):
    """All options of a training."""

    model: ModelOptions = Field(default_factory=lambda: ModelOptions())
    objective: ObjectiveOptions = Field(default_factory=lambda: ObjectiveOptions())
    augment: AugmentOptions = Field(default_factory=lambda: AugmentOptions())
    train: TrainOptions = Field(default_factory=lambda: TrainOptions())


class Origin(Options):
    """What a model was trained on, as its card tells it.

    `view` is the view as JSON-able values, `split_hash` the hash of the splits, `store` the
    fingerprint of the cell store. `crop_size` (height, width) [px], `dtype` and `pixel_size_um` are
    those of the raw crops, where they are known.
    """

    view: dict[str, object] = Field(default_factory=dict)
    split_hash: str = ""
    store: str = ""
    crop_size: tuple[int, int] | None = None
    dtype: str = ""
    pixel_size_um: float | None = None


class Summary(Options):
    """How a training went. ELBO, KL [nats a cell] and σ of the weights that were kept."""

    epochs: int
    steps: int
    kept_epoch: int
    kept_by: str
    elbo: float
    bits_per_dimension: float
    kl: float
    active_units: int
    sigma: tuple[float, ...]
    sigma_at_bound: bool
    collapsed: bool
    stopped_early: bool
    precision: str = "not recorded"


class Card(Options):
    """All that a model's folder says besides its weights."""

    format: int = FORMAT
    labels: Literal["none", "treatment", "compound"] = Field(
        "none", description="labels that training saw; other than none: weakly supervised"
    )
    phenovae: str = __version__
    channels: tuple[str, ...]
    shape: tuple[int, int, int]
    plates: tuple[str, ...] = Field(
        (), description="plates that the decoder has a code of, in the order of the codes, from 1"
    )
    recipe: Recipe
    origin: Origin
    seed: int
    summary: Summary


def save_model(folder: Path, model: VAE, card: Card) -> None:
    """Write weights and card into a folder. Equal models give equal bytes."""
    write_tensors(folder / WEIGHTS, model.state_dict(), {"format": FORMAT})
    write_json(folder / CARD, card.model_dump(mode="json"))


def read_card(folder: Path) -> Card:
    """The card of a model. Raises InputError where it is missing, damaged or of a newer format."""
    values = read_json(folder / CARD)
    found = values.get("format") if isinstance(values, dict) else None
    if not isinstance(found, int):
        raise InputError(f"{CARD} is no card of a model", where=folder / CARD)
    if found > FORMAT:
        raise InputError(
            f"the model has format {found}; this phenovae reads models up to format {FORMAT}",
            where=folder,
            mend="install a newer phenovae",
        )
    try:
        return Card.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{CARD} does not describe a model: {key}: {first['msg']}", where=folder / CARD
        ) from None


@dataclass(frozen=True)
class TrainedModel:
    """A model ready for use: images and latents in and out as numpy arrays.

    `coordinates` are those of the readout, where it has some of its own.
    """

    model: VAE
    card: Card
    device: torch.device
    weights_hash: str
    coordinates: Coordinates | None = None

    @property
    def shape(self) -> Shape:
        """Channels, height and width of the images that it takes."""
        return self.model.shape

    @property
    def kind(self) -> str:
        """The kind of device that it computes on: cpu, cuda or mps."""
        return self.device.type

    @property
    def view(self) -> dict[str, object]:
        """The view of the images that it was trained on, as its card has it."""
        return self.card.origin.view

    def embed(self, images: Pixels) -> Pixels:
        """The embedding (n, dimension) of images (n, channel, height, width)."""
        features = self.features(images)
        return features if self.coordinates is None else self.coordinates(features)

    def features(self, images: Pixels) -> Pixels:
        """What the readout takes of the encoder (n, feature), not yet in coordinates of its own."""
        self._check(images)
        with torch.inference_mode():
            found = features_of(
                self.model.encoder, to_device(images, self.device), self.card.recipe.model.readout
            )
        return found.float().cpu().numpy()

    def encode(self, images: Pixels) -> tuple[Pixels, Pixels]:
        """Posterior mean and log-variance (n, latent) of images (n, channel, height, width)."""
        self._check(images)
        with torch.no_grad():
            encoded: Encoded = self.model.encoder(to_device(images, self.device))
        return encoded.mu.cpu().numpy(), encoded.logvar.cpu().numpy()

    def decode(
        self, latents: npt.NDArray[np.float32], plates: Sequence[str] | None = None
    ) -> Pixels:
        """Means of the pixels (n, channel, height, width) of latents (n, latent).

        `plates` name the plate of each, for a decoder that is told of plates; one that training
        did not see counts as none, as do all without names. In a latent space of codes the
        nearest ones are decoded.
        """
        if latents.ndim != 2 or latents.shape[1] != self.model.latent:
            raise PhenovaeError(
                f"latents of shape {latents.shape} do not fit a model of {self.model.latent}"
            )
        with torch.no_grad():
            there = torch.from_numpy(np.float32(latents)).to(self.device)
            mean = self.model.decode_nearest(there, self._told(plates))
        pixels: Pixels = mean.contiguous().cpu().numpy()
        return pixels

    def draw(self, count: int, random: np.random.Generator) -> Pixels:
        """Latents (count, latent) drawn from the prior: the standard normal, or all codes alike."""
        books = self.model.codebooks
        if books is None:
            return random.standard_normal((count, self.model.latent), dtype=np.float32)
        codes = torch.from_numpy(random.integers(books.count, size=(count, books.parts)))
        vectors: Pixels = books.look_up(codes.to(self.device)).cpu().numpy()
        return vectors

    def reconstruct(self, images: Pixels, plates: Sequence[str] | None = None) -> Pixels:
        """Images decoded from their posterior means; `plates` as for `decode`."""
        return self.decode(self.encode(images)[0], plates)

    def _told(self, plates: Sequence[str] | None) -> torch.Tensor | None:
        if plates is None:
            return None
        return torch.from_numpy(codes_of(plates, self.card.plates)).to(self.device)

    def _check(self, images: Pixels) -> None:
        if images.ndim != 4 or images.shape[1:] != self.model.shape:
            raise PhenovaeError(
                f"images of shape {images.shape[1:]} do not fit a model of "
                f"{self.model.shape} (channel, height, width)"
            )


def load_model(folder: Path, device: Device = "cpu") -> TrainedModel:
    """Load a model. Raises InputError where a file is missing, damaged or does not fit the card."""
    card = read_card(folder)
    place = torch.device(device_name(device))
    tensors, _ = read_tensors(folder / WEIGHTS)
    with torch.random.fork_rng(devices=[]):
        model = in_fast_layout(VAE(card.shape, card.recipe.model, len(card.plates)))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(
            f"{WEIGHTS} does not hold the weights that {CARD} describes",
            where=folder,
            mend="copy both files from one training",
        ) from error
    model.eval()
    marks = [sha256_of_file(folder / WEIGHTS), card.recipe.model.readout.model_dump_json()]
    coordinates = None
    if card.recipe.model.readout.components:
        coordinates = read_coordinates(folder / READOUT)
        marks.append(sha256_of_file(folder / READOUT))
    return TrainedModel(model.to(place), card, place, sha256_of(marks), coordinates)


def write_coordinates(path: Path, coordinates: Coordinates) -> None:
    """Write the coordinates of a readout. Equal ones give equal bytes."""
    tensors = {
        "mean": torch.from_numpy(coordinates.mean),
        "matrix": torch.from_numpy(np.ascontiguousarray(coordinates.matrix)),
    }
    write_tensors(path, tensors, {"format": FORMAT})


def read_coordinates(path: Path) -> Coordinates:
    """The coordinates of a readout. Raises InputError where they are missing or damaged."""
    tensors, _ = read_tensors(path)
    if set(tensors) != {"mean", "matrix"}:
        raise InputError("these are no coordinates of a readout", where=path)
    return Coordinates(tensors["mean"].numpy(), tensors["matrix"].numpy())
