"""What several processes of one training know together."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def agree(module: nn.Module) -> None:
    """Give all processes of the training the buffers that the first has of a module."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, 0)


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of values over all processes of the training; of one process, the values."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    total = values.clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()
