from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenovae.base.findings import Finding, Severity
from phenovae.screen.audit import StructureAudit, audit_structure
from phenovae.screen.bbbc021.tables import read_sites

Well = tuple[str, str, str, float, str | None]
_ROLES = {"DMSO": "negative_control", "P": "positive_control"}

# Two compounds of m in batches A and B, one of n in B; DMSO in B02 of every plate but A_2.
SCREEN: tuple[Well, ...] = (
    ("A_1", "B02", "DMSO", 0.0, None), ("B_1", "B02", "DMSO", 0.0, None),
    ("A_1", "C03", "a", 1.0, "m"), ("A_1", "C04", "a", 3.0, "m"),
    ("A_2", "C03", "a", 1.0, "m"), ("A_2", "C04", "a", 3.0, "m"),
    ("B_1", "D03", "b", 1.0, "m"), ("B_1", "E03", "c", 1.0, "n"),
)  # fmt: skip


def table(*wells: Well) -> pd.DataFrame:
    columns = ["Plate", "Well", "Compound", "Concentration", "MoA"]
    frame = pd.DataFrame(wells, columns=[f"Metadata_{name}" for name in columns])
    return frame.assign(
        Metadata_Batch=frame["Metadata_Plate"].str.partition("_")[0],
        Metadata_Role=[_ROLES.get(name, "treatment") for name in frame["Metadata_Compound"]],
        Metadata_Site=1,
        Metadata_Field=frame["Metadata_Plate"] + frame["Metadata_Well"],
    )


def saying(audit: StructureAudit, words: str) -> Finding:
    found = [each for each in audit.findings if words in each.what]
    assert len(found) == 1, [each.what for each in audit.findings]
    return found[0]


def silent(audit: StructureAudit, words: str) -> bool:
    return not any(words in each.what for each in audit.findings)


def test_a_small_screen_is_crossed_by_hand() -> None:
    audit = audit_structure(table(*SCREEN))
    own = audit.annotated
    assert (own.treatments, own.in_one_batch, own.in_one_plate) == (4, 4, 2)
    assert (own.in_one_position, own.in_one_well, own.in_one_layout) == (4, 2, 2)
    assert audit.layouts == (("A_1",), ("A_2",), ("B_1",))
    assert audit.ladders.compounds == audit.ladders.dose_by_column == 1
    assert (audit.ladders.dose_by_row, audit.ladders.in_one_row) == (0, 1)
    assert audit.plates_a_batch == (1, 2)


def test_chance_and_partners_are_those_counted_by_hand() -> None:
    wide, narrow = audit_structure(table(*SCREEN)).rules
    # a 1 and a 3 may take b alone of those that can be right; b may take either a.
    assert (wide.scorable, wide.treatments, wide.chance) == (3, 4, 1.0)
    assert (narrow.scorable, narrow.chance) == (3, 1.0)
    assert wide.one_partner == {"a 1 µM": "b 1 µM", "a 3 µM": "b 1 µM"}
    (lost,) = wide.unscorable
    assert (lost.mechanism, lost.treatments, lost.why) == (
        "n",
        ("c 1 µM",),
        "c is its only compound",
    )


def test_a_random_neighbour_is_right_as_often_as_partners_are_among_those_allowed() -> None:
    wells = [("A_1", f"B{n:02d}", name, 1.0, moa) for n, (name, moa) in enumerate(
        [("a", "m"), ("b", "m"), ("c", "n"), ("d", "n")], 1)]  # fmt: skip
    wide, narrow = audit_structure(table(*wells)).rules
    assert wide.chance == pytest.approx(1 / 3)
    assert (narrow.scorable, narrow.chance) == (0, None)
    assert {lost.why for lost in narrow.unscorable} == {"its 2 compounds are all in batch A"}


def test_plates_without_controls_and_single_wells_are_named() -> None:
    audit = audit_structure(table(*SCREEN))
    assert saying(audit, "plate without a negative control").names == ("A_2",)
    assert saying(audit, "with a single well").what.startswith("2 treatments")
    assert saying(audit, "dose is confounded with column").severity is Severity.WARNING


def test_a_plate_map_of_one_batch_cannot_be_asked_for_other_batches() -> None:
    one = table(*(well for well in SCREEN if well[0] == "A_1"))
    assert "NSCB is not possible" in saying(audit_structure(one), "of one batch").what
    own = table(*SCREEN).assign(Metadata_Batch=lambda wells: wells["Metadata_Plate"])
    assert saying(audit_structure(own), "every batch is one plate").severity is Severity.WARNING
    assert silent(audit_structure(table(*SCREEN)), "every batch is one plate")


