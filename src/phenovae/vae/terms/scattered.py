"""Likeness of image and reconstruction in a wavelet scattering transform."""

from __future__ import annotations

from torch import Tensor, nn

from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.scattering import Scattering
from phenovae.vae.terms.likeness import half_pixels, unexplained
from phenovae.vae.terms.term import Setting


class ScatteringTerm(nn.Module):
    """Texture of every size and direction is rebuilt, not its pixels (Bruna & Mallat 2013).

    All paths count alike, each by the share of its variance that is not rebuilt, however faint it
    is beside the others.
    """

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        self.options = options.scattering
        _, height, width = setting.shape
        self.transform = Scattering(height, width, self.options.scales, self.options.angles)
        self._half_pixels = half_pixels(setting.shape)

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Half the share of the paths' variance that is not rebuilt, for every value (n,)."""
        del posterior
        real = self.transform(batch.images).flatten(1, 2)
        rebuilt = self.transform(reconstruction.mean).flatten(1, 2)
        return self._half_pixels * unexplained(real, rebuilt)
