"""A frozen network of others, by timm: what it makes of each channel as a grey image.

timm: Wightman 2019, doi:10.5281/zenodo.4414861. Its weights are a file on this machine; nothing is
downloaded, and nothing unpickled.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from phenovae.base.errors import InputError, MissingExtraError, PhenovaeError, UsageError, nearest
from phenovae.base.files import sha256_of, sha256_of_file
from phenovae.cells.view import View
from phenovae.vae.augment import VIEWS, view
from phenovae.vae.data import Pixels, Shape
from phenovae.vae.devices import device_name
from phenovae.vae.options import BackboneOptions, Device

_COLOURS = 3
_AT_ONCE = 64
"""Grey images that the network sees at once: at 224 px its maps are hundreds of MB then."""
_PICKLES = (b"PK\x03\x04", b"\x80")
"""How files of torch.save begin: a zip archive, or a plain pickle."""
_INTERPOLATIONS = {"bilinear": "bilinear", "bicubic": "bicubic"}


@dataclass(frozen=True)
class BackboneFacts:
    """What a backbone is, for the record: `features` a channel, `size` [px], `sha256` of `file`."""

    name: str
    file: str
    sha256: str
    features: int
    size: int
    views: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    def as_dict(self) -> dict[str, object]:
        """The facts as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Backbone:
    """A frozen network, ready: images of a view in, its pooled features of every channel out."""

    network: nn.Module
    facts: BackboneFacts
    device: torch.device
    seen: View

    @property
    def shape(self) -> Shape:
        """Channels, height and width of the images that it takes."""
        size = self.seen.options.size
        return (len(self.seen.channels), size, size)

    @property
    def kind(self) -> str:
        """The kind of device that it computes on: cpu, cuda or mps."""
        return self.device.type

    @property
    def weights_hash(self) -> str:
        """What tells its weights, and how they are used, from others."""
        return sha256_of(self.facts.as_dict())

    @property
    def view(self) -> dict[str, object]:
        """The view of the images, as JSON-able values."""
        return self.seen.to_json()

    def embed(self, images: Pixels) -> Pixels:
        """Features (n, channel · feature) of images (n, channel, size, size) in [0, 1]."""
        count, channels = images.shape[:2]
        grey = torch.from_numpy(np.ascontiguousarray(images)).flatten(0, 1).unsqueeze(1)
        with torch.inference_mode():
            parts = [
                self._pooled(grey[at : at + _AT_ONCE].to(self.device))
                for at in range(0, len(grey), _AT_ONCE)
            ]
        found: Pixels = torch.cat(parts).float().cpu().numpy().reshape(count, -1)
        if found.shape[1] != channels * self.facts.features:
            raise PhenovaeError(f"{self.facts.name} gave {found.shape[1]} features for a cell")
        return found

    def _pooled(self, grey: Tensor) -> Tensor:
        """Features (n, feature) of grey images (n, 1, height, width), averaged over the views."""
        facts = self.facts
        mean, std = (
            torch.tensor(each, device=grey.device).view(1, -1, 1, 1)
            for each in (facts.mean, facts.std)
        )
        large = functional.interpolate(
            grey, (facts.size, facts.size), mode=facts.interpolation, antialias=True
        ).clamp(0.0, 1.0)  # bicubic overshoots at edges
        colours = (large.expand(-1, _COLOURS, -1, -1) - mean) / std
        shown = range(VIEWS if facts.views == VIEWS else 1)
        total = torch.stack([self.network(view(colours, number)) for number in shown])
        return total.mean(dim=0)


def load_backbone(options: BackboneOptions, seen: View, device: Device) -> Backbone:
    """The network that `options` name, with the weights that they give.

    Raises MissingExtraError without timm; UsageError where timm knows no such network, or it takes
    no images of that size; InputError where the file is not there, is no safetensors file, or does
    not hold the weights of this network.
    """
    if options.weights is None:
        raise UsageError("no weights are given", mend="--set backbone.weights=FILE")
    tensors = _read(options.weights)
    timm = _timm()
    if not timm.is_model(options.name):
        raise UsageError(
            f"timm {timm.__version__} has no network {options.name!r}",
            where="backbone.name",
            mend=nearest(options.name, [str(name) for name in timm.list_models()]),
        )
    place = torch.device(device_name(device))
    with torch.random.fork_rng(devices=[]):
        try:
            network: nn.Module = timm.create_model(options.name, pretrained=False, num_classes=0)
        except RuntimeError as error:
            raise UsageError(
                f"timm makes no network {options.name!r}: {error}", where="backbone.name"
            ) from error
    told: Mapping[str, object] = timm.data.resolve_model_data_config(network)
    _fill(network, _without_classifier(network, tensors), options)
    network = network.eval().requires_grad_(requires_grad=False).to(place)
    size = options.size or _own_size(told, options.name)
    facts = BackboneFacts(
        name=options.name,
        file=options.weights.name,
        sha256=sha256_of_file(options.weights),
        features=_features(network, options.name, size, place),
        size=size,
        views=options.views,
        mean=_three(told["mean"]),
        std=_three(told["std"]),
        interpolation=_INTERPOLATIONS.get(str(told["interpolation"]), "bicubic"),
    )
    return Backbone(network, facts, place, seen)