def test_control_wells_of_a_treatment_are_counted_apart() -> None:
    controls = [(plate, f"{row}11", "P", 1.0, "m") for plate in ("A_1", "B_1") for row in "BCDEF"]
    treated: Well = ("A_1", "G05", "P", 1.0, "m")
    wells = table(*SCREEN, *controls, treated)
    wells.loc[len(wells) - 1, "Metadata_Role"] = "treatment"
    audit = audit_structure(wells)
    assert (audit.annotated.treatments, audit.annotated.in_one_batch) == (5, 5)
    assert (audit.with_control_wells.in_one_batch, audit.with_control_wells.in_one_position) == (
        4,
        4,
    )
    assert "P 1 µM is 11 of 17 (64.7%)" in saying(audit, "were its control wells counted").what


def test_a_well_with_two_treatments_and_a_plate_in_two_batches_are_faults() -> None:
    wells = table(*SCREEN, ("A_1", "C03", "z", 9.0, None))
    wells.loc[0, "Metadata_Batch"] = "Z"
    audit = audit_structure(wells)
    assert saying(audit, "with two treatments").names == ("A_1 C03",)
    assert saying(audit, "in two batches").names == ("A_1",)
    assert [each.severity for each in audit.findings[:2]] == [Severity.FAULT] * 2


def test_what_a_split_holds_out_whole_is_counted() -> None:
    splits = {split.by: split for split in audit_structure(table(*SCREEN)).splits}
    assert splits["plate"].whole["compound"] == 2  # b and c, on one plate
    assert splits["batch"].whole == {**splits["batch"].of, "mechanism": 1}
    assert (splits["well"].whole["treatment"], splits["treatment"].whole["compound"]) == (2, 2)
    assert splits["compound"].whole["mechanism"] == 1


def test_a_table_without_rows_is_a_fault_and_nothing_breaks() -> None:
    audit = audit_structure(table(*SCREEN).iloc[:0])
    assert audit.findings[0].what == "the table has no rows"
    assert audit.largest is None


@pytest.fixture(scope="module")
def in_order() -> StructureAudit:
    return audit_structure(table(*SCREEN))


@settings(max_examples=10)
@given(order=st.permutations(range(len(SCREEN))))
def test_the_order_of_rows_changes_nothing(order: list[int], in_order: StructureAudit) -> None:
    assert audit_structure(table(*SCREEN).iloc[order]) == in_order


@pytest.fixture(scope="module")
def official(public_data: Path) -> StructureAudit:
    folder = public_data / "bbbc021"
    return audit_structure(
        read_sites(folder / "BBBC021_v1_image.csv.gz", folder / "BBBC021_v1_moa.csv")
    )


def test_the_official_screen_confounds_what_its_tables_say(official: StructureAudit) -> None:
    own, counting = official.annotated, official.with_control_wells
    assert (own.treatments, own.in_one_batch, own.in_one_position) == (103, 103, 103)
    assert (counting.treatments, counting.in_one_batch, counting.in_one_position) == (103, 102, 102)
    assert len(official.layouts) == 19
    assert sorted(len(plates) for plates in official.layouts) == [2] * 2 + [3] * 17
    assert official.ladders.dose_by_column == 109
    assert own.in_one_plate == 0


def test_the_official_screen_has_its_scorable_treatments_and_chance(
    official: StructureAudit,
) -> None:
    wide, narrow = official.rules
    assert (wide.scorable, narrow.scorable, narrow.treatments) == (103, 92, 103)
    assert wide.chance == pytest.approx(0.0596, abs=5e-5)
    assert narrow.chance == pytest.approx(0.0652, abs=5e-5)
    assert len(narrow.one_partner) == 4
    assert set(narrow.one_partner.values()) == {"cytochalasin D 0.3 µM"}
    assert {each.mechanism: each.why for each in narrow.unscorable} == {
        "Cholesterol-lowering": "its 2 compounds are all in batch Week9",
        "Kinase inhibitors": "its 3 compounds are all in batch Week7",
    }


def test_taxol_is_half_of_the_annotated_wells_if_its_controls_are_counted(
    official: StructureAudit,
) -> None:
    counting = official.largest_annotated_with_controls
    assert counting is not None
    assert (counting.name, counting.wells, counting.of) == (("taxol", 0.3), 333, 632)
    own = official.largest_annotated
    assert own is not None
    assert (own.wells, own.of) == (3, 302)
    assert (official.negative.fixed, official.positive.fixed) == (True, True)
    by_plate = next(split for split in official.splits if split.by == "plate")
    assert (by_plate.whole["compound"], by_plate.whole["treatment"]) == (0, 0)
