"""A stand-in for timm: one tiny network, behind the calls that phenovae makes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

NAME = "corner"
SIZE = 16
MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)


class Corner(nn.Module):
    """The pixel in the upper left corner of each colour, times a weight."""

    pretrained_cfg = {"classifier": "head"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.head = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Features (n, 3) of images (n, 3, 16, 16)."""
        if images.shape[1:] != (3, SIZE, SIZE):
            raise RuntimeError(f"made for {SIZE} px")
        return images[:, :, 0, 0] * self.weight


def put_in(patch: pytest.MonkeyPatch) -> None:
    """Let `import timm` find the stand-in."""
    timm, data = ModuleType("timm"), ModuleType("timm.data")

    def is_model(name: str) -> bool:
        return name == NAME

    def list_models() -> list[str]:
        return [NAME]

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> nn.Module:
        assert name == NAME
        assert not pretrained
        assert num_classes == 0
        return Corner()

    def config(network: nn.Module) -> dict[str, object]:
        return {
            "input_size": (3, SIZE, SIZE), "mean": MEAN, "std": STD, "interpolation": "bicubic",
        }  # fmt: skip

    for name, each in (
        ("is_model", is_model), ("list_models", list_models), ("create_model", create_model),
        ("data", data), ("__version__", "1.0"),
    ):  # fmt: skip
        setattr(timm, name, each)
    setattr(data, "resolve_model_data_config", config)  # noqa: B010
    patch.setitem(sys.modules, "timm", timm)
    patch.setitem(sys.modules, "timm.data", data)


def write_weights(path: Path, **others: Tensor) -> Path:
    """Weights of the stand-in, and of a classifier that is not used."""
    own = {"weight": torch.tensor([1.0, 2.0, 4.0]), "head.bias": torch.zeros(7)}
    save_file({**own, **others}, path)
    return path
