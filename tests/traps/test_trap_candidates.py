"""Who may be whose neighbour, and what the score is counted from: traps 1 to 7."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from tests.profiles.screens import cells, controls, table
from tests.traps.by_hand import (
    PLAIN,
    Treated,
    at,
    changed,
    neighbours_of,
    one_cell_each,
    records_of,
)

from phenovae.base.errors import InputError
from phenovae.evaluate.probe import run_probe
from phenovae.evaluate.protocol import Protocol, load_protocol, protocol_labels
from phenovae.evaluate.retrieval import mechanism_retrieval
from phenovae.evaluate.scores import Told, evaluate
from phenovae.evaluate.together import Asked, score_together
from phenovae.evaluate.votes import score_votes
from phenovae.screen.design import check_design
from phenovae.screen.reach import reach_of_rules

# Two doses of a lie together; b is of their mechanism, c and d of another and between them.
DOSES: list[Treated] = [
    ("a", 1, "X", "W1_1"), ("a", 2, "X", "W1_2"), ("b", 1, "X", "W1_1"), ("c", 1, "Y", "W1_2"),
    ("d", 1, "Y", "W1_1"),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [PLAIN, changed(PLAIN, metric="euclidean")])
def test_another_dose_of_the_compound_is_nobodys_neighbour(protocol: Protocol) -> None:
    """Trap 1: doses of one compound lie together; who lets them in scores the compound."""
    found = neighbours_of(one_cell_each(DOSES, at(0, 1, 60, 30, 33)), protocol)
    assert found == {
        "a 1 µM": "c 1 µM", "a 2 µM": "c 1 µM", "b 1 µM": "d 1 µM", "c 1 µM": "d 1 µM",
        "d 1 µM": "c 1 µM",
    }  # fmt: skip


def test_another_dose_of_the_compound_neither_votes_nor_counts_as_retrieved() -> None:
    """Trap 1: votes and average precision leave the compound's own doses out as well."""
    outcome = evaluate(one_cell_each(DOSES, at(0, 1, 60, 30, 33)), PLAIN, seed=0, draws=20)
    known, values = outcome.treatments, outcome.profiles.values
    votes = score_votes(
        known, values, "other-compound", "cosine", k=2, unscorable_as_candidates=True, seed=0
    )
    assert votes.rows["Right"].tolist() == [0, 0, 0, 1, 1]
    ranked = mechanism_retrieval(
        known, values, "other-compound", mask_negatives=True, unscorable_as_candidates=True,
        draws=20, seed=0,
    ).rows  # fmt: skip
    # One partner for the doses of a, behind c and d: 1/3. Two for b, behind both: (1/3 + 2/4) / 2.
    assert ranked["Positives"].tolist() == [1, 1, 2, 1, 1]
    assert ranked["Average_Precision"].tolist() == pytest.approx([1 / 3, 1 / 3, 5 / 12, 1, 1])


def test_compounds_without_relation_to_their_mechanism_score_by_chance() -> None:
    """Trap 1: where each compound is like itself alone, one partner of seven is found by chance."""
    shares = []
    for seed in range(15):
        treatments: list[Treated] = [
            (f"c{compound}", dose, f"m{compound % 4}", "W1_1")
            for compound in range(8)
            for dose in (1.0, 2.0)
        ]
        values = np.random.default_rng(seed).normal(size=(8, 6)).repeat(2, axis=0)
        shares.append(records_of(one_cell_each(treatments, values))["NSC"]["value"])
    assert float(np.mean(np.array(shares, float))) == pytest.approx(1 / 7, abs=0.12)


def test_the_probe_is_never_asked_of_a_compound_that_it_learned_from() -> None:
    """Trap 1: a probe that has seen the compound's other cells names it, and so its mechanism."""
    rows = [
        row
        for number, moa in enumerate("XYXYXY")
        for row in cells(f"c{number}", 1, 4, moa=moa, well=f"B{number + 1:02d}")
    ]
    found = run_probe(table(rows, np.eye(6).repeat(4, axis=0)), draws=20, seed=0)
    assert found is not None
    # The folds balance what is left, so that an unseen compound is taken for the other mechanism.
    assert found.value <= 0.5


# a and b have one mechanism and one week; c and d are in another.
WEEKS: list[Treated] = [
    ("a", 1, "X", "W1_1"), ("b", 1, "X", "W1_2"), ("c", 1, "X", "W2_1"), ("d", 1, "Y", "W2_2"),
    ("e", 1, "Y", "W1_1"),
]  # fmt: skip


