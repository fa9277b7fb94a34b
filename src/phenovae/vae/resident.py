"""Images that stay in a device's memory while a model is trained on them, where there is room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from phenovae.vae.data import Images, Pixels, Rows, read_ahead
from phenovae.vae.options import TrainOptions

_LOG = logging.getLogger("phenovae.vae")

Reader: TypeAlias = Callable[[Sequence[Rows]], Iterator[tuple[Rows, Pixels | Tensor]]]
"""Batches of rows to each with its images (n, channel, height, width), in their order."""

_BLOCK = 1024
_SHARE = 0.5  # of what is free: activations, gradients and optimisers want the rest
_BYTES = 4


def reader_of(images: Images, rows: Rows, device: torch.device, options: TrainOptions) -> Reader:
    """How a training reads the images of these rows: from the device, or ahead of their use.

    Both give the same images.
    """
    there = np.unique(rows)
    if stays(images, len(there), device, options):
        _LOG.debug("%d images stay on %s", len(there), device)
        return ResidentImages(images, there, device, options.workers).read
    return partial(read_ahead, images, workers=options.workers)


def stays(images: Images, count: int, device: torch.device, options: TrainOptions) -> bool:
    """Whether so many images are to stay on the device, as the options and its memory have it."""
    if options.resident != "auto":
        return options.resident == "always"
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return _BYTES * count * int(np.prod(images.shape)) <= _SHARE * free


class ResidentImages:
    """The images of some rows, read once, on a device."""

    def __init__(self, images: Images, rows: Rows, device: torch.device, workers: int = 1) -> None:
        self._rows = rows
        self._pixels = torch.empty((len(rows), *images.shape), device=device)
        blocks = [rows[at : at + _BLOCK] for at in range(0, len(rows), _BLOCK)]
        at = 0
        for block, pixels in read_ahead(images, blocks, workers):
            self._pixels[at : at + len(block)] = torch.from_numpy(pixels)
            at += len(block)

    def read(self, batches: Sequence[Rows]) -> Iterator[tuple[Rows, Tensor]]:
        """The images of each batch in order. Raises KeyError for a row that is not here."""
        for batch in batches:
            places = np.searchsorted(self._rows, batch)
            if (places == len(self._rows)).any() or (self._rows[places] != batch).any():
                raise KeyError(f"not all of the rows {batch} are on the device")
            yield batch, self._pixels[torch.from_numpy(places).to(self._pixels.device)]
