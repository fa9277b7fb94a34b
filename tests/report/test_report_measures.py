"""Mechanisms, replicates and batches in a report, from records made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.conftest import record

from phenovae.report.content import Record, ReportContent
from phenovae.report.correction import correction_part
from phenovae.report.facts import training_facts
from phenovae.report.mechanisms import mechanism_tables
from phenovae.report.replicates import replicate_part
from phenovae.report.tables import score_tables

Numbers = tuple[float, float, float]


def moved(value: float, difference: Numbers, **others: object) -> dict[str, object]:
    middle, low, high = difference
    return {
        "value": value, "low": value - 0.1, "high": value + 0.1, "difference": middle,
        "difference_low": low, "difference_high": high, **others,
    }  # fmt: skip


def biology(difference: Numbers, features: str = "model") -> Record:
    before = moved(0.25, difference, correct=2)
    return record(features, "NSCB", 4, 8, before_transforms=before)


def mixing(wells: str, difference: Numbers, features: str = "model") -> Record:
    compound = {"negative_control": "DMSO 0 µM", "positive_control": "taxol 0.3 µM"}[wells]
    return record(
        features, f"mixing of {wells}, k=10", 15, 60, kind="batch mixing", wells=wells, k=10,
        treatment=compound, null_mean=0.2, before_transforms=moved(0.5, difference),
    )  # fmt: skip


UP, DOWN, NONE = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.0, -0.1, 0.1)


def told(content: ReportContent, *records: Record) -> list[str]:
    part = correction_part(replace(content, records=records))
    assert part is not None
    (one,) = part.protocols
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in one.sentences]


@pytest.mark.parametrize(
    ("mechanisms", "batches", "verdict"),
    [
        (UP, DOWN, "Batches mix better and mechanisms are told better."),
        (UP, NONE, "Mechanisms are told better; how batches mix has not clearly changed."),
        (UP, UP, "Mechanisms are told better, though batches lie further apart."),
        (NONE, DOWN, "Batches mix better, and no biology is clearly lost."),
        (NONE, NONE, "Neither mechanisms nor the mixing of batches have clearly changed."),
        (NONE, UP, "Batches lie further apart, and mechanisms are told no better."),
        (DOWN, DOWN, "Batches mix better, but mechanisms are told worse: biology went too."),
        (DOWN, NONE, "Mechanisms are told worse, and batches mix no better: biology was erased."),
        (DOWN, UP, "Mechanisms are told worse, and batches lie further apart."),
    ],
)
def test_the_verdict_on_a_correction_goes_by_the_intervals(
    full_content: ReportContent, mechanisms: Numbers, batches: Numbers, verdict: str
) -> None:
    said = told(full_content, biology(mechanisms), mixing("negative_control", batches))
    assert said[0] == f"{verdict} (By NSCB, and by the wells of DMSO.)"
    assert said[1].startswith("NSCB: 2 of 8 treatments right before the transforms, 4 after (")


def test_positive_controls_are_the_check_and_dmso_may_say_otherwise(
    full_content: ReportContent,
) -> None:
    said = told(
        full_content,
        biology(UP),
        mixing("negative_control", DOWN),
        mixing("positive_control", NONE),
    )
    assert said[0] == (
        "Mechanisms are told better; how batches mix has not clearly changed. (By NSCB, and by the "
        "wells of taxol 0.3 µM; among those of DMSO batches mix better.)"
    )
    assert said[2] == (
        "DMSO (negative controls, 60 wells): of 10 neighbours 50 % were of the same batch before, "
        "25 % are after (−20.0 points, 95 % interval −30.0 to −10.0); by chance 20 %."
    )


def test_biology_and_batches_have_columns_of_their_own(full_content: ReportContent) -> None:
    records = [biology(UP), mixing("negative_control", DOWN), biology(NONE, "intensity")]
    content = replace(full_content, records=records)
    part = correction_part(content)
    assert part is not None
    table = part.protocols[0].table
    assert [row[0] for row in table.rows] == [
        "model, before", "model, after", "intensity, before", "intensity, after"
    ]  # fmt: skip
    heads = [name.replace("\N{NO-BREAK SPACE}", " ") for name in table.columns]
    assert heads == ["profiles", "NSCB of 8", "same batch, DMSO (10 neighbours; 20 % by chance)"]
    assert [bool(row[2]) for row in table.rows] == [True, True, False, False]
    assert table.strong == {1}
    # No record of mixing is among the scores.
    assert [len(each.rows) for each in score_tables(content)] == [2]


def test_what_was_not_measured_says_why_once(full_content: ReportContent) -> None:
    reason = {"value": None, "reason": "no well is one of the positive controls"}
    lacking = {**mixing("positive_control", NONE), **reason}
    part = correction_part(replace(full_content, records=[biology(UP), lacking, lacking]))
    assert part is not None
    assert part.reasons == ["positive controls: no well is one of the positive controls"]
    assert part.protocols == []
    assert correction_part(full_content) is None


def test_mechanisms_are_told_by_what_was_found_and_what_was_taken_for_them(
    full_content: ReportContent,
) -> None:
    rows = [
        {"moa": "X", "support": 4, "predicted": 5.0, "right": 4.0, "recall": 1.0},
        {"moa": "Y", "support": 4, "predicted": 0.0, "right": 0.0, "recall": 0.0},
        {"moa": "Z", "support": 0, "predicted": 1.0, "right": 0.0, "recall": None},
    ]
    ranked = [{"moa": "X", "value": 0.75}]
    records = [
        record("model", "NSC", 4, 8, by_moa=rows),
        record("intensity", "NSC", 1, 8, by_moa=[]),
        record("model", "NSC mAP", 4, 8, by_moa=ranked),
    ]
    (one,) = mechanism_tables(replace(full_content, records=records))
    assert one.headline == "cells-mean@1: 1 of 2 mechanisms found whole by NSC, 1 not at all"
    assert one.table.columns == ("mechanism", "found", "rightly taken for it", "NSC mAP")
    assert [tuple(cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row)
            for row in one.table.rows] == [
        ("X", "4 of 4", "4 of 5", "75 %"),
        ("Y", "0 of 4", "–", "–"),
        ("Z", "–", "0 of 1", "–"),
    ]  # fmt: skip
    assert mechanism_tables(full_content) == []


def test_replicates_have_a_table_a_protocol(full_content: ReportContent) -> None:
    told = {"kind": "replicates", "treatments": 4, "found": 3, "unasked": 2}
    records = [
        record("model", "replicate mAP", 6, 8, **told, could=4, before_transforms={"value": 0.5}),
        record("intensity", "replicate mAP", 4, 8, **told, could=0),
        record("model", "replicate mAP", 0, 8, kind="replicates", value=None, reason="no controls",
               protocol="other"),
    ]  # fmt: skip
    part = replicate_part(replace(full_content, records=records))
    assert part is not None
    assert part.reasons == ["other@1, model: no controls"]
    (table,) = part.tables
    assert table.caption == (
        "cells-mean@1: 8 wells of 4 treatments; 2 wells could not be asked, for want of a "
        "replicate or of controls."
    )
    rows = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in table.rows]
    assert rows == [
        ["model", "75.0 %", "65–85 %", "9.0 %", "50.0 %", "3 of 4"],
        ["intensity", "50.0 %", "40–60 %", "9.0 %", "", "none can be: too few controls"],
    ]
    assert replicate_part(full_content) is None


def test_the_statement_of_training_stands_beside_the_scores(full_content: ReportContent) -> None:
    training = {"labels": "none", "scored_cells_seen": True, "chosen_by": "validation ELBO"}
    records = [record("model", "NSC", 1, 2, training=training), record("intensity", "NSC", 1, 2)]
    assert training_facts(replace(full_content, records=records)) == [
        ("model", "label-free; scored cells seen; weights chosen by: validation ELBO")
    ]
