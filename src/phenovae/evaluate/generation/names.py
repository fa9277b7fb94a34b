"""What samples and feature spaces are called, in the record and in the report."""

from __future__ import annotations

REAL, RECONSTRUCTED, POSTERIOR, PRIOR = "real", "reconstructed", "posterior", "prior"
PIXELS = "pixels@1"
TEXTURE = "texture@1"
