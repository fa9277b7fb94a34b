from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from phenovae.report.anchors import Anchors
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import percent, plural
from phenovae.report.method import method_sentences
from phenovae.report.misses import Misses, misses
from phenovae.report.summary import key_figures, summary_paragraphs
from phenovae.report.tables import published_table, refusal_table, score_tables
from phenovae.report.verdicts import Verdicts
from phenovae.report.words import find, number
from phenovae.screen.bbbc021.knowledge import published

Say = Callable[..., str]


def scored(features: str, metric: str, correct: float, total: int, **others: object) -> Record:
    share = correct / total
    return {
        "features": features,
        "protocol": "p",
        "version": 1,
        "metric": metric,
        "value": share,
        "correct": correct,
        "total": total,
        "low": share - 0.05,
        "high": share + 0.05,
        "null_mean": 0.0625,
        **others,
    }


@pytest.fixture
def said(bare_content: ReportContent) -> Say:
    """The summary of a run of which nothing but these records is known."""

    def text(records: list[Record], **summary: object) -> str:
        content = replace(bare_content, records=records, summary=summary)
        told = " ".join(f"{each.topic}: {each.text}" for each in summary_paragraphs(content))
        return told.replace("\N{NO-BREAK SPACE}", " ")

    return text


def test_counts_shares_intervals_and_chance_are_those_of_the_record(said: Say) -> None:
    text = said([scored("model", "NSC", 41, 99, p_value=0.00051, cells=7294)])
    assert "Each of 99 treatments" in text
    assert "made of 7,294 cells" in text
    assert "Found: Right for 41 of 99 treatments (NSC 41.4 %)." in text
    assert "NSC has the 95 % interval 36–46 %. By chance NSC would be 6 % (p 0.00051)." in text
    tied = said([scored("model", "NSC", 40.5, 99, null_mean=None)])
    assert "Right for 40.5 of 99" in tied
    assert "chance" not in tied


def test_mechanisms_that_were_told_always_or_never_are_named(said: Say) -> None:
    told = [("A", 2, 2), ("B", 5, 5), ("C", 3, 0), ("D", 4, 1), ("E", 1, 1), ("F", 3, 3)]
    by_moa = [{"moa": moa, "support": n, "right": right} for moa, n, right in told]
    text = said([scored("model", "NSC", 12, 18, by_moa=by_moa)])
    assert "Told without a miss: B (5), F (3), A (2) and 1 other mechanism." in text
    assert "Never told: C (3)." in text


def test_the_number_of_cells_is_a_baseline_too(said: Say) -> None:
    counts = scored("cell_count", "NSC", 20, 99, protocol="cell-count")
    text = said([scored("model", "NSC", 41, 99), counts])
    assert "The number of cells alone, by cell-count@1, gives 20 of 99 (NSC 20.2 %)." in text


def test_key_figures_stand_beside_chance_and_the_baseline(bare_content: ReportContent) -> None:
    records = [scored("model", "NSC", 60, 100), scored("intensity", "NSC", 30, 100)]
    (figure,) = key_figures(replace(bare_content, records=records))
    assert (figure.at, figure.low, figure.high) == (60.0, 55.0, 65.0)
    assert (figure.chance, figure.baseline) == (6.2, 30.0)
    assert figure.counted == "60 of 100 treatments right"
    assert key_figures(bare_content) == []


@pytest.mark.parametrize(
    ("model", "base", "verdict"),
    [
        (60, 20, "the model is better."),
        (22, 20, "the model is better, though the intervals overlap."),
        (20, 60, "the model is worse."),
        (20, 22, "the model is worse, though the intervals overlap."),
        (20, 20, "the model does no better."),
    ],
)
def test_the_verdict_goes_by_the_intervals(said: Say, model: int, base: int, verdict: str) -> None:
    text = said(
        [
            scored("model", "NSC", model, 100),
            scored("model", "NSCB", 9, 90),
            scored("intensity", "NSC", base, 100),
            scored("intensity", "NSCB", 45, 90),
        ]
    )
    assert (
        f"From intensity alone, without a model, it is {base} of 100 (NSC {base}.0 %): {verdict}"
        in text
    )
    assert "Across batches it is 45 of 90 (NSCB 50.0 %): the model is worse." in text
    assert "other batches as well, for 9 of 90 treatments (NSCB 10.0 %)." in text
    assert "and NSCB the 95 % interval 5–15 %." in text


def test_a_recorded_difference_is_told_as_paired(said: Say) -> None:
    against = {
        "features": "intensity", "difference": 0.146, "low": -0.042, "high": 0.333,
        "p_value": 0.21, "verdict": "no more than the noise of compounds",
    }  # fmt: skip
    records = [scored("model", "NSC", 12, 48, against=[against]), scored("intensity", "NSC", 5, 48)]
    assert (
        "the model is better by 14.6 points (95 % interval −4 to +33, p 0.21), which is no more "
        "than the noise of compounds" in said(records)
    )
    against.update(difference=-0.1, low=-0.2, high=-0.05, verdict="more than noise")
    assert "the model is worse by 10.0 points (95 % interval −20 to −5" in said(records)


