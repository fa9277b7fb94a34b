"""What several processes of one training know together."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of values over all processes of the training; of one process, the values."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    total = values.clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()
