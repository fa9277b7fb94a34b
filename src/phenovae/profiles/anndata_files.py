"""Features in AnnData's `.h5ad`: rows are described in `obs`, features named in `var`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.base.files import writing
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.sources import BLOCK, NOTE

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class AnnDataSource:
    """An AnnData in memory: `frame` is its obs, `values` its X as float32 or float64."""

    path: Path
    frame: pd.DataFrame
    names: tuple[str, ...]
    values: npt.NDArray[np.floating]
    note: str = ""

    @property
    def columns(self) -> Mapping[str, bool]:
        """Columns of obs, none of them a feature, and the names of var."""
        # What obs holds describes rows: only X has features.
        return {**dict.fromkeys(self.frame.columns, False), **dict.fromkeys(self.names, True)}

    def __len__(self) -> int:
        return len(self.frame)

    def metadata(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns that describe the rows, of all rows."""
        return self.frame[list(columns)]

    def blocks(self, columns: Sequence[str], wanted: Mask) -> Iterator[tuple[int, Matrix]]:
        """Values a block at a time."""
        place = {name: number for number, name in enumerate(self.names)}
        chosen = [place[name] for name in columns]
        for start in range(0, len(self), BLOCK):
            if wanted[start : start + BLOCK].any():
                yield start, self.values[start : start + BLOCK][:, chosen].astype(np.float64)


def read_anndata(path: Path) -> AnnDataSource:
    """An `.h5ad` file as a source, read in as a whole.

    Raises MissingExtraError without the package anndata, InputError where the file is damaged or
    a feature is named as a column of obs is.
    """
    anndata = _anndata("reading .h5ad files")
    try:
        found = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path.name} is no readable .h5ad file: {error}", where=path) from error
    if found.X is None:
        raise InputError("the file has no X", where=path, mend="put the features into X")
    values = found.X.toarray() if hasattr(found.X, "toarray") else np.asarray(found.X)
    frame = found.obs.reset_index(drop=True)
    names = [str(name) for name in found.var_names]
    twice = sorted({name for name in names if names.count(name) > 1 or name in frame.columns})
    if twice:
        raise InputError(
            f"the feature {twice[0]} is there twice", where=path, mend="give features unique names"
        )
    if values.dtype.kind not in "fiu":
        raise InputError(f"X holds {values.dtype}, no numbers", where=path)
    note = found.uns.get(NOTE.decode(), "")
    return AnnDataSource(path, frame, tuple(names), values, note if isinstance(note, str) else "")


def write_anndata(
    metadata: pd.DataFrame,
    values: npt.NDArray[np.floating],
    columns: Sequence[str],
    about: Mapping[str, str],
    path: Path,
) -> None:
    """Write profiles as an `.h5ad` file: metadata as obs, features as var, `about` as uns.

    Raises MissingExtraError without the package anndata.
    """
    anndata = _anndata("writing .h5ad files")
    # Words of the kind that the file format knows, whatever pandas makes of strings.
    obs = pd.DataFrame(
        {str(name): _plain(metadata[name]) for name in metadata.columns},
        index=pd.Index([str(number) for number in range(len(metadata))], dtype=object),
    )
    var = pd.DataFrame(index=pd.Index(list(columns), dtype=object))
    made = anndata.AnnData(X=values, obs=obs, var=var, uns=dict(about))
    with writing(path) as partial:
        made.write_h5ad(partial)


def check_anndata(purpose: str) -> None:
    """Raise MissingExtraError, which names the extra, where the package is not there."""
    _anndata(purpose)


def _plain(column: pd.Series) -> object:
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    codes, known = pd.factorize(column, sort=True)
    names = pd.Index([str(name) for name in known], dtype=object)
    return pd.Categorical.from_codes(codes, categories=names)


def _anndata(purpose: str) -> ModuleType:
    try:
        import anndata
    except ImportError as error:
        raise MissingExtraError("anndata", "anndata", purpose) from error
    found: ModuleType = anndata
    return found
