from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.screen.partners import RULES, eligible, scorable, treatments

Treated = tuple[str, frozenset[str], str]

TREATED = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.frozensets(st.sampled_from(["Week1", "Week2", "Week10"]), min_size=1),
        st.sampled_from(["actin", "tubulin", "DNA"]),
    ),
    max_size=8,
)


def sets(*batches: str) -> list[frozenset[str]]:
    """Sets of batches: `sets("12", "3")` are {1, 2} and {3}."""
    return [frozenset(each) for each in batches]


def well(
    compound: str, dose: float, moa: str | None, plate: str, name: str, role: str = "treatment"
) -> dict[str, object]:
    return {
        "Metadata_Plate": plate,
        "Metadata_Batch": plate.partition("_")[0],
        "Metadata_Well": name,
        "Metadata_Compound": compound,
        "Metadata_Concentration": dose,
        "Metadata_MoA": moa,
        "Metadata_Role": role,
    }


def test_doses_of_one_compound_are_no_neighbours() -> None:
    mask = eligible(["a", "a", "b"], sets("1", "2", "3"), "other-compound")
    assert mask.tolist() == [
        [False, False, True],
        [False, False, True],
        [True, True, False],
    ]


def test_treatments_of_one_batch_are_no_neighbours_under_the_batch_rule() -> None:
    names, batches = ["a", "b", "c"], sets("1", "1", "2")
    assert eligible(names, batches, "other-compound")[0, 1]
    assert eligible(names, batches, "other-compound-and-batch").tolist() == [
        [False, False, True],
        [False, False, True],
        [True, True, False],
    ]


def test_one_shared_batch_of_many_is_enough_to_clash() -> None:
    batches = sets("12", "23", "34", "1234")
    mask = eligible(["a", "b", "c", "d"], batches, "other-compound-and-batch")
    assert mask.tolist() == [
        [False, False, True, False],
        [False, False, False, False],
        [True, False, False, False],
        [False, False, False, False],
    ]


def test_another_batch_does_not_make_one_compound_two() -> None:
    assert not eligible(["a", "a"], sets("1", "2"), "other-compound-and-batch").any()


def test_batches_are_compared_as_names_and_not_by_their_letters() -> None:
    batches = [frozenset({"Week1"}), frozenset({"Week10"})]
    assert eligible(["a", "b"], batches, "other-compound-and-batch")[0, 1]


def test_no_treatments_have_an_empty_mask() -> None:
    for rule in RULES:
        mask = eligible([], [], rule)
        assert mask.shape == (0, 0)
        assert scorable(mask, []).shape == (0,)
    assert eligible(["a"], sets("1"), "other-compound-and-batch").tolist() == [[False]]


def test_a_treatment_is_scorable_where_another_compound_has_its_mechanism() -> None:
    names, mechanisms = ["a", "a", "b", "c"], ["actin", "actin", "actin", "DNA"]
    batches = sets("1", "2", "1", "3")
    mask = eligible(names, batches, "other-compound")
    assert scorable(mask, mechanisms).tolist() == [True, True, True, False]
    mask = eligible(names, batches, "other-compound-and-batch")
    assert scorable(mask, mechanisms).tolist() == [False, True, True, False]


@settings(deadline=None)
@given(TREATED)
def test_masks_are_symmetric_and_are_what_the_rules_say(rows: list[Treated]) -> None:
    names = [name for name, _, _ in rows]
    batches = [batch for _, batch, _ in rows]
    wide = eligible(names, batches, "other-compound")
    narrow = eligible(names, batches, "other-compound-and-batch")
    assert wide.dtype == narrow.dtype == np.bool_
    for mask in (wide, narrow):
        assert (mask == mask.T).all()
        assert not mask.diagonal().any()
    for i, (name, batch, _) in enumerate(rows):
        for j, (other, elsewhere, _) in enumerate(rows):
            assert wide[i, j] == (name != other)
            assert narrow[i, j] == (name != other and not batch & elsewhere)


@settings(deadline=None)
@given(TREATED)
def test_scorable_rows_are_those_with_a_right_one_among_the_allowed(rows: list[Treated]) -> None:
    mechanisms = [moa for _, _, moa in rows]
    mask = eligible([name for name, _, _ in rows], [b for _, b, _ in rows], "other-compound")
    for i, can in enumerate(scorable(mask, mechanisms)):
        right = [j for j in range(len(rows)) if mask[i, j] and mechanisms[j] == mechanisms[i]]
        assert can == bool(right)


def test_treatments_are_one_row_each_with_their_sets() -> None:
    table = pd.DataFrame(
        [
            well("b", 1.0, "DNA", "Week1_00001", "C03"),
            well("b", 1.0, "DNA", "Week1_00001", "C03"),  # another site of the well
            well("b", 1.0, "DNA", "Week2_00002", "C04"),
            well("a", 10.0, "actin", "Week1_00001", "D03"),
            well("a", 0.1 + 0.2, "actin", "Week1_00001", "D04"),
            well("a", 0.3, "actin", "Week1_00003", "D04"),
        ]
    )
    found = treatments(table)
    keys = list(zip(found["Metadata_Compound"], found["Metadata_Concentration"], strict=True))
    assert keys == [("a", 0.3), ("a", 10.0), ("b", 1.0)]
    assert found["Metadata_MoA"].tolist() == ["actin", "actin", "DNA"]
    assert found["Wells"].tolist() == [2, 1, 2]
    assert found["Batches"].tolist() == [{"Week1"}, {"Week1"}, {"Week1", "Week2"}]
    assert found["Plates"].tolist()[0] == {"Week1_00001", "Week1_00003"}
    assert found["Positions"].tolist() == [{"D04"}, {"D03"}, {"C03", "C04"}]


def test_controls_and_wells_of_no_known_mechanism_are_no_treatments() -> None:
    table = pd.DataFrame(
        [
            well("DMSO", 0.0, None, "Week1_00001", "B02", "negative_control"),
            well("taxol", 0.3, "tubulin", "Week1_00001", "B11", "positive_control"),
            well("x", 1.0, None, "Week1_00001", "C03"),
        ]
    )
    assert treatments(table).empty
    assert "Batches" in treatments(table).columns
