"""What is kept of a plate's fields for its light: a bounded sample of them, reduced to blocks.

Which fields are kept depends on their names alone, and what is kept of them is whole numbers. So
parts of a plate that several processes went through add up to the same as one pass, to the byte,
in whatever order, and memory does not grow with the plate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError
from phenovae.base.files import writing
from phenovae.images.array_files import read_arrays
from phenovae.images.smoothing import Floats, Pixels, block_side, block_sums

SAMPLE = 256
BLOCKS = 80

_FORMAT = 1
_MEMBERS = ("sample", "blocks", "fields", "shape", "depth", "names", "sums")


@dataclass(frozen=True)
class Sample:
    """Fields of one channel, reduced: means of blocks (field, height, width) in grey levels."""

    values: Floats
    shape: tuple[int, int]
    side: int
    fields: int
    """All fields that were seen, those that are not in the sample included."""


class IlluminationStatistics:
    """The fields of one channel of one plate, as far as its light needs them.

    Holds at most `sample` fields of at most `blocks` blocks a side, 4 bytes a block: 5 MB for
    fields of 1280 x 1024 px with the defaults, however many fields come.
    """

    def __init__(self, sample: int = SAMPLE, blocks: int = BLOCKS) -> None:
        self._sample = sample
        self._blocks = blocks
        self._fields = 0
        self._shape: tuple[int, int] | None = None
        self._depth = 0
        self._kept: dict[str, npt.NDArray[np.uint32]] = {}

    @property
    def fields(self) -> int:
        """How many fields were added."""
        return self._fields

    @property
    def kind(self) -> tuple[int, int, int] | None:
        """Height, width and bytes a pixel of the fields; None before the first."""
        return None if self._shape is None else (*self._shape, self._depth)

    def add(self, image: Pixels, name: str) -> None:
        """Take in one field, (height, width), uint8 or uint16, by a name that no other has.

        Raises InputError where the image is of another size or depth than the ones before.
        """
        if image.ndim != 2 or image.size == 0 or image.dtype not in (np.uint8, np.uint16):
            raise InputError(
                f"a field for the light is one grey image of 8 or 16 bits, not {image.dtype} of "
                f"shape {image.shape}",
                where=name,
            )
        height, width = image.shape
        self._agree((height, width), image.dtype.itemsize, name)
        self._fields += 1
        if self._wants(name):
            self._keep(name, block_sums(image, block_side((height, width), self._blocks)))

    def merge(self, other: IlluminationStatistics) -> None:
        """Take in what another process has seen of the same channel and plate.

        Raises InputError where its fields are of another size, or were kept by other settings.
        """
        if (other._sample, other._blocks) != (self._sample, self._blocks):
            raise InputError("statistics of light that were kept by unlike settings cannot be one")
        if other._shape is not None:
            self._agree(other._shape, other._depth, "the other part")
        self._fields += other._fields
        for name in sorted(other._kept):
            if self._wants(name):
                self._keep(name, other._kept[name])

    def reduced(self) -> Sample:
        """What was kept, in an order that looks random and is always the same.

        Raises InputError where no field was added.
        """
        if self._shape is None:
            raise InputError("there is no field to tell the light from")
        side = block_side(self._shape, self._blocks)
        ordered = [self._kept[name] for name in sorted(self._kept, key=_lot)]
        return Sample(np.stack(ordered) / float(side * side), self._shape, side, self._fields)

    def save(self, path: Path) -> None:
        """Write the statistics; the same fields give the same bytes, whatever their order."""
        names = sorted(self._kept)
        sums = [self._kept[name] for name in names]
        with writing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                format=np.int64(_FORMAT),
                sample=np.int64(self._sample),
                blocks=np.int64(self._blocks),
                fields=np.int64(self._fields),
                shape=np.array(self._shape or (0, 0), dtype=np.int64),
                depth=np.int64(self._depth),
                names=np.array(names, dtype=np.str_),
                sums=np.stack(sums) if sums else np.zeros((0, 0, 0), dtype=np.uint32),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read statistics. Raises InputError where the file is missing, damaged or newer."""
        arrays = read_arrays(path, "statistics of light", _MEMBERS, _FORMAT)
        height, width = (int(side) for side in arrays["shape"])
        found = cls(int(arrays["sample"]), int(arrays["blocks"]))
        found._fields = int(arrays["fields"])
        found._depth = int(arrays["depth"])
        found._shape = (height, width) if found._depth else None
        names = [str(name) for name in arrays["names"]]
        found._kept = dict(zip(names, arrays["sums"].astype(np.uint32), strict=True))
        return found

    def _wants(self, name: str) -> bool:
        if name in self._kept:
            raise InputError("two fields have the same name", where=name)
        return len(self._kept) < self._sample or _lot(name) < _lot(self._last())

    def _keep(self, name: str, sums: npt.NDArray[np.uint32]) -> None:
        self._kept[name] = sums
        if len(self._kept) > self._sample:
            del self._kept[self._last()]

    def _last(self) -> str:
        return max(self._kept, key=_lot)

    def _agree(self, shape: tuple[int, int], depth: int, name: str) -> None:
        if self._shape is None:
            self._shape, self._depth = shape, depth
        if (shape, depth) != (self._shape, self._depth):
            raise InputError(
                f"a field of {_size(shape, depth)} is among fields of "
                f"{_size(self._shape, self._depth)}",
                where=name,
                mend="give the fields of every size and depth a plate of their own",
            )


def _lot(name: str) -> tuple[bytes, str]:
    """Where a field stands in the draw for the sample."""
    return hashlib.sha256(name.encode()).digest(), name


def _size(shape: tuple[int, int], depth: int) -> str:
    return f"{shape[1]} × {shape[0]} px and {8 * depth} bits"
