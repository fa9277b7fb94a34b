"""What is wrong with a table of features: read block by block, whatever its length.

Kept of each row are 16 bytes, of each feature its range, sums and a digest, and its range within
every compound and every plate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.findings import Finding, counted, fault, note, warning
from phenovae.cells.feature_names import check_names, is_metadata
from phenovae.screen.sites import Role

Floats = npt.NDArray[np.float64]

LATENT = re.compile(r"z_\d{3,}")
ACTIVE_VARIANCE = 0.01
"""Variance of the posterior mean above which a unit is active (Burda et al. 2016)."""

_KEYS = (
    ("Metadata_Plate", "Metadata_Field", "Metadata_Cell"),
    ("Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_Cell"),
    ("Metadata_Plate", "Metadata_Field"),
    ("Metadata_Plate", "Metadata_Well", "Metadata_Site"),
    ("Metadata_Plate", "Metadata_Well"),
)
"""What names a row: of these the first that the table has whole."""

_OF_METADATA = ("Concentration", "Replicate", "Site", "Cell", "Row", "Column", "TableNumber")


@dataclass
class _Groups:
    """The range of every feature within each group of rows."""

    low: dict[str, Floats] = field(default_factory=dict)
    high: dict[str, Floats] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, names: pd.Series, values: Floats) -> None:
        here = names.fillna("").astype(str).to_numpy(dtype=object)
        for name in dict.fromkeys(here):
            block = values[here == name]
            low, high = np.fmin.reduce(block), np.fmax.reduce(block)
            seen = name in self.low
            self.low[name] = np.fmin(self.low[name], low) if seen else low
            self.high[name] = np.fmax(self.high[name], high) if seen else high
            self.rows[name] = self.rows.get(name, 0) + len(block)

    def constant_within(self) -> npt.NDArray[np.bool_] | None:
        """Whether a feature has one value in every group; None where that says nothing."""
        if len(self.rows) < 2 or min(self.rows.values()) < 2:
            return None
        one = np.ones(len(next(iter(self.low.values()))), dtype=np.bool_)
        for name, low in self.low.items():
            one &= low == self.high[name]
        return one


class FeatureCheck:
    """Takes a table in blocks, then says what is wrong with it."""

    _low: Floats
    _high: Floats
    _shift: Floats
    _digests: list[hashlib._Hash]

    def __init__(self, columns: Sequence[str]) -> None:
        """Begin with the names of all columns; those that are no metadata should be features."""
        self.columns = list(columns)
        self.metadata = [name for name in columns if is_metadata(name)]
        self.features: list[str] = []
        self.words: list[str] = []
        self.rows = 0
        self._key = next((key for key in _KEYS if set(key) <= set(columns)), ())
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._controls: list[npt.NDArray[np.int8]] = []
        self._groups = {"Metadata_Compound": _Groups(), "Metadata_Plate": _Groups()}
        self._bad: list[str] = []
        self._odd: set[str] = set()
        self._metadata_like: list[str] = []
        self._of_protocols = "Profile_Protocol" in columns
        self._resize(0)

    def add(self, block: pd.DataFrame) -> None:
        """Take the next rows."""
        if not len(block):
            return
        if not self.rows:
            self._begin(block)
        self.rows += len(block)
        if self._key:
            self._keys.append(_hash(block[list(self._key)].astype(str)))
        self._odd |= {name for name in self._metadata_like if _is_measured(block[name])}
        if not self.features:
            return
        values = block[self.features].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
        finite = np.isfinite(values)
        self._nan += np.isnan(values).sum(axis=0)
        self._inf += np.isinf(values).sum(axis=0)
        self._name_bad(block, finite)
        usable = np.where(finite, values, np.nan)
        self._low = np.fmin(self._low, np.fmin.reduce(usable))
        self._high = np.fmax(self._high, np.fmax.reduce(usable))
        shifted = np.where(finite, values - self._shift, 0.0)
        self._sum += shifted.sum(axis=0)
        self._squares += (shifted**2).sum(axis=0)
        self._count += finite.sum(axis=0)
        for number, digest in enumerate(self._digests):
            digest.update(np.ascontiguousarray(values[:, number]).tobytes())
        self._hashes.append(_hash(pd.DataFrame(values)))
        for column, groups in self._groups.items():
            if column in block:
                groups.add(block[column], usable)
        if "Metadata_Role" in block:
            role = block["Metadata_Role"].map(
                {str(Role.NEGATIVE_CONTROL): 1, str(Role.TREATMENT): 2}
            )
            self._controls.append(np.asarray(role.fillna(0), dtype=np.int8))

    def findings(self) -> Iterator[Finding]:
        """All findings on the rows that were taken."""
        yield from check_names(self.features, self.words, sorted(self._odd))
        if not self.rows:
            yield fault("the table has no rows", mend="make it anew")
            return
        if self._key:
            twice = _copies(np.concatenate(self._keys))
            if twice:
                names = ", ".join(name.removeprefix("Metadata_").lower() for name in self._key)
                yield fault(
                    f"{counted(twice, 'row')} there twice, by {names}",
                    mend="remove the copies: they count twice in every mean",
                )
        if self.features:
            yield from self._of_numbers()
            yield from self._of_rows()
            yield from self._of_codes()
            yield from self._of_latents()

    def _begin(self, block: pd.DataFrame) -> None:
        rest = [name for name in self.columns if name not in self.metadata]
        self.words = [name for name in rest if block[name].dtype.kind not in "fiub"]
        self.features = [name for name in rest if name not in self.words]
        self._metadata_like = [
            name
            for name in self.metadata
            if name.startswith("Metadata_") and not name.endswith(_OF_METADATA)
        ]
        self._resize(len(self.features))
        first = block[self.features].iloc[0] if len(block) else pd.Series(0.0, self.features)
        numbers = first.to_numpy(np.float64) if self.features else np.zeros(0)
        self._shift = np.where(np.isfinite(numbers), numbers, 0.0)

    def _resize(self, size: int) -> None:
        self._nan, self._inf, self._count = (np.zeros(size, np.int64) for _ in range(3))
        self._sum, self._squares = np.zeros(size), np.zeros(size)
        self._low = np.full(size, np.nan)
        self._high = np.full(size, np.nan)
        # Sums of squares about the first row keep their digits where values are large and alike.
        self._shift = np.zeros(size)
        self._digests = [hashlib.sha256() for _ in range(size)]

    def _name_bad(self, block: pd.DataFrame, finite: npt.NDArray[np.bool_]) -> None:
        if finite.all():
            return
        rows = np.flatnonzero(~finite.all(axis=1))
        for row in rows[: max(0, 50 - len(self._bad))]:
            columns = np.flatnonzero(~finite[row])
            where = " ".join(str(value) for value in block.iloc[row][list(self._key)])
            number = self.rows - len(block) + int(row)
            self._bad.append(f"row {number} {where}: {self.features[int(columns[0])]}")

    def _of_numbers(self) -> Iterator[Finding]:
        for kind, counts in (("NaN", self._nan), ("infinite", self._inf)):
            hit = np.flatnonzero(counts)
            if len(hit):
                yield fault(
                    f"{int(counts.sum()):,} {kind} values in {counted(len(hit), 'feature')}",
                    [f"{self.features[n]} ({counts[n]:,})" for n in hit],
                    "remove these rows or features",
                )
        if self._bad:
            yield note("the first rows without a finite number", self._bad)
        constant = np.flatnonzero((self._low == self._high) & (self._count == self.rows))
        if len(constant) and self.rows > 1:
            yield warning(
                f"{counted(len(constant), 'feature')} with one value in all rows",
                [self.features[n] for n in constant],
                "leave them out: they tell nothing apart, and have no scale",
            )
        empty = set(constant.tolist())
        same: dict[bytes, list[str]] = {}
        for number, digest in enumerate(self._digests):
            if number not in empty:
                same.setdefault(digest.digest(), []).append(self.features[number])
        copies = [names for names in same.values() if len(names) > 1]
        if copies and self.rows > 1:
            extra = sum(len(names) - 1 for names in copies)
            yield warning(
                f"{counted(extra, 'feature')} the same as another in all rows",
                [" = ".join(names) for names in copies],
                "keep one of each: copies count twice in every distance",
            )

    def _of_rows(self) -> Iterator[Finding]:
        hashes = np.concatenate(self._hashes)
        twice = _copies(hashes)
        varied = self._high > self._low
        if twice and varied.any() and not self._of_protocols:
            yield warning(
                f"{counted(twice, 'row')} with the very values of another row",
                mend="find out whether rows were copied or joined twice",
            )
        if self._controls:
            roles = np.concatenate(self._controls)
            shared = np.intersect1d(hashes[roles == 1], hashes[roles == 2])
            if len(shared) and varied.any():
                yield fault(
                    f"{counted(len(shared), 'row')} of negative controls with the very values of a "
                    "treatment's",
                    mend="features and metadata were joined wrongly: join by name, not by order",
                )

    def _of_codes(self) -> Iterator[Finding]:
        for column, groups in self._groups.items():
            one = groups.constant_within()
            if one is None:
                continue
            codes = [self.features[n] for n in np.flatnonzero(one & (self._high > self._low))]
            if codes:
                what = column.removeprefix("Metadata_").lower()
                yield fault(
                    f"{counted(len(codes), 'feature')} with one value in all rows of each {what}: "
                    f"a code of the {what}",
                    codes,
                    "leave them out: scores would read the label",
                )

    def _of_latents(self) -> Iterator[Finding]:
        latent = np.array([LATENT.fullmatch(name) is not None for name in self.features])
        if not latent.any() or self.rows < 2:
            return
        counts = np.maximum(self._count, 1)
        variance = np.maximum(self._squares / counts - (self._sum / counts) ** 2, 0.0)
        dead = [self.features[n] for n in np.flatnonzero(latent & (variance <= ACTIVE_VARIANCE))]
        if len(dead) == int(latent.sum()):
            yield fault(
                f"all {len(dead)} latents have a variance of {ACTIVE_VARIANCE} or less: the "
                "posterior has collapsed",
                mend="objective.kl_warmup_epochs, objective.free_bits, or a lower objective.beta",
            )
        elif dead:
            yield note(
                f"{len(dead)} of {int(latent.sum())} latents have a variance of {ACTIVE_VARIANCE} "
                "or less",
                dead,
                "they carry nothing; whitening blows their noise up",
            )


def _hash(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def _copies(hashes: npt.NDArray[np.uint64]) -> int:
    return len(hashes) - len(np.unique(hashes))


def _is_measured(column: pd.Series) -> bool:
    """Whether values are numbers with a fraction, as measures are and labels are not."""
    if column.dtype.kind != "f":
        return False
    numbers = column.to_numpy(np.float64)
    return bool((np.isfinite(numbers) & (numbers != np.round(numbers))).any())
