"""The device that was asked for, or an error; and arithmetic that repeats itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from inspect import signature
from typing import Literal, Protocol

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from phenovae.base.errors import UsageError
from phenovae.vae.options import Device, TrainOptions

_LOG = logging.getLogger("phenovae.vae")
_SYNCS_BUFFERS = (
    "forward_sync_buffers"
    if "forward_sync_buffers" in signature(DistributedDataParallel).parameters
    else "broadcast_buffers"  # before PyTorch 2.13
)
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIRST_BF16_GPU = (8, 0)
_BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def device_name(device: Device) -> str:
    """`cpu`, `cuda` or `mps`. Raises UsageError where the device asked for is not there."""
    if device == "auto":
        chosen = "cuda" if torch.cuda.is_available() else "cpu"
        _LOG.debug("device: %s", chosen)
        return chosen
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if not there[device]:
        raise UsageError(
            f"the device {device} was asked for, and PyTorch {torch.__version__} finds none here",
            mend="set the device to cpu or auto, or install a build of PyTorch for it",
        )
    return device


def check_devices(options: TrainOptions) -> None:
    """Raise UsageError where the devices are not there or cannot share a batch."""
    name = device_name(options.device)
    if name == "cuda" and options.devices > torch.cuda.device_count():
        raise UsageError(
            f"{options.devices} CUDA devices were asked for, {torch.cuda.device_count()} are there",
            where="train.devices",
        )
    if options.batch % options.processes:
        raise UsageError(
            f"a batch of {options.batch} cannot be shared by {options.processes} devices",
            where="train.batch",
            mend=f"choose a multiple of {options.processes}",
        )


def make_fabric(options: TrainOptions, silence: timedelta | None = None) -> Fabric:
    """Fabric for these devices and this precision; of several, each process makes one of its own.

    Processes give up after a `silence` of the others. Raises as `check_devices`.
    """
    check_devices(options)
    together = DDPStrategy(
        # Named, so that Fabric does not ask a cluster's scheduler, which knows of one process.
        cluster_environment=LightningEnvironment(),
        timeout=silence,
        # Else a pass is a meeting of all processes, and not all measure as many batches.
        **{_SYNCS_BUFFERS: False},  # type: ignore[arg-type]
    )
    return Fabric(
        accelerator=device_name(options.device),
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=together if options.processes > 1 else "auto",
        precision="bf16-mixed" if precision_of(options) == "bf16" else "32-true",
    )


def precision_of(options: TrainOptions) -> Literal["32", "bf16"]:
    """The precision that is trained in: the one that was asked for, or the faster one here."""
    if options.precision != "auto":
        return options.precision
    name = device_name(options.device)
    if name == "cuda":
        # What older GPUs emulate is slower than float32.
        fast = all(
            torch.cuda.get_device_capability(each) >= _FIRST_BF16_GPU
            for each in range(options.devices)
        )
    else:
        # PyTorch tells since 2.10.
        told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        fast = name == "cpu" and any(told.get(each, False) for each in _BF16_INSTRUCTIONS)
    return "bf16" if fast else "32"


class _MemoryFilling(Protocol):
    fill_uninitialized_memory: bool


@contextmanager
def deterministic(device: str) -> Iterator[None]:
    """Within the block the same input gives the same bits; settings are put back afterwards.

    An operation that has no deterministic form on an accelerator is warned about by PyTorch.
    """
    algorithms = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: _MemoryFilling = torch.utils.deterministic  # type: ignore[assignment]
    filling = memory.fill_uninitialized_memory
    cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    workspace = os.environ.get(_WORKSPACE)
    try:
        if device == "cuda" and workspace is None:
            os.environ[_WORKSPACE] = ":4096:8"
        torch.use_deterministic_algorithms(mode=True, warn_only=device != "cpu")
        # Filling new memory finds bugs of operators, changes no result and costs a tenth.
        memory.fill_uninitialized_memory = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        yield
    finally:
        torch.use_deterministic_algorithms(algorithms, warn_only=warn_only)
        memory.fill_uninitialized_memory = filling
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)