def test_two_plates_of_one_week_are_no_two_batches() -> None:
    """Trap 2: a neighbour on a sister plate of the same week is no neighbour under NSCB."""
    world = one_cell_each(WEEKS, at(0, 0, 80, 20, 81))
    assert neighbours_of(world)["a 1 µM"] == "b 1 µM"
    assert neighbours_of(world, metric="NSCB")["a 1 µM"] == "d 1 µM"
    by_plate = changed(PLAIN, batches="plates")
    assert neighbours_of(world, by_plate, "NSCB")["a 1 µM"] == "b 1 µM"
    sound = [name for name in protocol_labels() if load_protocol(name).batches == "sets"]
    assert {*protocol_labels()} - {*sound} == {"caicedo2018@1", "wsdino2022@1"}


def test_nscb_is_refused_where_every_batch_is_a_plate_unless_that_is_said() -> None:
    """Trap 2: where plates are given for batches the score would be of sister plates."""
    world = one_cell_each(
        [(name, dose, moa, plate.replace("_", "")) for name, dose, moa, plate in WEEKS],
        at(0, 0, 80, 20, 81),
    )
    record = records_of(world)["NSCB"]
    assert (record["value"], record["total"]) == (None, 0)
    assert "every batch is a single plate" in str(record["reason"])
    assert records_of(world, told=Told(plates_are_batches=True))["NSCB"]["value"] is not None


def test_a_treatment_of_two_batches_meets_a_treatment_of_either() -> None:
    """Trap 3: batches joined to one name are equal to no other's, and mask nothing."""
    rows = (
        cells("q", 1, moa="X", plate="W1_1", batch="W1", well="B01")
        + cells("q", 1, moa="X", plate="W2_1", batch="W2", well="B01")
        + cells("p", 1, moa="X", plate="W2_2", batch="W2", well="B02")
        + cells("r", 1, moa="X", plate="W3_1", batch="W3", well="B03")
        + cells("s", 1, moa="Y", plate="W3_2", batch="W3", well="B04")
        + cells("t", 1, moa="Y", plate="W1_2", batch="W1", well="B05")
    )
    world = table(rows, at(0, 0, 1, 60, 20, 21))
    assert neighbours_of(world, metric="NSCB")["q 1 µM"] == "s 1 µM"
    assert neighbours_of(world, metric="NSCB")["p 1 µM"] == "s 1 µM"
    joined = changed(PLAIN, batches="joined")
    assert neighbours_of(world, joined, "NSCB")["q 1 µM"] == "p 1 µM"


# z is alone of its mechanism; e and f have theirs in one week, and so no right neighbour by NSCB.
LOST: list[Treated] = [
    ("a", 1, "X", "W1_1"), ("b", 1, "X", "W2_1"), ("c", 1, "Y", "W1_2"), ("d", 1, "Y", "W2_2"),
    ("e", 1, "W", "W3_1"), ("f", 1, "W", "W3_2"), ("z", 1, "Z", "W4_1"),
]  # fmt: skip
PLACES = at(0, 20, 90, 110, 170, 171, 1)


def test_each_metric_has_a_denominator_of_its_own_and_is_a_count() -> None:
    """Trap 4: 6 can be right by NSC and 4 by NSCB; each value is its own count over its own."""
    found = records_of(one_cell_each(LOST, PLACES))
    assert {name: (each["correct"], each["total"]) for name, each in found.items()} == {
        "NSC": (6, 6), "NSCB": (4, 4),
    }  # fmt: skip
    for record in records_of(one_cell_each(LOST, PLACES[::-1])).values():
        correct, total = record["correct"], record["total"]
        assert isinstance(correct, int)
        assert isinstance(total, int)
        assert record["value"] == correct / total
        assert record["value"] == record["micro"]


def test_bbbc021_has_103_queries_for_nsc_and_92_for_nscb(bbbc021_sites: pd.DataFrame) -> None:
    """Trap 4: the masks leave 103 and 92 of BBBC021; no name of a mechanism is written down."""
    counts = [(each.scorable, each.total) for each in check_design(bbbc021_sites).scorable]
    assert counts == [(103, 103), (92, 103)]
    wells = bbbc021_sites.drop_duplicates(["Metadata_Plate", "Metadata_Well"])
    lost = reach_of_rules(wells)[1].unscorable
    assert [(each.mechanism, len(each.treatments)) for each in lost] == [
        ("Cholesterol-lowering", 6), ("Kinase inhibitors", 5),
    ]  # fmt: skip


def test_what_cannot_be_right_is_listed_and_counts_neither_way() -> None:
    """Trap 5: counted as wrong they would make 4 of 7; left out without a word, nobody knew."""
    record = records_of(one_cell_each(LOST, PLACES))["NSCB"]
    assert (record["correct"], record["total"], record["value"]) == (4, 4, 1)
    assert record["unscorable"] == ["e 1 µM", "f 1 µM", "z 1 µM"]
    only = records_of(one_cell_each(LOST[4:], PLACES[4:]))["NSCB"]
    assert only["value"] is None
    assert only["unscorable"] == ["e 1 µM", "f 1 µM", "z 1 µM"]
    assert "no treatment has an allowed neighbour" in str(only["reason"])


