"""One shard: an .npy file written crop by crop, whose header is completed at the end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import StoreError

HEADER_BYTES = 128
_BLOCK = 1 << 22


@dataclass(frozen=True)
class ShardHeader:
    """dtype and shape of a shard."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {' × '.join(str(side) for side in self.shape)}"

    def as_bytes(self) -> bytes:
        """The .npy header, padded so that it does not grow with the number of crops."""
        described = np.dtype(self.dtype).newbyteorder("<").str
        text = f"{{'descr': '{described}', 'fortran_order': False, 'shape': {self.shape}, }}"
        room = HEADER_BYTES - 10 - 1
        if len(text) > room:
            raise StoreError(f"a shard of shape {self.shape} cannot be described")
        return (
            b"\x93NUMPY\x01\x00"
            + (HEADER_BYTES - 10).to_bytes(2, "little")
            + text.ljust(room).encode("ascii")
            + b"\n"
        )


class ShardWriter:
    """Appends crops to a shard in bounded memory."""

    def __init__(self, path: Path, dtype: str, crop_shape: tuple[int, int, int]) -> None:
        self._dtype, self._shape = dtype, crop_shape
        self._file: BinaryIO = path.open("wb")
        self._file.write(ShardHeader(dtype, (0, *crop_shape)).as_bytes())
        self._hash = hashlib.sha256()
        self.cells = 0

    def append(self, crops: npt.NDArray[np.generic]) -> None:
        """Add crops (n, channel, height, width) of the shard's dtype."""
        if crops.shape[1:] != self._shape or crops.dtype != np.dtype(self._dtype):
            raise StoreError(
                f"crops of {crops.dtype} {crops.shape[1:]} do not fit a shard of "
                f"{self._dtype} {self._shape}"
            )
        pixels = np.ascontiguousarray(crops, np.dtype(self._dtype).newbyteorder("<")).tobytes()
        self._file.write(pixels)
        self._hash.update(pixels)
        self.cells += len(crops)

    def close(self) -> str:
        """Complete the header; return the SHA-256 of the pixels."""
        self._file.seek(0)
        self._file.write(ShardHeader(self._dtype, (self.cells, *self._shape)).as_bytes())
        self._file.close()
        return self._hash.hexdigest()


def read_header(path: Path) -> ShardHeader:
    """Header of an .npy file. Raises StoreError where it is absent, damaged or cut short."""
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StoreError(
            f"shard {path.name} is missing", where=path, mend="make the store anew"
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(
            f"shard {path.name} is damaged or cut short: {error}",
            where=path,
            mend="restore the file from a copy or make the store anew",
        ) from None
    return ShardHeader(str(mapped.dtype), tuple(int(side) for side in mapped.shape))


def sha256_of_pixels(path: Path) -> str:
    """SHA-256 of a shard's pixels, without its header."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
