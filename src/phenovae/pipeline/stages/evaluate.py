"""Stages `profile` and `evaluate`: treatments as vectors, and what their neighbours say."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from phenovae.base.errors import InputError, UsageError
from phenovae.base.files import write_json
from phenovae.base.tables import Column, OpenColumns, Schema, empty_table, write_table
from phenovae.cells.store import CellStore
from phenovae.evaluate.baselines import CELL_COUNT, intensity_features
from phenovae.evaluate.measures import Measures
from phenovae.evaluate.probe_records import evaluate_probe, evaluate_well_probe
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.provenance import UNTRAINED
from phenovae.evaluate.scores import Evaluation, Told, confusion
from phenovae.evaluate.together import Asked, Scored, add_differences, score_together
from phenovae.evaluate.unannotated import UNANNOTATED, nearest_known
from phenovae.evaluate.variants import fitted_on
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work
from phenovae.pipeline.stages.features import (
    backbone_features,
    count_features,
    model_features,
    scored_rows,
    training_of,
    training_of_backbone,
)
from phenovae.profiles.features import Features
from phenovae.profiles.recipe import Profiles, make_profiles
from phenovae.screen.sites import Role

logger = logging.getLogger(__name__)

PROFILES = Schema(
    "profiles",
    1,
    (
        Column("Profile_Protocol", "string", "protocol and version that made the profile"),
        Column("Metadata_Compound", "string", "compound"),
        Column("Metadata_Concentration", "float64", "concentration", "µM"),
        Column("Metadata_MoA", "string", "known mechanism of action"),
        Column("Metadata_Batch", "string", "batches of its wells, joined by |"),
        Column("Profile_Wells", "int64", "wells behind the profile"),
        Column("Profile_Cells", "int64", "cells behind the profile"),
    ),
    (OpenColumns(r"f_\d{3,}", "float64", "value of the profile after the transforms"),),
)

NEIGHBOURS = Schema(
    "neighbours",
    1,
    (
        Column("Features", "string", "features that were compared"),
        Column("Protocol", "string", "protocol and version"),
        Column("Metric", "string", "NSC or NSCB"),
        Column("Treatment", "string", "the treatment"),
        Column("Metadata_Compound", "string", "its compound"),
        Column("Metadata_MoA", "string", "its mechanism"),
        Column("Neighbour", "string", "nearest allowed treatment"),
        Column("Predicted", "string", "mechanism of the neighbour"),
        Column("Similarity", "float64", "likeness of the two"),
        Column("Runner_up", "float64", "likeness of the best of another mechanism", nullable=True),
        Column("Margin", "float64", "difference of the two", nullable=True),
        Column("Partners", "int64", "allowed treatments of its own mechanism"),
        Column("Right", "float64", "1, 0, or a share where neighbours tie"),
    ),
)


def _profile(work: Work) -> Outcome:
    cells = CellStore.open(work.run / paths.CELLS).table
    features = model_features(work.run, cells, scored_rows(work.run, cells, work.config))
    frames: list[pd.DataFrame] = []
    alike: list[pd.DataFrame] = []
    for protocol in _applied(work.config, features):
        try:
            profiles = make_profiles(features, protocol.recipe)
            near = _nearest_known(features, protocol)
        except InputError as error:
            logger.warning("no profiles by %s: %s", protocol.label, error.what)
            continue
        if len(profiles.metadata):
            frames.append(_profile_rows(profiles, protocol))
        if len(near):
            alike.append(near)
    together = pd.concat(frames, ignore_index=True) if frames else empty_table(PROFILES)
    open_columns = [name for name in together.columns if name not in PROFILES.names]
    together[open_columns] = together[open_columns].fillna(0.0)
    write_table(together, work.run / paths.PROFILES, PROFILES)
    known = pd.concat(alike, ignore_index=True) if alike else empty_table(UNANNOTATED)
    write_table(known, work.run / paths.UNANNOTATED, UNANNOTATED)
    return Outcome({"profiles": len(together), "unannotated": int(known["Treatment"].nunique())})


def _nearest_known(features: Features, protocol: Protocol) -> pd.DataFrame:
    """The known treatments that those of no mechanism are most like, by a protocol."""
    rows = features.metadata
    treated = rows["Metadata_Role"] == str(Role.TREATMENT)
    if not (treated & rows["Metadata_MoA"].isna()).any():
        return empty_table(UNANNOTATED)
    profiles = make_profiles(features, protocol.recipe, with_unannotated=True)
    found = nearest_known(profiles.metadata, profiles.values, protocol.metric)
    return found.assign(Protocol=protocol.label)[list(UNANNOTATED.names)]


def _profile_rows(profiles: Profiles, protocol: Protocol) -> pd.DataFrame:
    metadata = profiles.metadata
    values = pd.DataFrame(
        profiles.values, columns=[f"f_{n:03d}" for n in range(profiles.values.shape[1])]
    )
    known = pd.DataFrame(
        {
            "Profile_Protocol": protocol.label,
            "Metadata_Compound": metadata["Metadata_Compound"],
            "Metadata_Concentration": metadata["Metadata_Concentration"],
            "Metadata_MoA": metadata["Metadata_MoA"],
            "Metadata_Batch": ["|".join(sorted(each)) for each in metadata["Batches"]],
            "Profile_Wells": metadata["Profile_Wells"],
            "Profile_Cells": metadata["Profile_Cells"],
        },
        columns=list(PROFILES.names),
    )
    return pd.concat([known, values], axis=1)


def _evaluate(work: Work) -> Outcome:
    config = work.config
    seed, draws = config.seed, config.evaluate.draws
    asked = list(_asked(work))
    first = asked[0].features.name
    probed = {each.features.name: each for each in asked if each.features.name != CELL_COUNT}
    with work.progress.bar("scoring", len(asked) + len(probed)) as bar:
        scored = score_together(
            asked, seed=seed, draws=draws, measures=_measures(config), advance=bar.advance
        )
        add_differences(scored, first, seed=seed, draws=draws)
        records = scored.records
        for each in probed.values():
            for wanted, ask in (
                (config.evaluate.probe, evaluate_probe),
                (config.evaluate.well_probe, evaluate_well_probe),
            ):
                if wanted:
                    records.append(ask(each.features, seed=seed, draws=draws, told=each.told))
            bar.advance()
    write_json(work.run / paths.SCORES, records)
    write_table(_neighbours(scored), work.run / paths.NEIGHBOURS, NEIGHBOURS)
    confusions: dict[str, object] = {}
    for each, outcome in scored.outcomes:
        if each.features.name == first:
            confusions.update(_confusions(each.protocol, outcome))
    return Outcome({"records": len(records), "confusion": confusions})


def _measures(config: Config) -> Measures:
    wanted = config.evaluate
    return Measures(
        votes=tuple(dict.fromkeys(wanted.votes)),
        before_transforms=wanted.before_transforms,
        replicates=wanted.replicates,
        mixing=tuple(dict.fromkeys(wanted.mixing)),
        batch_classifier=wanted.batch_classifier,
        well_probe=wanted.well_probe,
    )


def _asked(work: Work) -> Iterator[Asked]:
    """What is scored; first comes what the others are compared with."""
    config = work.config
    cells = CellStore.open(work.run / paths.CELLS).table
    rows = scored_rows(work.run, cells, config)
    plates = config.evaluate.plates_are_batches
    computed = Told(training=UNTRAINED, plates_are_batches=plates)
    compared: list[tuple[Features, Told]] = []
    if not config.backbone.alone:
        trained = Told(training=training_of(work.run, config), plates_are_batches=plates)
        compared.append((model_features(work.run, cells, rows), trained))
    if config.backbone.weights is not None:
        pretrained = Told(training=training_of_backbone(work.run), plates_are_batches=plates)
        compared.append((backbone_features(work.run, cells, rows), pretrained))
    compared.append((intensity_features(cells.loc[rows]), computed))
    for protocol in _applied(config, compared[0][0]):
        for features, told in compared:
            yield Asked(features, protocol, told)
    if _counts_cells(config):
        counts = count_features(work.run, cells)
        yield Asked(
            counts, fitted_on(load_protocol("cell-count"), config.evaluate.fit_on, counts), computed
        )


def _counts_cells(config: Config) -> bool:
    """Whether the number of cells of a field says anything: whole fields, and cells in them."""
    whole = config.input.source != "crops" and config.cells.layout == "nuclei"
    return whole and config.evaluate.cells == "all"


def _applied(config: Config, features: Features) -> list[Protocol]:
    """The protocols as they are applied: fitted on all wells where that is asked for, or where
    the screen has no negative controls, which is declared.
    """
    return [
        fitted_on(protocol, config.evaluate.fit_on, features) for protocol in _protocols(config)
    ]


def _protocols(config: Config) -> list[Protocol]:
    named = [load_protocol(name) for name in config.evaluate.protocols]
    labels = [protocol.label for protocol in named]
    twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if twice:
        # Scores are told apart by this label alone.
        raise UsageError(
            f"the protocol {twice[0]} is there twice",
            where="evaluate.protocols",
            mend="name each once, and give one of your own a name of its own",
        )
    return named


def _neighbours(scored: Scored) -> pd.DataFrame:
    tables = [
        score.rows.assign(
            Features=asked.features.name, Protocol=asked.protocol.label, Metric=metric
        )[list(NEIGHBOURS.names)]
        for asked, outcome in scored.outcomes
        for metric, score in outcome.neighbours.items()
        if len(score.rows)
    ]
    return pd.concat(tables, ignore_index=True) if tables else empty_table(NEIGHBOURS)


def _confusions(protocol: Protocol, outcome: Evaluation) -> Mapping[str, object]:
    return {
        f"{protocol.label} {metric}": confusion(score).to_dict(orient="split")
        for metric, score in outcome.neighbours.items()
        if len(score.rows)
    }


def _profiled(config: Config) -> Mapping[str, object]:
    return {"evaluate": {"cells": config.evaluate.cells, **_protocol_options(config)}}


def _options(config: Config) -> Mapping[str, object]:
    chosen = config.evaluate.model_dump(mode="json", exclude={"protocols"})
    return {"evaluate": {**chosen, **_protocol_options(config)}}


def _protocol_options(config: Config) -> Mapping[str, object]:
    # Protocols by what they say, not by where their files are: a run may be moved.
    told = {each.label: each.model_dump(mode="json") for each in _protocols(config)}
    return {"protocols": list(told), "protocol": told}


PROFILE = Stage(
    name="profile",
    version=3,
    needs=("cells", "split", "embed"),
    outputs=(paths.PROFILES, paths.UNANNOTATED),
    options=_profiled,
    perform=_profile,
    says="making profiles of treatments",
    verb="profile",
)

EVALUATE = Stage(
    name="evaluate",
    version=4,
    needs=("sites", "cells", "split", "embed", "profile"),
    outputs=(paths.SCORES, paths.NEIGHBOURS),
    options=_options,
    perform=_evaluate,
    says="scoring treatments",
    verb="evaluate",
)

EVALUATE_BESIDE_BACKBONE = replace(EVALUATE, needs=(*EVALUATE.needs, "backbone"))
EVALUATE_BACKBONE_ALONE = replace(EVALUATE, needs=("sites", "cells", "split", "backbone"))