def test_a_protocol_says_whether_the_unscorable_may_be_neighbours() -> None:
    """Trap 6: z lies between a and b, and as a decoy takes each from the other."""
    world = one_cell_each(LOST, PLACES)
    assert neighbours_of(world)["a 1 µM"] == "b 1 µM"
    kept = changed(PLAIN, unscorable_as_candidates=True)
    assert neighbours_of(world, kept)["a 1 µM"] == "z 1 µM"
    assert records_of(world, kept)["NSC"]["correct"] == 4
    for name, stay in (("caicedo2018@1", False), ("caicedo2018@2", False), ("cells-mean", True)):
        assert load_protocol(name).unscorable_as_candidates is stay
    told = {name: each for name, each in PLAIN.model_dump().items() if "unscorable" not in name}
    with pytest.raises(ValidationError, match="unscorable_as_candidates"):
        Protocol.model_validate(told)


def test_dmso_is_neither_query_nor_neighbour_though_the_table_names_its_mechanism() -> None:
    """Trap 7: a row of DMSO among the candidates takes weak treatments for itself."""
    four = [
        ("a", 1.0, 5.0, "X"),
        ("b", 1.0, 8.0, "X"),
        ("c", 1.0, -5.0, "Y"),
        ("d", 1.0, -8.0, "Y"),
    ]
    rows = [
        row
        for number, (name, dose, _, moa) in enumerate(four)
        for row in cells(name, dose, moa=moa, well=f"B{number + 1:02d}")
    ]
    solvent = controls(20)
    for row in solvent:
        row["Metadata_MoA"] = "DMSO"
    values = [*(each[2] for each in four), *([4.0, 6.0] * 10)]
    world = table(rows + solvent, values)
    euclidean = changed(PLAIN, metric="euclidean")
    assert neighbours_of(world, euclidean)["a 1 µM"] == "b 1 µM"
    record = records_of(world, euclidean)["NSC"]
    assert (record["correct"], record["total"]) == (4, 4)
    let_in = changed(euclidean, negative_controls_as_candidates=True)
    assert neighbours_of(world, let_in)["a 1 µM"] == "DMSO 0 µM"
    shipped = {name: load_protocol(name) for name in protocol_labels()}
    assert [
        name for name, each in shipped.items() if each.negative_controls_as_candidates
    ] == ["seed@1"]  # fmt: skip


def _votes(known: pd.DataFrame, values: np.ndarray) -> object:
    return score_votes(
        known, values, "other-compound", "cosine", k=1, unscorable_as_candidates=True, seed=0
    )


def _retrieval(known: pd.DataFrame, values: np.ndarray) -> object:
    return mechanism_retrieval(
        known, values, "other-compound", mask_negatives=True, unscorable_as_candidates=True,
        draws=20, seed=0,
    )  # fmt: skip


@pytest.mark.parametrize("score", [_votes, _retrieval])
def test_votes_and_average_precision_refuse_rows_of_controls(
    score: Callable[[pd.DataFrame, np.ndarray], object],
) -> None:
    """Trap 7: scores that have no place for a control do not take it for a treatment."""
    known = pd.DataFrame(
        {
            "Metadata_Compound": ["a", "b", "c", "DMSO"], "Metadata_Concentration": [1, 1, 1, 0],
            "Metadata_MoA": ["X", "X", "Y", "DMSO"], "Batches": [frozenset({"W1"})] * 4,
            "Metadata_Role": ["treatment"] * 3 + ["negative_control"],
        }
    )  # fmt: skip
    with pytest.raises(InputError, match="DMSO is a negative control and no treatment"):
        score(known, at(0, 1, 2, 3))
    score(known[:3], at(0, 1, 2))


def test_average_precision_beside_a_score_is_of_treatments_alone() -> None:
    """Trap 7: the record of NSC mAP leaves the control out that the protocol lets in for NSC."""
    rows = cells("a", 1, moa="X", well="B01") + cells("b", 1, moa="X", well="B02")
    rows += cells("c", 1, moa="Y", well="B03") + controls(2)
    world = table(rows, at(0, 90, 100, 10, 10))
    found = score_together([Asked(world, load_protocol("seed"))], seed=0, draws=20).records
    by_metric = {str(record["metric"]): record for record in found}
    assert by_metric["NSC"]["correct"] == 0
    # Against c alone: a's partner comes before it, b's does not.
    assert by_metric["NSC mAP"]["value"] == pytest.approx((1 + 1 / 2) / 2)
