"""Which columns of a table are used as features, and what was left out, by what rule."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from phenovae.base.errors import InputError, UsageError
from phenovae.base.options import Options

logger = logging.getLogger(__name__)

_SHOWN = 6

SETS: Mapping[str, str] = {
    "ids": r"(^|_)(Object_?Number|Image_?Number|Table_?Number|Number_Object|Parent|Children)(_|$)",
    "location": r"(^|_)(Location|Center|Centroid|Orientation|BoundingBox[A-Za-z]*)(_|$)",
    "counts": r"(^|_)Count(s)?(_|$)",
}
"""Named sets of columns that are numbers, and yet no measure of what a cell looks like."""


class FeatureChoice(Options):
    """What of a table's columns of numbers is left out of the features."""

    drop: tuple[str, ...] = Field(
        (),
        description="features to leave out: a set (ids, location, counts), or a regular "
        "expression that is looked for in their names",
    )
    drop_copies: bool = Field(
        default=False, description="leave out features that are exact copies of an earlier one"
    )
    drop_correlated: float | None = Field(
        None,
        gt=0,
        le=1,
        description="leave out features whose correlation with an earlier one, or with its "
        "negative, is this or more on the negative controls; empty: none",
    )
    replicate_correlation: float | None = Field(
        None,
        gt=-1,
        le=1,
        description="leave out features in which replicate wells are correlated less than this, "
        "told by compounds of which no dose has a known mechanism; empty: none",
    )
    nonfinite: Literal["refuse", "features", "rows"] = Field(
        "refuse",
        description="what becomes of NaN and infinity: refused, or the features or the rows that "
        "hold them are left out",
    )

    def words(self) -> str:
        """What is left out, in words, as a score names it; empty where nothing is."""
        said = [f"without {each}" for each in self.drop]
        said += ["without copies"] if self.drop_copies else []
        if self.replicate_correlation is not None:
            said.append(f"replicate correlation ≥ {self.replicate_correlation:g}")
        if self.drop_correlated is not None:
            said.append(f"without correlated ≥ {self.drop_correlated:g}")
        said += [] if self.nonfinite == "refuse" else [f"without nonfinite {self.nonfinite}"]
        return ", ".join(said)


def chosen(features: Sequence[str], choice: FeatureChoice) -> tuple[str, ...]:
    """The features that the choice leaves in, by their names; warns of those that may be none.

    Raises UsageError where a pattern is none or fits nothing, InputError where nothing is left.
    """
    left = list(features)
    for pattern in choice.drop:
        rule = _rule(pattern)
        gone = [name for name in features if rule.search(name)]
        if not gone:
            raise UsageError(f"no feature is dropped by {pattern!r}", mend="leave it out")
        logger.info("%d features are dropped by %s: %s", len(gone), pattern, listed(gone))
        left = [name for name in left if name not in set(gone)]
    if not left:
        raise InputError(f"none of the {len(features)} features is left", mend="drop fewer")
    _warn_of_no_measures(left)
    return tuple(left)


def listed(names: Sequence[str]) -> str:
    """Some of the names, and how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _warn_of_no_measures(features: Sequence[str]) -> None:
    """Say so where features tell where a cell lies or how it is counted, not what it is like."""
    sets = {
        name: [each for each in features if re.search(text, each)] for name, text in SETS.items()
    }
    odd = [each for each in features if any(each in found for found in sets.values())]
    if odd:
        of = ", ".join(f"{name} ({len(found)})" for name, found in sets.items() if found)
        logger.warning(
            "%d of %d features tell no likeness of cells by their names, and are used: %s; "
            "--drop-features leaves them out: %s",
            len(odd), len(features), listed(odd), of,
        )  # fmt: skip


def _rule(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(SETS.get(pattern, pattern))
    except re.error as error:
        raise UsageError(
            f"the pattern of features is no regular expression: {error}", where=pattern
        ) from error
