"""A structure audit: what a screen's design can answer, and what it confounds, before any training.

Everything is counted from the wells; nothing is expected of a screen beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from phenovae.base.findings import (
    Finding,
    as_records,
    counted,
    fault,
    gravest_first,
    note,
    warning,
)
from phenovae.screen.crossing import PLATE_AND_WELL, LargestClass
from phenovae.screen.design import treatment_text
from phenovae.screen.structure import Structure, structure_of

_FEW_CONTROLS = 20
"""Controls of a group under which a scale or a covariance fitted on them is uncertain."""

_LARGE_SHARE = 0.25


@dataclass(frozen=True)
class StructureAudit(Structure):
    """What was counted of a screen, and what follows from it."""

    findings: tuple[Finding, ...]

    def as_dict(self) -> Mapping[str, object]:
        """The audit as JSON."""
        return {**asdict(self), "findings": as_records(self.findings)}


def audit_structure(sites: pd.DataFrame) -> StructureAudit:
    """Audit a table of sites, as `SITES` declares, or of wells with the same columns."""
    found = structure_of(sites)
    said = [
        *_of_wells(sites),
        *_of_controls(found),
        *_of_crossing(found),
        *_of_classes(found),
        *_of_rules(found),
        *_of_splits(found),
    ]
    return StructureAudit(**vars(found), findings=gravest_first(said))


def _of_wells(sites: pd.DataFrame) -> Iterator[Finding]:
    if not len(sites):
        yield fault("the table has no rows", mend="name a table with a row a field or a well")
        return
    held = sites[[*PLATE_AND_WELL, "Metadata_Compound", "Metadata_Concentration"]].drop_duplicates()
    twice = held.loc[held.duplicated(PLATE_AND_WELL), PLATE_AND_WELL].drop_duplicates()
    if len(twice):
        names = [f"{plate} {well}" for plate, well in twice.itertuples(index=False)]
        yield fault(
            f"{counted(len(names), 'well')} with two treatments",
            names,
            "correct the table: a well holds one compound at one dose",
        )
    batches = sites.groupby("Metadata_Plate")["Metadata_Batch"].nunique()
    torn = [str(plate) for plate in batches.index[batches > 1]]
    if torn:
        yield fault(
            f"{counted(len(torn), 'plate')} in two batches", torn, "give each plate one batch"
        )


def _of_controls(found: Structure) -> Iterator[Finding]:
    negative = found.negative
    if not negative.wells:
        yield warning(
            "no negative controls: transforms can be fitted on all wells only, and no effect can "
            "be told from none",
            mend="name them (input.negative_controls, or a column role in the plate map)",
        )
        return
    if negative.plates_without:
        yield warning(
            f"{counted(len(negative.plates_without), 'plate')} without a negative control",
            negative.plates_without,
            "their scale leans on the batch's controls; read their profiles with care",
        )
    empty = [batch for batch, wells in negative.by_batch.items() if not wells]
    if empty:
        yield warning(
            f"{len(empty)} of {len(negative.by_batch)} batches without a negative control",
            empty,
            "nothing tells an effect of these batches from one of their treatments",
        )
    few = [batch for batch, wells in negative.by_batch.items() if 0 < wells < _FEW_CONTROLS]
    if few:
        yield note(
            f"{len(few)} of {len(negative.by_batch)} batches with fewer than {_FEW_CONTROLS} wells "
            "of negative controls",
            [f"{batch} ({negative.by_batch[batch]})" for batch in few],
            "fit z-scores and whitening on the whole screen's controls, not batch by batch",
        )
    if 0 < negative.most_on_a_plate < _FEW_CONTROLS:
        most, least = negative.most_on_a_plate, negative.fewest_on_a_plate
        yield note(
            f"{most if most == least else f'{least} to {most}'} negative control wells a plate: "
            "too few for a scale or a whitening of each plate's wells",
            mend="fit on all plates' controls, or on their cells",
        )
    for each in (found.negative, found.positive):
        if each.fixed:
            yield note(
                f"{each.role.replace('_', ' ')}s stand in the same "
                f"{counted(len(each.positions), 'position')} of every plate that has them",
                each.positions,
                "an effect of these positions looks like one of the controls",
            )


def _of_crossing(found: Structure) -> Iterator[Finding]:
    own, batches = found.annotated, found.design.batches
    if own.treatments:
        if batches > 1 and own.in_one_batch > own.treatments / 2:
            yield warning(
                f"{own.in_one_batch} of {own.treatments} treatments of known mechanism lie in one "
                "batch: what sets them apart may be the batch",
                mend="read NSCB beside NSC; labels of treatments cannot measure how batches mix",
            )
        if own.in_one_position > own.treatments / 2:
            yield warning(
                f"{own.in_one_position} of {own.treatments} treatments of known mechanism have all "
                "replicates in one well position",
                mend="likeness of replicates measures the position too: do not call it activity",
            )
        if own.in_one_well:
            yield warning(
                f"{counted(own.in_one_well, 'treatment')} of known mechanism with a single well: "
                "no replicate",
                mend="its profile has no spread to be judged by",
            )
    if found.ladders.dose_by_column > found.ladders.compounds / 2:
        yield _ladder(found.ladders.dose_by_column, found.ladders.compounds, "column")
    if found.ladders.dose_by_row > found.ladders.compounds / 2:
        yield _ladder(found.ladders.dose_by_row, found.ladders.compounds, "row")
    shared = [plates for plates in found.layouts if len(plates) > 1]
    if shared:
        yield note(
            f"{counted(found.design.plates, 'plate')} of {counted(len(found.layouts), 'layout')}: "
            f"{counted(sum(len(plates) for plates in shared), 'plate')} share theirs with others",
            [" = ".join(plates) for plates in shared],
            "replicates are plates of one layout; plates of one layout are no independent test",
        )
    for sentence in found.design.departures:
        if "without a negative control" not in sentence:
            yield note(sentence)


def _ladder(confounded: int, compounds: int, line: str) -> Finding:
    return warning(
        f"dose is confounded with {line}: of {confounded} of {compounds} compounds with several "
        f"doses, every {line} holds one dose",
        mend=f"an effect of the {line} looks like one of the dose; compare the controls' {line}s",
    )


def _of_classes(found: Structure) -> Iterator[Finding]:
    own, counting = found.largest_annotated, found.largest_annotated_with_controls
    if own is not None and own.share > _LARGE_SHARE and found.design.annotated_treatments > 1:
        yield warning(
            f"{_class_text(own)} of the annotated wells",
            mend="weigh treatments alike: score profiles of treatments, not wells or cells",
        )
    if counting is not None and counting != own and counting.share > _LARGE_SHARE:
        yield warning(
            f"{_class_text(counting)} of the annotated wells, were its control wells counted",
            mend="keep the roles: control wells are no part of a treatment's profile",
        )
    if found.with_control_wells != found.annotated:
        before, after = found.annotated, found.with_control_wells
        yield note(
            f"by the roles of wells {before.in_one_batch} of {before.treatments} treatments lie in "
            f"one batch and {before.in_one_position} in one position; with control wells counted "
            f"{after.in_one_batch} and {after.in_one_position} of {after.treatments}",
        )


def _class_text(one: LargestClass) -> str:
    return f"{treatment_text(*one.name)} is {one.wells:,} of {one.of:,} ({one.share:.1%})"


def _of_rules(found: Structure) -> Iterator[Finding]:
    if not found.design.annotated_treatments:
        yield warning(
            "no treatment has a known mechanism: nothing can be scored",
            mend="name a table of mechanisms (--moa CSV, or a column moa in the plate map)",
        )
        return
    for rule in found.rules:
        named = rule.rule.replace("-", " ")
        for each in rule.unscorable:
            yield warning(
                f"{each.mechanism}: {len(each.treatments)} of {each.of} treatments cannot be right "
                f"by “{named}”: {each.why}",
                each.treatments,
                "they are no queries; say how many were scored",
            )
        if rule.one_partner:
            yield note(
                f"{counted(len(rule.one_partner), 'treatment')} with one possible right neighbour "
                f"by “{named}”",
                [f"{query} → {partner}" for query, partner in rule.one_partner.items()],
                "their score hangs on one profile each",
            )
    if found.design.batches == 1:
        yield warning(
            "all plates are of one batch: NSCB is not possible",
            mend="name batches (input.batch_pattern, or a column batch in the plate map)",
        )
    elif found.plates_a_batch == (1, 1):
        yield warning(
            "every batch is one plate: NSCB asks for a neighbour on another plate, and says "
            "nothing of stainings or days",
            mend="name what was stained and imaged together as the batch",
        )


def _of_splits(found: Structure) -> Iterator[Finding]:
    for split in found.splits:
        if split.by in ("well", "plate", "batch") and split.groups > 1:
            missed = [
                unit
                for unit in ("batch", "treatment", "compound")
                if not split.whole[unit] and split.of[unit]
            ]
            if missed:
                yield note(f"a split by {split.by} never holds out a {' or a '.join(missed)} whole")
    by_batch = next((split for split in found.splits if split.by == "batch"), None)
    if by_batch is None or by_batch.groups < 2:
        return
    compounds, all_of_them = by_batch.whole["compound"], by_batch.of["compound"]
    if compounds > all_of_them / 2:
        yield note(
            f"a split by batch also holds out compounds: {compounds} of {all_of_them} lie in one "
            "batch, so new days and new compounds cannot be told apart",
        )
