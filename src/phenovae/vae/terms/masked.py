"""Reconstruction of patches that the encoder was not shown (He et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from phenovae.base.errors import TrainingError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.patches import draw_hidden, patches_to_hide
from phenovae.vae.terms.term import Setting


class MaskedTerm:
    """What is hidden of a cell is likely under what is decoded of the rest.

    Every term of an objective with this one is of a model that was shown the rest alone;
    `reconstruction` then is of whole images all the same. Raises UsageError where the patches do
    not fit the images.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        self.options = options.masked
        _, self._height, self._width = setting.shape
        self._hide = patches_to_hide(
            self._height, self._width, self.options.patch, self.options.share
        )

    def hidden(self, count: int, random: torch.Generator) -> Tensor:
        """Which pixels of so many images are not to be shown (n, 1, height, width)."""
        return draw_hidden(count, self._height, self._width, self.options.patch, self._hide, random)

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        """Negative log-density (n,) [nats] of a hidden pixel, for every pixel of an image.

        Raises TrainingError where nothing was hidden.
        """
        del batch, posterior
        if reconstruction.hidden_nll is None:
            raise TrainingError("the term `masked` was given images of which nothing was hidden")
        return reconstruction.hidden_nll