def _timm() -> ModuleType:
    try:
        timm = importlib.import_module("timm")
        importlib.import_module("timm.data")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise _broken(error) from error
        raise MissingExtraError("timm", "timm", "a frozen backbone") from error
    except (ImportError, RuntimeError, OSError) as error:
        raise _broken(error) from error
    return timm


def _broken(error: Exception) -> PhenovaeError:
    return PhenovaeError(
        f"timm is installed but cannot be imported: {error}",
        mend="it needs the torchvision that was built for the torch that is here: same version, "
        "same kind (CPU or CUDA)",
    )


def _read(path: Path) -> dict[str, Tensor]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file of weights", where=path) from None
    except OSError as error:
        raise InputError(
            f"the weights cannot be read: {error.strerror or error}", where=path
        ) from error
    try:
        tensors: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        # A safetensors file begins with the length of its header, which may look like a pickle.
        if data.startswith(_PICKLES) and data[8:9] != b"{":
            raise _pickled(path) from None
        raise InputError(f"this is no whole safetensors file: {error}", where=path) from error
    return tensors


def _pickled(path: Path) -> InputError:
    return InputError(
        "these weights are a pickle of torch, which can run code when it is read; phenovae reads "
        "safetensors alone",
        where=path,
        mend="take the safetensors file of the same weights, or, where you trust it, convert it "
        "once: safetensors.torch.save_file(torch.load(FILE, weights_only=True), OUT)",
    )


def _without_classifier(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights less those of the classifier, whose answers are not asked for."""
    told = getattr(network, "pretrained_cfg", {})
    named = told.get("classifier") or () if isinstance(told, Mapping) else ()
    heads = tuple(f"{each}." for each in ([named] if isinstance(named, str) else named))
    own = set(network.state_dict())
    return {
        name: value
        for name, value in tensors.items()
        if name in own or not (heads and name.startswith(heads))
    }


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], options: BackboneOptions) -> None:
    own = network.state_dict()
    # Counters of batch normalisation, which no prediction uses, are missing from older files.
    missing = sorted(
        name for name in own.keys() - tensors.keys() if not name.endswith("num_batches_tracked")
    )
    unknown = sorted(tensors.keys() - own.keys())
    other = sorted(
        name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape
    )
    said = [
        f"{len(names)} {what} ({names[0]})"
        for names, what in ((missing, "missing"), (unknown, "unknown"), (other, "of another shape"))
        if names
    ]
    if said:
        raise InputError(
            f"these are not the weights of {options.name}: of its {len(own)} tensors "
            f"{', '.join(said)}",
            where=options.weights,
            mend="backbone.name says which network the weights are of",
        )
    network.load_state_dict(tensors, strict=False)
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise InputError("some weights are not a number", where=options.weights)


def _own_size(told: Mapping[str, object], name: str) -> int:
    size = told["input_size"]
    if not (isinstance(size, tuple | list) and len(size) == 3 and size[0] == _COLOURS):
        raise UsageError(f"{name} takes no images in three colours", where="backbone.name")
    return int(size[-1])


def _features(network: nn.Module, name: str, size: int, device: torch.device) -> int:
    """How many features the network makes of an image; tried on a black one."""
    try:
        with torch.inference_mode():
            found = network(torch.zeros(1, _COLOURS, size, size, device=device))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UsageError(
            f"{name} takes no images of {size} px: {error}", where="backbone.size"
        ) from error
    if found.ndim != 2:
        raise UsageError(
            f"{name} makes features of shape {tuple(found.shape)}, not one row an image",
            where="backbone.name",
        )
    return int(found.shape[1])


def _three(values: object) -> tuple[float, ...]:
    if not (isinstance(values, tuple | list) and len(values) == _COLOURS):
        raise UsageError("the network takes no images in three colours", where="backbone.name")
    return tuple(float(value) for value in values)
