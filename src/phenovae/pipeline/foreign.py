"""Scoring anybody's table of features, without a run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.provenance import Labels, Training
from phenovae.evaluate.scores import Record, Told
from phenovae.evaluate.statistics import DRAWS
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.variants import from_level, with_transforms
from phenovae.profiles.features import Features, FeatureTable
from phenovae.profiles.joining import join_metadata, own_metadata
from phenovae.profiles.levels import Level
from phenovae.profiles.reading import read_features
from phenovae.profiles.recipe import has_controls

logger = logging.getLogger(__name__)

FitOn = Literal["auto", "negative_controls", "all_wells"]


@dataclass(frozen=True)
class ForeignOptions:
    """A table of features and how it is to be scored; see `phenovae evaluate --help`."""

    profiles: Path
    metadata: Path | None = None
    moa: Path | None = None
    level: Level | None = None
    name: str = ""
    drop: Sequence[str] = ()
    protocols: Sequence[str] = ("caicedo2018",)
    normalize: Sequence[str] = ()
    regularization: float | None = None
    fit_on: FitOn = "auto"
    labels: Labels = "not stated"
    plates_are_batches: bool = False
    draws: int = DRAWS
    seed: int = 0


def score_table(options: ForeignOptions) -> list[Record]:
    """Records of a table's scores by every protocol that is asked for, and by no other.

    Raises UsageError or InputError where the table, its metadata or a protocol is at fault. What a
    protocol cannot score has a record without a value, with the reason.
    """
    protocols = [_changed(load_protocol(name), options) for name in options.protocols]
    features = read_table_of_features(options)
    asked = []
    for protocol, variant in protocols:
        applied = _fitted(protocol, options.fit_on, features)
        parts = [part for part in (variant, from_level(applied, features)) if part]
        told = Told(
            variant="; ".join(parts),
            training=Training(labels=options.labels),
            plates_are_batches=options.plates_are_batches,
        )
        asked.append(Asked(features, applied, told))
    return score_together(asked, seed=options.seed, draws=options.draws).records


def read_table_of_features(options: ForeignOptions) -> FeatureTable:
    """The table with the metadata of its wells. Raises InputError where they do not fit."""
    table = read_features(options.profiles, level=options.level, drop=options.drop)
    name = options.name or options.profiles.name.partition(".")[0]
    if options.metadata is None:
        return own_metadata(table, name)
    return join_metadata(table, _sites(options.metadata, options.moa), name)


def _sites(metadata: Path, moa: Path | None) -> pd.DataFrame:
    from phenovae.screen.bbbc021.image_rows import is_image_table
    from phenovae.screen.platemap import read_platemap
    from phenovae.screen.roles import RoleRules

    if is_image_table(metadata):
        from phenovae.screen.bbbc021.tables import read_sites

        return read_sites(metadata, moa)
    return read_platemap(metadata, RoleRules())


def _changed(protocol: Protocol, options: ForeignOptions) -> tuple[Protocol, str]:
    if options.normalize:
        return with_transforms(protocol, options.normalize, options.regularization)
    if options.regularization is None:
        return protocol, ""
    recipe = protocol.recipe
    spheres = [each for each in recipe.transforms if hasattr(each, "regularization")]
    changed = tuple(
        each.model_copy(update={"regularization": options.regularization})
        if each in spheres
        else each
        for each in recipe.transforms
    )
    told = f"λ={options.regularization:g}"
    recipe = recipe.model_copy(update={"transforms": changed})
    return protocol.model_copy(update={"recipe": recipe}), told


def _fitted(protocol: Protocol, how: FitOn, features: Features) -> Protocol:
    if how == "negative_controls" or (how == "auto" and has_controls(features)):
        return protocol
    return protocol.fitted_on_all_wells()
