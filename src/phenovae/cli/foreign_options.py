"""Options of verbs that take anybody's table of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast, get_args

import typer

from phenovae.base.errors import UsageError, nearest

if TYPE_CHECKING:
    from phenovae.profiles.choosing import FeatureChoice
    from phenovae.profiles.reading import ReadOptions

Word = TypeVar("Word", bound=str)

Metadata = Annotated[
    Path | None,
    typer.Option(
        "--metadata",
        metavar="CSV",
        help="What is in every well: BBBC021's image table, a plate map or a LoadData table; else "
        "the table's own columns.",
    ),
]
MoA = Annotated[
    Path | None,
    typer.Option("--moa", metavar="CSV", help="Mechanisms of compounds, or of treatments."),
]
LevelName = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="What a row is: cell, site, well, plate or treatment; else told by the columns.",
    ),
]
Normalize = Annotated[
    list[str] | None,
    typer.Option(
        "--normalize",
        metavar="NAME",
        help="Transform in place of the protocol's own: zscore, robust-z, percentile, sphere, "
        "coral, tvn (sphere, then coral) or none; repeatable, in order.",
    ),
]
DropFeatures = Annotated[
    list[str] | None,
    typer.Option(
        "--drop-features",
        metavar="PATTERN",
        help="Features to leave out: ids, location, counts, or a regular expression looked for in "
        "their names; repeatable.",
    ),
]
DropCopies = Annotated[
    bool, typer.Option("--drop-copies", help="Leave out exact copies of other features.")
]
DropCorrelated = Annotated[
    float | None,
    typer.Option(
        "--drop-correlated",
        metavar="R",
        help="Leave out features whose correlation with one before them is R or more, on the "
        "negative controls.",
    ),
]
MinReplicateCorrelation = Annotated[
    float | None,
    typer.Option(
        "--min-replicate-correlation",
        metavar="R",
        help="Leave out features in which replicate wells are correlated less, told by compounds "
        "of no known mechanism alone.",
    ),
]
DropNonfinite = Annotated[
    str | None,
    typer.Option(
        "--drop-nonfinite",
        metavar="WHAT",
        help="Leave out the features, or the rows, that hold NaN or infinity; else they are "
        "refused.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="MEANING=NAME",
        help="Which column is which, where its name does not tell: --column well=Position; "
        "repeatable.",
    ),
]
IgnoreUnmatched = Annotated[
    bool,
    typer.Option("--ignore-unmatched", help="Leave out rows that the metadata do not know."),
]
NegativeControls = Annotated[
    list[str] | None,
    typer.Option(
        "--negative-control",
        metavar="NAME",
        help="Compound of the negative controls where no column tells roles; repeatable. By "
        "default DMSO.",
    ),
]
BatchPattern = Annotated[
    str | None,
    typer.Option(
        "--batch-pattern",
        metavar="REGEX",
        help="Batch within the name of a plate, where no column tells it: '^(Week[0-9]+)_'.",
    ),
]


def one_of(given: str | None, words: object, option: str) -> Word | None:
    """The word that an option was given, if it is one of a `Literal`. Raises UsageError."""
    known = get_args(words)
    if given is None or given in known:
        return cast("Word | None", given)
    raise UsageError(f"{option} is not {given!r}", mend=nearest(given, known))


def choice_of(
    drop: list[str] | None,
    nonfinite: str | None,
    *,
    drop_copies: bool,
    drop_correlated: float | None,
    replicate_correlation: float | None,
) -> FeatureChoice:
    """What is left out of the features, as options say it."""
    from phenovae.profiles.choosing import FeatureChoice

    if nonfinite not in (None, "features", "rows"):
        raise UsageError(f"--drop-nonfinite is not {nonfinite!r}", mend="features, or rows")
    if drop_correlated is not None and not 0 < drop_correlated <= 1:
        raise UsageError(
            f"--drop-correlated is not {drop_correlated:g}", mend="above 0, and 1 at most"
        )
    if replicate_correlation is not None and not -1 < replicate_correlation <= 1:
        raise UsageError(
            f"--min-replicate-correlation is not {replicate_correlation:g}",
            mend="above -1, and 1 at most",
        )
    return FeatureChoice.model_validate(
        {
            "drop": tuple(drop or ()),
            "drop_copies": drop_copies,
            "drop_correlated": drop_correlated,
            "replicate_correlation": replicate_correlation,
            "nonfinite": nonfinite or "refuse",
        }
    )


def reading_of(
    name: str | None,
    level: str | None,
    columns: list[str] | None,
    choice: FeatureChoice,
    negative_controls: list[str] | None,
    batch_pattern: str | None,
    *,
    ignore_unmatched: bool,
) -> ReadOptions:
    """How a table is read, as options say it."""
    from phenovae.profiles.levels import Level
    from phenovae.profiles.reading import ReadOptions
    from phenovae.screen.roles import RoleRules

    named = dict(_pair(text) for text in columns or [])
    found: Level | None = one_of(level, Level, "--level")
    rules = RoleRules(negative_controls=tuple(negative_controls or ("DMSO",)))
    return ReadOptions(
        name or "", found, named, choice, ignore_unmatched, rules, batch_pattern or None
    )


def _pair(text: str) -> tuple[str, str]:
    meaning, mark, column = text.partition("=")
    if not mark or not meaning or not column:
        raise UsageError(
            f"--column takes MEANING=NAME, not {text!r}", mend="--column well=Position"
        )
    return meaning.strip().lower(), column
