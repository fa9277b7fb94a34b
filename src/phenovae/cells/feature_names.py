"""Features that are named as labels, ids, counts or places; metadata that were measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from phenovae.base.findings import Finding, counted, fault, warning

_LABELS = re.compile(
    r"(?:^|[_ ])(?:compound|treatment|drug|dose|concentration|moa|mechanism|batch|week|plate|well|"
    r"replicate|label|target|class|role|control)s?(?:[_ ]?(?:id|code|number|index|name))?$",
    re.IGNORECASE,
)
_BOOKKEEPING = re.compile(
    r"Location|Number|Parent|Children|Center|Orientation|BoundingBox|"
    r"(?:^|_)(?:uuid|guid|index|row|col|column|id)$",
    re.IGNORECASE,
)
_MEASURES = re.compile(r"EulerNumber|NumberOfNeighbors")
"""What CellProfiler calls numbers, and measures."""


def is_metadata(name: str) -> bool:
    """Whether a column describes rows and is no feature."""
    return name.startswith(("Metadata_", "Store_", "Position_", "Quality_", "Profile_"))


def check_names(
    features: Sequence[str], words: Sequence[str], odd: Sequence[str]
) -> Iterator[Finding]:
    """Findings on names: of numeric features, of columns of words, of measured metadata."""
    labels = [name for name in [*features, *words] if _LABELS.search(name)]
    if labels:
        yield fault(
            f"{counted(len(labels), 'column')} of labels among the features",
            labels,
            "name them Metadata_…: a feature that knows the label leaks it",
        )
    books = [
        name
        for name in features
        if _BOOKKEEPING.search(name) and not _MEASURES.search(name) and name not in labels
    ]
    if books:
        yield warning(
            f"{counted(len(books), 'feature')} named as an id, a count or a place, not a measure "
            "of cells",
            books,
            "leave them out, or name them Metadata_…",
        )
    rest = [name for name in words if name not in labels]
    if rest:
        yield warning(
            f"{counted(len(rest), 'column')} of words among the features",
            rest,
            "name them Metadata_…",
        )
    if odd:
        yield warning(
            f"{counted(len(odd), 'column')} of metadata that look like features",
            odd,
            "drop the Metadata_ if they were measured: metadata are never compared",
        )
