"""What PyTorch finds on this machine, and how fast and how rightly it multiplies."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from phenovae.base.seeds import generator

_ROUNDS = 5


@dataclass(frozen=True)
class DeviceFacts:
    """A device that can train: `name` as in `train.device`, memory in GB or None."""

    name: str
    kind: str
    memory_gb: float | None = None


@dataclass(frozen=True)
class Product:
    """A float32 product of two square matrices: the best time [s], and its largest error.

    `error` is relative to the largest value of the product in float64.
    """

    device: str
    size: int
    seconds: float
    error: float

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations a second."""
        return 2 * self.size**3 / self.seconds / 1e9


def devices() -> tuple[DeviceFacts, ...]:
    """The CPU, and every accelerator that this build of PyTorch can use."""
    found = [DeviceFacts("cpu", f"PyTorch {torch.__version__}")]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        told = torch.cuda.get_device_properties(number)
        found.append(DeviceFacts("cuda", told.name, told.total_memory / 1e9))
    if torch.mps.is_available():
        found.append(DeviceFacts("mps", "Apple GPU"))
    return tuple(found)


def matrix_product(device: str, size: int = 1024) -> Product:
    """Multiply two random matrices (size, size) on a device, and check the product."""
    random = generator(0, "vae", "machine")
    one, other = (random.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    place = torch.device(device)
    a, b = (torch.from_numpy(each).to(place) for each in (one, other))
    product = a @ b
    product.cpu()  # the first call on an accelerator also loads its library
    best = float("inf")
    for _ in range(_ROUNDS):
        clock = time.perf_counter()
        product = a @ b
        _wait(device)
        best = min(best, time.perf_counter() - clock)
    right = one.astype(np.float64) @ other.astype(np.float64)
    error = np.abs(product.cpu().numpy() - right).max() / np.abs(right).max()
    return Product(device, size, best, float(error))


def threads() -> int:
    """Threads that PyTorch uses on the CPU."""
    return torch.get_num_threads()


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
