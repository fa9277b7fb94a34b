"""A wavelet scattering transform with nothing to learn (Mallat 2012; Bruna & Mallat 2013).

An image is filtered by oriented wavelets of several scales, only the modulus is kept, and once
more; what is left of each path is averaged over a window. So it tells how much structure of which
size and direction lies where, and which pairs of them, but not at which pixel.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from phenovae.base.errors import UsageError

_XI = 3 * math.pi / 4
_SIGMA = 0.8
_ALIASES = 2
_FAINT = 1e-6


class Scattering(nn.Module):
    """Orders 0, 1 and 2 of images (n, channel, height, width), whose borders are joined.

    Morlet wavelets of `scales` octaves and `angles` directions of a half turn, of centre frequency
    3π/4 / 2^j [rad/px] and width 0.8 · 2^j [px]; a Gaussian of width 0.8 · 2^scales averages. The
    wavelets are scaled by one factor so that the energies of the filtered images, together, are
    nowhere more than that of the image (a Littlewood-Paley sum of at most 1).

    Raises UsageError unless 2^scales divides height and width.
    """

    low: Tensor
    bands: Tensor

    def __init__(self, height: int, width: int, scales: int, angles: int) -> None:
        super().__init__()
        step = 2**scales
        if height % step or width % step:
            raise UsageError(
                f"images of {height} × {width} px have no scattering over {scales} octaves",
                where="objective.scattering.scales",
                mend=f"choose fewer: 2^scales must divide {math.gcd(height, width)}",
            )
        self.scales = scales
        self.angles = angles
        low = _low(height, width, scales)
        turns = [math.pi * number / angles for number in range(angles)]
        bands = torch.stack(
            [
                torch.stack([_morlet(height, width, j, turn, angles) for turn in turns])
                for j in range(scales)
            ]
        )
        opposite = bands.flip((-2, -1)).roll((1, 1), (-2, -1))
        energy = 0.5 * (bands.square() + opposite.square()).sum(dim=(0, 1))
        counts = energy > _FAINT * energy.max()
        gain = ((1 - low.square())[counts] / energy[counts]).min().sqrt()
        self.register_buffer("low", low.float(), persistent=False)
        self.register_buffer("bands", (gain * bands).float(), persistent=False)

    @property
    def paths(self) -> int:
        """Maps that every channel has."""
        pairs = self.scales * (self.scales - 1) // 2
        return 1 + self.scales * self.angles + pairs * self.angles**2

    def forward(self, images: Tensor) -> Tensor:
        """Coefficients (n, channel, path, height / 2^scales, width / 2^scales), order 0 first."""
        spectrum = torch.fft.fft2(images.float()).unsqueeze(2)
        found = [self._averaged(spectrum, 0)]
        second: list[Tensor] = []
        for first in range(self.scales):
            moduli = _filtered(spectrum, self.bands[first], 2**first).abs()
            spectra = torch.fft.fft2(moduli)
            found.append(self._averaged(spectra, first))
            for coarser in range(first + 1, self.scales):
                bands = _folded(self.bands[coarser], 2**first)
                again = _filtered(spectra.unsqueeze(3), bands, 2 ** (coarser - first)).abs()
                second.append(self._averaged(torch.fft.fft2(again.flatten(2, 3)), coarser))
        return torch.cat(found + second, dim=2)

    def _averaged(self, spectra: Tensor, octave: int) -> Tensor:
        """Maps, sampled every 2^octave px, averaged by the Gaussian and sampled every window."""
        low = _folded(self.low, 2**octave)
        averaged: Tensor = _filtered(spectra, low, 2 ** (self.scales - octave)).real
        return averaged


def _filtered(spectra: Tensor, filters: Tensor, step: int) -> Tensor:
    """Convolutions of maps with filters, both given by their spectra, sampled every `step` px."""
    sampled: Tensor = torch.fft.ifft2(_folded(spectra * filters, step) / step**2)
    return sampled


def _folded(spectra: Tensor, step: int) -> Tensor:
    """Sum over the frequencies that sampling every `step` px makes one."""
    height, width = spectra.shape[-2:]
    parts = spectra.reshape(*spectra.shape[:-2], step, height // step, step, width // step)
    folded: Tensor = parts.sum(dim=(-4, -2))
    return folded


def _low(height: int, width: int, octave: int) -> Tensor:
    """Spectrum of the Gaussian that averages; 1 at frequency 0."""
    found = _bump(height, width, _SIGMA * 2**octave, 0.0, 0.0, 1.0)
    return found / found[0, 0]


def _morlet(height: int, width: int, octave: int, turn: float, angles: int) -> Tensor:
    """Spectrum of a Morlet wavelet: a Gaussian about its frequency, less what it has at 0.

    The envelope is the longer across its waves, the more directions there are.
    """
    sigma, slant = _SIGMA * 2**octave, 4 / angles
    wave = _bump(height, width, sigma, _XI / 2**octave, turn, slant)
    envelope = _bump(height, width, sigma, 0.0, turn, slant)
    return wave - wave[0, 0] / envelope[0, 0] * envelope


def _bump(
    height: int, width: int, sigma: float, frequency: float, turn: float, slant: float
) -> Tensor:
    """Spectrum (height, width) of a wave times a turned Gaussian of width σ [px], σ / slant across.

    It is that of the sampled function: frequencies a full turn apart are added up.
    """
    total = torch.zeros(height, width, dtype=torch.float64)
    full = 2 * math.pi
    rows = full * torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    columns = full * torch.fft.fftfreq(width, dtype=torch.float64)[None, :]
    for down in range(-_ALIASES, _ALIASES + 1):
        for right in range(-_ALIASES, _ALIASES + 1):
            y, x = rows + full * down, columns + full * right
            along = x * math.cos(turn) + y * math.sin(turn) - frequency
            across = y * math.cos(turn) - x * math.sin(turn)
            total += torch.exp(-0.5 * sigma**2 * (along.square() + (across / slant).square()))
    return total