def test_protocols_are_told_apart(bare_content: ReportContent) -> None:
    records = [
        scored("model", "NSC", 10, 20),
        scored("intensity", "NSC", 1, 20),
        scored("model", "NSC", 5, 20, protocol="q"),
    ]
    told = {p.topic: p.text for p in summary_paragraphs(replace(bare_content, records=records))}
    assert "protocol p@1." in told["Asked"]
    assert "10 of 20" in told["Found"]
    assert "No treatment can be scored across batches." in told["Found"]
    assert "1 of 20" in told["Against the baseline"]
    assert told["By other protocols"].startswith("q@1: NSC 5 of 20.")


def test_the_probe_is_told_with_its_baseline(said: Say) -> None:
    probe = {"protocol": "cell-probe", "version": 1, "metric": "probe", "low": 0.3, "high": 0.4,
             "chance": 1 / 12}  # fmt: skip
    text = said(
        [
            {**probe, "features": "model", "value": 0.356},
            {**probe, "features": "intensity", "value": 0.36},
        ]
    )
    assert "balanced accuracy of 35.6 % (95 % interval 30–40 %; by chance 8.3 %)" in text
    assert "from intensity alone, 36.0 %: the model is worse, though the intervals overlap." in text


def test_nothing_scored_gives_the_reasons(said: Say) -> None:
    empty = {"features": "model", "protocol": "p", "version": 1, "metric": "NSC", "value": None}
    assert said([{**empty, "reason": "fewer than two annotated treatments"}]) == (
        "Found: No treatment could be scored: fewer than two annotated treatments."
    )
    assert said([]) == "Found: No treatment could be scored."


def test_warnings_of_the_training_are_in_the_summary(said: Say) -> None:
    text = said([scored("model", "NSC", 1, 2)], collapsed=True, sigma_at_bound=True)
    assert "The posterior collapsed" in text
    assert "σ met its lower bound" in text


def test_a_record_without_a_value_is_not_found_and_no_number() -> None:
    records = [{**scored("model", "NSC", 1, 2), "value": None}]
    assert find(records, "model", "NSC") is None
    with pytest.raises(TypeError, match="value of the record is None"):
        number(records[0], "value")


def test_method_sentences_claim_only_what_was_done(full_content: ReportContent) -> None:
    text = " ".join(method_sentences(full_content))
    assert "(1,100 for training, 139 for validation)" in text
    assert "How often cells were drawn was evened out by treatment." in text
    assert "k=" not in text
    voted = [*full_content.records, {**full_content.records[0], "metric": "NSC k=3", "k": 3}]
    text = " ".join(method_sentences(replace(full_content, records=voted)))
    assert "NSC k=3 and NSCB k=3 go by the mechanism that most of the 3 nearest" in text
    plain = replace(full_content, options={"sampling": {"balance": "none"}}, summary={})
    text = " ".join(method_sentences(plain))
    assert "evened out" not in text
    assert "checkpoint was chosen" not in text


def test_score_tables_have_a_row_a_record(full_content: ReportContent) -> None:
    first, probe = score_tables(full_content)
    assert first.caption == "cells-mean@1: means of cells"
    assert [len(row) for row in first.rows] == [len(first.columns)] * 3
    cells = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in first.rows[1]]
    assert cells == [
        "NSCB", "model", "2 of 7 = 28.6 %", "19–39 %", "9 %", "0.012", "1,234",
        "1 treatment cannot be scored",
    ]  # fmt: skip
    assert first.strong == {0, 1}
    assert probe.rows[0][2] == percent(0.356)
    unscored = replace(full_content, records=[{**full_content.records[0], "value": None}])
    assert score_tables(unscored)[0].rows[0][2] == "not scored"


def missed(content: ReportContent) -> list[Misses]:
    return misses(content, Verdicts(content), Anchors(content))


def test_misses_are_those_of_the_model_alone(full_content: ReportContent) -> None:
    others = [{**each, "features": "intensity"} for each in full_content.records]
    assert missed(replace(full_content, records=others)) == []
    found = missed(full_content)
    assert [len(each.table.rows) for each in found] == [1, 0]
    assert found[1].headline == "NSCB by cells-mean@1: 0 of 7 treatments missed"


def test_published_figures_all_have_a_source_and_a_caveat() -> None:
    table = published_table(published())
    assert len(table.rows) == len(published()) > 10
    for work, nsc, _, caveat, source in table.rows:
        assert work
        assert nsc.replace("\N{NO-BREAK SPACE}", " ").split(" ")[1].startswith("%")
        assert caveat
        assert source


def test_refusals_beyond_the_first_are_counted(full_content: ReportContent) -> None:
    assert refusal_table(replace(full_content, imported={}), 5) is None
    table = refusal_table(full_content, 1)
    assert table is not None
    assert table.caption.startswith("2 inputs that could not be used; the first 1,")
    assert len(table.rows) == 1


def test_counts_have_their_plural() -> None:
    assert [plural(n, "batch", "batches") for n in (0, 1, 1200)] == [
        "0 batches",
        "1 batch",
        "1,200 batches",
    ]
