"""Arrays and columns as JSON that a page unpacks without parsing a million numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Json = dict[str, object]

_KINDS: dict[str, np.dtype[np.generic]] = {
    "f4": np.dtype("<f4"),
    "f8": np.dtype("<f8"),
    "i4": np.dtype("<i4"),
}


def packed(values: npt.ArrayLike, kind: str) -> Json:
    """An array as `{kind, data}`, data being its little-endian bytes in base 64."""
    array = np.asarray(values).astype(_KINDS[kind])
    return {"kind": kind, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def number_column(values: npt.ArrayLike) -> Json:
    """A column of numbers; NaN where a row has none."""
    return {"is": "numbers", "values": packed(values, "f8")}


def name_column(values: Sequence[object] | pd.Series, names: Sequence[str]) -> Json:
    """A column of names: each row has the number of one of `names`, or -1 for none."""
    number = {name: at for at, name in enumerate(names)}
    codes = [number.get(str(value), -1) if _there(value) else -1 for value in values]
    return {"is": "names", "names": list(names), "codes": packed(codes, "i4")}


def _there(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and np.isnan(value))
