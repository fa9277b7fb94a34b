"""Records of what is measured on wells: replicates, and batches among controls."""

from __future__ import annotations

import logging
from collections.abc import Callable

from phenovae.base.errors import InputError
from phenovae.base.hush import hushed
from phenovae.evaluate.measures import Measures
from phenovae.evaluate.mixing_records import WELLS, alike_wells, classifier_told, mixing_told
from phenovae.evaluate.protocol import Protocol
from phenovae.evaluate.replicate_records import METRIC, replicate_told, replicates_before
from phenovae.evaluate.scores import MIXING, REPLICATES, Record, Told, base_record
from phenovae.profiles.features import Features
from phenovae.profiles.wells import WellProfiles, knows_cells, make_wells
from phenovae.screen.sites import Role

# Of wells after the transforms and before, what a record says beside its base.
_Measure = Callable[[WellProfiles, WellProfiles | None], Record]


def well_records(
    features: Features,
    protocol: Protocol,
    measures: Measures,
    *,
    draws: int,
    seed: int,
    told: Told,
) -> list[Record]:
    """Records of replicates and of batch mixing by a protocol, up to the level of wells.

    What cannot be measured has no value, but the reason.
    """
    if not measures.of_wells:
        return []
    asking = _Asking(features, protocol, measures, draws, seed, told)
    found = [asking.replicates()] if measures.replicates else []
    for role in WELLS:
        found += [asking.mixing(role, k) for k in measures.mixing]
        if measures.batch_classifier:
            found.append(asking.classifier(role))
    return found


class _Asking:
    """Wells of some features by a protocol, made once, and what is asked of them."""

    def __init__(
        self,
        features: Features,
        protocol: Protocol,
        measures: Measures,
        draws: int,
        seed: int,
        told: Told,
    ) -> None:
        self._features, self._protocol, self._told = features, protocol, told
        self._draws, self._seed = draws, seed
        self._wells: WellProfiles | None = None
        self._before: WellProfiles | None = None
        self._reason = ""
        try:
            # Profiles of treatments were made by the same transforms: what warns was said.
            with hushed("phenovae.profiles", logging.ERROR):
                self._wells = make_wells(features, protocol.recipe)
                if measures.before_transforms and protocol.recipe.transforms:
                    self._before = make_wells(features, protocol.untransformed().recipe)
        except InputError as error:
            self._reason = error.what

    def replicates(self) -> Record:
        """How early the replicates of treated wells stand."""
        metric, draws, seed = self._protocol.metric, self._draws, self._seed
        stream = f"{self._features.name} {METRIC}"

        def measure(wells: WellProfiles, before: WellProfiles | None) -> Record:
            if not (wells.metadata["Metadata_Role"].astype(str) == str(Role.TREATMENT)).any():
                raise InputError("no well holds a treatment")
            told = replicate_told(wells, metric, stream, draws=draws, seed=seed)
            if before is not None:
                first = replicates_before(before, metric, stream, draws=draws, seed=seed)
                told["before_transforms"] = first
            return told

        return self._record(METRIC, REPLICATES, str(Role.TREATMENT), {}, measure)

    def mixing(self, role: str, k: int) -> Record:
        """How batches mix among wells of a role."""
        name = f"mixing of {WELLS[role]}, k={k}"
        stream = f"{self._features.name} {name}"

        def measure(wells: WellProfiles, before: WellProfiles | None) -> Record:
            return mixing_told(
                wells, before, k, self._protocol.metric, stream, draws=self._draws, seed=self._seed
            )

        return self._record(name, MIXING, role, {"k": k}, measure)

    def classifier(self, role: str) -> Record:
        """Whether the batch of a plate that was left out can be told from wells of a role."""

        def measure(wells: WellProfiles, before: WellProfiles | None) -> Record:
            return classifier_told(wells, before, draws=self._draws, seed=self._seed)

        return self._record(f"batch told from {WELLS[role]}", MIXING, role, {}, measure)

    def _record(
        self, metric: str, kind: str, role: str, known: Record, measure: _Measure
    ) -> Record:
        features, protocol = self._features, self._protocol
        base = base_record(features, protocol, metric, self._seed, self._told, kind)
        base |= {"wells": role, **known}
        wells, before = self._wells, self._before
        if wells is None:
            return {**base, "reason": self._reason}
        base |= protocol.rests_on(wells.fitted_on)
        base |= {"transformed_at": wells.transformed_at, "left_out": list(wells.left_out)}
        try:
            if role in WELLS:
                alike = alike_wells(wells, role)
                base |= {"treatment": alike.treatment, "other_wells": alike.others}
                wells = wells.take(alike.rows)
                before = None if before is None else before.take(alike.rows)
            base["cells"] = _cells(features, wells, role)
            return {**base, **measure(wells, before)}
        except InputError as error:
            return {**base, "reason": error.what}


def _cells(features: Features, wells: WellProfiles, role: str) -> int:
    if not knows_cells(features):
        return 0
    used = wells.metadata["Metadata_Role"].astype(str) == role
    return int(wells.metadata.loc[used, "Profile_Cells"].sum())
